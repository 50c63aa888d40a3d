import fs from 'node:fs'
import { join } from 'node:path'
import { defaultBounds } from './bounds.ts'
import { checkStore, type StoreReport } from './check.ts'
import { type Files, syncPath, systemFiles } from './files.ts'
import { KeptWriter, keptName } from './kept.ts'
import { type MoverParts, moveSegment } from './move.ts'
import type { MakeMessage } from './records.ts'
import { SegmentReader, segmentName, segmentsIn } from './segments.ts'
import { keptSegmentsOf, openToLook, Tree } from './tree.ts'

/** The tree is copied so often if a file that it needs is removed meanwhile. */
const TRIES = 5
/** Until all is there and sound, the copy is in that folder of the target: nobody takes half of one for a backup. */
const INCOMPLETE = 'incomplete'

/**
 * Copies a store, beside a running broker too, to a folder that a broker can be started on: all that was acknowledged
 * before this was called is in it, and it is the state of one moment. Nothing of it is shared with the store, and all is
 * safe on disk when it resolves. Rejects with an Error that says why if it cannot be done; the target is then as it was.
 */
export async function backupStore(folder: string, target: string, make: MakeMessage): Promise<StoreReport> {
  const before = entriesOf(target)
  if (before !== null && before.length > 0) throw new Error(`${target} is there and is not empty`)
  const copy = join(target, INCOMPLETE)
  // As the store itself has it: what clients say is nobody else's business.
  for (const part of ['log', 'kept']) fs.mkdirSync(join(copy, part), { recursive: true, mode: 0o700 })
  try {
    await copyStore(folder, copy)
    await moveLog(copy, make)
    syncAll(copy)
    const report = await checkStore(copy, make)
    // The tree last: without it there is no store.
    for (const part of ['log', 'kept', 'tree']) fs.renameSync(join(copy, part), join(target, part))
    fs.rmSync(copy, { recursive: true })
    syncPath(target)
    return { ...report, folder: target }
  } catch (error) {
    fs.rmSync(before === null ? target : copy, { recursive: true, force: true })
    throw error
  }
}

/**
 * The order matters. The log comes first: the mover may take a segment into the tree and remove it at any time, but what
 * the tree lacked as the log was taken is then in our log, and what our log lacks is in the tree that is copied later. The
 * other way round, a segment that moves in between would be in neither. Kept files are taken before and after the tree: who
 * has links of them has time to copy those that it needs.
 */
async function copyStore(folder: string, copy: string): Promise<void> {
  const [kept, links] = [join(folder, 'kept'), join(copy, 'links')]
  takeAll(join(folder, 'log'), join(copy, 'log'), segmentsIn(systemFiles, join(folder, 'log')).map(segmentName))
  fs.mkdirSync(links, { mode: 0o700 })
  const db = openToLook(join(folder, 'tree'))
  try {
    for (let tries = 1; ; tries++) {
      fs.rmSync(join(copy, 'tree'), { recursive: true, force: true })
      fs.mkdirSync(join(copy, 'tree'), { mode: 0o700 })
      db.resetReadTxn()
      takeAll(kept, links, keptSegmentsOf(db).map(keptName))
      await db.backup(join(copy, 'tree'), true)
      const needed = (await keptOfCopy(copy)).map(keptName)
      takeAll(kept, links, needed)
      const gone = needed.find((name) => !fs.existsSync(join(links, name)))
      if (gone === undefined) {
        for (const name of needed) fs.copyFileSync(join(links, name), join(copy, 'kept', name))
        fs.rmSync(links, { recursive: true })
        return
      }
      // What was in it is somewhere else by now, and a new copy of the tree knows where.
      if (tries === TRIES)
        throw new Error(`kept/${gone} is gone while it is needed: the store changes too fast, or is damaged`)
    }
  } finally {
    await db.close()
  }
}

/**
 * Takes those files that are there, and were not taken before. Links take no time and no room; nothing of them stays in the
 * backup, so that it shares no file with the store.
 */
function takeAll(from: string, to: string, names: readonly string[]): void {
  for (const name of names) {
    try {
      fs.linkSync(join(from, name), join(to, name))
    } catch (error) {
      if (isGone(error) || fs.existsSync(join(to, name))) continue
      // Another file system, or one without links.
      copyIfThere(join(from, name), join(to, name))
    }
  }
}

async function keptOfCopy(copy: string): Promise<number[]> {
  const db = openToLook(join(copy, 'tree'))
  try {
    return keptSegmentsOf(db)
  } finally {
    await db.close()
  }
}

/** What the tree's copy lacks is moved into it, as a broker would do later; the end of the last segment may be torn. */
async function moveLog(copy: string, make: MakeMessage): Promise<void> {
  const files: Files = systemFiles
  const [logFolder, keptFolder] = [join(copy, 'log'), join(copy, 'kept')]
  const tree = new Tree(join(copy, 'tree'), make)
  try {
    const log = new SegmentReader(files, logFolder)
    const writer = new KeptWriter(files, keptFolder, defaultBounds.keptWriteBytes)
    const parts: MoverParts = { tree, files, log, writer, keptFolder, make, bounds: defaultBounds }
    const segments = segmentsIn(files, logFolder)
    for (const segment of segments) {
      if (segment > tree.applied().segment) {
        const { unneeded, damaged } = moveSegment(parts, segment, null)
        if (damaged.length > 0 && segment !== segments.at(-1)) {
          throw new Error(`the log is damaged (${damaged[0]}): \`nightjar store check\` tells more`)
        }
        for (const each of unneeded) files.remove(join(keptFolder, keptName(each)))
      }
      files.remove(join(logFolder, segmentName(segment)))
    }
  } finally {
    await tree.close()
  }
}

function copyIfThere(from: string, to: string): void {
  try {
    fs.copyFileSync(from, to)
  } catch (error) {
    if (!isGone(error)) throw error
  }
}

function isGone(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}

/** Null: the folder is not there. */
function entriesOf(folder: string): string[] | null {
  try {
    return fs.readdirSync(folder)
  } catch (error) {
    if (isGone(error)) return null
    throw error
  }
}

function syncAll(copy: string): void {
  for (const part of ['log', 'kept', 'tree']) {
    for (const name of fs.readdirSync(join(copy, part))) syncPath(join(copy, part, name))
    syncPath(join(copy, part))
  }
}

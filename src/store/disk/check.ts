import type { Buffer } from 'node:buffer'
import fs from 'node:fs'
import { join } from 'node:path'
import type { RootDatabase } from 'lmdb'
import type { MessageBlock } from './block.ts'
import { LogCheck, type OpenSegment } from './check-log.ts'
import { TreeView } from './check-tree.ts'
import { type Files, openIfThere, readAll, systemFiles } from './files.ts'
import { Findings } from './findings.ts'
import { KEPT_HEAD, keptIn, keptName, readKept } from './kept.ts'
import { keptKey } from './keys.ts'
import { ownerOf } from './lock.ts'
import type { MakeMessage } from './records.ts'
import { segmentName, segmentsIn } from './segments.ts'
import { openToLook, TREE_FILE } from './tree.ts'

/** What a look at a store found. */
export interface StoreReport {
  readonly folder: string
  /** The process that uses the store; null: none. */
  readonly owner: number | null
  readonly sessions: number
  readonly queued: number
  readonly retained: number
  /** On the disk. */
  readonly bytes: { readonly log: number; readonly kept: number; readonly tree: number }
  /** What is not as it should be: how often, and in words. */
  readonly found: number
  readonly findings: readonly string[]
  /** What does no harm, but is good to know. */
  readonly notes: readonly string[]
}

/** The store in that folder, or in its folder `nightjar`, as `persistence_location` has it. Throws if there is none. */
export function findStore(path: string): string {
  for (const folder of [path, join(path, 'nightjar')]) if (fs.existsSync(join(folder, 'tree', TREE_FILE))) return folder
  throw new Error(`there is no store in ${path}`)
}

/**
 * Looks at all of a store and changes nothing, beside a running broker too. Throws an Error that says why if it cannot be
 * read.
 */
export async function checkStore(folder: string, make: MakeMessage): Promise<StoreReport> {
  const check = new Check(folder, make, await ownerOf(folder))
  try {
    return check.run()
  } finally {
    await check.close()
  }
}

class Check {
  readonly #folder: string
  readonly #make: MakeMessage
  readonly #files: Files = systemFiles
  readonly #findings: Findings = new Findings()
  readonly #notes: string[] = []
  readonly #owner: number | null
  readonly #segments: OpenSegment[]
  readonly #db: RootDatabase<Buffer, Buffer>

  /**
   * The log is opened before the tree is: the mover may take a segment into the tree and remove it at any time. What the
   * tree lacks is then in the log that was opened; the other way round there would be a gap.
   */
  constructor(folder: string, make: MakeMessage, owner: number | null) {
    this.#folder = folder
    this.#make = make
    this.#owner = owner
    this.#segments = this.#openLog()
    this.#db = openToLook(join(folder, 'tree'))
  }

  run(): StoreReport {
    const tree = new TreeView(this.#make, this.#findings)
    tree.read(this.#db)
    this.#checkKept(tree)
    const unmoved = this.#segments.filter(({ number }) => number > tree.applied.segment)
    new LogCheck(tree, this.#findings, this.#files, this.#make).check(unmoved, this.#owner !== null)
    this.#noteDamaged()
    let queued = 0
    for (const queue of tree.queues.values()) queued += queue.size
    return {
      folder: this.#folder,
      owner: this.#owner,
      sessions: tree.sessions.size,
      queued,
      retained: tree.retained.size,
      bytes: { log: this.#bytesOf('log'), kept: this.#bytesOf('kept'), tree: this.#bytesOf('tree') },
      found: this.#findings.count,
      findings: this.#findings.lines,
      notes: this.#notes,
    }
  }

  async close(): Promise<void> {
    for (const { fd } of this.#segments) this.#files.close(fd)
    await this.#db.close()
  }

  #openLog(): OpenSegment[] {
    const folder = join(this.#folder, 'log')
    const segments: OpenSegment[] = []
    for (const number of fs.existsSync(folder) ? segmentsIn(this.#files, folder) : []) {
      const fd = openIfThere(this.#files, join(folder, segmentName(number)))
      if (fd !== null) segments.push({ number, fd })
    }
    return segments
  }

  #checkKept(tree: TreeView): void {
    const folder = join(this.#folder, 'kept')
    for (const block of tree.blocks) {
      const fd = openIfThere(this.#files, join(folder, keptName(block.segment)))
      if (fd === null) this.#lacks(block)
      else {
        try {
          this.#checkBlock(block, fd)
        } finally {
          this.#files.close(fd)
        }
      }
    }
    const unneeded = fs.existsSync(folder)
      ? keptIn(this.#files, folder).filter((each) => !tree.keptSegments.has(each))
      : []
    // Beside a broker these may be files that the tree is about to know of.
    if (unneeded.length > 0 && this.#owner === null) {
      this.#notes.push(`${unneeded.length} files in kept are of no use: the next start of a broker removes them`)
    }
  }

  #lacks(block: MessageBlock): void {
    if (this.#owner !== null) {
      this.#db.resetReadTxn()
      // The broker needed it no more, and has removed it since the tree was read.
      if (this.#db.get(keptKey(block.segment)) === undefined) return
    }
    const messages = block.uses.filter((uses) => uses > 0).length
    this.#findings.add('message', `kept/${keptName(block.segment)} is gone, and with it ${messages} messages`)
  }

  #checkBlock(block: MessageBlock, fd: number): void {
    const name = `kept/${keptName(block.segment)}`
    const content = readAll(this.#files, fd)
    if (!content.subarray(0, KEPT_HEAD.length).equals(KEPT_HEAD)) {
      this.#findings.add('kept', `${name} does not begin as such a file does`)
    }
    for (const [i, uses] of block.uses.entries()) {
      const id = block.firstId + i
      if (uses === 0) continue
      const place = block.place(id)
      const at = content.subarray(place.offset, place.offset + place.length)
      if (!isMessage(() => readKept(at, place, id, this.#make))) {
        this.#findings.add('message', `message ${id} in ${name} at byte ${place.offset} is not what was written`)
      }
    }
  }

  #noteDamaged(): void {
    const folder = join(this.#folder, 'damaged')
    const files = fs.existsSync(folder) ? this.#files.list(folder) : []
    if (files.length === 0) return
    const words = `${folder} has ${files.length} files: parts of the log that a broker set aside at start, as they were not sound`
    this.#notes.push(`${words}. Nothing needs them; you may remove them`)
  }

  #bytesOf(part: string): number {
    const folder = join(this.#folder, part)
    const sizes = (fs.existsSync(folder) ? this.#files.list(folder) : []).map(
      (name) => fs.statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0,
    )
    return sizes.reduce((sum, size) => sum + size, 0)
  }
}

function isMessage(read: () => unknown): boolean {
  try {
    return read() !== null
  } catch {
    return false
  }
}

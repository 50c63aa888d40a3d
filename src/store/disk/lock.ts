import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { join } from 'node:path'
import { holderState, listenAt, lockPipe } from './lock-socket.ts'

/*
 * Who has a store's folder. The lock is a Unix socket on which its holder listens: the kernel ends it with the holder,
 * however that ends, and it answers in every container that has the folder.
 *
 *   FOLDER/lock/42-1f0c3b5a               the socket of process 42, which has the folder
 *   FOLDER/lock.43-9d27e410/43-9d27e410   that of process 43, which is about to try
 *
 * rename(2) puts a folder in the place of an empty one, never of one that has something in it: of all that try at once, one
 * gets the name `lock`. Each socket has a name of its own, so who removes a dead one cannot hit a living one that came in
 * its place.
 */

const LOCK = 'lock'
/** Each round ends with the lock held, or with a holder who lives, unless others come and go just then. */
const ROUNDS = 100
/** What is older was left behind by a starter that was killed. One that is slower than that begins anew. */
const LEFT_BEHIND_MS = 60_000
/** How rename says that somebody was faster, and how it says that its own folder is gone. */
const LOST: readonly (string | undefined)[] = ['ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'ENOENT']

/**
 * Takes the folder, which is made if it is not there, for this process; resolves with what gives it back. Rejects with an
 * Error that says so if a running process has it, or if there can be no lock in it.
 */
export async function lockFolder(folder: string): Promise<() => void> {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (process.platform === 'win32') return await lockPipe(folder)
  for (let round = 0; round < ROUNDS; round++) {
    const { owner, dead } = await look(folder)
    if (owner !== null) throw new Error(`the store in ${folder} is used by another process (${whose(owner)})`)
    for (const path of dead) remove(path)
    const unlock = await tryToLock(folder)
    if (unlock === null) continue
    removeLeftBehind(folder)
    return unlock
  }
  throw new Error(`the store in ${folder} cannot be locked: other processes take it and give it back all the time`)
}

/** The process that has the folder, by its number where it runs; null: none. Changes nothing. */
export async function ownerOf(folder: string): Promise<number | null> {
  return (await look(folder)).owner
}

/** The holder that lives, and what dead ones have left. */
async function look(folder: string): Promise<{ owner: number | null; dead: string[] }> {
  const dead: string[] = []
  for (const name of namesIn(join(folder, LOCK))) {
    const state = await holderState(folder, join(LOCK, name))
    if (state === 'alive') return { owner: Number.parseInt(name, 10), dead: [] }
    if (state === 'dead') dead.push(join(folder, LOCK, name))
  }
  return { owner: null, dead }
}

function namesIn(path: string): string[] {
  try {
    return fs.readdirSync(path)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code!)) return []
    throw error
  }
}

/** Null: somebody was faster. */
async function tryToLock(folder: string): Promise<(() => void) | null> {
  const name = `${process.pid}-${randomBytes(4).toString('hex')}`
  const aside = join(folder, `${LOCK}.${name}`)
  const lock = join(folder, LOCK)
  fs.mkdirSync(aside, { mode: 0o700 })
  const server = await listenAt(folder, join(`${LOCK}.${name}`, name)).catch((error: NodeJS.ErrnoException) => {
    fs.rmSync(aside, { recursive: true, force: true })
    throw error
  })
  const unlock = (): void => {
    remove(join(lock, name))
    removeFolder(lock)
    server.close()
  }
  try {
    fs.renameSync(aside, lock)
    // Whoever took us for dead may have removed the socket before its folder got the name.
    if (fs.existsSync(join(lock, name))) return unlock
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (!LOST.includes(code)) throw error
    // A plain file, as the lock once was.
    if (code === 'ENOTDIR') remove(lock)
  }
  server.close()
  fs.rmSync(aside, { recursive: true, force: true })
  return null
}

function removeLeftBehind(folder: string): void {
  for (const name of fs.readdirSync(folder)) {
    const path = join(folder, name)
    if (!name.startsWith(`${LOCK}.`)) continue
    const old = fs.statSync(path, { throwIfNoEntry: false })
    if (old !== undefined && Date.now() - old.mtimeMs > LEFT_BEHIND_MS)
      fs.rmSync(path, { recursive: true, force: true })
  }
}

/** What is gone, or has become a folder meanwhile, was somebody else's to remove. */
function remove(path: string): void {
  try {
    fs.unlinkSync(path)
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR', 'EISDIR', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

function removeFolder(path: string): void {
  try {
    fs.rmdirSync(path)
  } catch {
    // Somebody has it already.
  }
}

/** A container counts its processes by itself, so that the number may be our own. */
function whose(owner: number): string {
  return owner === process.pid ? `${owner} of another container, or twice this one` : String(owner)
}

import { Buffer } from 'node:buffer'
import fs from 'node:fs'

/** What the store asks of the file system: handed in, so that a test can let any operation fail. */
export interface Files {
  /** Opens for reading and writing, making the file if it is not there. */
  open(path: string): number
  /** Throws if the file is not there. */
  openToRead(path: string): number
  /** Returns how many bytes were written. */
  write(fd: number, bytes: Uint8Array, from: number, length: number, position: number): number
  read(fd: number, bytes: Uint8Array, length: number, position: number): number
  /** Calls back when what was written is safe against power loss. */
  sync(fd: number, done: (error: Error | null) => void): void
  /** Calls back when the names of the files in the folder are safe against power loss. */
  syncFolder(path: string, done: (error: Error | null) => void): void
  /** As sync, and blocks: for a thread. */
  syncNow(fd: number): void
  /** Returns when a file, or the names in a folder, are safe against power loss: for the start, and for a thread. */
  syncPathNow(path: string): void
  truncate(fd: number, length: number): void
  size(fd: number): number
  close(fd: number): void
  list(folder: string): string[]
  remove(path: string): void
  /** Within the store's folder. */
  rename(from: string, to: string): void
  makeFolder(path: string): void
}

export const systemFiles: Files = {
  open: (path) => fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600),
  openToRead: (path) => fs.openSync(path, 'r'),
  write: (fd, bytes, from, length, position) => fs.writeSync(fd, bytes, from, length, position),
  read: (fd, bytes, length, position) => fs.readSync(fd, bytes, 0, length, position),
  sync: (fd, done) => fs.fdatasync(fd, done),
  syncFolder,
  syncNow: (fd) => fs.fdatasyncSync(fd),
  syncPathNow: syncPath,
  truncate: (fd, length) => fs.ftruncateSync(fd, length),
  size: (fd) => fs.fstatSync(fd).size,
  close: (fd) => fs.closeSync(fd),
  list: (folder) => fs.readdirSync(folder),
  remove: (path) => fs.rmSync(path, { force: true }),
  rename: (from, to) => fs.renameSync(from, to),
  makeFolder: (path) => void fs.mkdirSync(path, { recursive: true, mode: 0o700 }),
}

/** Makes what a path names, a file or a folder, safe against power loss. */
export function syncPath(path: string): void {
  // Windows opens no folders, and syncs no files that are open for reading.
  if (process.platform === 'win32') return
  const fd = fs.openSync(path, 'r')
  try {
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}

/** In one call of the system: Node takes no lengths of 2 GiB and more. */
const AT_ONCE = 2 ** 30

/** Writes bytes[0..length) to that place of a file. Throws if it cannot be done. */
export function writeAll(files: Files, fd: number, bytes: Uint8Array, length: number, at: number): void {
  for (let written = 0; written < length; ) {
    const more = files.write(fd, bytes, written, Math.min(length - written, AT_ONCE), at + written)
    if (more === 0) throw new Error('nothing was written')
    written += more
  }
}

/** Fills bytes[0..length) from that place of a file on; returns how many there were. Throws if it cannot be read. */
export function readFully(files: Files, fd: number, bytes: Uint8Array, length: number, at: number): number {
  let read = 0
  while (read < length) {
    const more = files.read(fd, bytes.subarray(read), Math.min(length - read, AT_ONCE), at + read)
    if (more === 0) break
    read += more
  }
  return read
}

/** Null: it is not there (any more). Throws if it cannot be opened for another reason. */
export function openIfThere(files: Files, path: string): number | null {
  try {
    return files.openToRead(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** What a file holds. */
export function readAll(files: Files, fd: number): Buffer {
  const size = files.size(fd)
  const bytes = Buffer.allocUnsafeSlow(size)
  return bytes.subarray(0, readFully(files, fd, bytes, size, 0))
}

/**
 * Makes all of these safe against power loss, as far as they are ours to read: what is not was there before. Throws if it
 * cannot be done for another reason.
 */
export function syncPaths(files: Files, paths: readonly string[]): void {
  for (const path of paths) {
    try {
      files.syncPathNow(path)
    } catch (error) {
      if (!SOMEBODY_ELSES.has((error as NodeJS.ErrnoException).code)) throw error
    }
  }
}

/** Not ours; or what it lies on knows no such thing. */
const SOMEBODY_ELSES: ReadonlySet<string | undefined> = new Set(['EACCES', 'EPERM', 'EROFS', 'EINVAL', 'ENOTSUP'])

function syncFolder(path: string, done: (error: Error | null) => void): void {
  // Windows opens no folders, and needs none of this.
  if (process.platform === 'win32') {
    setImmediate(done, null)
    return
  }
  fs.open(path, 'r', (cannotOpen, fd) => {
    if (cannotOpen !== null) return done(cannotOpen)
    fs.fsync(fd, (error) => fs.close(fd, () => done(error)))
  })
}

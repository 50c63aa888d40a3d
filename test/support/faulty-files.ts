import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Files, systemFiles } from '../../src/store/disk/files.ts'

export type Operation = keyof Files
/** All that the store asks of the file system. */
export const OPERATIONS = Object.keys(systemFiles) as Operation[]

/** What the system may say, and why. */
export const ERRORS = {
  EMFILE: 'too many open files',
  EIO: 'i/o error',
  ENOMEM: 'not enough memory',
  ENOSPC: 'no space left on device',
  EACCES: 'permission denied',
} as const
/** `torn`: half of it is written before the error. `short`: half of it is written, and that is what is said. */
export type Fault = keyof typeof ERRORS | 'torn' | 'short'

/** The system's files, of which one operation fails; and it remembers what a power cut would leave. */
export class FaultyFiles implements Files {
  /** Operations of that kind so far. */
  readonly counts: Record<Operation, number> = Object.fromEntries(
    OPERATIONS.map((operation) => [operation, 0]),
  ) as Record<Operation, number>
  /** How often the fault has struck. */
  struck = 0
  /** Called before each operation, with what it is about; it may change what is there. */
  before: (operation: Operation, path: string) => void = () => undefined
  readonly #fails: (operation: Operation, count: number) => Fault | null
  readonly #paths: Map<number, string> = new Map()
  /** By path: what is safe against power loss. */
  readonly #safe: Map<string, Buffer> = new Map()
  /** Files whose names are safe too. */
  readonly #named: Set<string> = new Set()

  constructor(fails: (operation: Operation, count: number) => Fault | null = () => null) {
    this.#fails = fails
  }

  /** Writes into a folder what of the log would be there after a power cut: what was synced, and nothing else. */
  leaveInto(folder: string): void {
    mkdirSync(folder, { recursive: true })
    for (const [path, bytes] of this.#safe) {
      if (this.#named.has(path)) writeFileSync(join(folder, basename(path)), bytes)
    }
  }

  open(path: string): number {
    this.#strike('open', path)
    const fd = systemFiles.open(path)
    this.#paths.set(fd, path)
    return fd
  }

  openToRead(path: string): number {
    this.#strike('openToRead', path)
    const fd = systemFiles.openToRead(path)
    this.#paths.set(fd, path)
    return fd
  }

  write(fd: number, bytes: Uint8Array, from: number, length: number, position: number): number {
    const fault = this.#fault('write', this.#paths.get(fd)!)
    if (fault === null) return systemFiles.write(fd, bytes, from, length, position)
    const half = length >> 1
    if (fault === 'torn' || fault === 'short') systemFiles.write(fd, bytes, from, half, position)
    if (fault === 'short') return half
    throw errorOf(fault, 'write')
  }

  read(fd: number, bytes: Uint8Array, length: number, position: number): number {
    this.#strike('read', this.#paths.get(fd)!)
    return systemFiles.read(fd, bytes, length, position)
  }

  sync(fd: number, done: (error: Error | null) => void): void {
    const path = this.#paths.get(fd)!
    const fault = this.#fault('sync', path)
    if (fault !== null) {
      setImmediate(done, errorOf(fault, 'fdatasync'))
      return
    }
    const bytes = Buffer.alloc(systemFiles.size(fd))
    systemFiles.read(fd, bytes, bytes.length, 0)
    systemFiles.sync(fd, (error) => {
      if (error === null) this.#safe.set(path, bytes)
      done(error)
    })
  }

  syncFolder(path: string, done: (error: Error | null) => void): void {
    const fault = this.#fault('syncFolder', path)
    if (fault !== null) {
      setImmediate(done, errorOf(fault, 'fsync'))
      return
    }
    const names = readdirSync(path)
    systemFiles.syncFolder(path, (error) => {
      if (error === null) for (const name of names) this.#named.add(join(path, name))
      done(error)
    })
  }

  syncNow(fd: number): void {
    this.#strike('syncNow', this.#paths.get(fd)!)
    systemFiles.syncNow(fd)
  }

  syncPathNow(path: string): void {
    this.#strike('syncPathNow', path)
    systemFiles.syncPathNow(path)
  }

  truncate(fd: number, length: number): void {
    this.#strike('truncate', this.#paths.get(fd)!)
    systemFiles.truncate(fd, length)
  }

  size(fd: number): number {
    this.#strike('size', this.#paths.get(fd)!)
    return systemFiles.size(fd)
  }

  /** As in Linux, the descriptor is gone whatever is said. */
  close(fd: number): void {
    const fault = this.#fault('close', this.#paths.get(fd)!)
    this.#paths.delete(fd)
    systemFiles.close(fd)
    if (fault !== null) throw errorOf(fault, 'close')
  }

  list(folder: string): string[] {
    this.#strike('list', folder)
    return systemFiles.list(folder)
  }

  /** After a power cut it may be there again: what is safe stays so. */
  remove(path: string): void {
    this.#strike('remove', path)
    systemFiles.remove(path)
  }

  rename(from: string, to: string): void {
    this.#strike('rename', from)
    systemFiles.rename(from, to)
  }

  makeFolder(path: string): void {
    this.#strike('makeFolder', path)
    systemFiles.makeFolder(path)
  }

  #strike(operation: Operation, path: string): void {
    const fault = this.#fault(operation, path)
    if (fault !== null) throw errorOf(fault, operation)
  }

  #fault(operation: Operation, path: string): Fault | null {
    this.before(operation, path)
    const fault = this.#fails(operation, ++this.counts[operation])
    if (fault !== null) this.struck++
    return fault
  }
}

function errorOf(fault: Fault, operation: string): Error {
  const code = fault === 'torn' || fault === 'short' ? 'EIO' : fault
  return Object.assign(new Error(`${code}: ${ERRORS[code]}, ${operation}`), { code })
}

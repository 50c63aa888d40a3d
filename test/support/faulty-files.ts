import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Files, systemFiles } from '../../src/store/disk/files.ts'

export type Operation = 'open' | 'write' | 'sync' | 'syncFolder' | 'truncate'
/** `torn`: half of it is written before the error. `short`: half of it is written, and that is what is said. */
export type Fault = 'ENOSPC' | 'EIO' | 'torn' | 'short'

/** The system's files, of which one operation fails; and it remembers what a power cut would leave. */
export class FaultyFiles implements Files {
  /** Operations of that kind so far. */
  readonly counts: Record<Operation, number> = { open: 0, write: 0, sync: 0, syncFolder: 0, truncate: 0 }
  /** How often the fault has struck. */
  struck = 0
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
    this.#strike('open')
    const fd = systemFiles.open(path)
    this.#paths.set(fd, path)
    return fd
  }

  openToRead(path: string): number {
    return systemFiles.openToRead(path)
  }

  write(fd: number, bytes: Uint8Array, from: number, length: number, position: number): number {
    const fault = this.#fault('write')
    if (fault === null) return systemFiles.write(fd, bytes, from, length, position)
    const half = length >> 1
    if (fault === 'torn' || fault === 'short') systemFiles.write(fd, bytes, from, half, position)
    if (fault === 'short') return half
    throw errorOf(fault, 'write')
  }

  read(fd: number, bytes: Uint8Array, length: number, position: number): number {
    return systemFiles.read(fd, bytes, length, position)
  }

  sync(fd: number, done: (error: Error | null) => void): void {
    const fault = this.#fault('sync')
    if (fault !== null) {
      setImmediate(done, errorOf(fault, 'fdatasync'))
      return
    }
    const path = this.#paths.get(fd)!
    const bytes = Buffer.alloc(systemFiles.size(fd))
    systemFiles.read(fd, bytes, bytes.length, 0)
    systemFiles.sync(fd, (error) => {
      if (error === null) this.#safe.set(path, bytes)
      done(error)
    })
  }

  syncFolder(path: string, done: (error: Error | null) => void): void {
    const fault = this.#fault('syncFolder')
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
    systemFiles.syncNow(fd)
  }

  syncPathNow(path: string): void {
    systemFiles.syncPathNow(path)
  }

  truncate(fd: number, length: number): void {
    this.#strike('truncate')
    systemFiles.truncate(fd, length)
  }

  size(fd: number): number {
    return systemFiles.size(fd)
  }

  close(fd: number): void {
    systemFiles.close(fd)
  }

  list(folder: string): string[] {
    return systemFiles.list(folder)
  }

  /** After a power cut it may be there again: what is safe stays so. */
  remove(path: string): void {
    systemFiles.remove(path)
  }

  makeFolder(path: string): void {
    systemFiles.makeFolder(path)
  }

  #strike(operation: Operation): void {
    const fault = this.#fault(operation)
    if (fault !== null) throw errorOf(fault, operation)
  }

  #fault(operation: Operation): Fault | null {
    const fault = this.#fails(operation, ++this.counts[operation])
    if (fault !== null) this.struck++
    return fault
  }
}

function errorOf(fault: Fault, operation: string): Error {
  const code = fault === 'ENOSPC' ? 'ENOSPC' : 'EIO'
  const words = code === 'ENOSPC' ? 'no space left on device' : 'i/o error'
  return Object.assign(new Error(`${code}: ${words}, ${operation}`), { code })
}

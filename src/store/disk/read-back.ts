import { Buffer } from 'node:buffer'
import { join } from 'node:path'
import type { Files } from './files.ts'

/** Read at once. A call of the system costs as much as copying this: what follows in the log is mostly asked for soon. */
const BLOCK_BYTES = 8192
/** 4 MiB: each of many clients that come back at once reads on in a place of its own. */
const BLOCKS = 512
/** The memory comes in parts of so many blocks, as it is needed. */
const BLOCKS_AT_ONCE = 64
/** More blocks than any file has. */
const BLOCKS_OF_FILE = 2 ** 20
/** Files that are held open. */
const OPEN_FILES = 64

/** Reads in the files of segments, and keeps the blocks that were read last. */
export class ReadBack {
  readonly #files: Files
  readonly #folder: string
  readonly #nameOf: (segment: number) => string
  /** Segment -> its file. */
  readonly #open: Map<number, number> = new Map()
  readonly #memory: Buffer[] = []
  /** Segment and block -> where it is in memory. */
  readonly #slots: Map<number, number> = new Map()
  /** The reverse, and how many bytes of each block were in the file when it was read. */
  readonly #keys: number[] = []
  readonly #lengths: number[] = []
  /** The slot that is used next: the oldest. */
  #next = 0

  constructor(files: Files, folder: string, nameOf: (segment: number) => string) {
    this.#files = files
    this.#folder = folder
    this.#nameOf = nameOf
  }

  /** A view that is good until the next call; shorter than asked for if the file is. */
  read(segment: number, offset: number, length: number): Buffer {
    const block = Math.floor(offset / BLOCK_BYTES)
    const at = offset % BLOCK_BYTES
    if (at + length > BLOCK_BYTES) return this.#readAlone(segment, offset, length)
    const key = segment * BLOCKS_OF_FILE + block
    let slot = this.#slots.get(key)
    if (slot === undefined || this.#lengths[slot]! < at + length) slot = this.#fetch(segment, block, key, slot)
    const start = (slot % BLOCKS_AT_ONCE) * BLOCK_BYTES
    const memory = this.#memory[Math.floor(slot / BLOCKS_AT_ONCE)]!
    return memory.subarray(start + at, start + Math.min(at + length, this.#lengths[slot]!))
  }

  /** The file will be removed. */
  forget(segment: number): void {
    const fd = this.#open.get(segment)
    if (fd !== undefined) this.#files.close(fd)
    this.#open.delete(segment)
  }

  close(): void {
    for (const segment of this.#open.keys()) this.forget(segment)
  }

  #readAlone(segment: number, offset: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    return bytes.subarray(0, this.#files.read(this.#file(segment), bytes, length, offset))
  }

  #fetch(segment: number, block: number, key: number, known: number | undefined): number {
    const fd = this.#file(segment)
    const slot = known ?? this.#takeSlot(key)
    const start = (slot % BLOCKS_AT_ONCE) * BLOCK_BYTES
    const memory = this.#memory[Math.floor(slot / BLOCKS_AT_ONCE)]!
    const bytes = memory.subarray(start, start + BLOCK_BYTES)
    this.#lengths[slot] = this.#files.read(fd, bytes, BLOCK_BYTES, block * BLOCK_BYTES)
    return slot
  }

  #takeSlot(key: number): number {
    const slot = this.#next
    this.#next = (slot + 1) % BLOCKS
    const before = this.#keys[slot]
    if (before !== undefined) this.#slots.delete(before)
    if (this.#memory.length * BLOCKS_AT_ONCE <= slot) {
      this.#memory.push(Buffer.allocUnsafeSlow(BLOCKS_AT_ONCE * BLOCK_BYTES))
    }
    this.#keys[slot] = key
    this.#slots.set(key, slot)
    // Until it is read nothing is there.
    this.#lengths[slot] = 0
    return slot
  }

  #file(segment: number): number {
    let fd = this.#open.get(segment)
    if (fd !== undefined) return fd
    for (const oldest of this.#open.keys()) {
      if (this.#open.size >= OPEN_FILES) this.forget(oldest)
      break
    }
    fd = this.#files.openToRead(join(this.#folder, this.#nameOf(segment)))
    this.#open.set(segment, fd)
    return fd
  }
}

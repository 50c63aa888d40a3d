import { Buffer } from 'node:buffer'
import { join } from 'node:path'
import type { StoreBounds } from './bounds.ts'
import { type Files, readFully } from './files.ts'

/** The memory comes in parts of so many blocks, as it is needed. */
const BLOCKS_AT_ONCE = 64
/** No file is longer. */
const LONGEST_FILE = 2 ** 32

type ReadBackBounds = Pick<StoreBounds, 'blockBytes' | 'blocks' | 'openFiles'>

/** Reads in the files of segments, and keeps the blocks that were read last. */
export class ReadBack {
  readonly #files: Files
  readonly #folder: string
  readonly #nameOf: (segment: number) => string
  readonly #bounds: ReadBackBounds
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

  constructor(files: Files, folder: string, nameOf: (segment: number) => string, bounds: ReadBackBounds) {
    this.#bounds = bounds
    this.#files = files
    this.#folder = folder
    this.#nameOf = nameOf
  }

  /** A view that is good until the next call; shorter than asked for if the file is. Throws if it cannot be read. */
  read(segment: number, offset: number, length: number): Buffer {
    const { blockBytes } = this.#bounds
    const block = Math.floor(offset / blockBytes)
    const at = offset % blockBytes
    if (at + length > blockBytes) return this.#readAlone(segment, offset, length)
    const key = segment * Math.ceil(LONGEST_FILE / blockBytes) + block
    let slot = this.#slots.get(key)
    if (slot === undefined || this.#lengths[slot]! < at + length) slot = this.#fetch(segment, block, key, slot)
    const start = (slot % BLOCKS_AT_ONCE) * blockBytes
    const memory = this.#memory[Math.floor(slot / BLOCKS_AT_ONCE)]!
    return memory.subarray(start + at, start + Math.min(at + length, this.#lengths[slot]!))
  }

  /** The file will be removed, or opened anew. */
  forget(segment: number): void {
    const fd = this.#open.get(segment)
    this.#open.delete(segment)
    if (fd === undefined) return
    try {
      this.#files.close(fd)
    } catch {
      // It was only read: nothing is lost.
    }
  }

  close(): void {
    for (const segment of this.#open.keys()) this.forget(segment)
  }

  #readAlone(segment: number, offset: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    return bytes.subarray(0, this.#readInto(bytes, segment, offset))
  }

  /** After an error the file is opened anew: it may be the descriptor that is of no use any more. */
  #readInto(bytes: Buffer, segment: number, offset: number): number {
    const fd = this.#file(segment)
    try {
      return readFully(this.#files, fd, bytes, bytes.length, offset)
    } catch (error) {
      this.forget(segment)
      throw error
    }
  }

  #fetch(segment: number, block: number, key: number, known: number | undefined): number {
    const { blockBytes } = this.#bounds
    const slot = known ?? this.#takeSlot(key)
    const start = (slot % BLOCKS_AT_ONCE) * blockBytes
    const memory = this.#memory[Math.floor(slot / BLOCKS_AT_ONCE)]!
    // Until it is read nothing is there.
    this.#lengths[slot] = 0
    this.#lengths[slot] = this.#readInto(memory.subarray(start, start + blockBytes), segment, block * blockBytes)
    return slot
  }

  #takeSlot(key: number): number {
    const slot = this.#next
    this.#next = (slot + 1) % this.#bounds.blocks
    const before = this.#keys[slot]
    if (before !== undefined) this.#slots.delete(before)
    if (this.#memory.length * BLOCKS_AT_ONCE <= slot) {
      const blocks = Math.min(BLOCKS_AT_ONCE, this.#bounds.blocks)
      this.#memory.push(Buffer.allocUnsafeSlow(blocks * this.#bounds.blockBytes))
    }
    this.#keys[slot] = key
    this.#slots.set(key, slot)
    return slot
  }

  #file(segment: number): number {
    let fd = this.#open.get(segment)
    if (fd !== undefined) return fd
    for (const oldest of this.#open.keys()) {
      if (this.#open.size >= this.#bounds.openFiles) this.forget(oldest)
      break
    }
    fd = this.#files.openToRead(join(this.#folder, this.#nameOf(segment)))
    this.#open.set(segment, fd)
    return fd
  }
}

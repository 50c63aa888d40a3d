import type { Buffer } from 'node:buffer'
import { ByteReader, type ByteWriter } from './byte-writer.ts'

/**
 * The messages that a segment of the log is kept for: where each stands, and how many places in queues and topics hold it.
 * Their numbers follow each other.
 */
export class MessageBlock {
  readonly segment: number
  readonly firstId: number
  readonly offsets: readonly number[]
  readonly lengths: readonly number[]
  readonly uses: number[]

  constructor(segment: number, firstId: number, offsets: readonly number[], lengths: readonly number[], uses: number[]) {
    this.segment = segment
    this.firstId = firstId
    this.offsets = offsets
    this.lengths = lengths
    this.uses = uses
  }

  has(id: number): boolean {
    return id >= this.firstId && id < this.firstId + this.uses.length
  }

  /** Bytes of the messages that somebody holds. */
  get liveBytes(): number {
    let bytes = 0
    for (let i = 0; i < this.uses.length; i++) if (this.uses[i]! > 0) bytes += this.lengths[i]!
    return bytes
  }

  /** Where the last of them ends in the segment, which is about as long as that. */
  get end(): number {
    return this.uses.length === 0 ? 0 : this.offsets[this.uses.length - 1]! + this.lengths[this.uses.length - 1]!
  }

  write(out: ByteWriter): void {
    out.uint32(this.segment)
    out.uint32(this.uses.length)
    for (let i = 0; i < this.uses.length; i++) {
      out.uint32(this.offsets[i]!)
      out.uint32(this.lengths[i]!)
      out.uint32(this.uses[i]!)
    }
  }
}

export function readBlock(firstId: number, value: Buffer): MessageBlock {
  const from = new ByteReader(value, 0, value.length)
  const segment = from.uint32()
  const count = from.uint32()
  const offsets = new Array<number>(count)
  const lengths = new Array<number>(count)
  const uses = new Array<number>(count)
  for (let i = 0; i < count; i++) {
    offsets[i] = from.uint32()
    lengths[i] = from.uint32()
    uses[i] = from.uint32()
  }
  return new MessageBlock(segment, firstId, offsets, lengths, uses)
}

import type { Buffer } from 'node:buffer'
import { ByteReader, type ByteWriter } from './byte-writer.ts'
import type { Place } from './entry.ts'

/**
 * The messages of a segment that are kept in a file: where each stands, and how many places in queues and topics hold it.
 * Their numbers follow each other.
 */
export class MessageBlock {
  readonly segment: number
  readonly firstId: number
  readonly offsets: readonly number[]
  readonly lengths: readonly number[]
  readonly uses: number[]

  constructor(
    segment: number,
    firstId: number,
    offsets: readonly number[],
    lengths: readonly number[],
    uses: number[],
  ) {
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

  place(id: number): Place {
    const at = id - this.firstId
    return { segment: this.segment, offset: this.offsets[at]!, length: this.lengths[at]! }
  }

  /** Where the last of them ends in the file: how long that is. */
  get end(): number {
    let end = 0
    for (let i = 0; i < this.uses.length; i++) end = Math.max(end, this.offsets[i]! + this.lengths[i]!)
    return end
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

import type { Buffer } from 'node:buffer'
import { ByteReader, type ByteWriter } from './byte-writer.ts'
import type { QueueEntry } from './entry.ts'
import { writeDelivery } from './records.ts'
import { readDelivery } from './scan.ts'
import { firstFrom } from './search.ts'

const HEAD_BYTES = 4
/** Place, message, size and place in the log of each; what differs in length comes after all of them. */
const ENTRY_BYTES = 28
const RECEIVED = 128

/**
 * Some places of a queue that follow each other, as they lie in the tree:
 *
 *     | how many | position, message, size, segment, offset, length | the same of the next ... | deliveries ... |
 *
 * Positions are told from the first one on, which is in the key.
 */
export function writeChunk(out: ByteWriter, entries: readonly QueueEntry[]): void {
  const first = entries[0]!.position
  out.uint32(entries.length)
  for (const { position, messageId, size, place } of entries) {
    out.uint32(position - first)
    out.double(messageId)
    out.uint32(size)
    out.uint32(place!.segment)
    out.uint32(place!.offset)
    out.uint32(place!.length)
  }
  for (const { delivery, received } of entries) {
    out.byte(received ? RECEIVED : 0)
    const { qos, retain, extras } = delivery
    writeDelivery(out, qos, retain, extras?.identifiers ?? null, extras?.shared ?? null)
  }
}

export class QueueChunk {
  /** The position in its key: of what was its first place when it was written. */
  readonly first: number
  readonly entries: readonly QueueEntry[]

  constructor(first: number, value: Buffer) {
    this.first = first
    const from = new ByteReader(value, 0, value.length)
    const count = from.uint32()
    const deliveries = new ByteReader(value, HEAD_BYTES + count * ENTRY_BYTES, value.length)
    const entries: QueueEntry[] = []
    for (let i = 0; i < count; i++) {
      const position = first + from.uint32()
      const messageId = from.double()
      const size = from.uint32()
      const place = { segment: from.uint32(), offset: from.uint32(), length: from.uint32() }
      const received = deliveries.byte() === RECEIVED
      entries.push({ position, messageId, size, place, received, delivery: readDelivery(deliveries) })
    }
    this.entries = entries
  }

  get last(): number {
    return this.entries[this.entries.length - 1]!.position
  }

  /** The index of the first place at or after a position. */
  indexAt(position: number): number {
    return firstFrom(this.entries, position, positionOfEntry)
  }
}

function positionOfEntry({ position }: QueueEntry): number {
  return position
}

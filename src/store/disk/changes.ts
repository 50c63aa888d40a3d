import type { StoredTime, StoreRecord } from '../../broker/contracts.ts'
import type { Place, QueueEntry } from './entry.ts'
import type { Retained } from './retained.ts'
import type { Delivery, RecordSink } from './scan.ts'
import { firstFrom } from './search.ts'

const itself = (position: number): number => position

/** What a segment comes to for one Session. */
export class SessionChange {
  readonly number: number
  /** Changes of its state, in order, but for its queue. */
  readonly records: StoreRecord[] = []
  /** It is over, and was before anything else that is here. */
  ended = false
  /** The position after the last that was used; 0: none was. */
  tail = 0
  /** Places of the segment's own: those that follow each other in the order of their positions. */
  readonly positions: number[] = []
  readonly ids: number[] = []
  readonly sizes: number[] = []
  readonly deliveries: Delivery[] = []
  readonly received: boolean[] = []
  /** Places that were in the tree before. */
  readonly doneBefore: number[] = []
  readonly receivedBefore: Set<number> = new Set()

  constructor(number: number) {
    this.number = number
  }

  /** Where a position stands among the segment's own; -1: it does not. */
  indexOf(position: number): number {
    const { positions } = this
    const guess = position - (positions[0] ?? 0)
    if (positions[guess] === position) return guess
    const at = firstFrom(positions, position, itself)
    return positions[at] === position ? at : -1
  }

  /** The segment's own places that are left; `placeOf` knows where a message is. */
  left(placeOf: (messageId: number) => Place): QueueEntry[] {
    const entries: QueueEntry[] = []
    for (let i = 0; i < this.positions.length; i++) {
      const messageId = this.ids[i]!
      if (messageId === 0) continue
      entries.push({
        position: this.positions[i]!,
        messageId,
        size: this.sizes[i]!,
        delivery: this.deliveries[i]!,
        received: this.received[i]!,
        place: placeOf(messageId),
      })
    }
    return entries
  }
}

/** What a full segment comes to, before it is written into the tree: only what is left of it. */
export class SegmentChanges implements RecordSink {
  readonly sessions: Map<number, SessionChange> = new Map()
  /** The last that was noted. */
  time: StoredTime | null = null
  /** By topic; null: cleared. */
  readonly retained: Map<string, Retained | null> = new Map()
  /** Of the messages in the segment. */
  firstId = 0
  readonly offsets: number[] = []
  readonly lengths: number[] = []
  readonly uses: number[] = []
  /** How many more, or fewer, hold messages that are elsewhere. */
  readonly otherUses: Map<number, number> = new Map()

  message(id: number, offset: number, length: number): void {
    if (this.firstId === 0) this.firstId = id
    while (this.firstId + this.uses.length < id) this.#addLost(this.firstId + this.uses.length)
    this.#add(offset, length)
  }

  queued(session: number, position: number, messageId: number, size: number, delivery: Delivery): void {
    const change = this.#of(session)
    if (change.ended) return
    change.tail = position + 1
    change.positions.push(position)
    change.ids.push(messageId)
    change.sizes.push(size)
    change.deliveries.push(delivery)
    change.received.push(false)
    this.use(messageId, 1)
  }

  received(session: number, position: number): void {
    const change = this.#of(session)
    const at = change.indexOf(position)
    if (at < 0) change.receivedBefore.add(position)
    else change.received[at] = true
  }

  done(session: number, position: number): void {
    const change = this.#of(session)
    const at = change.indexOf(position)
    if (at < 0) {
      change.doneBefore.push(position)
      change.tail = Math.max(change.tail, position + 1)
      return
    }
    const id = change.ids[at]!
    change.ids[at] = 0
    if (id !== 0) this.use(id, -1)
  }

  other(session: number, record: StoreRecord): void {
    if (record.kind === 'retained') this.retained.set(record.topic, record)
    else if (record.kind === 'retainedCleared') this.retained.set(record.topic, null)
    else if (record.kind === 'time') this.time = record
    else if (record.kind === 'sessionEnded') this.#ended(session)
    else {
      const change = this.#of(session)
      if (!change.ended) change.records.push(record)
    }
  }

  use(id: number, change: number): void {
    const at = this.indexOf(id)
    if (at >= 0) this.uses[at]! += change
    else this.otherUses.set(id, (this.otherUses.get(id) ?? 0) + change)
  }

  /** Where a message stands among the segment's own; -1: it does not. */
  indexOf(id: number): number {
    const at = id - this.firstId
    return this.firstId > 0 && at >= 0 && at < this.uses.length ? at : -1
  }

  /** It was in a part of the segment that is lost; who holds it counts all the same, as it will count when that is over. */
  #addLost(id: number): void {
    this.#add(0, 0)
    const uses = this.otherUses.get(id)
    if (uses === undefined) return
    this.otherUses.delete(id)
    this.uses[id - this.firstId] = uses
  }

  #add(offset: number, length: number): void {
    this.offsets.push(offset)
    this.lengths.push(length)
    this.uses.push(0)
  }

  #of(number: number): SessionChange {
    let change = this.sessions.get(number)
    if (change === undefined) {
      change = new SessionChange(number)
      this.sessions.set(number, change)
    }
    return change
  }

  /** What came for it before does not count, and what comes after is not for a new one: that has another number. */
  #ended(number: number): void {
    const before = this.sessions.get(number)
    for (const id of before?.ids ?? []) if (id !== 0) this.use(id, -1)
    const change = new SessionChange(number)
    change.ended = true
    this.sessions.set(number, change)
  }
}

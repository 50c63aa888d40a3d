import type { StoredTime, StoreRecord } from '../../broker/contracts.ts'
import type { StoreBounds } from './bounds.ts'
import type { Place } from './entry.ts'
import { RecentSession } from './recent-session.ts'
import { type Delivery, deliveryOf } from './scan.ts'

/** What the log says of a place in the tree's queue: it is done, or PUBREC was seen. */
export interface LateChange {
  readonly session: number
  readonly position: number
  readonly received: boolean
}

type RecentBounds = Pick<StoreBounds, 'lateChanges' | 'longestHole'>

/** What one segment of the log holds, until the mover has moved it. */
export class RecentSegment {
  readonly number: number
  /** The id of its first message; the ids of the others follow. 0: it has none. */
  firstId = 0
  readonly offsets: number[] = []
  readonly lengths: number[] = []
  /** Queue places that it records, and references to its messages, that are not done. */
  live = 0
  /** It has a change that only the tree would know once the segment is gone. */
  changes = false
  /** Its other changes, if they are few: to places that are, or will be, in the tree. */
  readonly late: LateChange[] = []
  /** Set once the mover has this segment: later changes to its entries must also be written to the tree. */
  #moving = false
  /** Changes that later segments made to its entries before that. */
  #changedBy: { segment: RecentSegment; change: LateChange }[] = []
  /** Places in the tree that are free once this segment is moved. */
  releases = 0
  /** Sessions with places in this segment. */
  readonly sessions: Set<RecentSession> = new Set()

  readonly #lateChanges: number

  constructor(number: number, lateChanges: number) {
    this.number = number
    this.#lateChanges = lateChanges
  }

  /** A later segment changed an entry of this one. */
  changedBy(segment: RecentSegment, change: LateChange): void {
    if (this.#moving) segment.changesTree(change)
    else if (segment === this) return
    else if (this.#changedBy.length < this.#lateChanges) this.#changedBy.push({ segment, change })
    else segment.changes = true
  }

  /** This segment changed an entry of the tree. */
  changesTree(change: LateChange): void {
    if (this.late.length < this.#lateChanges) this.late.push(change)
    else this.changes = true
  }

  moves(): void {
    this.#moving = true
    for (const { segment, change } of this.#changedBy) segment.changesTree(change)
    this.#changedBy = []
  }

  has(messageId: number): boolean {
    return this.firstId > 0 && messageId >= this.firstId && messageId < this.firstId + this.offsets.length
  }
}

/**
 * What the segments that are not moved yet change about queues and messages: an index into the log, kept in memory. It is
 * as large as those segments are, not as the store.
 */
export class Recent {
  readonly sessions: Map<string, RecentSession> = new Map()
  /** Higher than the id of every message noted so far. */
  nextMessageId = 1
  /** The last that was noted. */
  time: StoredTime | null = null
  /** In order; the last is being written. */
  #segments: RecentSegment[] = []
  #current: RecentSegment
  readonly #bounds: RecentBounds

  constructor(bounds: RecentBounds) {
    this.#bounds = bounds
    this.#current = new RecentSegment(0, bounds.lateChanges)
  }

  /** What the tree must be told of it even if no record is left. */
  get noted(): { nextMessageId: number; time: StoredTime | null } {
    return { nextMessageId: this.nextMessageId, time: this.time }
  }

  /** The Session's part; a new one gets the number that `number` gives. */
  open(clientId: string, number: () => number): RecentSession {
    let session = this.sessions.get(clientId)
    if (session === undefined) {
      session = new RecentSession(number(), clientId, this.#bounds.longestHole)
      this.sessions.set(clientId, session)
    }
    return session
  }

  session(clientId: string): RecentSession | undefined {
    return this.sessions.get(clientId)
  }

  /** Everything noted from now on is in that segment. */
  begin(segment: number): void {
    this.#current = new RecentSegment(segment, this.#bounds.lateChanges)
    this.#segments.push(this.#current)
  }

  /** Notes a record, and where it will be. */
  note(session: RecentSession | null, record: StoreRecord, offset: number, length: number): void {
    switch (record.kind) {
      case 'message':
        this.message(record.message.id, offset, length)
        return
      case 'queued': {
        const { position, messageId, size, qos, retain, identifiers, shared } = record
        this.queued(session!, position, messageId, size, deliveryOf(qos, retain, identifiers, shared ?? null))
        return
      }
      case 'received':
        this.received(session!, record.position)
        return
      case 'done':
        this.done(session!, record.position)
        return
      default:
        this.other(session, record)
    }
  }

  message(id: number, offset: number, length: number): void {
    const segment = this.#current
    if (id < segment.firstId) throw new RangeError('the numbers of messages count up')
    this.messageSeen(id)
    if (segment.firstId === 0) segment.firstId = id
    segment.offsets[id - segment.firstId] = offset
    segment.lengths[id - segment.firstId] = length
  }

  /** Somebody holds it, wherever it is. */
  messageSeen(id: number): void {
    this.nextMessageId = Math.max(this.nextMessageId, id + 1)
  }

  queued(session: RecentSession, position: number, messageId: number, size: number, delivery: Delivery): void {
    session.queued(this.#current, position, messageId, size, delivery)
    this.#current.live++
    this.#count(messageId, 1)
  }

  /** False if that place is in the tree. */
  received(session: RecentSession, position: number): boolean {
    const segment = session.received(position)
    const change = { session: session.number, position, received: true }
    if (segment === null) this.#current.changesTree(change)
    else segment.changedBy(this.#current, change)
    return segment !== null
  }

  /** False if that place is in the tree. */
  done(session: RecentSession, position: number): boolean {
    const was = session.done(position)
    if (was === null) {
      this.#current.changesTree({ session: session.number, position, received: false })
      this.#current.releases++
      return false
    }
    was.segment.live--
    if (was.segment !== this.#current) {
      was.segment.changedBy(this.#current, { session: session.number, position, received: false })
    }
    this.#count(was.messageId, -1)
    return true
  }

  other(session: RecentSession | null, record: StoreRecord): void {
    if (record.kind === 'time') {
      this.time = record
      return
    }
    this.#current.changes = true
    if (record.kind === 'retained') this.#count(record.messageId, 1)
    if (record.kind === 'retained' || record.kind === 'retainedCleared') this.#current.releases++
    if (record.kind !== 'sessionEnded') return
    this.#current.releases++
    session!.forEach((segment, messageId) => {
      segment.live--
      this.#count(messageId, -1)
    })
    this.sessions.delete(session!.clientId)
  }

  /** How much of the tree will be free once the current segment is moved. */
  get releases(): number {
    return this.#current.releases
  }

  /** Where a message is in the log; null if it is no longer there, or its segment was moved. */
  place(id: number): Place | null {
    const segment = this.#segmentOf(id)
    const offset = segment?.offsets[id - segment.firstId]
    if (segment === null || offset === undefined) return null
    return { segment: segment.number, offset, length: segment.lengths[id - segment.firstId]! }
  }

  /**
   * If nothing is left in a segment it need not be moved: returns its few changes to the tree. Otherwise null.
   */
  spent(number: number): readonly LateChange[] | null {
    const segment = this.#segments.find((each) => each.number === number)
    return segment !== undefined && segment.live === 0 && !segment.changes ? segment.late : null
  }

  /** The mover takes a segment: from now on the tree must be told of changes to its entries, earlier ones included. */
  moves(number: number): void {
    this.#segments.find((each) => each.number === number)?.moves()
  }

  /** A segment was moved: forgets its contents, a part at each step, until the generator is done. */
  *forget(number: number, step: number): Generator<void> {
    while (this.#segments.length > 0 && this.#segments[0]!.number <= number) {
      const segment = this.#segments[0]!
      let work = 0
      for (const session of segment.sessions) {
        work += 1 + session.forget(segment.number)
        if (work < step) continue
        work = 0
        yield
      }
      this.#segments.shift()
    }
  }

  #count(messageId: number, change: 1 | -1): void {
    const segment = this.#segmentOf(messageId)
    if (segment !== null) segment.live += change
  }

  #segmentOf(messageId: number): RecentSegment | null {
    if (this.#current.has(messageId)) return this.#current
    // Mostly one of the last.
    for (let i = this.#segments.length - 1; i >= 0; i--) {
      const segment = this.#segments[i]!
      if (segment.has(messageId)) return segment
      if (segment.firstId > 0 && segment.firstId < messageId) return null
    }
    return null
  }
}

import type { QueueEntry } from './entry.ts'
import type { RecentSegment } from './recent.ts'
import type { Delivery, Extras } from './scan.ts'

const RETAIN = 4
const RECEIVED = 8
const SIZE = 16

/** The places of one queue in one segment of the log: two numbers each, no objects. */
class QueuePart {
  readonly segment: RecentSegment
  /** The position of the first place. */
  base: number
  /** The message at each place; 0: done. */
  readonly ids: number[] = []
  /** Payload bytes and flags. */
  readonly metas: number[] = []
  extras: Map<number, Extras> | null = null
  /** Places that are not done. */
  live = 0
  /** Everything before this is done. */
  first = 0

  constructor(segment: RecentSegment, base: number) {
    this.segment = segment
    this.base = base
  }

  get end(): number {
    return this.base + this.ids.length
  }

  clear(base: number): void {
    this.base = base
    this.ids.length = 0
    this.metas.length = 0
    this.extras = null
    this.first = 0
  }
}

/** What the log has of one Session and the tree does not. */
export class RecentSession {
  readonly number: number
  readonly clientId: string
  /** In order. */
  #parts: QueuePart[] = []
  /**
   * What the log said at start of places that are in the tree: all before `#doneBefore` are done, and these. Of what is done
   * later nobody asks again, as `read` goes on from where it was.
   */
  #doneBefore = -1
  #done: Set<number> | null = null
  #received: Set<number> | null = null

  readonly #longestHole: number

  constructor(number: number, clientId: string, longestHole: number) {
    this.#longestHole = longestHole
    this.number = number
    this.clientId = clientId
  }

  /** The first position that is here, or infinity: those before it are in the tree. */
  get start(): number {
    const part = this.#parts[0]
    return part === undefined ? Number.POSITIVE_INFINITY : part.base + part.first
  }

  queued(segment: RecentSegment, position: number, messageId: number, size: number, delivery: Delivery): void {
    let part = this.#parts[this.#parts.length - 1]
    if (part === undefined || part.segment !== segment || position - part.end > this.#longestHole) {
      part = new QueuePart(segment, position)
      this.#parts.push(part)
      segment.sessions.add(this)
    } else if (part.live === 0) part.clear(position)
    while (part.end < position) {
      part.ids.push(0)
      part.metas.push(0)
    }
    part.ids.push(messageId)
    part.metas.push(size * SIZE + delivery.qos + (delivery.retain ? RETAIN : 0))
    part.live++
    if (delivery.extras === null) return
    if (part.extras === null) part.extras = new Map()
    part.extras.set(position, delivery.extras)
  }

  /** The segment that recorded the place; null if it is not here. */
  received(position: number): RecentSegment | null {
    const part = this.#partOf(position)
    if (part === null) return null
    const at = position - part.base
    if (part.metas[at]! % SIZE < RECEIVED) part.metas[at]! += RECEIVED
    return part.segment
  }

  /** What was there: the segment that recorded it, and the message; null if that place is not here. */
  done(position: number): { segment: RecentSegment; messageId: number } | null {
    const part = this.#partOf(position)
    if (part === null) return null
    const at = position - part.base
    const messageId = part.ids[at]!
    part.ids[at] = 0
    part.extras?.delete(position)
    part.live--
    while (part.first < part.ids.length && part.ids[part.first] === 0) part.first++
    if (part.live === 0 && part !== this.#parts[this.#parts.length - 1]) {
      this.#parts.splice(this.#parts.indexOf(part), 1)
    }
    return { segment: part.segment, messageId }
  }

  /** Calls `visit` for all that is here and not done. */
  forEach(visit: (segment: RecentSegment, messageId: number) => void): void {
    for (const { segment, ids } of this.#parts) for (const id of ids) if (id !== 0) visit(segment, id)
  }

  /** Forgets what this segment and earlier ones recorded; returns how many places that were. */
  forget(segment: number): number {
    let work = 0
    while (this.#parts.length > 0 && this.#parts[0]!.segment.number <= segment) work += this.#parts.shift()!.ids.length
    return work
  }

  *entries(from: number): Iterable<QueueEntry> {
    for (const part of this.#parts) {
      const { base, ids, metas, extras } = part
      for (let at = Math.max(part.first, from - base); at < ids.length; at++) {
        const messageId = ids[at]!
        if (messageId === 0) continue
        const meta = metas[at]!
        const position = base + at
        const flags = meta % SIZE
        const delivery = {
          qos: (flags & 3) as 0 | 1 | 2,
          retain: (flags & RETAIN) !== 0,
          extras: extras?.get(position) ?? null,
        }
        const size = (meta - flags) / SIZE
        yield { position, messageId, size, delivery, received: (flags & RECEIVED) !== 0, place: null }
      }
    }
  }

  /** At start: the log says that a place in the tree is done. `first`: where the tree's queue begins. */
  doneInTree(position: number, first: number): void {
    if (this.#doneBefore < first) this.#doneBefore = first
    if (position > this.#doneBefore) {
      if (this.#done === null) this.#done = new Set()
      this.#done.add(position)
    } else if (position === this.#doneBefore) {
      this.#doneBefore++
      while (this.#done?.delete(this.#doneBefore)) this.#doneBefore++
    }
  }

  receivedInTree(position: number): void {
    if (this.#received === null) this.#received = new Set()
    this.#received.add(position)
  }

  /** The last position in the tree that the log changed at start; -1: none. */
  get lastChanged(): number {
    let last = this.#doneBefore - 1
    for (const position of this.#done ?? []) last = Math.max(last, position)
    for (const position of this.#received ?? []) last = Math.max(last, position)
    return last
  }

  /** What the tree has at a place, with later changes from the log applied; null: it is done. */
  changed(entry: QueueEntry): QueueEntry | null {
    if (entry.position < this.#doneBefore || this.#done?.has(entry.position) === true) return null
    if (this.#received?.has(entry.position) === true) entry.received = true
    return entry
  }

  #partOf(position: number): QueuePart | null {
    for (let i = this.#parts.length - 1; i >= 0; i--) {
      const part = this.#parts[i]!
      const at = position - part.base
      if (at >= 0) return at < part.ids.length && part.ids[at] !== 0 ? part : null
    }
    return null
  }
}

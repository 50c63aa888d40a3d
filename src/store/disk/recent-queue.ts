import type { QoS } from '../../broker/contracts.ts'
import type { QueueEntry } from './tree.ts'

const RETAIN = 4
const RECEIVED = 8
const DONE = 16

/**
 * The part of one queue that is only in the log: five plain numbers a place, and no object. Places follow each other from
 * `base` on; those before `#first` are forgotten.
 */
export class RecentQueue {
  #base = 0
  #first = 0
  #ids: number[] = []
  #flags: number[] = []
  #segments: number[] = []
  #sizes: number[] = []
  #identifiers: Map<number, readonly number[]> | null = null
  /** The Topic Filters of shared subscriptions, of those that came by one. */
  #shared: Map<number, string> | null = null

  get empty(): boolean {
    return this.#first === this.#ids.length
  }

  /** The first position that is here, or infinity. */
  get start(): number {
    return this.empty ? Number.POSITIVE_INFINITY : this.#base + this.#first
  }

  add(entry: Omit<QueueEntry, 'received'>, segment: number): void {
    const { position, messageId, qos, retain, identifiers, shared, size } = entry
    if (this.empty) {
      this.#base = position
      this.#first = 0
      this.#ids.length = 0
      this.#flags.length = 0
      this.#segments.length = 0
      this.#sizes.length = 0
    }
    while (this.#base + this.#ids.length < position) this.#push(0, DONE, segment, 0)
    this.#push(messageId, qos | (retain ? RETAIN : 0), segment, size)
    if (identifiers !== null) {
      if (this.#identifiers === null) this.#identifiers = new Map()
      this.#identifiers.set(position, identifiers)
    }
    if (shared !== null) {
      if (this.#shared === null) this.#shared = new Map()
      this.#shared.set(position, shared)
    }
  }

  /** The message at that position, or 0 if it is not here (any more). */
  message(position: number): number {
    const at = position - this.#base
    return at >= this.#first && at < this.#ids.length && (this.#flags[at]! & DONE) === 0 ? this.#ids[at]! : 0
  }

  received(position: number): void {
    this.#flags[position - this.#base]! |= RECEIVED
  }

  done(position: number): void {
    this.#flags[position - this.#base]! |= DONE
    this.#identifiers?.delete(position)
    this.#shared?.delete(position)
    while (this.#first < this.#ids.length && (this.#flags[this.#first]! & DONE) !== 0) this.#first++
    this.#trim()
  }

  /** Forgets what this segment and those before it hold; returns how many places that were. */
  forget(segment: number): number {
    const from = this.#first
    while (this.#first < this.#ids.length && this.#segments[this.#first]! <= segment) this.#first++
    if (this.empty) {
      this.#identifiers = null
      this.#shared = null
    }
    this.#trim()
    return this.#first - from
  }

  *entries(from: number): Iterable<QueueEntry> {
    for (let at = Math.max(this.#first, from - this.#base); at < this.#ids.length; at++) {
      const flags = this.#flags[at]!
      if ((flags & DONE) !== 0) continue
      const position = this.#base + at
      yield {
        position,
        messageId: this.#ids[at]!,
        qos: (flags & 3) as QoS,
        retain: (flags & RETAIN) !== 0,
        identifiers: this.#identifiers?.get(position) ?? null,
        shared: this.#shared?.get(position) ?? null,
        received: (flags & RECEIVED) !== 0,
        size: this.#sizes[at]!,
      }
    }
  }

  #push(id: number, flags: number, segment: number, size: number): void {
    this.#ids.push(id)
    this.#flags.push(flags)
    this.#segments.push(segment)
    this.#sizes.push(size)
  }

  /** The forgotten beginning goes when it is half of all. */
  #trim(): void {
    if (this.#first < 64 || this.#first * 2 < this.#ids.length) return
    this.#ids = this.#ids.slice(this.#first)
    this.#flags = this.#flags.slice(this.#first)
    this.#segments = this.#segments.slice(this.#first)
    this.#sizes = this.#sizes.slice(this.#first)
    this.#base += this.#first
    this.#first = 0
  }
}

import { topicMatches } from '../topics/index.ts'
import type { Arrival } from './message.ts'

/** Messages that may be held before reading stops; of QoS 0 the oldest goes. */
const HELD = 1000

/**
 * A broker that kept our Session sends what it kept as soon as it has said CONNACK, and the application subscribes a moment
 * later. Until then these messages wait here. Those of QoS 1 and 2 are not acknowledged, however long that takes: nobody
 * has seen them.
 */
export class Unclaimed {
  readonly #limit: number
  /** Filters that the application will subscribe to, as it said; null: it said nothing. */
  readonly #expected: Set<string> | null
  /** Filters that it has no use for: messages that they brought are not waited with. */
  readonly #unwanted: Set<string>
  #arrivals: Arrival[] = []
  #keepsQoS0 = true

  constructor(expected: readonly string[] | null, unwanted: readonly string[], limit: number = HELD) {
    this.#expected = expected === null ? null : new Set(expected)
    this.#unwanted = new Set(unwanted)
    this.#limit = limit
  }

  get size(): number {
    return this.#arrivals.length
  }

  /** More should not come. */
  get full(): boolean {
    return this.#arrivals.length >= this.#limit
  }

  /** The topic of the message that waits longest. */
  get oldest(): string | undefined {
    return this.#arrivals[0]?.topic
  }

  /** Whether a message may find its subscription yet. */
  awaits(topic: string, qos: number): boolean {
    if (qos === 0 && !this.#keepsQoS0) return false
    return !matchesOne(this.#unwanted, topic) && (this.#expected === null || matchesOne(this.#expected, topic))
  }

  /** Returns how many messages of QoS 0 had to go for it. */
  hold(arrival: Arrival): number {
    this.#arrivals.push(arrival)
    if (this.#arrivals.length <= this.#limit) return 0
    const at = this.#arrivals.findIndex(({ qos }) => qos === 0)
    return at < 0 ? 0 : this.#arrivals.splice(at, 1).length
  }

  /** The application subscribes to the filter. */
  expect(filter: string): void {
    this.#unwanted.delete(filter)
    this.#expected?.add(filter)
  }

  /** The application has given the filter up. Returns how many messages waited for it. */
  giveUp(filter: string): number {
    this.#unwanted.add(filter)
    return this.take(({ topic, receipt }) => {
      if (!topicMatches(filter, topic)) return false
      receipt?.release(0)
      return true
    })
  }

  /** Takes those out that are wanted, in order; returns how many. */
  take(wanted: (arrival: Arrival) => boolean): number {
    const before = this.#arrivals.length
    if (before > 0) this.#arrivals = this.#arrivals.filter((arrival) => !wanted(arrival))
    return before - this.#arrivals.length
  }

  /** Messages of QoS 0 wait no longer. Returns how many did. */
  endQoS0(): number {
    this.#keepsQoS0 = false
    return this.take(({ qos }) => qos === 0)
  }

  /** The connection is lost: the broker will send again what is not acknowledged, but for QoS 2, which is told by its identifier. */
  offline(): void {
    this.take(({ qos }) => qos === 1)
  }
}

function matchesOne(filters: ReadonlySet<string>, topic: string): boolean {
  for (const filter of filters) if (topicMatches(filter, topic)) return true
  return false
}

import { topicMatches } from '../topics/index.ts'
import { type Arrival, sizeOf } from './message.ts'
import { BUFFERED_BYTES } from './subscription.ts'

/** Messages that may be held before reading stops. */
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
  readonly #maximumBytes: number
  /** The application had time to subscribe: QoS 0 is no longer held. */
  overdue = false
  #arrivals: Arrival[] = []
  #bytes = 0

  /** At `maximumBytes` messages of QoS 0 are dropped: reading goes on while an answer of the broker is awaited. */
  constructor(
    expected: readonly string[] | null,
    unwanted: readonly string[],
    limit: number = HELD,
    maximumBytes: number = BUFFERED_BYTES,
  ) {
    this.#expected = expected === null ? null : new Set(expected)
    this.#unwanted = new Set(unwanted)
    this.#limit = limit
    this.#maximumBytes = maximumBytes
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
    if (qos === 0 && this.overdue) return false
    return this.#expected === null ? !matchesOne(this.#unwanted, topic) : matchesOne(this.#expected, topic)
  }

  /** False if there is no room for it; messages of QoS 1 and 2 are bounded by Receive Maximum. */
  hold(arrival: Arrival): boolean {
    if (arrival.qos === 0 && this.#bytes >= this.#maximumBytes) return false
    this.#arrivals.push(arrival)
    this.#bytes += sizeOf(arrival)
    return true
  }

  /** The application subscribes to the filter. */
  expect(filter: string): void {
    this.#unwanted.delete(filter)
    this.#expected?.add(filter)
  }

  /** The application has given the filter up. Returns how many messages waited for it, and for no other. */
  giveUp(filter: string): number {
    this.#unwanted.add(filter)
    this.#expected?.delete(filter)
    return this.take(({ topic, qos, receipt }) => {
      if (!topicMatches(filter, topic) || this.awaits(topic, qos)) return false
      receipt?.release(0)
      return true
    })
  }

  /** Takes those out that are wanted, in order; returns how many. */
  take(wanted: (arrival: Arrival) => boolean): number {
    const before = this.#arrivals.length
    if (before === 0) return 0
    this.#arrivals = this.#arrivals.filter((arrival) => !wanted(arrival))
    this.#bytes = this.#arrivals.reduce((sum, arrival) => sum + sizeOf(arrival), 0)
    return before - this.#arrivals.length
  }

  /** Messages of QoS 0 wait no longer. Returns how many did. */
  endQoS0(): number {
    this.overdue = true
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

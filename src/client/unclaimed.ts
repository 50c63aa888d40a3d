import { topicMatches } from '../topics/index.ts'
import { type Arrival, sizeOf } from './message.ts'
import { BUFFERED_BYTES } from './subscription.ts'

/** Messages held before reading stops. */
const HELD = 1000

/**
 * Messages of an earlier process's Session, held until the application subscribes: the broker sends them right after
 * CONNACK. Those of QoS 1 and 2 are not acknowledged before, however long that takes.
 */
export class Unclaimed {
  readonly #limit: number
  /** Filters that the application said it will subscribe to; null: it did not say. */
  readonly #expected: Set<string> | null
  /** Filters that it does not want: their messages are not held. */
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

  /** Reading should stop. */
  get full(): boolean {
    return this.#arrivals.length >= this.#limit
  }

  /** The topic of the oldest message. */
  get oldest(): string | undefined {
    return this.#arrivals[0]?.topic
  }

  /** Whether a subscription for the message may still come. */
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

  /** The application gave up the filter. Acknowledges the messages that waited for it alone; returns how many. */
  giveUp(filter: string): number {
    this.#unwanted.add(filter)
    this.#expected?.delete(filter)
    return this.take(({ topic, qos, receipt }) => {
      if (!topicMatches(filter, topic) || this.awaits(topic, qos)) return false
      receipt?.release(0)
      return true
    })
  }

  /** Removes those for which `wanted` is true, in order; returns how many. */
  take(wanted: (arrival: Arrival) => boolean): number {
    const before = this.#arrivals.length
    if (before === 0) return 0
    this.#arrivals = this.#arrivals.filter((arrival) => !wanted(arrival))
    this.#bytes = this.#arrivals.reduce((sum, arrival) => sum + sizeOf(arrival), 0)
    return before - this.#arrivals.length
  }

  /** Stops holding QoS 0. Returns how many messages were dropped. */
  endQoS0(): number {
    this.overdue = true
    return this.take(({ qos }) => qos === 0)
  }

  /** The connection ended. The broker will send QoS 1 again; repeats of QoS 2 are recognised, so these stay. */
  offline(): void {
    this.take(({ qos }) => qos === 1)
  }
}

function matchesOne(filters: ReadonlySet<string>, topic: string): boolean {
  for (const filter of filters) if (topicMatches(filter, topic)) return true
  return false
}

import type { Arrival } from './message.ts'

/** Messages that may be held; the oldest goes first. */
const HELD = 1000

/**
 * A broker that kept our Session sends what it kept as soon as it has said CONNACK, and the application subscribes a moment
 * later. Until then these messages wait here, not acknowledged.
 */
export class Unclaimed {
  #arrivals: Arrival[] = []

  hold(arrival: Arrival): void {
    this.#arrivals.push(arrival)
    if (this.#arrivals.length > HELD) this.#arrivals.shift()!.receipt?.release(0)
  }

  /** Hands those over that are wanted, in order. */
  claim(wanted: (arrival: Arrival) => boolean): void {
    if (this.#arrivals.length === 0) return
    this.#arrivals = this.#arrivals.filter((arrival) => {
      if (!wanted(arrival)) return true
      arrival.receipt?.release(0)
      return false
    })
  }

  /** Nobody came for the rest: the broker need not keep it. */
  end(): void {
    for (const arrival of this.#arrivals.splice(0)) arrival.receipt?.release(0)
  }
}

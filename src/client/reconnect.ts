import { ReasonCode } from '../protocol/index.ts'
import type { MqttError } from './errors.ts'
import type { ReconnectOptions } from './options.ts'

/** A connection that held so long, in milliseconds, was a success: the waits begin anew. */
const STABLE = 10_000

/** Refusals that pass by themselves. */
const PASSING: ReadonlySet<number> = new Set([
  ReasonCode.ServerUnavailable,
  ReasonCode.ServerBusy,
  ReasonCode.QuotaExceeded,
  ReasonCode.ConnectionRateExceeded,
])

/** How long to wait before the next attempt, and whether there is one. */
export class Reconnect {
  readonly #options: false | Required<ReconnectOptions>
  readonly #random: () => number
  /** What the wait grows with: failures since the last stable connection. */
  #steps = 0
  /** Attempts that failed since the last connection. */
  #failed = 0
  #accepted = false

  constructor(options: false | Required<ReconnectOptions>, random: () => number) {
    this.#options = options
    this.#random = random
  }

  /** The number of the next attempt, 1.. */
  get attempt(): number {
    return this.#failed + 1
  }

  /** The broker accepted a connection: what it refuses later may be for a while. */
  accepted(): void {
    this.#accepted = true
    this.#failed = 0
  }

  /** The connection lasted so many milliseconds. */
  lasted(milliseconds: number): void {
    if (milliseconds >= STABLE) this.#steps = 0
  }

  /** An attempt failed: milliseconds until the next, or -1: there is none. */
  attemptFailed(error: MqttError): number {
    this.#failed++
    if (this.#options !== false && this.#failed >= this.#options.attempts) return -1
    return this.next(error)
  }

  /** The connection ended: milliseconds until the next attempt, or -1: there is none. */
  next(error: MqttError): number {
    const options = this.#options
    if (options === false || this.#isFinal(error, options)) return -1
    const longest = Math.min(options.max, options.min * options.factor ** this.#steps)
    this.#steps++
    return longest * (1 - options.jitter + options.jitter * this.#random())
  }

  #isFinal({ code, reasonCode }: MqttError, { onRefused }: Required<ReconnectOptions>): boolean {
    switch (code) {
      // To connect again would throw the other one out, and so on for ever.
      case 'ERR_TAKEN_OVER':
      case 'ERR_CLOSED':
      case 'ERR_ABORTED':
      case 'ERR_OPTION':
        return true
      case 'ERR_REFUSED':
        if (onRefused === 'retry') return false
        return !this.#accepted || reasonCode === undefined || !PASSING.has(reasonCode)
      // A stranger on that port will not become a broker; a broker that was one may be one again.
      case 'ERR_PROTOCOL':
        return !this.#accepted
      default:
        return false
    }
  }
}

import { ReasonCode } from '../protocol/index.ts'
import type { MqttError } from './errors.ts'
import type { ReconnectOptions } from './options.ts'

/** Milliseconds after which a connection counts as stable, and delays start from `min` again. */
const STABLE = 10_000

/** Refusals that are temporary. */
const PASSING: ReadonlySet<number> = new Set([
  ReasonCode.ServerUnavailable,
  ReasonCode.ServerBusy,
  ReasonCode.QuotaExceeded,
  ReasonCode.ConnectionRateExceeded,
])

/** Decides whether there is another attempt, and after which delay. */
export class Reconnect {
  readonly #options: false | Required<ReconnectOptions>
  readonly #random: () => number
  /** Failures since the last stable connection: the delay grows with them. */
  #steps = 0
  /** Failed attempts since the last connection. */
  #failed = 0
  #accepted = false

  constructor(options: false | Required<ReconnectOptions>, random: () => number) {
    this.#options = options
    this.#random = random
  }

  /** The number of the next attempt, from 1. */
  get attempt(): number {
    return this.#failed + 1
  }

  /** The broker has accepted a connection: later refusals may be temporary. */
  accepted(): void {
    this.#accepted = true
    this.#failed = 0
  }

  /** The connection lasted this long. */
  lasted(milliseconds: number): void {
    if (milliseconds >= STABLE) this.#steps = 0
  }

  /** An attempt failed. Returns the milliseconds until the next, or -1 if there is none. */
  attemptFailed(error: MqttError): number {
    this.#failed++
    if (this.#options !== false && this.#failed >= this.#options.attempts) return -1
    return this.next(error)
  }

  /** The connection ended. Returns the milliseconds until the next attempt, or -1 if there is none. */
  next(error: MqttError): number {
    const options = this.#options
    if (options === false || this.#isFinal(error, options)) return -1
    const longest = Math.min(options.max, options.min * options.factor ** this.#steps)
    this.#steps++
    return longest * (1 - options.jitter + options.jitter * this.#random())
  }

  #isFinal({ code, reasonCode }: MqttError, { onRefused }: Required<ReconnectOptions>): boolean {
    switch (code) {
      // Connecting again would take over the other client, which would connect again, for ever.
      case 'ERR_TAKEN_OVER':
      case 'ERR_CLOSED':
      case 'ERR_ABORTED':
      case 'ERR_OPTION':
        return true
      case 'ERR_REFUSED':
        if (onRefused === 'retry') return false
        return !this.#accepted || reasonCode === undefined || !PASSING.has(reasonCode)
      // What never spoke MQTT is not a broker; one that did may do so again.
      case 'ERR_PROTOCOL':
        return !this.#accepted
      default:
        return false
    }
  }
}

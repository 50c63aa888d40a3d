import type { Clock } from './platform.ts'

/** The connection that is watched. Times are those of the clock. */
export interface Watched {
  /** When the last packet was sent, and when bytes last came. */
  readonly lastSent: number
  readonly lastReceived: number
  /** Sends PINGREQ, and listens for an answer even if reading has stopped. */
  ping(): void
  /** No answer came in time. */
  silent(): void
}

/**
 * Sends PINGREQ when nothing was sent, or nothing received, for the Keep Alive [MQTT-3.1.2-20]. Gives up the connection
 * if nothing at all arrives within half that time after it. One timer per connection.
 */
export class KeepAlive {
  readonly #interval: number
  readonly #watched: Watched
  readonly #clock: Clock
  #timer: unknown
  /** When the unanswered PINGREQ was sent, or -1. */
  #pinged = -1

  constructor(seconds: number, watched: Watched, clock: Clock) {
    this.#interval = seconds * 1000
    this.#watched = watched
    this.#clock = clock
  }

  start(): void {
    if (this.#interval > 0) this.#arm(this.#interval)
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer)
  }

  #arm(milliseconds: number): void {
    this.#timer = this.#clock.setTimeout(this.#check, Math.max(1, Math.ceil(milliseconds)))
  }

  readonly #check = (): void => {
    const now = this.#clock.now()
    const { lastSent, lastReceived } = this.#watched
    if (lastReceived >= this.#pinged) this.#pinged = -1
    if (this.#pinged >= 0 && now >= this.#pinged + this.#interval / 2) {
      this.#watched.silent()
      return
    }
    const due = Math.min(lastSent, lastReceived) + this.#interval
    if (this.#pinged < 0 && now >= due) {
      this.#watched.ping()
      this.#pinged = now
      this.#arm(this.#interval / 2)
      return
    }
    this.#arm((this.#pinged < 0 ? due : this.#pinged + this.#interval / 2) - now)
  }
}

import { ReasonCode } from '../../protocol/index.ts'
import type { Connection } from '../connection.ts'
import type { Settings } from '../settings/index.ts'
import { Timer } from '../time/index.ts'
import { disconnect } from './disconnect.ts'
import { Unread } from './reading.ts'

/** What was published lately, as a bucket that empties at the allowed rate and holds what is allowed in a second. */
class Bucket {
  readonly #rate: number
  readonly #longestPause: number
  #level = 0
  #at: number

  constructor(rate: number, longestPause: number, now: number) {
    this.#rate = rate
    this.#longestPause = longestPause
    this.#at = now
  }

  /** Puts something in; returns after how many milliseconds there will be room again, 0 if there is. */
  fill(amount: number, now: number): number {
    const drained = ((now - this.#at) / 1000) * this.#rate
    this.#at = now
    // Nothing is held against a client for longer than it is made to wait.
    const most = this.#rate * (1 + this.#longestPause / 1000)
    this.#level = Math.min(most, Math.max(0, this.#level - drained) + amount)
    return Math.max(0, ((this.#level - this.#rate) / this.#rate) * 1000)
  }
}

/**
 * How fast one client publishes, where that is limited. One that is too fast is left unread until its average is right, so
 * that the network slows it down; or it is disconnected.
 */
export class PublishRate extends Timer {
  readonly #connection: Connection
  readonly #settings: Settings
  readonly #messages: Bucket | null
  readonly #bytes: Bucket | null
  #paused = false

  constructor(connection: Connection, settings: Settings, now: number) {
    super()
    this.#connection = connection
    this.#settings = settings
    const { maximumPublishRate, maximumPublishByteRate, bounds } = settings
    const { publishPauseMs } = bounds
    this.#messages = maximumPublishRate > 0 ? new Bucket(maximumPublishRate, publishPauseMs, now) : null
    this.#bytes = maximumPublishByteRate > 0 ? new Bucket(maximumPublishByteRate, publishPauseMs, now) : null
  }

  /** A PUBLISH came, with so many payload bytes. False if that was the end of its connection. */
  count(bytes: number): boolean {
    const { core } = this.#connection
    const messages = this.#messages?.fill(1, core.now) ?? 0
    const wait = Math.max(messages, this.#bytes?.fill(bytes, core.now) ?? 0)
    if (wait === 0) return true
    const { maximumPublishRate, maximumPublishByteRate, publishRatePolicy } = this.#settings
    const [option, limit] =
      messages > 0
        ? ['max_publish_rate', `${maximumPublishRate} messages`]
        : ['max_publish_byte_rate', `${maximumPublishByteRate} bytes`]
    const consequence = publishRatePolicy === 'slow' ? 'it is read more slowly' : 'it is disconnected'
    if (!this.#paused || publishRatePolicy === 'disconnect') {
      core.repeats.note('publishRateExceeded', this.#connection, TOO_FAST, { option, limit, consequence })
    }
    if (publishRatePolicy === 'disconnect') {
      disconnect(
        this.#connection,
        ReasonCode.MessageRateTooHigh,
        `it publishes more than ${limit} a second (${option})`,
      )
      return false
    }
    if (!this.#paused) this.#connection.reading.pause(Unread.TooFast)
    this.#paused = true
    core.wheel.set(this, core.now + Math.min(wait, this.#settings.bounds.publishPauseMs))
    return true
  }

  fire(): void {
    this.stop()
  }

  /** The client is read again. */
  stop(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#connection.core.wheel.clear(this)
    this.#connection.reading.goOn(Unread.TooFast)
  }
}

/** Null where there is no limit. */
export function publishRateOf(connection: Connection): PublishRate | null {
  const { settings, now } = connection.core
  if (settings.maximumPublishRate === 0 && settings.maximumPublishByteRate === 0) return null
  return new PublishRate(connection, settings, now)
}

const TOO_FAST = 'it published too fast'

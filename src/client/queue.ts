import { MqttError } from './errors.ts'
import type { QueueOptions } from './options.ts'
import type { Publication } from './publication.ts'

/** The array is copied when this many places at its front are empty, and more than half of all. */
const COMPACT_AT = 1024

/** Messages that are not sent yet, in order: while there is no connection, or it takes no more. Bounded. */
export class OfflineQueue {
  readonly #options: Required<QueueOptions>
  #messages: (Publication | undefined)[] = []
  #head = 0
  #bytes = 0

  constructor(options: Required<QueueOptions>) {
    this.#options = options
  }

  get size(): number {
    return this.#messages.length - this.#head
  }

  /** Bytes of topics and payloads. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Appends the message. If the queue is full, `whenFull` decides: throws ERR_QUEUE_FULL, hands the oldest message to
   * `giveUp`, or exceeds the limit.
   */
  add(message: Publication, giveUp: (oldest: Publication, error: MqttError) => void): void {
    const { messages, bytes, whenFull } = this.#options
    if (whenFull !== 'wait' && this.#full(message)) {
      if (whenFull === 'reject' || message.bytes > bytes || messages === 0) throw this.#fullError(message)
      while (this.#full(message)) {
        const words = 'Dropped from the queue for a newer message: raise queue.messages or queue.bytes'
        giveUp(this.shift()!, new MqttError('ERR_DROPPED', words))
      }
    }
    this.#messages.push(message)
    this.#bytes += message.bytes
  }

  peek(): Publication | undefined {
    return this.#messages[this.#head]
  }

  shift(): Publication | undefined {
    const message = this.#messages[this.#head]
    if (message === undefined) return undefined
    this.#messages[this.#head++] = undefined
    this.#bytes -= message.bytes
    if (this.#head === this.#messages.length) {
      this.#messages = []
      this.#head = 0
    } else if (this.#head >= COMPACT_AT && this.#head * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#head)
      this.#head = 0
    }
    return message
  }

  /** Puts messages in front of all others. They were accepted before, so no limit applies. */
  putBack(messages: readonly Publication[]): void {
    if (messages.length === 0) return
    this.#messages = [...messages, ...this.#messages.slice(this.#head)]
    this.#head = 0
    for (const message of messages) this.#bytes += message.bytes
  }

  /** Removes a message; false if it is not in the queue. */
  remove(message: Publication): boolean {
    const at = this.#messages.indexOf(message, this.#head)
    if (at < 0) return false
    this.#messages.splice(at, 1)
    this.#bytes -= message.bytes
    return true
  }

  #full(message: Publication): boolean {
    return this.size >= this.#options.messages || this.#bytes + message.bytes > this.#options.bytes
  }

  #fullError(message: Publication): MqttError {
    const { messages, bytes } = this.#options
    const words =
      `The queue is full (${this.size} of ${messages} messages, ${this.#bytes} of ${bytes} bytes), and the message has ` +
      `${message.bytes} bytes: await publish(), raise queue.messages or queue.bytes, or set queue.whenFull`
    return new MqttError('ERR_QUEUE_FULL', words)
  }
}

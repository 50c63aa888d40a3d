import type { QoS } from '../protocol/index.ts'
import { onAbort } from './abort-signals.ts'
import type { Message, NextOptions, SubscribeOptions, Subscription } from './api.ts'
import { checkOptions } from './check-arguments.ts'
import { bytes, type Codec } from './codecs.ts'
import { aborted, MqttError } from './errors.ts'
import type { NamedFilter } from './filter-syntax.ts'
import { type Arrival, ReceivedMessage, sizeOf } from './message.ts'
import type { Clock } from './platform.ts'

/** What a subscription needs of the client. */
export interface SubscriptionHost {
  readonly clock: Clock
  /** Bytes in the buffers of all subscriptions that have not ended. */
  bufferedBytes: number
  /** From so many bytes on, messages of QoS 0 are dropped where `overflow` is 'pause'. */
  readonly maximumBufferedBytes: number
  /** The buffer of a subscription with 'pause' is full, or has room again. */
  filled(full: boolean): void
  overflowed(subscription: ClientSubscription<unknown, unknown>, first: boolean): void
  /** An ended subscription may be consumed now. */
  consumed(): void
  /** It has ended: unsubscribe from its filters. */
  left(subscription: ClientSubscription<unknown, unknown>): Promise<void>
}

const BUFFER = 1000
/**
 * Bytes in all buffers of a client above which QoS 0 is dropped. Only reached while an answer of the broker is awaited,
 * as reading stops at `buffer` otherwise.
 */
export const BUFFERED_BYTES: number = 64 * 1024 * 1024

/** The array is copied when this many places at its front are empty. */
const COMPACT_AT = 1024

/**
 * What happens to the buffer when a subscription ends: it can still be read, is acknowledged and dropped, or just
 * dropped.
 */
export type Remains = 'keep' | 'acknowledge' | 'forget'

interface Waiter<M> {
  /** Who gets the message. */
  readonly reader: Reader<M>
  resolve(message: M | undefined): void
  reject(error: unknown): void
}

/** One loop, or all calls of `next()` together. */
class Reader<M> {
  /** With 'on-next': messages that it got and has not acknowledged, oldest first. */
  readonly held: M[] = []
  /** A loop that has a message, and has not asked for the next one. */
  busy = false
}

/** What subscribe() returns: the buffer of its messages, and its readers. */
export class ClientSubscription<T, P> implements Subscription<T, P> {
  filters: readonly string[] = []
  granted: QoS = 0
  /** The broker has granted it. */
  ready = false
  refused: { filter: string; error: MqttError }[] = []
  dropped = 0
  /**
   * False: it takes no retained messages, even if another subscription to the same filter makes the broker send them.
   */
  readonly wantsRetained: boolean
  readonly #host: SubscriptionHost
  readonly #codec: Codec<T>
  readonly #ack: 'on-receive' | 'on-next' | 'manual'
  readonly #limit: number
  readonly #overflow: 'pause' | 'drop-oldest' | 'error'
  #buffer: ReceivedMessage<T, P>[] = []
  #head = 0
  /** Its part of `host.bufferedBytes`. */
  #bytes = 0
  #waiters: Waiter<ReceivedMessage<T, P>>[] = []
  /** The reader for all calls of `next()`. */
  readonly #callers: Reader<ReceivedMessage<T, P>> = new Reader()
  /** Messages that readers have and have not finished with, as far as is known. */
  #inHand = 0
  #full = false
  #overflowing = false
  #ended = false
  #error: MqttError | null = null
  #leaving: Promise<void> | null = null

  constructor(host: SubscriptionHost, options: SubscribeOptions<T>) {
    this.#host = host
    this.#codec = options.codec ?? (bytes as unknown as Codec<T>)
    this.#ack = options.ack ?? 'on-receive'
    this.#limit = options.buffer ?? BUFFER
    this.#overflow = options.overflow ?? 'pause'
    this.wantsRetained = options.retained !== 'skip'
  }

  get buffered(): number {
    return this.#buffer.length - this.#head
  }

  /** It has ended, and readers have finished with all its messages, as far as is known. */
  get consumed(): boolean {
    return this.#ended && this.buffered === 0 && this.#inHand === 0
  }

  /** Whether the acknowledgement of the next message has to wait for the application. */
  get holdsBack(): boolean {
    return this.#ack !== 'on-receive' || (this.#overflow === 'pause' && this.buffered >= this.#limit)
  }

  // From the connection

  receive(arrival: Arrival, names: NamedFilter['names']): void {
    const message = new ReceivedMessage<T, P>(arrival, this.#codec, names)
    if (this.#ended) {
      message.ack()
      return
    }
    const waiter = this.#waiters.shift()
    if (waiter !== undefined) {
      this.#hand(message, waiter.reader)
      waiter.resolve(message)
      return
    }
    if (this.buffered >= this.#limit && !this.#makeRoom(message)) return
    this.#buffer.push(message)
    this.#count(sizeOf(message))
    if (this.#overflow === 'pause' && !this.#full && this.buffered >= this.#limit) this.#fill(true)
  }

  end(error: MqttError | null, remains: Remains): void {
    if (this.#ended) return
    this.#count(-this.#bytes)
    this.#ended = true
    this.#error = error
    if (remains === 'acknowledge') this.#acknowledgeRest()
    if (remains !== 'keep') this.#forgetRest()
    if (this.#full) this.#fill(false)
    for (const waiter of this.#waiters.splice(0)) {
      if (error === null) waiter.resolve(undefined)
      else waiter.reject(error)
    }
  }

  // From the application

  async next(options?: NextOptions): Promise<Message<T, P>> {
    if (options !== undefined) checkOptions('next', options)
    const signal = options?.signal
    const timeout = options?.timeout
    const message = this.#shift(this.#callers) ?? (await this.#wait(this.#callers, signal, timeout))
    if (message === undefined) throw new MqttError('ERR_CLOSED', 'The subscription has ended')
    return message
  }

  /** Acknowledges what is left in the buffer, and the messages that `next()` gave: nobody will ask for the next one. */
  unsubscribe(): Promise<void> {
    this.end(null, 'acknowledge')
    this.#acknowledgeRest()
    this.#forgetRest()
    this.#letGoAll(this.#callers)
    this.#host.consumed()
    return this.#leave()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.unsubscribe()
  }

  [Symbol.asyncIterator](): AsyncIterator<Message<T, P>, undefined> {
    const reader = new Reader<ReceivedMessage<T, P>>()
    return {
      next: () => {
        this.#rest(reader)
        const message = this.#shift(reader)
        if (message === undefined) return this.#wait(reader).then((value) => this.#iterated(value, reader))
        return Promise.resolve(this.#iterated(message, reader))
      },
      return: () => {
        this.#rest(reader)
        this.#letGoAll(reader)
        // Leaving a loop does not wait for the broker.
        void this.unsubscribe()
        return Promise.resolve({ done: true, value: undefined })
      },
    }
  }

  #iterated(
    value: ReceivedMessage<T, P> | undefined,
    reader: Reader<ReceivedMessage<T, P>>,
  ): IteratorResult<Message<T, P>, undefined> {
    if (value === undefined) return { done: true, value }
    if (!reader.busy) this.#inHand++
    reader.busy = true
    return { done: false, value }
  }

  /** The loop has finished with its message. */
  #rest(reader: Reader<ReceivedMessage<T, P>>): void {
    if (!reader.busy) return
    reader.busy = false
    this.#inHand--
  }

  /** Removes the first message from the buffer; undefined if it is empty. */
  #shift(reader: Reader<ReceivedMessage<T, P>>): ReceivedMessage<T, P> | undefined {
    // Asking for the next message finishes one. Where several share a reader it is the oldest.
    if (reader.held.length > 0) this.#letGo(reader)
    const message = this.#buffer[this.#head]
    if (message === undefined) {
      if (this.#ended) this.#host.consumed()
      return undefined
    }
    this.#advance()
    if (this.#head === this.#buffer.length) this.#overflowing = false
    if (this.#full && this.buffered <= this.#limit / 2) this.#fill(false)
    this.#hand(message, reader)
    return message
  }

  #wait(
    reader: Reader<ReceivedMessage<T, P>>,
    signal?: AbortSignal,
    timeout?: number,
  ): Promise<ReceivedMessage<T, P> | undefined> {
    if (this.#error !== null) return Promise.reject(this.#error)
    if (this.#ended) return Promise.resolve(undefined)
    if (signal?.aborted) return Promise.reject(aborted(signal, 'Did not wait for a message'))
    return new Promise((resolve, reject) => {
      const waiter: Waiter<ReceivedMessage<T, P>> = { reader, resolve, reject }
      this.#waiters.push(waiter)
      if (signal !== undefined || timeout !== undefined) this.#limitWait(waiter, signal, timeout)
    })
  }

  #limitWait(
    waiter: Waiter<ReceivedMessage<T, P>>,
    signal: AbortSignal | undefined,
    timeout: number | undefined,
  ): void {
    const { clock } = this.#host
    const { resolve, reject } = waiter
    const forget = () => {
      clock.clearTimeout(timer)
      deafen?.()
    }
    const giveUp = (error: MqttError) => {
      const at = this.#waiters.indexOf(waiter)
      if (at >= 0) this.#waiters.splice(at, 1)
      waiter.reject(error)
    }
    const deafen = signal && onAbort(signal, () => giveUp(aborted(signal, 'No message came')))
    const timer =
      timeout === undefined
        ? undefined
        : clock.setTimeout(() => giveUp(new MqttError('ERR_TIMEOUT', `No message came within ${timeout} ms`)), timeout)
    waiter.resolve = (message) => {
      forget()
      resolve(message)
    }
    waiter.reject = (error) => {
      forget()
      reject(error)
    }
  }

  /** Hands the message to the application. */
  #hand(message: ReceivedMessage<T, P>, reader: Reader<ReceivedMessage<T, P>>): void {
    if (this.#ack === 'on-receive') {
      message.ack()
    } else if (this.#ack === 'on-next') {
      reader.held.push(message)
      this.#inHand++
    }
  }

  #letGo(reader: Reader<ReceivedMessage<T, P>>): void {
    this.#inHand--
    reader.held.shift()!.ack()
  }

  #letGoAll(reader: Reader<ReceivedMessage<T, P>>): void {
    while (reader.held.length > 0) this.#letGo(reader)
  }

  #acknowledgeRest(): void {
    for (let at = this.#head; at < this.#buffer.length; at++) this.#buffer[at]!.ack()
  }

  #forgetRest(): void {
    this.#buffer = []
    this.#head = 0
  }

  /** Unsubscribes once. A rejection that nobody handles must not end the process. */
  #leave(): Promise<void> {
    if (this.#leaving === null) {
      this.#leaving = this.#host.left(this as ClientSubscription<unknown, unknown>)
      this.#leaving.catch(() => {})
    }
    return this.#leaving
  }

  /** The buffer is full. Returns whether to add the message anyway. */
  #makeRoom(message: ReceivedMessage<T, P>): boolean {
    switch (this.#overflow) {
      case 'pause':
        // Reading goes on because an answer is awaited. QoS 1 and 2 are bounded by Receive Maximum.
        if (message.qos > 0 || this.#host.bufferedBytes < this.#host.maximumBufferedBytes) return true
        this.#lost()
        return false
      case 'drop-oldest':
        this.#buffer[this.#head]!.ack()
        this.#advance()
        this.#lost()
        return true
      default: {
        message.ack()
        const filters = this.filters.join(', ')
        const words = `The buffer of ${filters} is full (${this.buffered} messages): read faster, or raise buffer`
        this.end(new MqttError('ERR_OVERFLOW', words), 'keep')
        void this.#leave()
        return false
      }
    }
  }

  /** Removes the first message of the buffer. */
  #advance(): void {
    if (!this.#ended) this.#count(-sizeOf(this.#buffer[this.#head]!))
    this.#buffer[this.#head++] = undefined as never
    if (this.#head < this.#buffer.length && this.#head < COMPACT_AT) return
    this.#buffer = this.#buffer.slice(this.#head)
    this.#head = 0
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.#host.bufferedBytes += bytes
  }

  #lost(): void {
    this.dropped++
    this.#host.overflowed(this as ClientSubscription<unknown, unknown>, !this.#overflowing)
    this.#overflowing = true
  }

  #fill(full: boolean): void {
    this.#full = full
    this.#host.filled(full)
  }
}

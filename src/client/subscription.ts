import type { QoS } from '../protocol/index.ts'
import type { Message, SubscribeOptions, Subscription } from './api.ts'
import type { Clock } from './clock.ts'
import { bytes, type Codec } from './codecs.ts'
import { aborted, MqttError } from './errors.ts'
import { type Arrival, ReceivedMessage } from './message.ts'
import type { NamedFilter } from './params.ts'

/** What a subscription needs of the client around it. */
export interface SubscriptionHost {
  readonly clock: Clock
  /** The buffer of a subscription that pauses got full, or has room again. */
  filled(full: boolean): void
  overflowed(subscription: MessageQueue<unknown, unknown>, first: boolean): void
  /** What was left in an ended subscription may have been consumed. */
  consumed(): void
  /** It takes no more: its filters are to be given up. */
  left(subscription: MessageQueue<unknown, unknown>): Promise<void>
}

const BUFFER = 1000
/** While an answer of the broker is waited for, reading cannot stop: then QoS 0 may go so many times above the buffer. */
const OVERRUN = 16

/** Places at the front of the buffer that may be empty before it is moved up. */
const COMPACT_AT = 1024

/** What becomes of the buffer when a subscription ends: it can still be read; or its messages are let go; or forgotten. */
export type Remains = 'keep' | 'acknowledge' | 'forget'

interface Waiter<M> {
  resolve(message: M | undefined): void
  reject(error: unknown): void
}

/** The messages of one subscription, from the connection to whoever iterates. */
export class MessageQueue<T, P> implements Subscription<T, P> {
  filters: readonly string[] = []
  granted: QoS = 0
  refused: { filter: string; error: MqttError }[] = []
  dropped = 0
  /** Retained messages are wanted, though another subscription of the same filter may be why they come. */
  readonly wantsRetained: boolean
  readonly #host: SubscriptionHost
  readonly #codec: Codec<T>
  readonly #ack: 'on-receive' | 'on-next' | 'manual'
  readonly #limit: number
  readonly #overflow: 'pause' | 'drop-oldest' | 'error'
  #buffer: ReceivedMessage<T, P>[] = []
  #head = 0
  #waiters: Waiter<ReceivedMessage<T, P>>[] = []
  /** With 'on-next': what the application has now, acknowledged when it asks for more. */
  #current: ReceivedMessage<T, P> | null = null
  /** An iteration has a message, and has not asked for the one after it. */
  #busy = false
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
    if (!(Number.isInteger(this.#limit) && this.#limit > 0)) {
      throw new MqttError('ERR_OPTION', `buffer is ${this.#limit}: use a whole number above 0`)
    }
  }

  get buffered(): number {
    return this.#buffer.length - this.#head
  }

  /** It has ended, and all it held was read, and dealt with as far as an iteration can tell. */
  get consumed(): boolean {
    return this.#ended && this.buffered === 0 && this.#current === null && !this.#busy
  }

  /** Whether its acknowledgement has to wait until the application lets the message go. */
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
      this.#hand(message)
      waiter.resolve(message)
      return
    }
    if (this.buffered >= this.#limit && !this.#makeRoom(message)) return
    this.#buffer.push(message)
    if (this.#overflow === 'pause' && !this.#full && this.buffered >= this.#limit) this.#fill(true)
  }

  end(error: MqttError | null, remains: Remains): void {
    if (this.#ended) return
    this.#ended = true
    this.#error = error
    if (remains === 'acknowledge') for (let at = this.#head; at < this.#buffer.length; at++) this.#buffer[at]!.ack()
    if (remains !== 'keep') {
      this.#buffer = []
      this.#head = 0
    }
    if (this.#full) this.#fill(false)
    for (const waiter of this.#waiters.splice(0)) {
      if (error === null) waiter.resolve(undefined)
      else waiter.reject(error)
    }
  }

  // From the application

  async next(options: { signal?: AbortSignal; timeout?: number } = {}): Promise<Message<T, P>> {
    const message = await this.#take(options.signal, options.timeout)
    if (message === undefined) throw new MqttError('ERR_CLOSED', 'The subscription has ended')
    return message
  }

  unsubscribe(): Promise<void> {
    this.end(null, 'acknowledge')
    this.#leaving ??= this.#host.left(this as MessageQueue<unknown, unknown>)
    return this.#leaving
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.unsubscribe()
  }

  [Symbol.asyncIterator](): AsyncIterator<Message<T, P>, undefined> {
    return {
      next: () => {
        this.#busy = false
        const message = this.#shift()
        if (message === undefined) return this.#wait(undefined, undefined).then((value) => this.#iterated(value))
        return Promise.resolve(this.#iterated(message))
      },
      return: () => {
        this.#busy = false
        this.#letGo()
        // Whoever leaves a loop need not wait for the broker.
        void this.unsubscribe()
        return Promise.resolve({ done: true, value: undefined })
      },
    }
  }

  #iterated(value: ReceivedMessage<T, P> | undefined): IteratorResult<Message<T, P>, undefined> {
    if (value === undefined) return { done: true, value }
    this.#busy = true
    return { done: false, value }
  }

  #take(signal: AbortSignal | undefined, timeout: number | undefined): Promise<ReceivedMessage<T, P> | undefined> {
    const message = this.#shift()
    return message === undefined ? this.#wait(signal, timeout) : Promise.resolve(message)
  }

  #shift(): ReceivedMessage<T, P> | undefined {
    this.#letGo()
    const message = this.#buffer[this.#head]
    if (message === undefined) {
      if (this.#ended) this.#host.consumed()
      return undefined
    }
    this.#advance()
    if (this.#head === this.#buffer.length) this.#overflowing = false
    if (this.#full && this.buffered <= this.#limit / 2) this.#fill(false)
    this.#hand(message)
    return message
  }

  #wait(signal: AbortSignal | undefined, timeout: number | undefined): Promise<ReceivedMessage<T, P> | undefined> {
    if (this.#error !== null) return Promise.reject(this.#error)
    if (this.#ended) return Promise.resolve(undefined)
    if (signal?.aborted) return Promise.reject(aborted(signal, 'No message was waited for'))
    return new Promise((resolve, reject) => {
      const waiter: Waiter<ReceivedMessage<T, P>> = { resolve, reject }
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
      signal?.removeEventListener('abort', abort)
    }
    const giveUp = (error: MqttError) => {
      const at = this.#waiters.indexOf(waiter)
      if (at >= 0) this.#waiters.splice(at, 1)
      waiter.reject(error)
    }
    const abort = () => giveUp(aborted(signal!, 'No message came'))
    const timer =
      timeout === undefined
        ? undefined
        : clock.setTimeout(() => giveUp(new MqttError('ERR_TIMEOUT', `No message came within ${timeout} ms`)), timeout)
    signal?.addEventListener('abort', abort, { once: true })
    waiter.resolve = (message) => {
      forget()
      resolve(message)
    }
    waiter.reject = (error) => {
      forget()
      reject(error)
    }
  }

  /** The application gets the message now. */
  #hand(message: ReceivedMessage<T, P>): void {
    if (this.#ack === 'on-next') this.#current = message
    else if (this.#ack === 'on-receive') message.ack()
  }

  #letGo(): void {
    if (this.#current === null) return
    this.#current.ack()
    this.#current = null
  }

  /** The buffer is full. Whether the message is to be put into it all the same. */
  #makeRoom(message: ReceivedMessage<T, P>): boolean {
    switch (this.#overflow) {
      case 'pause':
        // What is not acknowledged is bounded by Receive Maximum, and must not be lost.
        if (message.qos > 0 || this.buffered < this.#limit * OVERRUN) return true
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
        const words = `${this.buffered} messages wait in the buffer of ${filters}: read faster, or raise buffer`
        this.end(new MqttError('ERR_OVERFLOW', words), 'keep')
        void this.unsubscribe()
        return false
      }
    }
  }

  /** The first message of the buffer was taken. */
  #advance(): void {
    this.#buffer[this.#head++] = undefined as never
    if (this.#head < this.#buffer.length && this.#head < COMPACT_AT) return
    this.#buffer = this.#buffer.slice(this.#head)
    this.#head = 0
  }

  #lost(): void {
    this.dropped++
    this.#host.overflowed(this as MessageQueue<unknown, unknown>, !this.#overflowing)
    this.#overflowing = true
  }

  #fill(full: boolean): void {
    this.#full = full
    this.#host.filled(full)
  }
}

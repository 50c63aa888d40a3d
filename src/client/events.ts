import { onAbort } from './abort-signals.ts'
import { type MqttError, toMqttError } from './errors.ts'

export type ClientEvent =
  /** CONNACK came. */
  | { type: 'online'; address: string; sessionPresent: boolean }
  /** The connection ended. */
  | { type: 'offline'; error: MqttError }
  /** An attempt failed or the connection ended. The next attempt starts in `delay` milliseconds. */
  | { type: 'retry'; attempt: number; delay: number; error: MqttError }
  /** A publish was rejected with `error`. */
  | { type: 'unsent'; topic: string; error: MqttError }
  /** The broker refused to restore a subscription that it had granted before. */
  | { type: 'unsubscribed'; filter: string; error: MqttError }
  /** A subscription's buffer is full and messages are dropped. Emitted once until the buffer has been empty. */
  | { type: 'overflow'; filters: readonly string[] }
  /** A message came that no subscription of this client matches (yet). Emitted once per connection. */
  | { type: 'unclaimed'; topic: string }
  /** The last event. `error` is null after close(). */
  | { type: 'closed'; error: MqttError | null }

/** Events buffered for an observer that does not read; the oldest are dropped. */
const KEPT_EVENTS = 256

/** Hands each event to `onEvent` and to all observers. */
export class Events {
  readonly #observers: Set<Observer> = new Set()
  readonly #onEvent: ((event: ClientEvent) => void) | null
  #ended = false

  constructor(onEvent: ((event: ClientEvent) => void) | null) {
    this.#onEvent = onEvent
  }

  /** Whether anybody listens. */
  get heard(): boolean {
    return this.#onEvent !== null || this.#observers.size > 0
  }

  emit(event: ClientEvent): void {
    this.#callBack(event)
    for (const observer of this.#observers) observer.take(event)
  }

  /** An error thrown by the application's callback is reported as uncaught; it must not disturb the client. */
  #callBack(event: ClientEvent): void {
    try {
      this.#onEvent?.(event)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }

  end(): void {
    this.#ended = true
    for (const observer of this.#observers) observer.end(null)
    this.#observers.clear()
  }

  observe(signal: AbortSignal | undefined): AsyncIterable<ClientEvent> {
    let deafen: (() => void) | undefined
    const observer = new Observer(() => {
      this.#observers.delete(observer)
      deafen?.()
    })
    if (this.#ended || signal?.aborted) {
      observer.end(signal?.aborted ? signal.reason : null)
      return observer
    }
    this.#observers.add(observer)
    deafen = signal && onAbort(signal, () => observer.end(signal.reason))
    return observer
  }
}

interface Waiter {
  resolve(result: IteratorResult<ClientEvent>): void
  reject(error: unknown): void
}

class Observer implements AsyncIterableIterator<ClientEvent> {
  readonly #events: ClientEvent[] = []
  readonly #waiters: Waiter[] = []
  readonly #leave: () => void
  #ended = false
  #error: unknown = null

  constructor(leave: () => void) {
    this.#leave = leave
  }

  take(event: ClientEvent): void {
    const waiter = this.#waiters.shift()
    if (waiter !== undefined) {
      waiter.resolve({ done: false, value: event })
      return
    }
    if (this.#events.length === KEPT_EVENTS) this.#events.shift()
    this.#events.push(event)
  }

  end(error: unknown): void {
    if (this.#ended) return
    this.#ended = true
    this.#error = error ?? null
    this.#leave()
    for (const waiter of this.#waiters.splice(0)) {
      if (this.#error === null) waiter.resolve({ done: true, value: undefined })
      else waiter.reject(toMqttError(this.#error, 'ERR_ABORTED'))
    }
  }

  next(): Promise<IteratorResult<ClientEvent>> {
    const event = this.#events.shift()
    if (event !== undefined) return Promise.resolve({ done: false, value: event })
    if (this.#ended && this.#error !== null) return Promise.reject(toMqttError(this.#error, 'ERR_ABORTED'))
    if (this.#ended) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
  }

  return(): Promise<IteratorResult<ClientEvent>> {
    this.end(null)
    this.#events.length = 0
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

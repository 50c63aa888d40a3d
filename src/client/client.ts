import { method } from '../arguments/index.ts'
import { onAbort } from './abort-signals.ts'
import type {
  Client,
  ClientState,
  CloseOptions,
  DrainOptions,
  Message,
  PublishOptions,
  PublishResult,
  RequestOptions,
  ServeOptions,
  SubscribeOptions,
  Subscription,
  UnsubscribeOptions,
} from './api.ts'
import { check, checkOptions, checkTopic, filterList } from './check-arguments.ts'
import { aborted, closedError, MqttError, toMqttError } from './errors.ts'
import { type ClientEvent, Events } from './events.ts'
import type { Params } from './filter-syntax.ts'
import { Filters } from './filters.ts'
import { Lifecycle } from './lifecycle.ts'
import { type ConnectOptions, readOptions, type Settings } from './options.ts'
import { warn } from './platform.ts'
import { publication } from './publication.ts'
import { Receiver } from './receiver.ts'
import { Requests, serve } from './request.ts'
import { Sender } from './sender.ts'
import type { ServerLimits } from './server-limits.ts'
import { type ClientStats, Counters } from './stats.ts'
import { Subscriptions } from './subscribe.ts'
import { SubscribePackets } from './subscribe-packets.ts'
import { readUrl, type Target } from './url.ts'

const NO_OPTIONS = Object.freeze({})

/**
 * Connects to an MQTT broker at mqtt://[user[:password]@]host[:port]. Resolves when the broker accepts the connection.
 * If the network fails it tries again, until the signal fires or `reconnect.attempts` is reached. If the broker
 * refuses, it rejects (unless `reconnect.onRefused` is 'retry'). Rejects with an MqttError.
 */
export async function connect(url: string | URL, options: ConnectOptions = {}): Promise<Client> {
  checkOptions('connect', options)
  const target = options.transport === undefined ? readUrl(url) : null
  const client = new MqttClient(readOptions(options), target)
  await client.start()
  return client
}

/** The public client. It checks arguments, and its parts do the work. */
class MqttClient implements Client {
  readonly #settings: Settings
  readonly #events: Events
  readonly #counters: Counters = new Counters()
  readonly #filters: Filters = new Filters()
  readonly #sender: Sender
  readonly #receiver: Receiver
  readonly #subscribePackets: SubscribePackets
  readonly #subscriptions: Subscriptions
  readonly #requests: Requests
  readonly #lifecycle: Lifecycle
  /** Requests that serve() is answering. */
  readonly #serving: Set<Promise<void>> = new Set()
  #draining = false
  #warned = false
  /** The last valid topic: often the next publish has the same. */
  #validTopic = 'a'
  /** The options checked last: programs that pass the same object again skip the check. */
  #validOptions: unknown = NO_OPTIONS

  constructor(settings: Settings, target: Target | null) {
    const { clock } = settings
    this.#settings = settings
    this.#events = new Events(settings.onEvent ?? null)
    this.#sender = new Sender(settings, this.#counters, (topic, error) => {
      this.#events.emit({ type: 'unsent', topic, error })
    })
    this.#receiver = new Receiver(this.#filters, this.#counters, {
      clock,
      onUnclaimed: (topic) => this.#unclaimed(topic),
      regulate: () => this.#regulate(),
    })
    this.#subscribePackets = new SubscribePackets(this.#filters, clock, (filter, error) => {
      this.#events.emit({ type: 'unsubscribed', filter: filter.source, error })
      this.#subscriptions.refused(filter, error)
    })
    this.#subscriptions = new Subscriptions(this.#filters, this.#subscribePackets, this.#receiver, this.#counters, {
      clock,
      events: this.#events,
      regulate: () => this.#regulate(),
    })
    this.#requests = new Requests(this, settings.random, clock)
    this.#lifecycle = new Lifecycle({
      settings,
      target,
      sender: this.#sender,
      receiver: this.#receiver,
      subscribePackets: this.#subscribePackets,
      events: this.#events,
      counters: this.#counters,
      regulate: () => this.#regulate(),
    })
    void this.closed.then(() => this.#subscriptions.close())
  }

  get state(): ClientState {
    return this.#lifecycle.state
  }

  get clientId(): string {
    return this.#lifecycle.clientId
  }

  get server(): ServerLimits {
    return this.#lifecycle.limits!
  }

  get sessionPresent(): boolean {
    return this.#lifecycle.sessionPresent
  }

  get closed(): Promise<undefined | MqttError> {
    return this.#lifecycle.closed
  }

  /** Resolves at the first CONNACK. */
  async start(): Promise<void> {
    const { signal } = this.#settings
    const abort = () => {
      const words = 'The AbortSignal of connect() fired'
      void this.#lifecycle.close({}, new MqttError('ERR_ABORTED', words, { cause: signal?.reason }))
    }
    if (signal !== undefined) void this.closed.then(onAbort(signal, abort))
    const started = this.#lifecycle.start()
    if (signal?.aborted) abort()
    await started
  }

  publish<T>(topic: string, payload: T, options: PublishOptions<T> = NO_OPTIONS): Promise<PublishResult> {
    try {
      if (this.state === 'closed') throw closedError(this.#lifecycle.error)
      if (options !== this.#validOptions) {
        checkOptions('publish', options)
        this.#validOptions = options
      }
      if (topic !== this.#validTopic) {
        checkTopic(topic)
        this.#validTopic = topic
      }
      const message = publication(topic, payload, options, this.#settings)
      const result = this.#sender.publish(message, options.signal)
      if (message.qos > 0) this.#regulate()
      return result
    } catch (caught) {
      const error = toMqttError(caught, 'ERR_OPTION')
      this.#counters.unsent++
      if (error.code !== 'ERR_CLOSED' && error.code !== 'ERR_ABORTED')
        this.#events.emit({ type: 'unsent', topic: String(topic), error })
      const rejected = Promise.reject(error)
      rejected.catch(() => {})
      return rejected
    }
  }

  async subscribe<F extends string, T = Uint8Array>(
    filter: F | readonly F[],
    options: SubscribeOptions<T> = {},
  ): Promise<Subscription<T, Params<F>>> {
    this.#mustBeUsable()
    checkOptions('subscribe', options)
    return await this.#subscriptions.subscribe<T, Params<F>>(filterList(filter), options, this.#lifecycle.limits!)
  }

  async unsubscribe(filter: string | readonly string[], options: UnsubscribeOptions = {}): Promise<void> {
    this.#mustBeUsable()
    checkOptions('unsubscribe', options)
    // An empty array is allowed.
    await this.#subscriptions.unsubscribe(filterList(filter, 0), options)
  }

  async request<A = Uint8Array, Q = string | Uint8Array>(
    topic: string,
    payload: Q,
    options: RequestOptions<Q, A> = {},
  ): Promise<Message<A>> {
    this.#mustBeUsable()
    checkTopic(topic)
    checkOptions('request', options)
    const asking = this.#requests.ask<A, Q>(topic, payload, options)
    this.#regulate()
    return await asking.finally(() => this.#regulate())
  }

  async serve<Q = Uint8Array, A = string | Uint8Array, F extends string = string>(
    filter: F,
    handler: (message: Message<Q, Params<F>>) => A | Promise<A>,
    options: ServeOptions<Q, A> = {},
  ): Promise<AsyncDisposable> {
    this.#mustBeUsable()
    checkOptions('serve', options)
    check('ERR_OPTION', 'The handler of serve()', handler, method)
    if (typeof filter !== 'string') filterList(null)
    return await serve<Q, A, F>(this, filter, handler, options, this.#serving)
  }

  async authenticate(): Promise<void> {
    this.#mustBeUsable()
    const authenticating = this.#lifecycle.authenticate()
    this.#regulate()
    await authenticating
  }

  events(options: { signal?: AbortSignal } = {}): AsyncIterable<ClientEvent> {
    checkOptions('events', options)
    return this.#events.observe(options.signal)
  }

  stats(): ClientStats {
    const { messagesSent, messagesReceived, bytesSent, bytesReceived, connections, unsent, dropped, unclaimed } =
      this.#counters
    return {
      messagesSent,
      messagesReceived,
      bytesSent,
      bytesReceived,
      connections,
      unsent,
      dropped,
      unclaimed,
      held: this.#receiver.held,
      inFlight: this.#lifecycle.session?.outbound.inFlight ?? 0,
      queued: this.#sender.queued,
      queuedBytes: this.#sender.queuedBytes,
      subscriptions: this.#filters.size,
    }
  }

  async drain(options: DrainOptions = {}): Promise<void> {
    this.#mustBeUsable()
    checkOptions('drain', options)
    const { timeout, signal } = options
    this.#draining = true
    this.#receiver.stopped = true
    const { clock } = this.#settings
    let timer: unknown
    let deafen: (() => void) | undefined
    const cut = new Promise<MqttError>((resolve) => {
      if (timeout !== undefined) timer = clock.setTimeout(() => resolve(notDrained(timeout)), timeout)
      const abort = () => resolve(aborted(signal!, 'The client was not drained, and is closed'))
      if (signal?.aborted) abort()
      else if (signal !== undefined) deafen = onAbort(signal, abort)
    })
    const error = await Promise.race([this.#drained(), cut, this.closed.then(() => undefined)])
    clock.clearTimeout(timer)
    deafen?.()
    await this.close()
    if (error !== undefined) throw error
  }

  async #drained(): Promise<undefined> {
    await this.#subscriptions.consume()
    await Promise.all(this.#serving)
    await this.#sender.whenIdle(() => this.#lifecycle.session)
    return undefined
  }

  async close(options: CloseOptions = {}): Promise<void> {
    checkOptions('close', options)
    await this.#lifecycle.close(options)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #mustBeUsable(): void {
    if (this.state === 'closed') throw closedError(this.#lifecycle.error)
    if (this.#draining) throw new MqttError('ERR_CLOSED', 'The client is being drained: connect() makes a new one')
  }

  /** Held messages hold up all acknowledgements. A program that listens to no events gets a warning. */
  #unclaimed(topic: string): void {
    this.#events.emit({ type: 'unclaimed', topic })
    if (this.#warned || this.#events.heard || this.#receiver.held === 0) return
    this.#warned = true
    warn(
      `The Session of ${this.clientId} has messages that nobody subscribed to, the first for '${topic}', and acknowledgements ` +
        'wait for them: subscribe, give the filter up with unsubscribe(), or list `subscriptions` in connect()',
    )
  }

  /**
   * Stops reading while a subscription's buffer is full, unless an answer of the broker is awaited: it would be stuck
   * behind messages that nobody reads.
   */
  #regulate(): void {
    const { connection, session } = this.#lifecycle
    if (connection === null || session === null) return
    const { outbound } = session
    const awaiting = outbound.head < outbound.next || this.#requests.pending > 0 || this.#lifecycle.authenticating
    if ((this.#subscriptions.full > 0 || this.#receiver.full) && !awaiting) connection.pause()
    else connection.resume()
  }
}

function notDrained(timeout: number): MqttError {
  return new MqttError('ERR_TIMEOUT', `The client was not drained within ${timeout} ms, and is closed`)
}

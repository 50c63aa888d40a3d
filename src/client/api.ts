/** What users of `nightjar/client` see, but for `connect` and its options. */
import type { Properties, QoS } from '../protocol/index.ts'
import type { Codec } from './codecs.ts'
import type { MqttError } from './errors.ts'
import type { ClientEvent } from './events.ts'
import type { Params } from './filter-syntax.ts'
import type { ServerLimits } from './server-limits.ts'
import type { ClientStats } from './stats.ts'

export type ClientState = 'connecting' | 'online' | 'offline' | 'closed'

/** What the publisher of a message may say about it in MQTT 5.0; left out below it. */
export type PublishProperties = Pick<
  Properties,
  | 'payloadFormatIndicator'
  | 'messageExpiryInterval'
  | 'contentType'
  | 'responseTopic'
  | 'correlationData'
  | 'userProperties'
>

export interface PublishOptions<T = unknown> {
  /** 0 if it is left out. */
  qos?: QoS
  retain?: boolean
  codec?: Codec<T>
  properties?: PublishProperties
  /** Takes the message back if it was not sent yet. What was sent may arrive all the same. */
  signal?: AbortSignal
}

export interface PublishResult {
  /** What the broker answered; 0 at QoS 0 and below MQTT 5.0. */
  readonly reasonCode: number
  /** False if the broker said that nobody subscribes to the topic. A broker need not say so. */
  readonly matched: boolean
}

/** A whole message, as a Will needs it. */
export interface Outgoing {
  topic: string
  payload?: string | Uint8Array
  qos?: QoS
  retain?: boolean
  properties?: PublishProperties
}

export interface SubscribeOptions<T = Uint8Array> {
  /** The highest QoS at which messages shall come; 0 if it is left out. */
  qos?: QoS
  codec?: Codec<T>
  /**
   * When a message of QoS 1 or 2 is acknowledged: when it is in the buffer (the default), when the application asks for
   * the one after it, or when it calls `ack`. Each loop over the subscription asks for itself; calls of `next()` that go on
   * side by side are one reader, which lets go the oldest that it has.
   */
  ack?: 'on-receive' | 'on-next' | 'manual'
  /** Messages that wait for the application before `overflow` applies, 1..; 1000 if it is left out. */
  buffer?: number
  /**
   * What happens when the buffer is full. 'pause' (the default): acknowledgements are held back and reading stops, so that
   * the broker waits; while an answer of the broker is awaited, reading goes on and the buffer grows, to 64 MiB for all
   * subscriptions of the client, above which QoS 0 is dropped. 'drop-oldest'; 'error': the subscription ends.
   */
  overflow?: 'pause' | 'drop-oldest' | 'error'
  /** Which retained messages are wanted: all (the default), all if the subscription is new, none. MQTT 5.0 only. */
  retained?: 'send' | 'if-new' | 'skip'
  /** Not the messages that this client publishes. MQTT 5.0 only. */
  noLocal?: boolean
  /** Leave the RETAIN flag as the publisher set it. MQTT 5.0 only. */
  retainAsPublished?: boolean
  /** The name of a group that shares the messages among its members. */
  share?: string
  /** False: a level in braces is a level like any other, and not the name of one. True if it is left out. */
  named?: boolean
  /** Of several filters, it is enough if one is granted; `refused` tells of the others. */
  partial?: boolean
  userProperties?: [name: string, value: string][]
  /** Ends the subscription, or the wait for it. */
  signal?: AbortSignal
}

export interface Message<T = Uint8Array, P = Record<string, string>> {
  readonly topic: string
  /** The levels that have a name in the filter: 'home/{room}' has { room }. */
  readonly params: P
  /** Decoded by the codec when it is first read; throws MqttError if it cannot be. */
  readonly payload: T
  readonly bytes: Uint8Array
  readonly qos: QoS
  readonly retain: boolean
  readonly dup: boolean
  /** 0 at QoS 0. */
  readonly packetId: number
  readonly properties: Properties
  /**
   * Acknowledges a message of a subscription with `ack: 'manual'`; no effect the second time, or on another one. From
   * 0x80 on it is a refusal, which MQTT 5.0 alone can say. Throws MqttError ERR_OPTION for a code that PUBACK cannot have.
   */
  ack(reasonCode?: number): void
}

export interface NextOptions {
  signal?: AbortSignal
  /** Milliseconds; without end if it is left out. */
  timeout?: number
}

/** Messages, in the order in which they came. Leaving a `for await` loop ends the subscription. */
export interface Subscription<T = Uint8Array, P = Record<string, string>>
  extends AsyncIterable<Message<T, P>>,
    AsyncDisposable {
  readonly filters: readonly string[]
  /** The QoS that the broker granted; of several filters the lowest. */
  readonly granted: QoS
  /** Filters that the broker refused; empty unless `partial` was asked for. */
  readonly refused: readonly { readonly filter: string; readonly error: MqttError }[]
  /** Messages lost to a full buffer. */
  readonly dropped: number
  /** Messages that wait in the buffer. */
  readonly buffered: number
  /** The next message. Rejects when the signal fires, after `timeout` milliseconds, or when the subscription has ended. */
  next(options?: NextOptions): Promise<Message<T, P>>
  /**
   * Ends it, and lets go what is in its buffer. Resolves when the broker knows, or when there is no connection; rejects with
   * ERR_CLOSED if the client is closed before.
   */
  unsubscribe(): Promise<void>
}

export interface UnsubscribeOptions {
  /** MQTT 5.0 only. */
  userProperties?: [name: string, value: string][]
}

export interface RequestOptions<Q = unknown, A = unknown> {
  qos?: QoS
  codec?: Codec<Q>
  /** For the answer; the default is that of the question. */
  answerCodec?: Codec<A>
  properties?: PublishProperties
  /** Milliseconds; 10,000 if it is left out. */
  timeout?: number
  signal?: AbortSignal
}

export interface ServeOptions<Q = unknown, A = unknown> {
  qos?: QoS
  codec?: Codec<Q>
  /** For the answer; the default is that of the question. */
  answerCodec?: Codec<A>
  share?: string
  /** How many requests are handled at the same time; 16 if it is left out. */
  concurrency?: number
  signal?: AbortSignal
}

export interface CloseOptions {
  /** Milliseconds that may pass until what was written is on its way; 1000 if it is left out. */
  timeout?: number
  /** Said to the broker in words. MQTT 5.0 only. */
  reason?: string
  /** Have the broker publish the Will all the same. MQTT 5.0 only. */
  withWill?: boolean
  /** Seconds that the Session shall live on, other than was said in CONNECT. MQTT 5.0 only. */
  sessionExpiry?: number
  /** MQTT 5.0 only. */
  userProperties?: [name: string, value: string][]
}

export interface DrainOptions {
  /** Milliseconds, after which the client is closed all the same; without end if it is left out. */
  timeout?: number
  /** Closes the client when it fires. */
  signal?: AbortSignal
}

export interface Client extends AsyncDisposable {
  readonly state: ClientState
  /** As given, as made, or as assigned by the broker. */
  readonly clientId: string
  /** What the broker said of itself in the last CONNACK. */
  readonly server: ServerLimits
  /** Whether the broker had a Session of ours at the last CONNACK. */
  readonly sessionPresent: boolean
  /** Resolves when the client is closed: to nothing if it was asked to, else to the reason. */
  readonly closed: Promise<undefined | MqttError>
  /**
   * Resolves when the message is written (QoS 0), or when the broker has acknowledged it. It does not hang: it rejects with
   * an MqttError when the queue is full, the signal fires, the client is closed, or the broker refuses. A rejection that
   * nobody looks at is not 'unhandled', but it is an event. The payload must not change before it is settled.
   */
  publish(topic: string, payload: string | Uint8Array, options?: PublishOptions<never>): Promise<PublishResult>
  publish<T>(topic: string, payload: T, options: PublishOptions<T> & { codec: Codec<T> }): Promise<PublishResult>
  /** Resolves when the broker has granted it. It is restored after each reconnect until it ends. */
  subscribe<F extends string, T = Uint8Array>(
    filter: F | readonly F[],
    options?: SubscribeOptions<T>,
  ): Promise<Subscription<T, Params<F>>>
  /**
   * Gives up filters that the Session has from an earlier process, and acknowledges messages that waited for them; resolves
   * when the broker knows, which may be after a reconnect. Those of this client's own subscriptions end by
   * `subscription.unsubscribe()`.
   */
  unsubscribe(filter: string | readonly string[], options?: UnsubscribeOptions): Promise<void>
  /** Publishes with a Response Topic and resolves to the first answer. MQTT 5.0 only. */
  request<A = Uint8Array, Q = string | Uint8Array>(
    topic: string,
    payload: Q,
    options?: RequestOptions<Q, A>,
  ): Promise<Message<A>>
  /** Answers requests with what the handler returns, until it is disposed of. MQTT 5.0 only. */
  serve<Q = Uint8Array, A = string | Uint8Array, F extends string = string>(
    filter: F,
    handler: (message: Message<Q, Params<F>>) => A | Promise<A>,
    options?: ServeOptions<Q, A>,
  ): Promise<AsyncDisposable>
  /**
   * Proves again who we are, by the option `authentication`, without a new connection: for proofs that run out. Rejects
   * with ERR_OFFLINE while there is no connection, and with the reason if the broker refuses, which ends the connection.
   */
  authenticate(): Promise<void>
  /** What happens to the connection and to messages, from now on. */
  events(options?: { signal?: AbortSignal }): AsyncIterable<ClientEvent>
  stats(): ClientStats
  /**
   * Takes no new messages either way, waits until what was published is acknowledged and what was received is consumed, and
   * closes. Rejects with ERR_TIMEOUT or ERR_ABORTED if that came first: the client is closed then, too.
   */
  drain(options?: DrainOptions): Promise<void>
  /** Sends DISCONNECT and closes; what is not acknowledged is rejected with ERR_CLOSED. */
  close(options?: CloseOptions): Promise<void>
}

/** The public types of `nightjar/client`, except `connect` and its options. */
import type { Properties, QoS } from '../protocol/index.ts'
import type { Codec } from './codecs.ts'
import type { MqttError } from './errors.ts'
import type { ClientEvent } from './events.ts'
import type { Params } from './filter-syntax.ts'
import type { ServerLimits } from './server-limits.ts'
import type { ClientStats } from './stats.ts'

export type ClientState = 'connecting' | 'online' | 'offline' | 'closed'

/** Properties that a publisher may set (MQTT 5.0). Below MQTT 5.0 they are not sent. */
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
  /** Default 0. */
  qos?: QoS
  retain?: boolean
  codec?: Codec<T>
  properties?: PublishProperties
  /** Cancels the message if it has not been sent. A message that has been sent may still arrive. */
  signal?: AbortSignal
}

export interface PublishResult {
  /** The broker's Reason Code; 0 at QoS 0 and below MQTT 5.0. */
  readonly reasonCode: number
  /** False if the broker said that the topic has no subscribers. Brokers are not required to say so. */
  readonly matched: boolean
}

/** A complete message, used for the Will. */
export interface Outgoing {
  topic: string
  payload?: string | Uint8Array
  qos?: QoS
  retain?: boolean
  properties?: PublishProperties
}

export interface SubscribeOptions<T = Uint8Array> {
  /** Maximum QoS of the messages that the broker delivers. Default 0. */
  qos?: QoS
  codec?: Codec<T>
  /**
   * When a message of QoS 1 or 2 is acknowledged: when it is in the buffer (the default), when the application asks for
   * the next one, or when it calls `ack`. With 'on-next' each loop acknowledges the messages that it got. Concurrent
   * calls of `next()` are one reader: each call acknowledges the oldest message that the reader holds.
   */
  ack?: 'on-receive' | 'on-next' | 'manual'
  /** Messages buffered before `overflow` applies, at least 1. Default 1000. */
  buffer?: number
  /**
   * What happens when the buffer is full. 'pause' (the default): acknowledgements are held back and reading stops, so
   * that the broker waits; while an answer of the broker is awaited, reading goes on and the buffer grows, to 64 MiB
   * for all subscriptions of the client, above which QoS 0 is dropped. 'drop-oldest'; 'error': the subscription ends.
   */
  overflow?: 'pause' | 'drop-oldest' | 'error'
  /**
   * Whether the broker sends retained messages: always (the default), only for a new subscription, or never. MQTT 5.0
   * only.
   */
  retained?: 'send' | 'if-new' | 'skip'
  /** Do not deliver messages that this client publishes. MQTT 5.0 only. */
  noLocal?: boolean
  /** Keep the RETAIN flag as the publisher set it. MQTT 5.0 only. */
  retainAsPublished?: boolean
  /** The name of a group whose members share the messages. */
  share?: string
  /** Whether `{name}` stands for `+`; if false, braces are ordinary characters. Default true. */
  named?: boolean
  /** With several filters: succeed if at least one is granted; `refused` lists the others. */
  partial?: boolean
  userProperties?: [name: string, value: string][]
  /** Ends the subscription, or cancels subscribe(). */
  signal?: AbortSignal
}

export interface Message<T = Uint8Array, P = Record<string, string>> {
  readonly topic: string
  /** The named levels: the filter 'home/{room}' gives { room }. */
  readonly params: P
  /** Decoded by the codec when it is first read. Throws MqttError ERR_PAYLOAD if that fails. */
  readonly payload: T
  readonly bytes: Uint8Array
  readonly qos: QoS
  readonly retain: boolean
  readonly dup: boolean
  /** 0 at QoS 0. */
  readonly packetId: number
  readonly properties: Properties
  /**
   * Acknowledges a message of a subscription with `ack: 'manual'`. Calling it again has no effect. A Reason Code of
   * 0x80 or more refuses the message (MQTT 5.0 only). Throws MqttError ERR_OPTION for a code that PUBACK cannot have.
   */
  ack(reasonCode?: number): void
}

export interface NextOptions {
  signal?: AbortSignal
  /** Milliseconds. Default: no limit. */
  timeout?: number
}

/** Messages in order of arrival. Leaving a `for await` loop ends the subscription. */
export interface Subscription<T = Uint8Array, P = Record<string, string>>
  extends AsyncIterable<Message<T, P>>,
    AsyncDisposable {
  readonly filters: readonly string[]
  /** The QoS that the broker granted; with several filters the lowest. */
  readonly granted: QoS
  /** Filters that the broker refused; empty unless `partial` was asked for. */
  readonly refused: readonly { readonly filter: string; readonly error: MqttError }[]
  /** Messages dropped because the buffer was full. */
  readonly dropped: number
  /** Messages in the buffer. */
  readonly buffered: number
  /**
   * The next message. Rejects when the signal fires, after `timeout` milliseconds, or when the subscription has ended.
   */
  next(options?: NextOptions): Promise<Message<T, P>>
  /**
   * Ends the subscription; acknowledges and discards what is in its buffer. Resolves at UNSUBACK, or at once if there
   * is no connection. Rejects with ERR_CLOSED if the client is closed first.
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
  /** Codec for the answer. Default: `codec`. */
  answerCodec?: Codec<A>
  properties?: PublishProperties
  /** Milliseconds. Default 10,000. */
  timeout?: number
  signal?: AbortSignal
}

export interface ServeOptions<Q = unknown, A = unknown> {
  qos?: QoS
  codec?: Codec<Q>
  /** Codec for the answer. Default: `codec`. */
  answerCodec?: Codec<A>
  share?: string
  /** Requests handled at the same time. Default 16. */
  concurrency?: number
  signal?: AbortSignal
}

export interface CloseOptions {
  /** Milliseconds to wait until everything written has been sent. Default 1000. */
  timeout?: number
  /** Reason String of DISCONNECT. MQTT 5.0 only. */
  reason?: string
  /** Let the broker publish the Will. MQTT 5.0 only. */
  withWill?: boolean
  /** Session Expiry Interval in seconds, in place of that of CONNECT. MQTT 5.0 only. */
  sessionExpiry?: number
  /** MQTT 5.0 only. */
  userProperties?: [name: string, value: string][]
}

export interface DrainOptions {
  /** Milliseconds after which the client is closed even if it is not drained. Default: no limit. */
  timeout?: number
  /** Closes the client when it fires. */
  signal?: AbortSignal
}

export interface Client extends AsyncDisposable {
  readonly state: ClientState
  /** The option `clientId`, or one that was generated, or assigned by the broker. */
  readonly clientId: string
  /** What the broker said about itself in the last CONNACK. */
  readonly server: ServerLimits
  /** Session Present of the last CONNACK. */
  readonly sessionPresent: boolean
  /** Resolves when the client is closed: to undefined after close(), else to the reason. */
  readonly closed: Promise<undefined | MqttError>
  /**
   * Resolves when the message is written (QoS 0) or acknowledged (QoS 1 and 2). Rejects with an MqttError if the queue
   * is full, the signal fires, the client is closed, or the broker refuses the message. A rejection that nobody handles
   * does not end the process, but it is an event. Do not change the payload before the promise has settled.
   */
  publish(topic: string, payload: string | Uint8Array, options?: PublishOptions<never>): Promise<PublishResult>
  publish<T>(topic: string, payload: T, options: PublishOptions<T> & { codec: Codec<T> }): Promise<PublishResult>
  /**
   * Resolves when the broker has granted the filters. The subscription is restored after each reconnect until it ends.
   */
  subscribe<F extends string, T = Uint8Array>(
    filter: F | readonly F[],
    options?: SubscribeOptions<T>,
  ): Promise<Subscription<T, Params<F>>>
  /**
   * Unsubscribes from filters that an earlier process left in the Session, and acknowledges the messages that waited
   * for them. Resolves at UNSUBACK, which may be after a reconnect. Subscriptions of this client end by
   * `subscription.unsubscribe()`.
   */
  unsubscribe(filter: string | readonly string[], options?: UnsubscribeOptions): Promise<void>
  /** Publishes with a Response Topic and resolves to the first answer. MQTT 5.0 only. */
  request<A = Uint8Array, Q = string | Uint8Array>(
    topic: string,
    payload: Q,
    options?: RequestOptions<Q, A>,
  ): Promise<Message<A>>
  /** Answers requests with what the handler returns, until the result is disposed of. MQTT 5.0 only. */
  serve<Q = Uint8Array, A = string | Uint8Array, F extends string = string>(
    filter: F,
    handler: (message: Message<Q, Params<F>>) => A | Promise<A>,
    options?: ServeOptions<Q, A>,
  ): Promise<AsyncDisposable>
  /**
   * Authenticates again on the open connection, with the option `authentication`: for tokens that expire. Rejects with
   * ERR_OFFLINE while there is no connection, and with the reason if the broker refuses, which ends the connection.
   */
  authenticate(): Promise<void>
  /** Events of the connection and of messages, from now on. */
  events(options?: { signal?: AbortSignal }): AsyncIterable<ClientEvent>
  stats(): ClientStats
  /**
   * Takes no new messages in either direction, waits until what was published is acknowledged and what was received is
   * consumed, and closes. Rejects with ERR_TIMEOUT or ERR_ABORTED if that comes first; the client is closed then, too.
   */
  drain(options?: DrainOptions): Promise<void>
  /** Sends DISCONNECT and closes. Publishes that are not acknowledged reject with ERR_CLOSED. */
  close(options?: CloseOptions): Promise<void>
}

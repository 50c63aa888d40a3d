import { text } from '../arguments/index.ts'
import type { ProtocolVersion } from '../protocol/index.ts'
import type { ClientTransport } from '../transport/index.ts'
import type { Outgoing } from './api.ts'
import type { Authentication } from './authentication.ts'
import { check, checkTopic } from './check-arguments.ts'
import { MqttError } from './errors.ts'
import type { ClientEvent } from './events.ts'
import { readFilter, readNamedFilter } from './filter-syntax.ts'
import { type Clock, systemClock } from './platform.ts'
import { LARGEST_PACKET } from './server-limits.ts'

export interface Credentials {
  username?: string
  password?: string | Uint8Array
}

export interface ReconnectOptions {
  /** Milliseconds: the longest delay before the first retry. Default 500. */
  min?: number
  /** Milliseconds: the longest delay before any retry. Default 30,000. */
  max?: number
  /** The factor by which the delay grows with each failure. Default 2. */
  factor?: number
  /** 0..1: how much of each delay is random. Default 1, so that many clients do not come back at the same time. */
  jitter?: number
  /**
   * What to do when the broker refuses: 'stop' (the default) or 'retry'. A broker that was only busy is always tried
   * again.
   */
  onRefused?: 'stop' | 'retry'
  /** Failed attempts in a row after which it stops. Default: no limit. */
  attempts?: number
}

export interface QueueOptions {
  /** Messages in the queue at most. Default 65,536. */
  messages?: number
  /** Bytes of topics and payloads in the queue at most. Default 16 MiB. */
  bytes?: number
  /** QoS 0 while there is no connection: rejected with ERR_OFFLINE ('drop', the default), or queued ('keep'). */
  qos0?: 'drop' | 'keep'
  /**
   * When the queue is full: reject the new message ('reject', the default), drop the oldest, or exceed the limit
   * ('wait': for programs that await each publish).
   */
  whenFull?: 'reject' | 'drop-oldest' | 'wait'
}

export interface ConnectOptions {
  /** Default: 'nightjar-' and 12 random characters. */
  clientId?: string
  /** 5 is MQTT 5.0 (the default), 4 is MQTT 3.1.1, 3 is MQTT 3.1. */
  protocol?: ProtocolVersion
  /** Begin with a new Session. Default true, with `sessionExpiry` false. */
  cleanStart?: boolean
  /** Seconds that the broker keeps the Session while there is no connection. Default 0; 0xFFFFFFFF: for ever. */
  sessionExpiry?: number
  /** Seconds. Default 60; 0 turns it off. */
  keepAlive?: number
  /** A function is called for each attempt. They take precedence over those in the URL. */
  credentials?: Credentials | ((attempt: number) => Credentials | Promise<Credentials>)
  /** The broker publishes it `delay` seconds after the connection ends without DISCONNECT. */
  will?: Outgoing & { delay?: number }
  /** Cancels connect(); later it closes the client. */
  signal?: AbortSignal
  /** False: only one attempt, and the client is closed when its connection ends. */
  reconnect?: false | ReconnectOptions
  /** Milliseconds for one attempt, from the name look-up to CONNACK. Default 10,000. */
  connectTimeout?: number
  queue?: QueueOptions
  /**
   * What to do with a message of QoS 1 or 2 that is in flight each time the broker hangs up: send it again ('resend',
   * the default), or reject it with ERR_POISON after the second time ('put-aside'), so that the others arrive.
   */
  poison?: 'resend' | 'put-aside'
  /**
   * The Topic Filters that the program will subscribe to, for a Session of an earlier process: messages for these wait
   * for their subscription, others are acknowledged and dropped. Without this option all wait. Levels may have names.
   */
  subscriptions?: readonly string[]
  /** Messages of QoS 1 and 2 in flight to us at most. Default 1000. MQTT 5.0 only. */
  receiveMaximum?: number
  /**
   * Messages of QoS 1 and 2 in flight to the broker at most. Default: the broker's Receive Maximum, or 20 below MQTT
   * 5.0.
   */
  maximumInFlight?: number
  /** Bytes of an incoming packet at most. Default: as many as MQTT allows. */
  maximumPacketSize?: number
  /** Topic Aliases that the broker may use. Default 32. MQTT 5.0 only. */
  topicAliasMaximum?: number
  /** Topic Aliases that we use, if the broker allows as many. Default 32. MQTT 5.0 only. */
  topicAliases?: number
  requestResponseInformation?: boolean
  requestProblemInformation?: boolean
  userProperties?: [name: string, value: string][]
  /** Enhanced authentication. MQTT 5.0 only. */
  authentication?: Authentication
  /** Called with each event, from the first attempt on: earlier than `client.events()` can. */
  onEvent?: (event: ClientEvent) => void
  /** Opens each Network Connection in place of TCP, for example to a broker in the same process. */
  transport?: (signal: AbortSignal) => ClientTransport | Promise<ClientTransport>
  /** For tests: time, and random numbers from 0 to 1. */
  clock?: Clock
  random?: () => number
}

/** ConnectOptions with every default filled in. */
export type Settings = Required<
  Omit<
    ConnectOptions,
    | 'credentials'
    | 'will'
    | 'signal'
    | 'authentication'
    | 'onEvent'
    | 'transport'
    | 'reconnect'
    | 'queue'
    | 'subscriptions'
  >
> &
  Pick<ConnectOptions, 'credentials' | 'will' | 'signal' | 'authentication' | 'onEvent' | 'transport'> & {
    readonly reconnect: false | Required<ReconnectOptions>
    readonly queue: Required<QueueOptions>
    /** As the broker would match them; null: not given. */
    readonly subscriptions: readonly string[] | null
    /** Whether the broker keeps our Session while there is no connection. */
    readonly keepsSession: boolean
  }

/**
 * The default in-flight window of mosquitto and many other brokers. Below MQTT 5.0, mosquitto 2.0 acknowledges messages
 * above it, and loses them.
 */
const UNSAID_WINDOW = 20

/** Fills in the defaults. Throws MqttError ERR_OPTION for options that contradict each other. */
export function readOptions(options: ConnectOptions): Settings {
  const protocol = options.protocol ?? 5
  const random = options.random ?? Math.random
  const sessionExpiry = options.sessionExpiry ?? 0
  const cleanStart = options.cleanStart ?? sessionExpiry === 0
  if (protocol !== 5 && options.authentication !== undefined) {
    throw new MqttError('ERR_OPTION', 'authentication needs MQTT 5.0 (protocol: 5)')
  }
  if (options.authentication !== undefined) {
    check('ERR_OPTION', 'authentication.method', options.authentication.method, text)
  }
  if (options.will !== undefined) checkTopic(options.will.topic, 'will.topic')
  if (protocol === 3 && options.clientId !== undefined && options.clientId.length > 23) {
    throw new MqttError('ERR_OPTION', 'clientId has more than 23 characters, which MQTT 3.1 does not allow')
  }
  return {
    ...options,
    clientId: options.clientId ?? inventClientId(random),
    protocol,
    cleanStart,
    sessionExpiry,
    keepAlive: options.keepAlive ?? 60,
    connectTimeout: options.connectTimeout ?? 10_000,
    receiveMaximum: options.receiveMaximum ?? 1000,
    maximumInFlight: options.maximumInFlight ?? (protocol === 5 ? 65_535 : UNSAID_WINDOW),
    maximumPacketSize: options.maximumPacketSize ?? LARGEST_PACKET,
    topicAliasMaximum: options.topicAliasMaximum ?? 32,
    topicAliases: options.topicAliases ?? 32,
    requestResponseInformation: options.requestResponseInformation ?? false,
    requestProblemInformation: options.requestProblemInformation ?? true,
    userProperties: options.userProperties ?? [],
    clock: options.clock ?? systemClock,
    random,
    reconnect: readReconnect(options.reconnect),
    queue: readQueue(options.queue),
    poison: options.poison ?? 'resend',
    subscriptions: options.subscriptions?.map((filter) => readFilter(readNamedFilter(filter).filter).filter) ?? null,
    // Below MQTT 5.0 a clean Session ends with its connection.
    keepsSession: protocol === 5 ? sessionExpiry > 0 : !cleanStart,
  }
}

function readReconnect(options: false | ReconnectOptions = {}): false | Required<ReconnectOptions> {
  if (options === false) return false
  const {
    min = 500,
    max = 30_000,
    factor = 2,
    jitter = 1,
    onRefused = 'stop',
    attempts = Number.POSITIVE_INFINITY,
  } = options
  if (max < min) throw new MqttError('ERR_OPTION', `reconnect.max is ${max}, less than reconnect.min, ${min}`)
  return { min, max, factor, jitter, onRefused, attempts }
}

function readQueue(options: QueueOptions = {}): Required<QueueOptions> {
  const { messages = 65_536, bytes = 16 * 1024 * 1024, qos0 = 'drop', whenFull = 'reject' } = options
  return { messages, bytes, qos0, whenFull }
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** Random, so that two clients do not take each other over. 21 characters, which even MQTT 3.1 accepts. */
function inventClientId(random: () => number): string {
  let id = 'nightjar-'
  for (let i = 0; i < 12; i++) id += LETTERS[Math.floor(random() * LETTERS.length)]
  return id
}

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
  /** Milliseconds: the longest wait before the first retry; 500. */
  min?: number
  /** Milliseconds: the longest wait before any; 30,000. */
  max?: number
  /** By what the wait grows with each failure; 2. */
  factor?: number
  /** 0..1: how much of each wait is chance. 1, all of it, keeps many clients from coming back in step; the default. */
  jitter?: number
  /** What to do when the broker refuses: 'stop' (the default), or 'retry'. A broker that was just busy is tried again. */
  onRefused?: 'stop' | 'retry'
  /** How many attempts in a row may fail before it stops; without end if it is left out. */
  attempts?: number
}

export interface QueueOptions {
  /** Messages that may wait; 65,536. */
  messages?: number
  /** Bytes of topics and payloads that may wait; 16 MiB. */
  bytes?: number
  /** Messages of QoS 0 while there is no connection: rejected with ERR_OFFLINE ('drop', the default), or they wait too. */
  qos0?: 'drop' | 'keep'
  /** The new message is rejected ('reject', the default), the oldest is given up, or the publish waits for room. */
  whenFull?: 'reject' | 'drop-oldest' | 'wait'
}

export interface ConnectOptions {
  /** 'nightjar-' and 12 random characters if it is left out. */
  clientId?: string
  /** 5 is MQTT 5.0 (the default), 4 is MQTT 3.1.1, 3 is MQTT 3.1. */
  protocol?: ProtocolVersion
  /** Begin with a new Session. True if it is left out, unless `sessionExpiry` is more than 0. */
  cleanStart?: boolean
  /** Seconds that the broker keeps the Session while there is no connection; 0 if it is left out. 0xFFFFFFFF: for ever. */
  sessionExpiry?: number
  /** Seconds; 60 if it is left out, 0 turns it off. */
  keepAlive?: number
  /** Asked again for each attempt, if it is a function. They stand above those in the URL. */
  credentials?: Credentials | ((attempt: number) => Credentials | Promise<Credentials>)
  /** Published by the broker when the connection ends without DISCONNECT, `delay` seconds later. */
  will?: Outgoing & { delay?: number }
  /** Ends the attempts to connect; afterwards the client. */
  signal?: AbortSignal
  /** False: one attempt, and the client is closed when its connection ends. */
  reconnect?: false | ReconnectOptions
  /** Milliseconds for one attempt, from the name look-up to CONNACK; 10,000. */
  connectTimeout?: number
  queue?: QueueOptions
  /**
   * What becomes of a message of QoS 1 or 2 that is in flight whenever the broker hangs up: it is sent again each time
   * ('resend', the default), or put aside after the second time with ERR_POISON ('put-aside'), so that the others arrive.
   */
  poison?: 'resend' | 'put-aside'
  /**
   * The Topic Filters that the program will subscribe to, for a Session that an earlier process left: messages for these
   * wait for their subscription, and others are acknowledged as nobody's. Left out, all wait. A level may have a name.
   */
  subscriptions?: readonly string[]
  /** How many messages of QoS 1 and 2 may be on their way to us; 1000. MQTT 5.0 only. */
  receiveMaximum?: number
  /** How many may be on their way to the broker, if it allows as many; 20 where it cannot say, below MQTT 5.0. */
  maximumInFlight?: number
  /** Bytes of a packet that comes in; all that MQTT allows if it is left out. */
  maximumPacketSize?: number
  /** Topic Aliases that the broker may use; 32. MQTT 5.0 only. */
  topicAliasMaximum?: number
  /** Topic Aliases that we use, if the broker allows as many; 32. MQTT 5.0 only. */
  topicAliases?: number
  requestResponseInformation?: boolean
  requestProblemInformation?: boolean
  userProperties?: [name: string, value: string][]
  /** An exchange beyond user name and password. MQTT 5.0 only. */
  authentication?: Authentication
  /** Told of each event, from the first attempt on, which `client.events()` cannot see. */
  onEvent?: (event: ClientEvent) => void
  /** Opens each Network Connection in place of TCP: to a broker in the same process, or in a test. */
  transport?: (signal: AbortSignal) => ClientTransport | Promise<ClientTransport>
  /** For tests: time, and randomness in 0..1. */
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
    /** As the broker would match them; null: they were not said. */
    readonly subscriptions: readonly string[] | null
    /** Whether the broker keeps our Session while there is no connection. */
    readonly keepsSession: boolean
  }

/**
 * What mosquitto, and many after it, can have under way from one client unless they are told otherwise. mosquitto 2.0
 * acknowledges what is above that below MQTT 5.0, and loses it.
 */
const UNSAID_WINDOW = 20

/** Fills in the defaults. Throws MqttError ERR_OPTION for options that, each right, do not go together. */
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

/** Random, so that two clients do not throw each other out; 21 characters, which even MQTT 3.1 accepts. */
function inventClientId(random: () => number): string {
  let id = 'nightjar-'
  for (let i = 0; i < 12; i++) id += LETTERS[Math.floor(random() * LETTERS.length)]
  return id
}

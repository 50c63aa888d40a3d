import type { GeneralConfig, ListenerConfig, SecurityConfig } from './config.ts'
import {
  duration,
  integer,
  line,
  logDestinations,
  logTypes,
  MAX_INTEGER,
  maybeTruth,
  oneOf,
  optional,
  type Type,
  truth,
  word,
} from './types.ts'

/** One option: what can be written, what holds if nothing is, and the words that documents and help are made of. */
export interface Option<T> {
  readonly name: string
  /** Older names of the same option. */
  readonly aliases?: readonly string[]
  readonly type: Type<T>
  readonly default: T
  /** One line, in our own words, with the unit. */
  readonly doc: string
  /** Whether a new value counts without a restart. */
  readonly reloadable: boolean
  /** Where the option comes from: mosquitto.conf, or Nightjar alone. */
  readonly from: 'mosquitto' | 'nightjar'
}

export type Options<C> = { readonly [K in keyof C]: Option<C[K]> }

const bytes = { least: 0, most: MAX_INTEGER, unit: 'bytes', below: 0 }
const count = { least: 0, most: MAX_INTEGER, unit: 'messages', below: 0 }

/** Options of the broker as a whole. */
export const generalOptions: Options<Omit<GeneralConfig, keyof SecurityConfig>> = {
  connectionMessages: {
    name: 'connection_messages',
    type: truth,
    default: true,
    doc: 'Whether the log tells of every client that connects or leaves.',
    reloadable: true,
    from: 'mosquitto',
  },
  connectTimeout: {
    name: 'connect_timeout',
    type: integer({ least: 1, most: 3600, unit: 'seconds' }),
    default: 10,
    doc: 'How long a new connection may take to send its CONNECT packet before it is closed.',
    reloadable: true,
    from: 'nightjar',
  },
  logDest: {
    name: 'log_dest',
    type: logDestinations,
    default: [{ kind: 'stderr' }],
    doc: 'Where the log goes. May be given several times; `none` turns the log off.',
    reloadable: true,
    from: 'mosquitto',
  },
  logTimestamp: {
    name: 'log_timestamp',
    type: truth,
    default: true,
    doc: 'Whether each line of the log begins with the time.',
    reloadable: true,
    from: 'mosquitto',
  },
  logTimestampFormat: {
    name: 'log_timestamp_format',
    type: optional(line('format of strftime, such as %Y-%m-%dT%H:%M:%S'), 'local date and time'),
    default: null,
    doc: 'How that time is written. mosquitto writes seconds since 1970 if nothing is set; Nightjar the local time.',
    reloadable: true,
    from: 'mosquitto',
  },
  logType: {
    name: 'log_type',
    type: logTypes,
    default: ['error', 'warning', 'notice', 'information'],
    doc: 'What the log tells. May be given several times and adds up; the first one replaces the default.',
    reloadable: true,
    from: 'mosquitto',
  },
  maxInflightBytes: {
    name: 'max_inflight_bytes',
    type: integer(bytes),
    default: 0,
    doc: 'Payload bytes of QoS 1 and 2 messages that may be in flight to one client; one message may always. 0: no limit.',
    reloadable: true,
    from: 'mosquitto',
  },
  maxInflightMessages: {
    name: 'max_inflight_messages',
    type: integer({ least: 0, most: 65_535, unit: 'messages', below: 0 }),
    default: 20,
    doc: 'QoS 1 and 2 messages that may be in flight to one client. 1 keeps strict order. 0: no limit.',
    reloadable: true,
    from: 'mosquitto',
  },
  maxKeepalive: {
    name: 'max_keepalive',
    type: integer({ least: 0, most: 65_535, unit: 'seconds', zero: 65_535 }),
    default: 65_535,
    doc: 'Longest keep alive that an MQTT 5.0 client gets if it asks for more, or for none. 65535, or 0: what it asks for.',
    reloadable: true,
    from: 'mosquitto',
  },
  maxOutgoingBytes: {
    name: 'max_outgoing_bytes',
    type: integer({ least: 1024, most: MAX_INTEGER, unit: 'bytes' }),
    default: 1_048_576,
    doc: 'Bytes that may wait for one client that reads too slowly; beyond that its QoS 0 messages are dropped.',
    reloadable: true,
    from: 'nightjar',
  },
  maxPacketSize: {
    name: 'max_packet_size',
    type: integer({ least: 20, most: MAX_INTEGER, unit: 'bytes' }),
    default: 10_485_760,
    doc: 'Largest packet that a client may send, all of it counted; a larger one ends its connection. mosquitto: 2000000.',
    reloadable: true,
    from: 'mosquitto',
  },
  maxQueuedBytes: {
    name: 'max_queued_bytes',
    type: integer(bytes),
    default: 0,
    doc: 'Bytes of messages that may wait for one client beyond those in flight; further ones are dropped. 0: no limit.',
    reloadable: true,
    from: 'mosquitto',
  },
  maxQueueMemory: {
    name: 'max_queue_memory',
    type: integer(bytes),
    default: 67_108_864,
    doc: 'The memory that waiting messages may take, all queues together. What is more lies on disk only, if there is a store.',
    reloadable: true,
    from: 'nightjar',
  },
  maxQueuedMessages: {
    name: 'max_queued_messages',
    type: integer(count),
    default: 1000,
    doc: 'Messages that may wait for one client beyond those in flight; further ones are dropped. 0: no limit.',
    reloadable: true,
    from: 'mosquitto',
  },
  messageSizeLimit: {
    name: 'message_size_limit',
    type: integer({ least: 0, most: 268_435_455, unit: 'bytes' }),
    default: 0,
    doc: 'Largest payload that is passed on; a larger one is refused and its sender stays connected. 0: no limit.',
    reloadable: true,
    from: 'mosquitto',
  },
  perListenerSettings: {
    name: 'per_listener_settings',
    type: truth,
    default: false,
    doc: 'Whether the options on who may come in belong to the listener above them. Must stand before any of them.',
    reloadable: false,
    from: 'mosquitto',
  },
  persistence: {
    name: 'persistence',
    type: truth,
    default: false,
    doc: 'Whether sessions, queued messages and retained messages are kept on disk. Without a configuration file they are.',
    reloadable: false,
    from: 'mosquitto',
  },
  persistenceLocation: {
    name: 'persistence_location',
    type: optional(line('folder'), 'the working folder'),
    default: null,
    doc: 'The folder below which the store lies, in a folder `nightjar` of its own.',
    reloadable: false,
    from: 'mosquitto',
  },
  persistenceSync: {
    name: 'persistence_sync',
    type: oneOf('always', 'everysec', 'no'),
    default: 'everysec',
    doc: 'When what was written is made safe against power loss: before it is acknowledged, once a second, or when the system likes. In all three it is safe against the end of the process.',
    reloadable: false,
    from: 'nightjar',
  },
  persistentClientExpiration: {
    name: 'persistent_client_expiration',
    type: duration,
    default: 0,
    doc: 'After what time a session that never ends by itself is dropped if its client stays away.',
    reloadable: true,
    from: 'mosquitto',
  },
  pidFile: {
    name: 'pid_file',
    type: optional(line('path of a file'), 'none'),
    default: null,
    doc: 'File to which the number of the process is written.',
    reloadable: false,
    from: 'mosquitto',
  },
  queueQos0Messages: {
    name: 'queue_qos0_messages',
    type: truth,
    default: false,
    doc: 'Whether QoS 0 messages wait for a client that is away, as QoS 1 and 2 do.',
    reloadable: true,
    from: 'mosquitto',
  },
  retainAvailable: {
    name: 'retain_available',
    type: truth,
    default: true,
    doc: 'Whether messages can be retained; if not, a client that tries is disconnected.',
    reloadable: true,
    from: 'mosquitto',
  },
  retainExpiryInterval: {
    name: 'retain_expiry_interval',
    type: optionalMinutes(),
    default: 0,
    doc: 'After what time a retained message without an expiry of its own is dropped.',
    reloadable: true,
    from: 'mosquitto',
  },
  setTcpNodelay: {
    name: 'set_tcp_nodelay',
    type: truth,
    default: true,
    doc: 'Whether the system sends at once. mosquitto: false; Nightjar writes once a turn, so waiting would save nothing.',
    reloadable: true,
    from: 'mosquitto',
  },
  starWildcard: {
    name: 'star_wildcard',
    type: truth,
    default: true,
    doc: 'Whether `*` as a whole level of a topic filter stands for any level, as `+` does. false: the letter of the standard.',
    reloadable: false,
    from: 'nightjar',
  },
  sysAlias: {
    name: 'sys_alias',
    type: truth,
    default: true,
    doc: 'Whether a subscription to `$sys/...` means `$SYS/...`. false: the letter of the standard.',
    reloadable: false,
    from: 'nightjar',
  },
  sysInterval: {
    name: 'sys_interval',
    type: integer({ least: 0, most: 65_535, unit: 'seconds' }),
    default: 10,
    doc: 'Time between two updates of the status topics `$SYS/broker/...`. 0: there are none.',
    reloadable: true,
    from: 'mosquitto',
  },
  upgradeOutgoingQos: {
    name: 'upgrade_outgoing_qos',
    type: truth,
    default: false,
    doc: 'Whether a message goes out with the QoS of the subscription even if it came with a lower one.',
    reloadable: true,
    from: 'mosquitto',
  },
}

function optionalMinutes(): Type<number> {
  const minutes = integer({ least: 1, most: 10_000_000, unit: 'minutes', times: 60 })
  return { ...minutes, show: (value) => (value === 0 ? 'never' : minutes.show(value)) }
}

/**
 * Options on who may come in. They belong to the whole broker, or with `per_listener_settings` to the listener above
 * them; the second name always means the listener.
 */
export const securityOptions: Options<SecurityConfig> = {
  allowAnonymous: {
    name: 'allow_anonymous',
    type: maybeTruth,
    default: null,
    doc: 'Whether clients without a user name may connect. Not set: see above.',
    reloadable: true,
    from: 'mosquitto',
  },
  allowZeroLengthClientid: {
    name: 'allow_zero_length_clientid',
    type: truth,
    default: true,
    doc: 'Whether a client may leave its client identifier empty and be given one.',
    reloadable: true,
    from: 'mosquitto',
  },
  autoIdPrefix: {
    name: 'auto_id_prefix',
    type: line('text', 50),
    default: 'auto-',
    doc: 'What client identifiers that the broker gives begin with.',
    reloadable: true,
    from: 'mosquitto',
  },
}

/** Names of security options that mean the listener above them whatever `per_listener_settings` says. */
export const listenerNames: Readonly<Partial<Record<keyof SecurityConfig, string>>> = {
  allowAnonymous: 'listener_allow_anonymous',
  autoIdPrefix: 'listener_auto_id_prefix',
}

/** Options of the listener above them; before any `listener` line, of the default listener. */
export const listenerOptions: Options<Omit<ListenerConfig, keyof SecurityConfig | 'line'>> = {
  port: {
    name: 'port',
    type: integer({ least: 1, most: 65_535, unit: '' }),
    default: 1883,
    doc: 'Port of the default listener. `listener` is the better way.',
    reloadable: false,
    from: 'mosquitto',
  },
  bindAddress: {
    name: 'bind_address',
    type: optional(word, 'every address'),
    default: null,
    doc: 'Address or host name of the default listener. `listener` is the better way.',
    reloadable: false,
    from: 'mosquitto',
  },
  maxConnections: {
    name: 'max_connections',
    type: integer({ least: -1, most: MAX_INTEGER, unit: 'connections', below: -1 }),
    default: -1,
    doc: 'Clients that may be connected to this listener at once. -1: no limit.',
    reloadable: false,
    from: 'mosquitto',
  },
  maxQos: {
    name: 'max_qos',
    aliases: ['maximum_qos'],
    type: oneOf(0, 1, 2),
    default: 2,
    doc: 'Highest QoS that clients of this listener may publish with; one that exceeds it is disconnected.',
    reloadable: false,
    from: 'mosquitto',
  },
  maxTopicAlias: {
    name: 'max_topic_alias',
    type: integer({ least: 0, most: 65_535, unit: 'aliases' }),
    default: 10,
    doc: 'Topic aliases that an MQTT 5.0 client may set. 0: none.',
    reloadable: false,
    from: 'mosquitto',
  },
  maxTopicAliasBroker: {
    name: 'max_topic_alias_broker',
    type: integer({ least: 0, most: 65_535, unit: 'aliases' }),
    default: 10,
    doc: 'Topic aliases that the broker sets for an MQTT 5.0 client that allows them. 0: none.',
    reloadable: false,
    from: 'mosquitto',
  },
  socketDomain: {
    name: 'socket_domain',
    type: optional(oneOf('ipv4', 'ipv6'), 'both'),
    default: null,
    doc: 'Whether this listener takes IPv4 or IPv6 only.',
    reloadable: false,
    from: 'mosquitto',
  },
}

/** The line that opens a listener; its two words are `port` and `bind_address` of it. */
export const LISTENER = 'listener'

import type { GeneralConfig, LimitConfig, ListenerConfig, SecurityConfig } from './config.ts'
import { limitOptions } from './limits.ts'
import type { Options } from './option.ts'
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
  protocolVersions,
  type Type,
  truth,
  word,
} from './types.ts'

/** Options of the broker as a whole, except limits. */
export const behaviourOptions: Options<Omit<GeneralConfig, keyof SecurityConfig | keyof LimitConfig>> = {
  connectTimeout: {
    name: 'connect_timeout',
    type: integer({ least: 1, most: 3600, unit: 'seconds' }),
    default: 10,
    doc: 'How long a new connection may take to send CONNECT before it is closed.',
    reloadable: true,
    from: 'nightjar',
  },
  connectionMessages: {
    name: 'connection_messages',
    type: truth,
    default: true,
    doc: 'Whether to log each client that connects or disconnects.',
    reloadable: true,
    from: 'mosquitto',
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
    type: optional(line('strftime format, such as %Y-%m-%dT%H:%M:%S'), 'local date and time'),
    default: null,
    doc: 'Format of that time. By default mosquitto writes seconds since 1970, Nightjar the local time.',
    reloadable: true,
    from: 'mosquitto',
  },
  logType: {
    name: 'log_type',
    type: logTypes,
    default: ['error', 'warning', 'notice', 'information'],
    doc: 'What to log; `debug` shows each packet. May be given several times and adds up; the first replaces the default.',
    reloadable: true,
    from: 'mosquitto',
  },
  perListenerSettings: {
    name: 'per_listener_settings',
    type: truth,
    default: false,
    doc: 'Whether the options on who may connect apply to the listener above them. Must come before any of them.',
    reloadable: false,
    from: 'mosquitto',
  },
  persistence: {
    name: 'persistence',
    type: truth,
    default: false,
    doc: 'Whether sessions, queued messages and retained messages are stored on disk. Without a configuration file they are.',
    reloadable: false,
    from: 'mosquitto',
  },
  persistenceLocation: {
    name: 'persistence_location',
    type: optional(line('folder'), 'the working folder'),
    default: null,
    doc: 'The folder that holds the store, in a subfolder `nightjar`.',
    reloadable: false,
    from: 'mosquitto',
  },
  persistenceSync: {
    name: 'persistence_sync',
    type: oneOf('always', 'everysec', 'no'),
    default: 'everysec',
    doc: 'When writes are synced, to survive a power cut: before they are acknowledged, every second, or when the system does it.',
    reloadable: false,
    from: 'nightjar',
  },
  persistentClientExpiration: {
    name: 'persistent_client_expiration',
    type: duration,
    default: 0,
    doc: 'How long a session without an expiry of its own outlives its client.',
    reloadable: true,
    from: 'mosquitto',
  },
  pidFile: {
    name: 'pid_file',
    type: optional(line('path of a file'), 'none'),
    default: null,
    doc: 'File that the process id is written to.',
    reloadable: false,
    from: 'mosquitto',
  },
  queueQos0Messages: {
    name: 'queue_qos0_messages',
    type: truth,
    default: false,
    doc: 'Whether QoS 0 messages are queued for offline clients, as QoS 1 and 2 are.',
    reloadable: true,
    from: 'mosquitto',
  },
  responseTopicPrefix: {
    name: 'response_topic_prefix',
    type: optional(line('topic'), 'none'),
    default: null,
    doc: 'Response Information for MQTT 5.0 clients that ask for it: this prefix, `/`, and the client identifier.',
    reloadable: true,
    from: 'nightjar',
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
    doc: 'How long a retained message without an expiry of its own is kept.',
    reloadable: true,
    from: 'mosquitto',
  },
  serverReference: {
    name: 'server_reference',
    type: optional(line('host or host:port, several separated by blanks'), 'none'),
    default: null,
    doc: 'Other brokers that MQTT 5.0 clients are told to use when this one stops.',
    reloadable: true,
    from: 'nightjar',
  },
  setTcpNodelay: {
    name: 'set_tcp_nodelay',
    type: truth,
    default: true,
    doc: 'Whether small packets are sent at once. mosquitto: false; Nightjar writes in batches, so waiting would save nothing.',
    reloadable: true,
    from: 'mosquitto',
  },
  sharedSubscriptionsAvailable: {
    name: 'shared_subscriptions_available',
    type: truth,
    default: true,
    doc: 'Whether clients may subscribe in groups, `$share/GROUP/...`.',
    reloadable: true,
    from: 'nightjar',
  },
  starWildcard: {
    name: 'star_wildcard',
    type: truth,
    default: true,
    doc: 'Whether `*` as a whole level of a topic filter stands for any level, as `+` does. false: the letter of the standard.',
    reloadable: false,
    from: 'nightjar',
  },
  subscriptionIdentifiersAvailable: {
    name: 'subscription_identifiers_available',
    type: truth,
    default: true,
    doc: 'Whether MQTT 5.0 clients may give subscriptions an identifier.',
    reloadable: true,
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
    doc: 'Time between updates of the status topics `$SYS/broker/...`. 0: no status topics.',
    reloadable: true,
    from: 'mosquitto',
  },
  upgradeOutgoingQos: {
    name: 'upgrade_outgoing_qos',
    type: truth,
    default: false,
    doc: 'Whether messages go out at the QoS of the subscription even if published at a lower one.',
    reloadable: true,
    from: 'mosquitto',
  },
  wildcardSubscriptionsAvailable: {
    name: 'wildcard_subscriptions_available',
    type: truth,
    default: true,
    doc: 'Whether clients may subscribe with wildcards.',
    reloadable: true,
    from: 'nightjar',
  },
}

/** Options of the broker as a whole. */
export const generalOptions: Options<Omit<GeneralConfig, keyof SecurityConfig>> = {
  ...limitOptions,
  ...behaviourOptions,
}

function optionalMinutes(): Type<number> {
  const minutes = integer({ least: 1, most: 10_000_000, unit: 'minutes', times: 60 })
  return { ...minutes, show: (value) => (value === 0 ? 'never' : minutes.show(value)) }
}

/**
 * Options on who may connect. They apply to the whole broker, or with `per_listener_settings` to the listener above
 * them; their second name always means the listener.
 */
export const securityOptions: Options<SecurityConfig> = {
  allowAnonymous: {
    name: 'allow_anonymous',
    type: maybeTruth,
    default: null,
    doc: 'Whether clients may connect without a password. Not set: see above.',
    reloadable: true,
    from: 'mosquitto',
  },
  allowZeroLengthClientid: {
    name: 'allow_zero_length_clientid',
    type: truth,
    default: true,
    doc: 'Whether a client may leave its client identifier empty and have one assigned.',
    reloadable: true,
    from: 'mosquitto',
  },
  autoIdPrefix: {
    name: 'auto_id_prefix',
    type: line('text', 50),
    default: 'auto-',
    doc: 'Prefix of the client identifiers that the broker assigns.',
    reloadable: true,
    from: 'mosquitto',
  },
}

/** Names of security options that apply to the listener above them whatever `per_listener_settings` says. */
export const listenerNames: Readonly<Partial<Record<keyof SecurityConfig, string>>> = {
  allowAnonymous: 'listener_allow_anonymous',
  autoIdPrefix: 'listener_auto_id_prefix',
}

/** Options of the listener above them; before any `listener` line, of the default listener. */
export const listenerOptions: Options<Omit<ListenerConfig, keyof SecurityConfig | 'line'>> = {
  acceptProtocolVersions: {
    name: 'accept_protocol_versions',
    type: protocolVersions,
    default: [3, 4, 5],
    doc: 'MQTT versions that this listener accepts: 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0.',
    reloadable: true,
    from: 'mosquitto',
  },
  port: {
    name: 'port',
    type: integer({ least: 1, most: 65_535, unit: '' }),
    default: 1883,
    doc: 'Port of the default listener; prefer `listener`.',
    reloadable: false,
    from: 'mosquitto',
  },
  bindAddress: {
    name: 'bind_address',
    type: optional(word, 'every address'),
    default: null,
    doc: 'Address or host name of the default listener; prefer `listener`.',
    reloadable: false,
    from: 'mosquitto',
  },
  maxConnections: {
    name: 'max_connections',
    type: integer({ least: -1, most: MAX_INTEGER, unit: 'connections', below: -1 }),
    default: -1,
    doc: 'Connections to this listener at once. -1: no limit.',
    reloadable: true,
    from: 'mosquitto',
  },
  maxQos: {
    name: 'max_qos',
    aliases: ['maximum_qos'],
    type: oneOf(0, 1, 2),
    default: 2,
    doc: 'Highest QoS that clients of this listener may publish with; one that exceeds it is disconnected.',
    reloadable: true,
    from: 'mosquitto',
  },
  maxTopicAlias: {
    name: 'max_topic_alias',
    type: integer({ least: 0, most: 65_535, unit: 'aliases' }),
    default: 10,
    doc: 'Topic aliases that an MQTT 5.0 client may use. 0: none.',
    reloadable: true,
    from: 'mosquitto',
  },
  maxTopicAliasBroker: {
    name: 'max_topic_alias_broker',
    type: integer({ least: 0, most: 65_535, unit: 'aliases' }),
    default: 10,
    doc: 'Topic aliases that the broker uses towards an MQTT 5.0 client that allows them. 0: none.',
    reloadable: true,
    from: 'mosquitto',
  },
  socketDomain: {
    name: 'socket_domain',
    type: optional(oneOf('ipv4', 'ipv6'), 'both'),
    default: null,
    doc: 'Restricts this listener to IPv4 or IPv6.',
    reloadable: false,
    from: 'mosquitto',
  },
}

/** The line that opens a listener; its two words are `port` and `bind_address` of it. */
export const LISTENER = 'listener'

/** The line that reads the files of a folder. */
export const INCLUDE_DIR = 'include_dir'

/**
 * What a configuration says, with the defaults filled in. A field is the camel-case name of its option; what each means
 * stands once, in `options.ts`. Times are in seconds and sizes in bytes, whatever unit the option is written in.
 */
export interface Config {
  general: GeneralConfig
  /** In the order of the file. Empty if the file opens none. */
  listeners: ListenerConfig[]
  /**
   * Nothing said where to listen: no `listener`, `port` or `bind_address`. mosquitto then takes connections from this
   * machine only. If options of the default listener were set nevertheless, it is in `listeners`.
   */
  localOnly: boolean
}

export interface GeneralConfig extends SecurityConfig, LimitConfig {
  connectTimeout: number
  connectionMessages: boolean
  logDest: readonly LogDestination[]
  logTimestamp: boolean
  logTimestampFormat: string | null
  logType: readonly LogType[]
  perListenerSettings: boolean
  persistence: boolean
  persistenceLocation: string | null
  persistenceSync: 'always' | 'everysec' | 'no'
  persistentClientExpiration: number
  pidFile: string | null
  queueQos0Messages: boolean
  responseTopicPrefix: string | null
  retainAvailable: boolean
  retainExpiryInterval: number
  serverReference: string | null
  setTcpNodelay: boolean
  sharedSubscriptionsAvailable: boolean
  starWildcard: boolean
  subscriptionIdentifiersAvailable: boolean
  sysAlias: boolean
  sysInterval: number
  upgradeOutgoingQos: boolean
  wildcardSubscriptionsAvailable: boolean
}

/** Limits. 0 means no limit, unless the option says otherwise. */
export interface LimitConfig {
  globalMaxClients: number
  globalMaxConnections: number
  maxConnectionRate: number
  maxInflightBytes: number
  maxInflightMessages: number
  maxKeepalive: number
  maxOutgoingBytes: number
  maxPacketSize: number
  maxPacketSizeMqtt3: number
  maxQueueMemory: number
  maxPublishByteRate: number
  maxPublishRate: number
  maxQueuedBytes: number
  maxQueuedMessages: number
  maxRetainedBytes: number
  maxRetainedMessages: number
  maxSubscriptions: number
  maxSharedSubscriptions: number
  maxTopicLevels: number
  messageSizeLimit: number
  publishRatePolicy: 'slow' | 'disconnect'
  queueFullPolicy: 'newest' | 'oldest' | 'disconnect'
  receiveMaximum: number
}

export interface ListenerConfig extends SecurityConfig {
  /** The line of the file that opened it, for messages; 0 if no line did. */
  line: number
  acceptProtocolVersions: readonly (3 | 4 | 5)[]
  /** 0: `bindAddress` is the path of a Unix socket. */
  port: number
  /** Null: every address of this machine. */
  bindAddress: string | null
  maxConnections: number
  maxQos: 0 | 1 | 2
  maxTopicAlias: number
  maxTopicAliasBroker: number
  socketDomain: 'ipv4' | 'ipv6' | null
}

/**
 * Who may connect. A listener has its own value if one is set, else that of the general part, else the default.
 */
export interface SecurityConfig {
  /** Null: not set. The server then decides by the client's address. */
  allowAnonymous: boolean | null
  allowZeroLengthClientid: boolean
  autoIdPrefix: string
}

export type LogType = (typeof LOG_TYPES)[number]

export const LOG_TYPES = [
  'error',
  'warning',
  'notice',
  'information',
  'subscribe',
  'unsubscribe',
  'debug',
  'websockets',
  'internal',
] as const

export type LogDestination = { kind: 'stderr' } | { kind: 'stdout' } | { kind: 'file'; path: string }

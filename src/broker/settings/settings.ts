import type { ProtocolVersion, QoS } from '../../protocol/index.ts'
import { type Bounds, defaultBounds } from './bounds.ts'

/** Fixed as long as the broker runs. */
export interface FixedSettings {
  /** The name under which the broker shows itself in `$SYS/broker/version`. */
  version: string
  /** Properties in one packet. */
  maximumProperties: number
  starWildcard: boolean
  sysAlias: boolean
  bounds: Bounds
}

/** Holds for all clients together, or for each of them, from the moment on in which it changes. */
export interface SharedSettings {
  /** PUBLISH payloads larger than this are refused. Bytes; 0 means no limit. */
  messageSizeLimit: number
  /** Bytes of memory that waiting messages may take, all queues together; more lie in the store only. */
  maximumQueueMemory: number
  /** Sessions that there may be, online or away; 0 means no limit. */
  maximumClients: number
  /** New connections of one address in a second; 0 means no limit. */
  maximumConnectionRate: number
  /** Messages that one client may publish in a second, over a while; 0 means no limit. */
  maximumPublishRate: number
  /** Payload bytes that one client may publish in a second, over a while; 0 means no limit. */
  maximumPublishByteRate: number
  /** What happens to a client that publishes faster. */
  publishRatePolicy: PublishRatePolicy
  /** Retained messages of all topics together, without those of $SYS; 0 means no limit. */
  maximumRetainedMessages: number
  /** Their payload bytes; 0 means no limit. */
  maximumRetainedBytes: number
  /** Levels of a Topic Name or Topic Filter; 0 means no limit. */
  maximumTopicLevels: number
  /** Bytes that may wait for a slow subscriber before QoS 0 messages to it are dropped. */
  maximumOutgoingBytes: number
  /** Whether QoS 0 messages wait for Sessions that are offline. */
  queueQoS0: boolean
  /** Whether the QoS of a delivery is that of the subscription even if the message was published with a lower one. */
  upgradeOutgoingQoS: boolean
  /** Seconds after which a retained message without an expiry of its own goes; 0 means never. */
  retainExpiry: number
  /** Seconds for Sessions that would never end; 0 means that they never end. */
  persistentClientExpiration: number
  /** Milliseconds in which a new connection must have sent its CONNECT. */
  connectTimeout: number
  /** Seconds between updates of $SYS; 0 turns it off. */
  sysInterval: number
  /** A topic. Clients that ask for Response Information get it, with '/' and their Client Identifier after it; or null. */
  responseTopicPrefix: string | null
  /** Other brokers, which clients are told to use when this one stops; or null. */
  serverReference: string | null
  /** Whether a client that connects, or leaves, is an event worth a log line. */
  connectionMessages: boolean
}

/**
 * What a client is told when it connects, or what is measured then: it holds as long as that connection, and the next one
 * may have other terms. A listener may have its own.
 */
export interface ConnectionTerms {
  /** Packets larger than this end the connection. Bytes, whole packet. */
  maximumPacketSize: number
  /** Packets larger than this are not sent to clients of MQTT 3.1 and 3.1.1, who cannot set a limit; 0 means no limit. */
  maximumPacketSizeMQTT3: number
  /** QoS 1 and 2 messages in flight to one client, 1..65,535. */
  maximumInFlight: number
  /** QoS 1 and 2 messages in flight from one MQTT 5.0 client: the broker's own Receive Maximum, 1..65,535. */
  receiveMaximum: number
  retainAvailable: boolean
  wildcardSubscriptionsAvailable: boolean
  sharedSubscriptionsAvailable: boolean
  subscriptionIdentifiersAvailable: boolean
  /** Seconds, 1..65,535: clients that ask for more (or none) are told to use this. 65,535 leaves them alone. */
  maximumKeepAlive: number
}

/** Limits of a Session, which hold from the moment on in which they change. A listener may have its own. */
export interface SessionLimits {
  /** Payload bytes of the messages in flight to one client; 0 means no limit. At least one message always goes. */
  maximumInFlightBytes: number
  /** QoS 1 and 2 messages that wait for one client beyond those in flight; 0 means no limit. */
  maximumQueuedMessages: number
  /** Their payload bytes; 0 means no limit. The limit that is reached first decides, as in mosquitto. */
  maximumQueuedBytes: number
  /** What happens to a message for which a queue has no room. */
  queueFullPolicy: QueueFullPolicy
  /** Subscriptions of one client; 0 means no limit. */
  maximumSubscriptions: number
  /** Of those, shared ones; 0 means no limit. */
  maximumSharedSubscriptions: number
}

/**
 * What the core can be told; the names of the options that set them stand in `config/options.ts`. `bounds` has no options. Of
 * terms and limits these are for listeners that have none of their own.
 */
export interface Settings extends FixedSettings, SharedSettings, ConnectionTerms, SessionLimits {}

/** The new one is dropped, or the oldest that waits, or the client is disconnected. */
export type QueueFullPolicy = 'newest' | 'oldest' | 'disconnect'
/** It is read no faster than the limit, or it is disconnected. */
export type PublishRatePolicy = 'slow' | 'disconnect'

/** What one listener has of its own. Terms and limits that it does not set are the broker's. */
export interface ListenerSettings extends Partial<ConnectionTerms>, Partial<SessionLimits> {
  /** How people know it: '1883', '127.0.0.1:1884', '/run/nightjar.sock', 'in-process'. */
  name: string
  maximumQoS: QoS
  /** Topic Alias Maximum that clients may use towards us, 0..65,535. */
  topicAliasMaximum: number
  /** Topic aliases that we use towards one client at the most, 0..65,535. */
  topicAliasMaximumOutgoing: number
  /** Versions of MQTT that are taken. */
  protocolVersions: readonly ProtocolVersion[]
  allowZeroLengthClientId: boolean
  autoIdPrefix: string
}

export const defaultListener: ListenerSettings = {
  name: 'in-process',
  maximumQoS: 2,
  topicAliasMaximum: 10,
  topicAliasMaximumOutgoing: 10,
  protocolVersions: [3, 4, 5],
  allowZeroLengthClientId: true,
  autoIdPrefix: 'auto-',
}

/** 10 MiB: 25 kB device lists and camera pictures pass, a packet that claims 256 MB does not. */
const TEN_MIB = 10 * 1024 * 1024

export const defaultSettings: Settings = {
  version: 'nightjar',
  maximumPacketSize: TEN_MIB,
  maximumPacketSizeMQTT3: 0,
  messageSizeLimit: 0,
  maximumProperties: 1000,
  maximumInFlight: 20,
  receiveMaximum: 65_535,
  maximumInFlightBytes: 0,
  maximumQueuedMessages: 1000,
  maximumQueuedBytes: 0,
  maximumQueueMemory: 16 * 1024 * 1024,
  queueFullPolicy: 'newest',
  maximumClients: 0,
  maximumConnectionRate: 0,
  maximumPublishRate: 0,
  maximumPublishByteRate: 0,
  publishRatePolicy: 'slow',
  maximumSubscriptions: 20_000,
  maximumSharedSubscriptions: 1000,
  maximumRetainedMessages: 0,
  maximumRetainedBytes: 0,
  maximumTopicLevels: 201,
  maximumOutgoingBytes: 1024 * 1024,
  queueQoS0: false,
  upgradeOutgoingQoS: false,
  retainAvailable: true,
  wildcardSubscriptionsAvailable: true,
  sharedSubscriptionsAvailable: true,
  subscriptionIdentifiersAvailable: true,
  retainExpiry: 0,
  maximumKeepAlive: 65_535,
  persistentClientExpiration: 0,
  connectTimeout: 10_000,
  sysInterval: 10,
  responseTopicPrefix: null,
  serverReference: null,
  starWildcard: true,
  sysAlias: true,
  connectionMessages: true,
  bounds: defaultBounds,
}

import type { ReasonCode } from './reason-codes.ts'

/** The protocol level byte of CONNECT: 3 is MQTT 3.1, 4 is MQTT 3.1.1, 5 is MQTT 5.0. */
export type ProtocolVersion = 3 | 4 | 5

export type QoS = 0 | 1 | 2

/** The first four bits of every MQTT Control Packet (table 2-1 of the standard). */
export const PacketType = {
  Connect: 1,
  Connack: 2,
  Publish: 3,
  Puback: 4,
  Pubrec: 5,
  Pubrel: 6,
  Pubcomp: 7,
  Subscribe: 8,
  Suback: 9,
  Unsubscribe: 10,
  Unsuback: 11,
  Pingreq: 12,
  Pingresp: 13,
  Disconnect: 14,
  Auth: 15,
} as const
export type PacketType = (typeof PacketType)[keyof typeof PacketType]

/**
 * The properties of MQTT 5.0 by name; one that was not sent is absent. Which packet may carry which is in `properties.ts`.
 * Booleans stand for the one-byte properties whose only values are 0 and 1.
 */
export interface Properties {
  payloadFormatIndicator?: number
  /** Seconds, 0..2^32-1. */
  messageExpiryInterval?: number
  contentType?: string
  responseTopic?: string
  correlationData?: Uint8Array
  /** 1..268,435,455 each; SUBSCRIBE has at most one, PUBLISH from a server may have several. */
  subscriptionIdentifiers?: number[]
  /** Seconds; 0xFFFFFFFF never expires. */
  sessionExpiryInterval?: number
  assignedClientIdentifier?: string
  /** Seconds, 0..65,535. */
  serverKeepAlive?: number
  authenticationMethod?: string
  authenticationData?: Uint8Array
  requestProblemInformation?: boolean
  /** Seconds. */
  willDelayInterval?: number
  requestResponseInformation?: boolean
  responseInformation?: string
  serverReference?: string
  reasonString?: string
  /** 1..65,535 */
  receiveMaximum?: number
  /** 0..65,535 */
  topicAliasMaximum?: number
  /** 1..65,535 */
  topicAlias?: number
  /** 0 or 1; absent means 2. */
  maximumQoS?: 0 | 1
  retainAvailable?: boolean
  userProperties?: [name: string, value: string][]
  /** Bytes, 1..2^32-1. */
  maximumPacketSize?: number
  wildcardSubscriptionAvailable?: boolean
  subscriptionIdentifiersAvailable?: boolean
  sharedSubscriptionAvailable?: boolean
}

export interface WillMessage {
  topic: string
  payload: Uint8Array
  qos: QoS
  retain: boolean
  properties: Properties
}

export interface ConnectPacket {
  type: typeof PacketType.Connect
  version: ProtocolVersion
  /** MQTT 3.1.1 calls it Clean Session. */
  cleanStart: boolean
  /** Seconds, 0..65,535; 0 turns it off. */
  keepAlive: number
  clientId: string
  will: WillMessage | null
  username: string | null
  password: Uint8Array | null
  properties: Properties
  /** The top bit of the version byte (0x80): a mosquitto bridge marks itself with it. */
  bridge: boolean
}

export interface ConnackPacket {
  type: typeof PacketType.Connack
  sessionPresent: boolean
  /** In MQTT 3.1 and 3.1.1 the Connect Return code 0..5. */
  reasonCode: number
  properties: Properties
}

export interface PublishPacket {
  type: typeof PacketType.Publish
  topic: string
  payload: Uint8Array
  qos: QoS
  retain: boolean
  dup: boolean
  /** 0 if qos is 0. */
  packetId: number
  properties: Properties
}

/** PUBACK, PUBREC, PUBREL and PUBCOMP have one shape. */
export interface AcknowledgementPacket {
  type: typeof PacketType.Puback | typeof PacketType.Pubrec | typeof PacketType.Pubrel | typeof PacketType.Pubcomp
  packetId: number
  reasonCode: number
  properties: Properties
}

/** What can be read one after the other, as often as one likes. An array is one, and what is made only when it is read. */
export interface Sequence<T> extends Iterable<T> {
  readonly length: number
}

export interface SubscriptionRequest {
  filter: string
  qos: QoS
  noLocal: boolean
  retainAsPublished: boolean
  /** 0 send retained messages, 1 only if the subscription is new, 2 never. */
  retainHandling: 0 | 1 | 2
}

export interface SubscribePacket {
  type: typeof PacketType.Subscribe
  packetId: number
  subscriptions: Sequence<SubscriptionRequest>
  properties: Properties
}

export interface SubackPacket {
  type: typeof PacketType.Suback
  packetId: number
  reasonCodes: number[]
  properties: Properties
}

export interface UnsubscribePacket {
  type: typeof PacketType.Unsubscribe
  packetId: number
  filters: Sequence<string>
  properties: Properties
}

export interface UnsubackPacket {
  type: typeof PacketType.Unsuback
  packetId: number
  /** Empty in MQTT 3.1 and 3.1.1, which have none. */
  reasonCodes: number[]
  properties: Properties
}

export interface PingreqPacket {
  type: typeof PacketType.Pingreq
}

export interface PingrespPacket {
  type: typeof PacketType.Pingresp
}

export interface DisconnectPacket {
  type: typeof PacketType.Disconnect
  reasonCode: number
  properties: Properties
}

/** MQTT 5.0 only. */
export interface AuthPacket {
  type: typeof PacketType.Auth
  reasonCode: number
  properties: Properties
}

/** What the decoder hands over as an object: everything but PUBLISH and the four acknowledgements, which come in place. */
export type ControlPacket =
  | ConnectPacket
  | ConnackPacket
  | SubscribePacket
  | SubackPacket
  | UnsubscribePacket
  | UnsubackPacket
  | PingreqPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket

/** What the encoder takes. */
export type Packet = ControlPacket | PublishPacket | AcknowledgementPacket

export type { ReasonCode }

import {
  type ConnectPacket,
  type Packet,
  PacketType,
  type Properties,
  type PublishPacket,
  type QoS,
  type SubscribePacket,
  type SubscriptionRequest,
  type UnsubscribePacket,
  type WillMessage,
} from '../../src/protocol/index.ts'

/** Packets with what a test does not care about filled in. */

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text)
}

export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}

let clients = 0

/** A Client Identifier that no other client of this test file has. */
export function newClientId(): string {
  return `client${++clients}`
}

export type ConnectOptions = Partial<Omit<ConnectPacket, 'type'>>

export function connect(options: ConnectOptions = {}): ConnectPacket {
  return {
    type: PacketType.Connect,
    version: 5,
    cleanStart: true,
    keepAlive: 0,
    clientId: options.clientId ?? newClientId(),
    will: null,
    username: null,
    password: null,
    properties: {},
    bridge: false,
    ...options,
  }
}

export interface PublishOptions {
  qos?: QoS
  retain?: boolean
  dup?: boolean
  packetId?: number
  properties?: Properties
}

export function publish(topic: string, payload: string | Uint8Array, options: PublishOptions = {}): PublishPacket {
  const { qos = 0, retain = false, dup = false, packetId = 1, properties = {} } = options
  const bytes = typeof payload === 'string' ? bytesOf(payload) : payload
  return { type: PacketType.Publish, topic, payload: bytes, qos, retain, dup, packetId, properties }
}

export type SubscribeOptions = Partial<Omit<SubscriptionRequest, 'filter'>>

export function subscription(filter: string, options: SubscribeOptions = {}): SubscriptionRequest {
  return { filter, qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0, ...options }
}

export function subscribe(
  packetId: number,
  subscriptions: readonly SubscriptionRequest[],
  properties: Properties = {},
): SubscribePacket {
  return { type: PacketType.Subscribe, packetId, subscriptions: [...subscriptions], properties }
}

export function unsubscribe(packetId: number, filters: readonly string[]): UnsubscribePacket {
  return { type: PacketType.Unsubscribe, packetId, filters: [...filters], properties: {} }
}

export function acknowledgement(
  type: typeof PacketType.Puback | typeof PacketType.Pubrec | typeof PacketType.Pubrel | typeof PacketType.Pubcomp,
  packetId: number,
  reasonCode = 0,
): Packet {
  return { type, packetId, reasonCode, properties: {} }
}

export function disconnect(reasonCode = 0, properties: Properties = {}): Packet {
  return { type: PacketType.Disconnect, reasonCode, properties }
}

export function will(topic: string, payload: string, options: Partial<WillMessage> = {}): WillMessage {
  return { topic, payload: bytesOf(payload), qos: 0, retain: false, properties: {}, ...options }
}

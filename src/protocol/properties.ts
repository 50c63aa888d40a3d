import type { Properties } from './packets.ts'
import { ReasonCode } from './reason-codes.ts'

/** The Property Identifiers of MQTT 5.0 (table 2-4). */
export const PropertyId = {
  PayloadFormatIndicator: 0x01,
  MessageExpiryInterval: 0x02,
  ContentType: 0x03,
  ResponseTopic: 0x08,
  CorrelationData: 0x09,
  SubscriptionIdentifier: 0x0b,
  SessionExpiryInterval: 0x11,
  AssignedClientIdentifier: 0x12,
  ServerKeepAlive: 0x13,
  AuthenticationMethod: 0x15,
  AuthenticationData: 0x16,
  RequestProblemInformation: 0x17,
  WillDelayInterval: 0x18,
  RequestResponseInformation: 0x19,
  ResponseInformation: 0x1a,
  ServerReference: 0x1c,
  ReasonString: 0x1f,
  ReceiveMaximum: 0x21,
  TopicAliasMaximum: 0x22,
  TopicAlias: 0x23,
  MaximumQoS: 0x24,
  RetainAvailable: 0x25,
  UserProperty: 0x26,
  MaximumPacketSize: 0x27,
  WildcardSubscriptionAvailable: 0x28,
  SubscriptionIdentifiersAvailable: 0x29,
  SharedSubscriptionAvailable: 0x2a,
} as const
export type PropertyId = (typeof PropertyId)[keyof typeof PropertyId]

/** How a value lies on the wire. A Flag is a byte that is 0 or 1. */
export const WireType = {
  Byte: 0,
  Flag: 1,
  TwoBytes: 2,
  FourBytes: 3,
  VariableByte: 4,
  Text: 5,
  Binary: 6,
  TextPair: 7,
} as const
export type WireType = (typeof WireType)[keyof typeof WireType]

/** What carries properties: a packet by its type, or the Will within a CONNECT. */
export const WILL = 0
const CONNECT = 1 << 1
const CONNACK = 1 << 2
const PUBLISH = 1 << 3
const ACKNOWLEDGEMENTS = 0b1111_0000
const SUBSCRIBE = 1 << 8
const SUBACK = 1 << 9
const UNSUBACK = 1 << 11
const DISCONNECT = 1 << 14
const AUTH = 1 << 15
const MESSAGE = PUBLISH | (1 << WILL)
const ANSWERS = CONNACK | ACKNOWLEDGEMENTS | SUBACK | UNSUBACK | DISCONNECT | AUTH
const ANY = 0b1100_1111_1111_1111

export interface PropertyRow {
  readonly id: PropertyId
  readonly name: keyof Properties
  /** As the standard writes it, for messages. */
  readonly title: string
  readonly wire: WireType
  /** Bit n: the packets of type n may carry it; bit 0: the Will. */
  readonly carriers: number
  /** Bit n: in packets of type n it may come more than once. */
  readonly repeats: number
  /** Of numbers. */
  readonly minimum: number
  readonly maximum: number
  /** What a number outside minimum..maximum is answered with. */
  readonly outside: number
}

const { Byte, Flag, TwoBytes, FourBytes, VariableByte, Text, Binary, TextPair } = WireType

/** The table of all properties; reading, checking and writing are driven by it. */
export const PROPERTIES: readonly PropertyRow[] = [
  row(PropertyId.PayloadFormatIndicator, 'payloadFormatIndicator', Byte, MESSAGE, { maximum: 1 }),
  row(PropertyId.MessageExpiryInterval, 'messageExpiryInterval', FourBytes, MESSAGE),
  row(PropertyId.ContentType, 'contentType', Text, MESSAGE),
  row(PropertyId.ResponseTopic, 'responseTopic', Text, MESSAGE),
  row(PropertyId.CorrelationData, 'correlationData', Binary, MESSAGE),
  row(PropertyId.SubscriptionIdentifier, 'subscriptionIdentifiers', VariableByte, PUBLISH | SUBSCRIBE, {
    minimum: 1,
    repeats: PUBLISH,
  }),
  row(PropertyId.SessionExpiryInterval, 'sessionExpiryInterval', FourBytes, CONNECT | CONNACK | DISCONNECT),
  row(PropertyId.AssignedClientIdentifier, 'assignedClientIdentifier', Text, CONNACK),
  row(PropertyId.ServerKeepAlive, 'serverKeepAlive', TwoBytes, CONNACK),
  row(PropertyId.AuthenticationMethod, 'authenticationMethod', Text, CONNECT | CONNACK | AUTH),
  row(PropertyId.AuthenticationData, 'authenticationData', Binary, CONNECT | CONNACK | AUTH),
  row(PropertyId.RequestProblemInformation, 'requestProblemInformation', Flag, CONNECT),
  row(PropertyId.WillDelayInterval, 'willDelayInterval', FourBytes, 1 << WILL),
  row(PropertyId.RequestResponseInformation, 'requestResponseInformation', Flag, CONNECT),
  row(PropertyId.ResponseInformation, 'responseInformation', Text, CONNACK),
  row(PropertyId.ServerReference, 'serverReference', Text, CONNACK | DISCONNECT),
  row(PropertyId.ReasonString, 'reasonString', Text, ANSWERS),
  row(PropertyId.ReceiveMaximum, 'receiveMaximum', TwoBytes, CONNECT | CONNACK, { minimum: 1 }),
  row(PropertyId.TopicAliasMaximum, 'topicAliasMaximum', TwoBytes, CONNECT | CONNACK),
  row(PropertyId.TopicAlias, 'topicAlias', TwoBytes, PUBLISH, { minimum: 1, outside: ReasonCode.TopicAliasInvalid }),
  row(PropertyId.MaximumQoS, 'maximumQoS', Byte, CONNACK, { maximum: 1 }),
  row(PropertyId.RetainAvailable, 'retainAvailable', Flag, CONNACK),
  row(PropertyId.UserProperty, 'userProperties', TextPair, ANY, { repeats: ANY }),
  row(PropertyId.MaximumPacketSize, 'maximumPacketSize', FourBytes, CONNECT | CONNACK, { minimum: 1 }),
  row(PropertyId.WildcardSubscriptionAvailable, 'wildcardSubscriptionAvailable', Flag, CONNACK),
  row(PropertyId.SubscriptionIdentifiersAvailable, 'subscriptionIdentifiersAvailable', Flag, CONNACK),
  row(PropertyId.SharedSubscriptionAvailable, 'sharedSubscriptionAvailable', Flag, CONNACK),
]

function row(
  id: PropertyId,
  name: keyof Properties,
  wire: WireType,
  carriers: number,
  special: { minimum?: number; maximum?: number; outside?: number; repeats?: number } = {},
): PropertyRow {
  const { minimum = 0, maximum = largest(wire), outside = ReasonCode.ProtocolError, repeats = 0 } = special
  return { id, name, title: titleOf(id), wire, carriers, repeats, minimum, maximum, outside }
}

function largest(wire: WireType): number {
  switch (wire) {
    case Byte:
      return 0xff
    case Flag:
      return 1
    case TwoBytes:
      return 0xffff
    case FourBytes:
      return 0xffff_ffff
    case VariableByte:
      return 268_435_455
    default:
      return 0
  }
}

/** 'TopicAlias' -> 'Topic Alias', 'MaximumQoS' -> 'Maximum QoS'. */
function titleOf(id: PropertyId): string {
  const key = Object.entries(PropertyId).find(([, value]) => value === id)?.[0] ?? ''
  return key.replace(/([a-z])([A-Z])/g, '$1 $2').replace('Qo S', 'QoS')
}

/** The row number of an identifier that is no property: a bit that no mask has. */
export const NO_ROW = 31
const ROW_OF_ID: Uint8Array = new Uint8Array(256).fill(NO_ROW)
/** By row number. */
export const WIRE_OF_ROW: Uint8Array = new Uint8Array(32)
/** By packet type (0: Will): bit n is set if row n may be in it, or may be in it more than once. */
export const ROWS_IN: Int32Array = new Int32Array(16)
export const REPEATABLE_ROWS_IN: Int32Array = new Int32Array(16)
const ROW_OF_NAME: Map<string, PropertyRow> = new Map()

for (const [number, { id, name, wire, carriers, repeats }] of PROPERTIES.entries()) {
  ROW_OF_ID[id] = number
  WIRE_OF_ROW[number] = wire
  ROW_OF_NAME.set(name, PROPERTIES[number]!)
  for (let type = 0; type < 16; type++) {
    if ((carriers & (1 << type)) !== 0) ROWS_IN[type]! |= 1 << number
    if ((repeats & (1 << type)) !== 0) REPEATABLE_ROWS_IN[type]! |= 1 << number
  }
}

/**
 * The number of the row of a property, or NO_ROW. The identifier is a Variable Byte Integer, but all that exist are
 * below 128, so one byte tells.
 */
export function rowNumber(id: number): number {
  return ROW_OF_ID[id]!
}

export function rowOfName(name: string): PropertyRow | undefined {
  return ROW_OF_NAME.get(name)
}

/** The bit of a property in the masks over rows. */
export function rowBit(id: PropertyId): number {
  return 1 << rowNumber(id)
}

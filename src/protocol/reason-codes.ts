import type { PacketType } from './packets.ts'

/** Every reason code of MQTT 5.0 (table 2-6). Three names share 0x00: which one it is depends on the packet. */
export const ReasonCode = {
  Success: 0x00,
  NormalDisconnection: 0x00,
  GrantedQoS0: 0x00,
  GrantedQoS1: 0x01,
  GrantedQoS2: 0x02,
  DisconnectWithWillMessage: 0x04,
  NoMatchingSubscribers: 0x10,
  NoSubscriptionExisted: 0x11,
  ContinueAuthentication: 0x18,
  ReAuthenticate: 0x19,
  UnspecifiedError: 0x80,
  MalformedPacket: 0x81,
  ProtocolError: 0x82,
  ImplementationSpecificError: 0x83,
  UnsupportedProtocolVersion: 0x84,
  ClientIdentifierNotValid: 0x85,
  BadUserNameOrPassword: 0x86,
  NotAuthorized: 0x87,
  ServerUnavailable: 0x88,
  ServerBusy: 0x89,
  Banned: 0x8a,
  ServerShuttingDown: 0x8b,
  BadAuthenticationMethod: 0x8c,
  KeepAliveTimeout: 0x8d,
  SessionTakenOver: 0x8e,
  TopicFilterInvalid: 0x8f,
  TopicNameInvalid: 0x90,
  PacketIdentifierInUse: 0x91,
  PacketIdentifierNotFound: 0x92,
  ReceiveMaximumExceeded: 0x93,
  TopicAliasInvalid: 0x94,
  PacketTooLarge: 0x95,
  MessageRateTooHigh: 0x96,
  QuotaExceeded: 0x97,
  AdministrativeAction: 0x98,
  PayloadFormatInvalid: 0x99,
  RetainNotSupported: 0x9a,
  QoSNotSupported: 0x9b,
  UseAnotherServer: 0x9c,
  ServerMoved: 0x9d,
  SharedSubscriptionsNotSupported: 0x9e,
  ConnectionRateExceeded: 0x9f,
  MaximumConnectTime: 0xa0,
  SubscriptionIdentifiersNotSupported: 0xa1,
  WildcardSubscriptionsNotSupported: 0xa2,
} as const
export type ReasonCode = (typeof ReasonCode)[keyof typeof ReasonCode]

/** The Connect Return codes of MQTT 3.1 and 3.1.1. */
export const ConnectReturnCode = {
  Accepted: 0,
  UnacceptableProtocolVersion: 1,
  IdentifierRejected: 2,
  ServerUnavailable: 3,
  BadUserNameOrPassword: 4,
  NotAuthorized: 5,
} as const
export type ConnectReturnCode = (typeof ConnectReturnCode)[keyof typeof ConnectReturnCode]

const CONNACK = 1 << 2
const PUBACK = 1 << 4
const PUBREC = 1 << 5
const PUBREL = 1 << 6
const PUBCOMP = 1 << 7
const SUBACK = 1 << 9
const UNSUBACK = 1 << 11
const DISCONNECT = 1 << 14
const AUTH = 1 << 15
/** To a PUBLISH. */
const RECEIPT = PUBACK | PUBREC
const ENDING = CONNACK | DISCONNECT
const ANY_REQUEST = CONNACK | RECEIPT | SUBACK | UNSUBACK | DISCONNECT

/** Code, the packets that may carry it, and what it means in words for people. */
const CODES: readonly (readonly [code: number, packets: number, words: string])[] = [
  [0x00, ANY_REQUEST | PUBREL | PUBCOMP | AUTH, 'success'],
  [0x01, SUBACK, 'granted QoS 1'],
  [0x02, SUBACK, 'granted QoS 2'],
  [0x04, DISCONNECT, 'disconnected, and the will is to be published'],
  [0x10, RECEIPT, 'no one subscribes to this topic'],
  [0x11, UNSUBACK, 'there was no such subscription'],
  [0x18, AUTH, 'authentication goes on'],
  [0x19, AUTH, 'authenticate again'],
  [0x80, ANY_REQUEST, 'unspecified error'],
  [0x81, ENDING, 'malformed packet'],
  [0x82, ENDING, 'protocol error'],
  [0x83, ANY_REQUEST, 'error specific to the implementation'],
  [0x84, CONNACK, 'this version of MQTT is not supported'],
  [0x85, CONNACK, 'client identifier not valid'],
  [0x86, CONNACK, 'wrong user name or password'],
  [0x87, ANY_REQUEST, 'not authorized'],
  [0x88, CONNACK, 'server unavailable'],
  [0x89, ENDING, 'server busy'],
  [0x8a, CONNACK, 'banned'],
  [0x8b, DISCONNECT, 'server shutting down'],
  [0x8c, ENDING, 'authentication method wrong or not supported'],
  [0x8d, DISCONNECT, 'nothing came within the keep-alive time'],
  [0x8e, DISCONNECT, 'session taken over by another connection with the same client identifier'],
  [0x8f, SUBACK | UNSUBACK | DISCONNECT, 'topic filter invalid'],
  [0x90, ENDING | RECEIPT, 'topic name invalid'],
  [0x91, RECEIPT | SUBACK | UNSUBACK, 'packet identifier in use'],
  [0x92, PUBREL | PUBCOMP, 'packet identifier not found'],
  [0x93, DISCONNECT, 'more messages in flight than the receive maximum allows'],
  [0x94, DISCONNECT, 'topic alias invalid'],
  [0x95, ENDING, 'packet too large'],
  [0x96, DISCONNECT, 'messages come too fast'],
  [0x97, ENDING | RECEIPT | SUBACK, 'a quota is exceeded'],
  [0x98, DISCONNECT, 'disconnected by the administrator'],
  [0x99, ENDING | RECEIPT, 'payload is not of the format that it claims'],
  [0x9a, ENDING, 'retained messages are not supported'],
  [0x9b, ENDING, 'this QoS is not supported'],
  [0x9c, ENDING, 'use another server for now'],
  [0x9d, ENDING, 'server moved'],
  [0x9e, SUBACK | DISCONNECT, 'shared subscriptions are not supported'],
  [0x9f, ENDING, 'connections come too fast'],
  [0xa0, DISCONNECT, 'connected for longer than is allowed'],
  [0xa1, SUBACK | DISCONNECT, 'subscription identifiers are not supported'],
  [0xa2, SUBACK | DISCONNECT, 'wildcard subscriptions are not supported'],
]

const WORDS: (string | undefined)[] = new Array(256)
const CARRIERS: Uint16Array = new Uint16Array(256)
for (const [code, packets, words] of CODES) {
  WORDS[code] = words
  CARRIERS[code] = packets
}

/** What the reason code says, in words for people. */
export function reasonCodeName(code: number): string {
  return WORDS[code] ?? `reason code 0x${code.toString(16).padStart(2, '0')}`
}

/** Whether a packet of this type may carry this reason code [MQTT-3.2.2-8] [MQTT-3.4.2-1] [MQTT-3.14.2-1]. */
export function reasonCodeFits(type: PacketType, code: number): boolean {
  return (CARRIERS[code]! & (1 << type)) !== 0
}

/**
 * The Connect Return code that comes closest to an MQTT 5.0 reason code. What may pass by itself becomes 'server
 * unavailable', what will not 'not authorized'; 0..5 are return codes already.
 */
export function connectReturnCode(reasonCode: number): ConnectReturnCode {
  switch (reasonCode) {
    case ConnectReturnCode.Accepted:
    case ConnectReturnCode.UnacceptableProtocolVersion:
    case ConnectReturnCode.IdentifierRejected:
    case ConnectReturnCode.ServerUnavailable:
    case ConnectReturnCode.BadUserNameOrPassword:
    case ConnectReturnCode.NotAuthorized:
      return reasonCode
    case ReasonCode.UnsupportedProtocolVersion:
      return ConnectReturnCode.UnacceptableProtocolVersion
    case ReasonCode.ClientIdentifierNotValid:
      return ConnectReturnCode.IdentifierRejected
    case ReasonCode.BadUserNameOrPassword:
    case ReasonCode.BadAuthenticationMethod:
      return ConnectReturnCode.BadUserNameOrPassword
    case ReasonCode.UnspecifiedError:
    case ReasonCode.ImplementationSpecificError:
    case ReasonCode.ServerUnavailable:
    case ReasonCode.ServerBusy:
    case ReasonCode.ServerShuttingDown:
    case ReasonCode.QuotaExceeded:
    case ReasonCode.UseAnotherServer:
    case ReasonCode.ServerMoved:
    case ReasonCode.ConnectionRateExceeded:
      return ConnectReturnCode.ServerUnavailable
    default:
      return ConnectReturnCode.NotAuthorized
  }
}

import {
  type ConnackPacket,
  type ConnectPacket,
  encodedLength,
  PacketType,
  type Properties,
  ReasonCode,
  type WillMessage,
} from '../protocol/index.ts'
import type { CloseOptions, Outgoing } from './api.ts'
import { encodeText } from './codecs.ts'
import { MqttError, reasonWords } from './errors.ts'
import type { Credentials, Settings } from './options.ts'
import { text } from './platform.ts'
import { LARGEST_PACKET, type ServerLimits } from './server-limits.ts'

const NO_BYTES: Uint8Array = new Uint8Array(0)

/** What CONNECT says for one attempt. */
export function connectPacket(
  settings: Settings,
  clientId: string,
  cleanStart: boolean,
  credentials: Credentials,
  authenticationData: Uint8Array | undefined,
): ConnectPacket {
  const { username, password } = credentials
  const secret = typeof password === 'string' ? encodeText(password) : (password ?? null)
  return {
    type: PacketType.Connect,
    version: settings.protocol,
    cleanStart,
    keepAlive: settings.keepAlive,
    clientId,
    will: settings.will === undefined ? null : willMessage(settings.will),
    // Before MQTT 5.0 there is no Password without a User Name.
    username: username ?? (secret !== null && settings.protocol !== 5 ? '' : null),
    password: secret,
    properties: settings.protocol === 5 ? connectProperties(settings, authenticationData) : {},
    bridge: false,
  }
}

function connectProperties(settings: Settings, authenticationData: Uint8Array | undefined): Properties {
  const properties: Properties = { receiveMaximum: settings.receiveMaximum }
  if (settings.sessionExpiry > 0) properties.sessionExpiryInterval = settings.sessionExpiry
  if (settings.maximumPacketSize < LARGEST_PACKET) properties.maximumPacketSize = settings.maximumPacketSize
  if (settings.topicAliasMaximum > 0) properties.topicAliasMaximum = settings.topicAliasMaximum
  if (settings.requestResponseInformation) properties.requestResponseInformation = true
  if (!settings.requestProblemInformation) properties.requestProblemInformation = false
  if (settings.userProperties.length > 0) properties.userProperties = settings.userProperties
  if (settings.authentication !== undefined) {
    properties.authenticationMethod = settings.authentication.method
    if (authenticationData !== undefined) properties.authenticationData = authenticationData
  }
  return properties
}

function willMessage({
  topic,
  payload = NO_BYTES,
  qos = 0,
  retain = false,
  properties,
  delay,
}: Outgoing & { delay?: number }): WillMessage {
  const all: Properties = { ...properties }
  if (delay !== undefined && delay > 0) all.willDelayInterval = delay
  return { topic, payload: typeof payload === 'string' ? encodeText(payload) : payload, qos, retain, properties: all }
}

/** Connect Return codes of MQTT 3.1 and 3.1.1, and the reason codes that mean the same. */
const OF_RETURN_CODE: readonly number[] = [
  ReasonCode.Success,
  ReasonCode.UnsupportedProtocolVersion,
  ReasonCode.ClientIdentifierNotValid,
  ReasonCode.ServerUnavailable,
  ReasonCode.BadUserNameOrPassword,
  ReasonCode.NotAuthorized,
]

/** The error that a CONNACK is, or null if it says welcome. */
export function refusal(
  connack: ConnackPacket,
  settings: Settings,
  address: string,
  credentials: Credentials,
): MqttError | null {
  if (connack.reasonCode === 0) return null
  const reasonCode =
    settings.protocol === 5 ? connack.reasonCode : (OF_RETURN_CODE[connack.reasonCode] ?? ReasonCode.UnspecifiedError)
  const { reasonString, serverReference } = connack.properties
  const hint = refusalHint(reasonCode, settings, credentials, serverReference)
  const message = `Refused by ${address}: ${reasonWords(reasonCode, reasonString)}.${hint}`
  return new MqttError('ERR_REFUSED', message, { reasonCode, reasonString, serverReference })
}

function refusalHint(
  reasonCode: number,
  { protocol, will }: Settings,
  { username, password }: Credentials,
  serverReference: string | undefined,
): string {
  switch (reasonCode) {
    case ReasonCode.UnsupportedProtocolVersion:
      return protocol === 5 ? ' Try protocol: 4 (MQTT 3.1.1).' : ' Try protocol: 5 (MQTT 5.0).'
    case ReasonCode.ClientIdentifierNotValid:
      return ' Choose another clientId.'
    case ReasonCode.BadUserNameOrPassword:
    case ReasonCode.NotAuthorized:
      if (username === undefined && password === undefined) return ' No user name and no password were sent.'
      if (password === undefined) return ` User name '${username}' was sent, and no password.`
      return ` User name '${username ?? ''}' and a password were sent.`
    case ReasonCode.RetainNotSupported:
    case ReasonCode.QoSNotSupported:
      return will === undefined ? '' : ' It is about the will.'
    default:
      return serverReference === undefined ? '' : ` The broker names another one: ${serverReference}`
  }
}

/** What DISCONNECT says beside its reason code; words that would make it too large for the broker are left out. */
export function disconnectProperties(
  { reason, sessionExpiry, userProperties }: CloseOptions,
  limits: ServerLimits | null,
): Properties {
  const properties: Properties = {}
  if (sessionExpiry !== undefined) properties.sessionExpiryInterval = sessionExpiry
  if (limits?.protocol !== 5) return properties
  const fits = (more: Properties): boolean => {
    const packet = { type: PacketType.Disconnect, reasonCode: 0, properties: { ...properties, ...more } } as const
    return encodedLength(packet, 5, text) <= limits.maximumPacketSize
  }
  if (reason !== undefined && fits({ reasonString: reason })) properties.reasonString = reason // [MQTT-3.14.2-3]
  if (userProperties !== undefined && fits({ userProperties })) properties.userProperties = userProperties // [MQTT-3.14.2-4]
  return properties
}

import { object } from '../arguments/index.ts'
import {
  type ConnackPacket,
  type ConnectPacket,
  encodedLength,
  PacketType,
  type Properties,
  ReasonCode,
  type WillMessage,
} from '../protocol/index.ts'
import type { ClientTransport } from '../transport/index.ts'
import { orAbort } from './abort-signals.ts'
import type { CloseOptions, Outgoing } from './api.ts'
import { check, checkCredentials } from './check-arguments.ts'
import { encodeText } from './codecs.ts'
import { MqttError, reasonWords, unreachable } from './errors.ts'
import type { Credentials, Settings } from './options.ts'
import { dial, text } from './platform.ts'
import { LARGEST_PACKET, type ServerLimits } from './server-limits.ts'
import type { Target } from './url.ts'

const NO_BYTES: Uint8Array = new Uint8Array(0)

const TRANSPORT = object('a ClientTransport', 'start', 'send', 'pause', 'resume', 'close', 'abort')

/** How errors name the broker before there is a connection. `target` is null with a transport of the application's. */
export function nameOf(target: Target | null): string {
  if (target === null) return 'the broker'
  const { host, port } = target
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Opens TCP, or what the option `transport` opens. Throws MqttError ERR_UNREACHABLE, or the signal's reason. */
export async function openTransport(
  { transport }: Settings,
  target: Target | null,
  signal: AbortSignal,
): Promise<ClientTransport> {
  try {
    if (transport === undefined) return await dial({ host: target!.host, port: target!.port, signal })
    const opening = Promise.resolve(transport(signal))
    opening.then(
      (late) => {
        if (signal.aborted) late?.abort()
      },
      () => {},
    )
    const opened = await orAbort(opening, signal)
    check('ERR_OPTION', 'The result of transport()', opened, TRANSPORT)
    return opened
  } catch (error) {
    throw unreachable(error, nameOf(target))
  }
}

/**
 * User name and password: those of the option `credentials`, else those of the URL. A function is called for each
 * attempt.
 */
export async function askCredentials(
  { credentials }: Settings,
  target: Target | null,
  attempt: number,
): Promise<Credentials> {
  const { username, password } = target ?? {}
  const url: Credentials = {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
  }
  if (typeof credentials !== 'function') return { ...url, ...credentials }
  let given: Credentials
  try {
    given = await credentials(attempt)
  } catch (cause) {
    throw new MqttError('ERR_UNREACHABLE', `The credentials function failed: ${String(cause)}`, { cause })
  }
  checkCredentials(given)
  return { ...url, ...given }
}

/** The CONNECT packet of one attempt. */
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

/** Connect Return codes of MQTT 3.1 and 3.1.1 as the Reason Codes that mean the same. */
const OF_RETURN_CODE: readonly number[] = [
  ReasonCode.Success,
  ReasonCode.UnsupportedProtocolVersion,
  ReasonCode.ClientIdentifierNotValid,
  ReasonCode.ServerUnavailable,
  ReasonCode.BadUserNameOrPassword,
  ReasonCode.NotAuthorized,
]

/** The error for a CONNACK that refuses, or null. */
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
      return will === undefined ? '' : ' The will is the reason.'
    default:
      return serverReference === undefined ? '' : ` The broker refers to another: ${serverReference}`
  }
}

/** The broker says Session Present to a Clean Start [MQTT-3.2.2-4]; null if it does not. */
export function falseSession(
  { sessionPresent }: ConnackPacket,
  cleanStart: boolean,
  address: string,
): MqttError | null {
  if (!sessionPresent || !cleanStart) return null
  const words = `${address} broke the protocol: it says Session Present though Clean Start was asked for`
  return new MqttError('ERR_PROTOCOL', words, { reasonCode: ReasonCode.ProtocolError })
}

/** The properties of DISCONNECT. Those that would exceed the broker's Maximum Packet Size are left out. */
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

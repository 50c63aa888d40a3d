import { ProtocolError } from './errors.ts'
import {
  type ConnectPacket,
  PacketType,
  type Properties,
  type ProtocolVersion,
  type QoS,
  type WillMessage,
} from './packets.ts'
import { WILL } from './properties.ts'
import type { Reader } from './reader.ts'
import { ReasonCode } from './reason-codes.ts'

const CLEAN_START = 0x02
const WILL_FLAG = 0x04
const WILL_RETAIN = 0x20
const PASSWORD = 0x40
const USER_NAME = 0x80
const BRIDGE = 0x80

/** Reads a CONNECT; sets reader.version as soon as it is known, so that whoever answers an error answers in it. */
export function readConnect(reader: Reader): ConnectPacket {
  const bridge = readVersion(reader)
  const version = reader.version
  const flagsAt = reader.at
  const flags = reader.byte('Connect Flags')
  checkFlags(reader, flags, flagsAt)
  const keepAlive = reader.twoBytes('Keep Alive')
  const propertiesAt = reader.at
  const properties = reader.properties(PacketType.Connect)
  checkAuthentication(reader, properties, propertiesAt)
  const clientId = reader.string('Client Identifier')
  const will = (flags & WILL_FLAG) !== 0 ? readWill(reader, flags) : null
  // MQTT 3.1 lets a CONNECT end before the fields that its flags announce.
  const username = (flags & USER_NAME) !== 0 && !(version === 3 && reader.atEnd) ? reader.string('User Name') : null
  const password = (flags & PASSWORD) !== 0 && !(version === 3 && reader.atEnd) ? reader.binary('Password') : null
  reader.expectEnd()
  return {
    type: PacketType.Connect,
    version,
    cleanStart: (flags & CLEAN_START) !== 0,
    keepAlive,
    clientId,
    will,
    username,
    password,
    properties,
    bridge,
  }
}

/** Protocol Name and Version; returns whether the peer marks itself as a bridge. */
function readVersion(reader: Reader): boolean {
  const nameAt = reader.at
  const name = reader.string('Protocol Name')
  if (name !== 'MQTT' && name !== 'MQIsdp') throw unsupported(reader, 'The Protocol Name is not MQTT', nameAt)
  const level = reader.byte('Protocol Version')
  const version = level & ~BRIDGE
  const bridge = level !== version
  const known = name === 'MQIsdp' ? version === 3 : version === 4 || (version === 5 && !bridge)
  if (!known) {
    throw unsupported(reader, `The Protocol Version is ${level} with the name ${name}`, reader.at - 1)
  }
  reader.version = version as ProtocolVersion
  return bridge
}

function unsupported(reader: Reader, message: string, at: number): ProtocolError {
  return new ProtocolError(ReasonCode.UnsupportedProtocolVersion, message, at - reader.start)
}

function checkFlags(reader: Reader, flags: number, at: number): void {
  // MQTT 3.1 leaves the bit open; later it is reserved [MQTT-3.1.2-3].
  if ((flags & 1) !== 0 && reader.version !== 3) throw reader.malformed('The reserved Connect Flag is set', at)
  if (((flags >> 3) & 3) === 3) throw reader.malformed('The Will QoS is 3', at) // [MQTT-3.1.2-12]
  if ((flags & WILL_FLAG) === 0 && (flags & 0x38) !== 0) {
    throw reader.malformed('Will QoS or Will Retain is set without a Will', at) // [MQTT-3.1.2-11] [MQTT-3.1.2-13]
  }
  if (reader.version !== 5 && (flags & PASSWORD) !== 0 && (flags & USER_NAME) === 0) {
    throw reader.malformed('There is a Password without a User Name', at)
  }
}

function checkAuthentication(reader: Reader, properties: Properties, at: number): void {
  if (properties.authenticationData !== undefined && properties.authenticationMethod === undefined) {
    throw reader.protocolError('There is Authentication Data without an Authentication Method', at)
  }
}

function readWill(reader: Reader, flags: number): WillMessage {
  const properties = reader.properties(WILL)
  const topicAt = reader.at
  const topic = reader.topicName('Will Topic')
  if (topic === '') {
    throw new ProtocolError(ReasonCode.TopicNameInvalid, 'The Will Topic is empty', topicAt - reader.start)
  }
  const payload = reader.binary('Will Payload')
  return { topic, payload, qos: ((flags >> 3) & 3) as QoS, retain: (flags & WILL_RETAIN) !== 0, properties }
}

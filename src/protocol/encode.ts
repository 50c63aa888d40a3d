import { copyBytes, type Output } from './output.ts'
import {
  type AcknowledgementPacket,
  type AuthPacket,
  type ConnackPacket,
  type ConnectPacket,
  type DisconnectPacket,
  type Packet,
  PacketType,
  type Properties,
  type ProtocolVersion,
  type PublishPacket,
  type SubackPacket,
  type SubscribePacket,
  type UnsubackPacket,
  type UnsubscribePacket,
} from './packets.ts'
import { WILL } from './properties.ts'
import { connectReturnCode, ReasonCode } from './reason-codes.ts'
import type { Text } from './text.ts'
import { LARGEST_VARIABLE, variableLength, writeVariable } from './variable-byte-integer.ts'
import { checkNumber, checkTopicName, Writer } from './writer.ts'

/** One for all packets, because one is encoded at a time. */
const writer: Writer = new Writer()

/**
 * Writes any packet. What a version does not have (properties, reason codes, options) is left out below it; a CONNACK's
 * reason code becomes the Connect Return code, and a SUBACK's failures 0x80, in MQTT 3.1 and 3.1.1. Throws RangeError for
 * what MQTT cannot carry; then nothing was written.
 */
export function encodePacket(out: Output, packet: Packet, version: ProtocolVersion, text: Text): void {
  const payload = packet.type === PacketType.Publish ? packet.payload : NO_BYTES
  writeBody(packet, version, text)
  const head = writer.at
  const remaining = checkNumber(head + payload.length, 0, LARGEST_VARIABLE, 'Remaining Length')
  out.reserve(1 + variableLength(remaining) + remaining)
  out.bytes[out.at] = firstByte(packet)
  const at = writeVariable(out.bytes, out.at + 1, remaining)
  copyBytes(out.bytes, at, writer.bytes, 0, head)
  copyBytes(out.bytes, at + head, payload, 0, payload.length)
  out.at = at + remaining
  writer.clear()
}

/** The length in bytes of the whole packet that encodePacket would write; throws as it does. */
export function encodedLength(packet: Packet, version: ProtocolVersion, text: Text): number {
  writeBody(packet, version, text)
  const remaining = writer.at + (packet.type === PacketType.Publish ? packet.payload.length : 0)
  writer.clear()
  return 1 + variableLength(remaining) + remaining
}

/**
 * The run of properties, without its length, that a PUBLISH carries for these; what a PUBLISH may not have (the Will Delay
 * Interval of a Will) is left out. Throws RangeError for values that MQTT cannot carry.
 */
export function encodeProperties(properties: Properties, text: Text): Uint8Array {
  writer.clear()
  writer.propertyRun(properties, PacketType.Publish, text, true)
  const run = writer.bytes.slice(0, writer.at)
  writer.clear()
  return run
}

const NO_BYTES: Uint8Array = new Uint8Array(0)

function firstByte(packet: Packet): number {
  switch (packet.type) {
    case PacketType.Publish:
      return (PacketType.Publish << 4) | (packet.dup ? 8 : 0) | (packet.qos << 1) | (packet.retain ? 1 : 0)
    case PacketType.Pubrel:
    case PacketType.Subscribe:
    case PacketType.Unsubscribe:
      return (packet.type << 4) | 2
    default:
      return packet.type << 4
  }
}

/** Everything after the fixed header, but for the payload of a PUBLISH, which is not copied twice. */
function writeBody(packet: Packet, version: ProtocolVersion, text: Text): void {
  writer.clear()
  switch (packet.type) {
    case PacketType.Connect:
      writeConnect(packet, text)
      break
    case PacketType.Connack:
      writeConnack(packet, version, text)
      break
    case PacketType.Publish:
      writePublishHead(packet, version, text)
      break
    case PacketType.Puback:
    case PacketType.Pubrec:
    case PacketType.Pubrel:
    case PacketType.Pubcomp:
      writeAnyAcknowledgement(packet, version, text)
      break
    case PacketType.Subscribe:
      writeSubscribe(packet, version, text)
      break
    case PacketType.Suback:
    case PacketType.Unsuback:
      writeReasonCodes(packet, version, text)
      break
    case PacketType.Unsubscribe:
      writeUnsubscribe(packet, version, text)
      break
    case PacketType.Disconnect:
      writeDisconnect(packet, version, text)
      break
    case PacketType.Auth:
      writeAuth(packet, version, text)
  }
}

function writeProperties(properties: Properties, carrier: number, version: ProtocolVersion, text: Text): void {
  if (version === 5) writer.properties(properties, carrier, text)
}

/** The packet says its version itself. */
function writeConnect(packet: ConnectPacket, text: Text): void {
  const { version, will, username, password } = packet
  if (version !== 5 && password !== null && username === null) {
    throw new RangeError('A Password without a User Name needs MQTT 5.0')
  }
  if (version === 5 && packet.bridge) throw new RangeError('The bridge mark is for MQTT 3.1 and 3.1.1')
  writer.string(version === 3 ? 'MQIsdp' : 'MQTT', 'Protocol Name', text)
  writer.byte(version | (packet.bridge ? 0x80 : 0), 'Protocol Version')
  let flags = packet.cleanStart ? 2 : 0
  if (will !== null) flags |= 4 | (checkNumber(will.qos, 0, 2, 'Will QoS') << 3) | (will.retain ? 0x20 : 0)
  if (password !== null) flags |= 0x40
  if (username !== null) flags |= 0x80
  writer.byte(flags, 'Connect Flags')
  writer.twoBytes(packet.keepAlive, 'Keep Alive')
  if (packet.properties.authenticationData !== undefined && packet.properties.authenticationMethod === undefined) {
    throw new RangeError('Authentication Data needs an Authentication Method')
  }
  writeProperties(packet.properties, PacketType.Connect, version, text)
  writer.string(packet.clientId, 'Client Identifier', text)
  if (will !== null) {
    writeProperties(will.properties, WILL, version, text)
    checkTopicName(will.topic, 'Will Topic')
    writer.string(will.topic, 'Will Topic', text)
    writer.binary(will.payload, 'Will Payload')
  }
  if (username !== null) writer.string(username, 'User Name', text)
  if (password !== null) writer.binary(password, 'Password')
}

function writeConnack(packet: ConnackPacket, version: ProtocolVersion, text: Text): void {
  // MQTT 3.1 has no Session Present.
  writer.byte(packet.sessionPresent && version !== 3 ? 1 : 0, 'Connect Acknowledge Flags')
  writer.byte(version === 5 ? packet.reasonCode : connectReturnCode(packet.reasonCode), 'Reason Code')
  writeProperties(packet.properties, PacketType.Connack, version, text)
}

function writePublishHead(packet: PublishPacket, version: ProtocolVersion, text: Text): void {
  checkNumber(packet.qos, 0, 2, 'QoS')
  if (packet.dup && packet.qos === 0) throw new RangeError('DUP cannot be set with QoS 0') // [MQTT-3.3.1-2]
  const aliased = version === 5 && packet.properties.topicAlias !== undefined
  if (packet.topic !== '' || !aliased) checkTopicName(packet.topic, 'Topic Name')
  writer.string(packet.topic, 'Topic Name', text)
  if (packet.qos !== 0) writer.packetId(packet.packetId)
  writeProperties(packet.properties, PacketType.Publish, version, text)
}

function writeAnyAcknowledgement(packet: AcknowledgementPacket, version: ProtocolVersion, text: Text): void {
  writer.packetId(packet.packetId)
  if (version === 5) writeCodeAndProperties(packet, text)
}

/** Both, or what may be left out of them: the properties if there are none, then the reason code too if it is 0. */
function writeCodeAndProperties(packet: AcknowledgementPacket | DisconnectPacket, text: Text): void {
  const start = writer.at
  writer.byte(packet.reasonCode, 'Reason Code')
  writer.properties(packet.properties, packet.type, text)
  const none = writer.at - start === 2
  if (none) writer.at = start + (packet.reasonCode === ReasonCode.Success ? 0 : 1)
}

function writeSubscribe(packet: SubscribePacket, version: ProtocolVersion, text: Text): void {
  writer.packetId(packet.packetId)
  writeProperties(packet.properties, PacketType.Subscribe, version, text)
  if (packet.subscriptions.length === 0) throw new RangeError('A SUBSCRIBE needs a Topic Filter') // [MQTT-3.8.3-2]
  for (const { filter, qos, noLocal, retainAsPublished, retainHandling } of packet.subscriptions) {
    let options = checkNumber(qos, 0, 2, 'QoS')
    if (version === 5) {
      options |= (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0)
      options |= checkNumber(retainHandling, 0, 2, 'Retain Handling') << 4
    }
    writer.string(filter, 'Topic Filter', text)
    writer.byte(options, 'Subscription Options')
  }
}

function writeUnsubscribe(packet: UnsubscribePacket, version: ProtocolVersion, text: Text): void {
  writer.packetId(packet.packetId)
  writeProperties(packet.properties, PacketType.Unsubscribe, version, text)
  if (packet.filters.length === 0) throw new RangeError('An UNSUBSCRIBE needs a Topic Filter') // [MQTT-3.10.3-2]
  for (const filter of packet.filters) writer.string(filter, 'Topic Filter', text)
}

function writeReasonCodes(packet: SubackPacket | UnsubackPacket, version: ProtocolVersion, text: Text): void {
  writer.packetId(packet.packetId)
  writeProperties(packet.properties, packet.type, version, text)
  if (version !== 5 && packet.type === PacketType.Unsuback) return
  if (packet.reasonCodes.length === 0) throw new RangeError('SUBACK and UNSUBACK need a Reason Code')
  for (const code of packet.reasonCodes) {
    // Below MQTT 5.0 there is one code for failure.
    writer.byte(version === 5 ? code : Math.min(code, ReasonCode.UnspecifiedError), 'Reason Code')
  }
}

function writeDisconnect(packet: DisconnectPacket, version: ProtocolVersion, text: Text): void {
  if (version === 5) writeCodeAndProperties(packet, text)
}

function writeAuth(packet: AuthPacket, version: ProtocolVersion, text: Text): void {
  if (version !== 5) throw new RangeError('AUTH needs MQTT 5.0')
  writer.byte(packet.reasonCode, 'Reason Code')
  writer.properties(packet.properties, PacketType.Auth, text)
  // The short form is for Success without properties only.
  if (packet.reasonCode === ReasonCode.Success && writer.at === 2) writer.at = 0
}

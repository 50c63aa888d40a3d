import { copyBytes, type Output } from './output.ts'
import type { AcknowledgementPacket, ProtocolVersion, QoS } from './packets.ts'
import { PropertyId } from './properties.ts'
import { LARGEST_VARIABLE, variableLength, writeVariable } from './variable-byte-integer.ts'

/**
 * Where the parts of an Application Message lie: the topic in `topicBytes`, the rest in `bytes`, which may be the same array.
 * A PublishView is one. The properties are a run without its length.
 */
export interface PublishContent {
  readonly topicBytes: Uint8Array
  readonly bytes: Uint8Array
  readonly topicStart: number
  readonly topicEnd: number
  readonly propertiesStart: number
  readonly propertiesEnd: number
  readonly payloadStart: number
  readonly payloadEnd: number
  /** The bytes never change: they may be sent later from where they lie. */
  readonly lasting?: boolean
}

/** What a PUBLISH of MQTT 5.0 carries beside the properties of its content. */
export interface PublishExtras {
  /** Seconds, or -1 for none. */
  messageExpiryInterval: number
  /** 1..268,435,455 each. */
  subscriptionIdentifiers: readonly number[] | null
  /** 1..65,535, or 0 for none. */
  topicAlias: number
  /** With an alias that the receiver knows already. */
  omitTopic: boolean
}

/** The length in bytes of what writePublish would write. */
export function publishLength(
  qos: QoS,
  version: ProtocolVersion,
  content: PublishContent,
  extras: PublishExtras | null,
): number {
  const omitTopic = version === 5 && extras !== null && extras.omitTopic
  const topic = omitTopic ? 0 : content.topicEnd - content.topicStart
  let remaining = 2 + topic + (qos === 0 ? 0 : 2) + content.payloadEnd - content.payloadStart
  if (version === 5) {
    const properties = content.propertiesEnd - content.propertiesStart + (extras === null ? 0 : extrasLength(extras))
    remaining += variableLength(properties) + properties
  }
  return 1 + variableLength(remaining) + remaining
}

/**
 * Writes a whole PUBLISH and returns its length in bytes. firstByte carries type, DUP, QoS and RETAIN; packetId is
 * written if its QoS is not 0. The content's properties, which must be ones to forward, and the extras are left out
 * below MQTT 5.0. Throws RangeError for a packet larger than MQTT allows.
 */
export function writePublish(
  out: Output,
  firstByte: number,
  packetId: number,
  version: ProtocolVersion,
  content: PublishContent,
  extras: PublishExtras | null,
): number {
  const topicStart = content.topicStart
  const topicEnd = content.topicEnd
  const payloadEnd = content.payloadEnd
  if (payloadEnd - content.payloadStart >= out.referredBytes && content.lasting === true) {
    return writeReferring(out, firstByte, packetId, version, content, extras)
  }
  const hasPacketId = (firstByte & 6) !== 0
  if (version === 5 && (extras !== null || content.propertiesStart !== content.propertiesEnd)) {
    return writeWithProperties(out, firstByte, packetId, content, extras)
  }
  // Between topic and payload: the Packet Identifier, and a Property Length of 0.
  const gap = (hasPacketId ? 2 : 0) + (version === 5 ? 1 : 0)
  const topicLength = topicEnd - topicStart
  const payloadStart = content.payloadStart
  const remaining = 2 + topicLength + gap + payloadEnd - payloadStart
  const length = begin(out, firstByte, remaining, topicLength)
  const bytes = out.bytes
  const at = out.at + length - remaining + 2
  let next = at + topicLength
  if (payloadStart - topicEnd === gap && content.topicBytes === content.bytes) {
    // It lies there as it has to lie here, but for what is in the gap.
    copyBytes(bytes, at, content.bytes, topicStart, payloadEnd)
  } else {
    copyBytes(bytes, at, content.topicBytes, topicStart, topicEnd)
    copyBytes(bytes, next + gap, content.bytes, payloadStart, payloadEnd)
  }
  if (hasPacketId) {
    bytes[next++] = packetId >> 8
    bytes[next++] = packetId
  }
  if (version === 5) bytes[next] = 0
  out.at += length
  return length
}

function writeWithProperties(
  out: Output,
  firstByte: number,
  packetId: number,
  content: PublishContent,
  extras: PublishExtras | null,
): number {
  const topicLength = extras?.omitTopic ? 0 : content.topicEnd - content.topicStart
  const ownLength = content.propertiesEnd - content.propertiesStart
  const propertyLength = ownLength + (extras === null ? 0 : extrasLength(extras))
  const payloadLength = content.payloadEnd - content.payloadStart
  const gap = ((firstByte & 6) === 0 ? 0 : 2) + variableLength(propertyLength) + propertyLength
  const remaining = 2 + topicLength + gap + payloadLength
  const length = begin(out, firstByte, remaining, topicLength)
  const bytes = out.bytes
  let at = out.at + length - remaining + 2
  copyBytes(bytes, at, content.topicBytes, content.topicStart, content.topicStart + topicLength)
  at += topicLength
  if ((firstByte & 6) !== 0) {
    bytes[at++] = packetId >> 8
    bytes[at++] = packetId
  }
  at = writeVariable(bytes, at, propertyLength)
  if (extras !== null) at = writeExtras(bytes, at, extras)
  copyBytes(bytes, at, content.bytes, content.propertiesStart, content.propertiesEnd)
  at += ownLength
  copyBytes(bytes, at, content.bytes, content.payloadStart, content.payloadEnd)
  out.at += length
  return length
}

/** The same, but the payload is not copied. */
function writeReferring(
  out: Output,
  firstByte: number,
  packetId: number,
  version: ProtocolVersion,
  content: PublishContent,
  extras: PublishExtras | null,
): number {
  const topicLength = version === 5 && extras?.omitTopic ? 0 : content.topicEnd - content.topicStart
  const ownLength = version === 5 ? content.propertiesEnd - content.propertiesStart : 0
  const propertyLength = ownLength + (version === 5 && extras !== null ? extrasLength(extras) : 0)
  const payloadLength = content.payloadEnd - content.payloadStart
  const gap = ((firstByte & 6) === 0 ? 0 : 2) + (version === 5 ? variableLength(propertyLength) + propertyLength : 0)
  const remaining = 2 + topicLength + gap + payloadLength
  const length = begin(out, firstByte, remaining, topicLength, payloadLength)
  const bytes = out.bytes
  let at = out.at + length - remaining + 2
  copyBytes(bytes, at, content.topicBytes, content.topicStart, content.topicStart + topicLength)
  at += topicLength
  if ((firstByte & 6) !== 0) {
    bytes[at++] = packetId >> 8
    bytes[at++] = packetId
  }
  if (version === 5) {
    at = writeVariable(bytes, at, propertyLength)
    if (extras !== null) at = writeExtras(bytes, at, extras)
    copyBytes(bytes, at, content.bytes, content.propertiesStart, content.propertiesEnd)
  }
  out.at += length - payloadLength
  out.refer(content.bytes, content.payloadStart, content.payloadEnd)
  return length
}

/**
 * Reserves room for the packet, but for `referred` bytes of it, and writes the fixed header and the topic's length; returns the packet's length. The packet
 * is in the output only once its writer has moved `at` past all of it.
 */
function begin(out: Output, firstByte: number, remaining: number, topicLength: number, referred = 0): number {
  if (remaining > LARGEST_VARIABLE) throw new RangeError(`A packet of ${remaining} bytes is larger than MQTT allows`)
  const length = 1 + variableLength(remaining) + remaining
  out.reserve(length - referred)
  const bytes = out.bytes
  let at = out.at
  bytes[at++] = firstByte
  if (remaining < 128) bytes[at++] = remaining
  else at = writeVariable(bytes, at, remaining)
  bytes[at] = topicLength >> 8
  bytes[at + 1] = topicLength
  return length
}

function extrasLength(extras: PublishExtras): number {
  let length = 0
  if (extras.messageExpiryInterval >= 0) length += 5
  if (extras.topicAlias !== 0) length += 3
  const identifiers = extras.subscriptionIdentifiers
  if (identifiers !== null) for (const identifier of identifiers) length += 1 + variableLength(identifier)
  return length
}

function writeExtras(bytes: Uint8Array, start: number, extras: PublishExtras): number {
  let at = start
  const expiry = extras.messageExpiryInterval
  if (expiry >= 0) {
    bytes[at] = PropertyId.MessageExpiryInterval
    bytes[at + 1] = expiry >>> 24
    bytes[at + 2] = expiry >>> 16
    bytes[at + 3] = expiry >>> 8
    bytes[at + 4] = expiry
    at += 5
  }
  if (extras.topicAlias !== 0) {
    bytes[at] = PropertyId.TopicAlias
    bytes[at + 1] = extras.topicAlias >> 8
    bytes[at + 2] = extras.topicAlias
    at += 3
  }
  if (extras.subscriptionIdentifiers !== null) {
    for (const identifier of extras.subscriptionIdentifiers) {
      bytes[at++] = PropertyId.SubscriptionIdentifier
      at = writeVariable(bytes, at, identifier)
    }
  }
  return at
}

/**
 * Writes a PUBACK, PUBREC, PUBREL or PUBCOMP without properties. The reason code is left out when it is 0, and below MQTT
 * 5.0, which has none.
 */
export function writeAcknowledgement(
  out: Output,
  type: AcknowledgementPacket['type'],
  packetId: number,
  reasonCode: number,
  version: ProtocolVersion,
): void {
  const withCode = reasonCode !== 0 && version === 5
  out.reserve(5)
  const bytes = out.bytes
  const at = out.at
  // Only PUBREL has the reserved flags 0010 [MQTT-3.6.1-1].
  bytes[at] = type === 6 ? 0x62 : type << 4
  bytes[at + 1] = withCode ? 3 : 2
  bytes[at + 2] = packetId >> 8
  bytes[at + 3] = packetId
  if (withCode) bytes[at + 4] = reasonCode
  out.at = at + (withCode ? 5 : 4)
}

import { checkProperties, checkTopicName, found, SUBSCRIPTION_IDENTIFIER } from './check-properties.ts'
import { malformed, type ProtocolError, protocolError } from './errors.ts'
import { PacketType, type ProtocolVersion, type QoS } from './packets.ts'
import type { PublishView } from './publish-view.ts'
import { notPlainTopicAt } from './utf8.ts'
import { variableLength } from './variable-byte-integer.ts'

/** The part of the PacketHandler that may spare the check of a Topic Name. */
interface TopicKnower {
  knownTopic?(bytes: Uint8Array, start: number, end: number): boolean
}

/**
 * Fills the view from the PUBLISH in bytes[start..end), whose variable header begins at `body`. Every field is set, and
 * nothing is made.
 */
export function readPublish(
  view: PublishView,
  knower: TopicKnower,
  bytes: Uint8Array,
  start: number,
  body: number,
  end: number,
  version: ProtocolVersion,
  maximumProperties: number,
): void {
  const first = bytes[start]!
  const qos = (first >> 1) & 3
  const dup = (first & 8) !== 0
  if (qos === 3) throw malformed('The QoS is 3', 0) // [MQTT-3.3.1-4]
  if (dup && qos === 0) throw malformed('DUP is set with QoS 0', 0) // [MQTT-3.3.1-2]
  const topicStart = body + 2
  if (topicStart > end) throw malformed('The packet ends within the Topic Name', end - start)
  const topicEnd = topicStart + ((bytes[body]! << 8) | bytes[body + 1]!)
  if (topicEnd > end) throw malformed('The packet ends within the Topic Name', end - start)
  const known = knower.knownTopic?.(bytes, topicStart, topicEnd) === true
  if (!known && notPlainTopicAt(bytes, topicStart, topicEnd) >= 0) {
    checkTopicName(bytes, topicStart, topicEnd, start, 'Topic Name')
  }
  let at = topicEnd
  let packetId = 0
  if (qos !== 0) {
    if (at + 2 > end) throw malformed('The packet ends within the Packet Identifier', end - start)
    packetId = (bytes[at]! << 8) | bytes[at + 1]!
    if (packetId === 0) throw protocolError('The Packet Identifier is 0', at - start) // [MQTT-2.2.1-3]
    at += 2
  }
  view.bytes = bytes
  view.topicBytes = bytes
  view.qos = qos as QoS
  view.retain = (first & 1) !== 0
  view.dup = dup
  view.packetId = packetId
  view.topicStart = topicStart
  view.topicEnd = topicEnd
  view.payloadEnd = end
  if (version === 5 && at < end && bytes[at] !== 0) {
    readProperties(view, bytes, start, at, end, maximumProperties)
  } else {
    if (version === 5) {
      if (at === end) throw malformed('The packet ends within the Property Length', end - start)
      at++
    }
    view.propertiesStart = at
    view.propertiesEnd = at
    view.payloadStart = at
    view.topicAlias = 0
    view.messageExpiryInterval = -1
    view.hasSubscriptionIdentifier = false
    view.forwardStart = at
    view.forwardEnd = at
    view.forwardInOne = true
  }
  if (topicStart === topicEnd && view.topicAlias === 0) throw noTopic(version, body - start)
}

function readProperties(
  view: PublishView,
  bytes: Uint8Array,
  packetStart: number,
  start: number,
  end: number,
  maximumProperties: number,
): void {
  let at = start
  let length = bytes[at++]!
  if (length > 127) {
    length = longPropertyLength(bytes, packetStart, start, end)
    at = start + variableLength(length)
  }
  const propertiesEnd = at + length
  if (propertiesEnd > end) throw malformed('The packet ends within the properties', end - packetStart)
  const seen = checkProperties(bytes, at, propertiesEnd, packetStart, PacketType.Publish, maximumProperties)
  view.propertiesStart = at
  view.propertiesEnd = propertiesEnd
  view.payloadStart = propertiesEnd
  view.topicAlias = found.topicAlias
  view.messageExpiryInterval = found.messageExpiryInterval
  view.hasSubscriptionIdentifier = (seen & SUBSCRIPTION_IDENTIFIER) !== 0
  view.forwardStart = found.forwardStart
  view.forwardEnd = found.forwardEnd
  view.forwardInOne = found.forwardInOne
}

function longPropertyLength(bytes: Uint8Array, packetStart: number, start: number, end: number): number {
  let value = 0
  for (let at = start, shift = 0; shift < 28; at++, shift += 7) {
    if (at === end) throw malformed('The packet ends within the Property Length', end - packetStart)
    const byte = bytes[at]!
    value |= (byte & 127) << shift
    if (byte < 128) {
      if (at - start + 1 === variableLength(value)) return value
      throw malformed('The Property Length takes more bytes than it needs', at - packetStart) // [MQTT-1.5.5-1]
    }
  }
  throw malformed('The Property Length is longer than four bytes', start + 3 - packetStart)
}

function noTopic(version: ProtocolVersion, offset: number): ProtocolError {
  if (version === 5) return protocolError('The Topic Name is empty, and there is no Topic Alias', offset)
  return malformed('The Topic Name is empty', offset)
}

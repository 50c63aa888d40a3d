import { type PublishContent, type PublishExtras, publishLength, type QoS, writePublish } from '../protocol/index.ts'
import type { Connection } from './connection.ts'
import type { Core } from './core.ts'

export const PUBLISH = 0x30
export const DUP = 0x08
export const RETAIN = 0x01

/**
 * Bytes of a message that fit into a packet whatever is added: half of the 256 MiB that MQTT allows. One that came in MQTT
 * 3.1.1 may be too long for MQTT 5.0, which adds properties.
 */
const SURELY_FITS = 128 * 1024 * 1024

/**
 * Whether the client takes a packet of this size. If not, the message is dropped for it alone, as if it had been sent
 * [MQTT-3.1.2-24] [MQTT-3.1.2-25]: so this is asked before a Packet Identifier is spent.
 */
export function fits(
  core: Core,
  connection: Connection,
  content: PublishContent,
  qos: QoS,
  identifiers: readonly number[] | null,
  expiresAt: number,
): boolean {
  if (!connection.limited && content.payloadEnd - content.topicStart < SURELY_FITS) return true
  const extras = connection.version === 5 ? extrasOf(core, identifiers, expiresAt) : null
  const size = publishLength(qos, connection.version, content, extras)
  if (size <= connection.maximumPacketSize) return true
  core.metrics.publishDropped++
  core.repeats.note('messageTooLargeForClient', connection, 'a message was larger than it takes', {
    topic: core.text.decode(content.bytes, content.topicStart, content.topicEnd),
    size,
    limit: connection.maximumPacketSize,
    rule: !connection.limited ? 'the largest packet of MQTT' : RULES[connection.version],
  })
  return false
}

const RULES = {
  3: 'the max_packet_size_mqtt3',
  4: 'the max_packet_size_mqtt3',
  5: 'its Maximum Packet Size',
} as const

/** Writes a PUBLISH into the connection's output, in the form of its protocol version. */
export function send(
  core: Core,
  connection: Connection,
  content: PublishContent,
  firstByte: number,
  packetId: number,
  identifiers: readonly number[] | null,
  expiresAt: number,
): void {
  const { metrics } = core
  metrics.messagesSent++
  metrics.publishSent++
  metrics.publishBytesSent += content.payloadEnd - content.payloadStart
  const { version } = connection
  if (version !== 5) {
    writePublish(connection.output, firstByte, packetId, version, content, null)
    return
  }
  const extras = extrasOf(core, identifiers, expiresAt)
  if (connection.outboundAliases === null) writePublish(connection.output, firstByte, packetId, 5, content, extras)
  else sendAliased(core, connection, content, firstByte, packetId, extras ?? noExtras(core))
}

/** A topic's first message brings the alias along, later ones only the alias. */
function sendAliased(
  core: Core,
  connection: Connection,
  content: PublishContent,
  firstByte: number,
  packetId: number,
  extras: PublishExtras,
): void {
  const aliases = connection.outboundAliases!
  const topic = core.text.decode(content.bytes, content.topicStart, content.topicEnd)
  extras.topicAlias = aliases.known(topic)
  extras.omitTopic = extras.topicAlias !== 0
  if (extras.topicAlias === 0) {
    const qos = ((firstByte >> 1) & 3) as QoS
    // The alias makes the packet longer by a little: not where that would be too long.
    const room = publishLength(qos, 5, content, extras) + 8 <= connection.maximumPacketSize
    if (room) extras.topicAlias = aliases.assign(topic)
  }
  writePublish(connection.output, firstByte, packetId, 5, content, extras)
}

/** What a PUBLISH to an MQTT 5.0 client carries beyond its message, or null. */
function extrasOf(core: Core, identifiers: readonly number[] | null, expiresAt: number): PublishExtras | null {
  if (identifiers === null && expiresAt === 0) return null
  const extras = noExtras(core)
  extras.subscriptionIdentifiers = identifiers
  extras.messageExpiryInterval = expiresAt === 0 ? -1 : Math.max(0, Math.ceil((expiresAt - core.now) / 1000))
  return extras
}

/** An object of the core's that stands for none. */
function noExtras({ spareExtras }: Core): PublishExtras {
  spareExtras.messageExpiryInterval = -1
  spareExtras.subscriptionIdentifiers = null
  spareExtras.topicAlias = 0
  spareExtras.omitTopic = false
  return spareExtras
}

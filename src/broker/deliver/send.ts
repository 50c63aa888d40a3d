import { type PublishExtras, publishLength, writePublish } from '../../protocol/index.ts'
import type { Connection } from '../connection.ts'
import type { Core } from '../core.ts'
import type { Delivery } from './delivery.ts'
import { extrasOf, noExtras } from './extras.ts'
import { packetSize, tooLarge } from './verdict.ts'

const PUBLISH = 0x30
const RETAIN = 0x01
/** For `send`: the message was sent before. */
export const DUP = 0x08

/**
 * Whether the client takes the packet. If not, the message is dropped for it alone, as if it had been sent [MQTT-3.1.2-24]
 * [MQTT-3.1.2-25], and that is told: so this is asked before a Packet Identifier is spent.
 */
export function fits(core: Core, connection: Connection, delivery: Delivery): boolean {
  if (!tooLarge(core, connection, delivery)) return true
  tellTooLarge(core, connection, delivery)
  return false
}

export function tellTooLarge(core: Core, connection: Connection, delivery: Delivery): void {
  core.metrics.publishDropped++
  core.repeats.note('messageTooLargeForClient', connection, 'a message was larger than it takes', {
    topic: delivery.topic,
    size: packetSize(core, connection, delivery),
    limit: connection.maximumPacketSize,
    rule: !connection.limited ? 'the largest packet of MQTT' : RULES[connection.version],
  })
}

const RULES = {
  3: 'the max_packet_size_mqtt3',
  4: 'the max_packet_size_mqtt3',
  5: 'its Maximum Packet Size',
} as const

/** Writes a PUBLISH into the connection's output, in the form of its protocol version. `packetId` is 0 with QoS 0; `dup`: 0 or DUP. */
export function send(
  core: Core,
  connection: Connection,
  delivery: Delivery,
  packetId: number,
  dup: 0 | typeof DUP,
): void {
  const { metrics } = core
  const { content } = delivery
  metrics.messagesSent++
  metrics.publishSent++
  metrics.publishBytesSent += content.payloadEnd - content.payloadStart
  const firstByte = PUBLISH | dup | (delivery.qos << 1) | (delivery.retain ? RETAIN : 0)
  const { version } = connection
  if (version !== 5) {
    writePublish(connection.output, firstByte, packetId, version, content, null)
    return
  }
  const extras = extrasOf(core, delivery)
  if (connection.outboundAliases === null) writePublish(connection.output, firstByte, packetId, 5, content, extras)
  else sendAliased(connection, delivery, firstByte, packetId, extras ?? noExtras(core))
}

/** A topic's first message brings the alias along, later ones only the alias. */
function sendAliased(
  connection: Connection,
  { content, topic, qos }: Delivery,
  firstByte: number,
  packetId: number,
  extras: PublishExtras,
): void {
  const aliases = connection.outboundAliases!
  extras.topicAlias = aliases.known(topic)
  extras.omitTopic = extras.topicAlias !== 0
  if (extras.topicAlias === 0) {
    // The alias makes the packet longer by a little: not where that would be too long.
    const room = publishLength(qos, 5, content, extras) + 8 <= connection.maximumPacketSize
    if (room) extras.topicAlias = aliases.assign(topic)
  }
  writePublish(connection.output, firstByte, packetId, 5, content, extras)
}

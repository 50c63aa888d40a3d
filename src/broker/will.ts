import { type ConnectPacket, encodeProperties, type WillMessage } from '../protocol/index.ts'
import type { Core } from './core.ts'
import { expiryOf, Message } from './message.ts'
import { publishMessage } from './publish-message.ts'
import type { Session, Will } from './session.ts'

/** The Will of a CONNECT packet, as it is stored with the Session [MQTT-3.1.2-7]. */
export function willOf(core: Core, packet: ConnectPacket): Will | null {
  const { will } = packet
  if (will === null) return null
  const message = makeMessage(core, will.topic, will.payload, will, packet.clientId)
  return { message, delay: will.properties.willDelayInterval ?? 0 }
}

/** The Session's Will, which is published at most once [MQTT-3.1.2-10]: it has none any more. */
export function takeWill(session: Session): Will | null {
  const { will } = session
  session.will = null
  return will
}

/** Publishes a Will. Its Message Expiry Interval runs from now. */
export function publishWill(core: Core, session: Session, { message }: Will, reason: string): void {
  message.startExpiry(core.now)
  core.event('willPublished', session, { topic: message.topic, reason })
  publishMessage(core, message)
}

/** A message that did not come as a PUBLISH. Its expiry stays relative: the caller makes it a time when it publishes. */
export function makeMessage(
  core: Core,
  topic: string,
  payload: Uint8Array,
  how: Pick<WillMessage, 'qos' | 'retain' | 'properties'>,
  publisher: string | null,
): Message {
  const { messageExpiryInterval, willDelayInterval: _, ...forwardable } = how.properties
  const properties = encodeProperties(forwardable, core.text)
  const topicLength = core.text.byteLength(topic)
  const bytes = new Uint8Array(topicLength + properties.length + payload.length)
  core.text.encode(topic, bytes, 0)
  bytes.set(properties, topicLength)
  bytes.set(payload, topicLength + properties.length)
  return new Message(
    topic,
    bytes,
    0,
    topicLength,
    properties.length,
    payload.length,
    how.qos,
    how.retain,
    expiryOf(messageExpiryInterval),
    publisher,
  )
}

import { publishLength } from '../../protocol/index.ts'
import type { Connection } from '../connection.ts'
import type { Core } from '../core.ts'
import type { Origin } from '../message/index.ts'
import { type Session, type Subscription, windowOpen } from '../sessions/index.ts'
import type { Delivery } from './delivery.ts'
import { extrasOf } from './extras.ts'

/**
 * What becomes of a message for one Session, and why. Nothing in this file changes anything: `deliver` acts on the verdict,
 * and whoever wants to know what would happen asks the same functions.
 */
export const Verdict = {
  /** It is sent now. */
  Send: 0,
  /** It waits in the Session's queue, as far as that has room: see `queueFull`. */
  Queue: 1,
  /** The client's own message, and the subscription is No Local [MQTT-3.8.3-3]. */
  NoLocal: 2,
  /** QoS 0, and the client is away. */
  Away: 3,
  /** QoS 0, and the client reads too slowly: more than `max_outgoing_bytes` wait for it. */
  Slow: 4,
  /** Larger than what the client takes [MQTT-3.1.2-24]. */
  TooLarge: 5,
  /** It would have to wait, and its Message Expiry Interval was 0 [MQTT-3.3.2-5]. */
  Expired: 6,
  /** It would have to wait, and the queue has no room. */
  QueueFull: 7,
} as const
export type Verdict = (typeof Verdict)[keyof typeof Verdict]

/** Of what a Session is subscribed by, what counts for a message of this origin; null if it is all No Local. */
export function subscriptionFor(matched: Subscription, origin: Origin): Subscription | null {
  return matched.noLocal && matched.session.clientId === origin.client ? matched.local : matched
}

/** What becomes of a delivery as things stand. */
export function verdict(core: Core, session: Session, delivery: Delivery): Verdict {
  const { connection, outbound } = session
  if (delivery.qos === 0) {
    // Where QoS 0 messages wait, one must not overtake those before it [MQTT-4.6.0-5].
    if (core.settings.queueQoS0 && (connection === null || outbound.waiting > 0)) return Verdict.Queue
    if (connection === null) return Verdict.Away
    if (!connection.hasRoom()) return Verdict.Slow
  } else if (connection === null || outbound.waiting > 0 || !windowOpen(session) || !connection.hasRoom()) {
    return Verdict.Queue
  }
  return tooLarge(core, connection, delivery) ? Verdict.TooLarge : Verdict.Send
}

/**
 * Bytes of a message that fit into a packet whatever is added: half of the 256 MiB that MQTT allows. One that came in MQTT
 * 3.1.1 may be too long for MQTT 5.0, which adds properties.
 */
const SURELY_FITS = 128 * 1024 * 1024

/** Whether the packet would be larger than what the client takes, or than MQTT allows. */
export function tooLarge(core: Core, connection: Connection, delivery: Delivery): boolean {
  const { content } = delivery
  if (!connection.limited && content.payloadEnd - content.propertiesStart < SURELY_FITS) return false
  return packetSize(core, connection, delivery) > connection.maximumPacketSize
}

/** Bytes of the packet that would be sent. */
export function packetSize(core: Core, { version }: Connection, delivery: Delivery): number {
  const extras = version === 5 ? extrasOf(core, delivery) : null
  return publishLength(delivery.qos, version, delivery.content, extras)
}

/** An option that says no. */
export type Limit = { readonly option: string; readonly limit: number }

/** The option by which a Session's queue has no room for a message of so many bytes; null if it has. */
export function queueFull(core: Core, session: Session, bytes: number): Limit | null {
  const { maximumQueuedMessages, maximumQueuedBytes } = session.limits
  if (maximumQueuedMessages > 0 && session.outbound.waiting >= maximumQueuedMessages) {
    return { option: 'max_queued_messages', limit: maximumQueuedMessages }
  }
  if (maximumQueuedBytes > 0 && session.queuedBytes + bytes > maximumQueuedBytes) {
    return { option: 'max_queued_bytes', limit: maximumQueuedBytes }
  }
  // A kept Session's messages may lie in the store alone; a clean one has nothing else.
  const { maximumQueueMemory, bounds } = core.settings
  const full = session.keptBytes >= bounds.queueBytesAtLeast && core.keptBytes >= 2 * maximumQueueMemory
  return full && !session.persistent ? { option: 'max_queue_memory', limit: maximumQueueMemory } : null
}

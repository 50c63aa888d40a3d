import type { PublishContent, QoS } from '../../protocol/index.ts'
import type { Queued } from '../sessions/index.ts'

/**
 * One message on its way to one Session, with what is particular to that. The core has one object for all, which is filled
 * anew for each: it is acted on at once.
 */
export class Delivery {
  content: PublishContent = NOTHING
  topic = ''
  qos: QoS = 0
  retain = false
  /** Subscription Identifiers, or null. */
  identifiers: readonly number[] | null = null
  /** The Topic Filter of the shared subscription that it comes by, as its member sent it; null if it is none. */
  shared: string | null = null
  /** Milliseconds of the broker's time; 0: never. */
  expiresAt = 0

  /** What waited in a queue, or was sent before. */
  ofEntry({ message, retain, identifiers, shared }: Queued, qos: QoS): this {
    this.content = message
    this.topic = message.topic
    this.qos = qos
    this.retain = retain
    this.identifiers = identifiers
    this.shared = shared
    this.expiresAt = message.expiresAt
    return this
  }
}

const NO_BYTES: Uint8Array = new Uint8Array(0)

const NOTHING: PublishContent = {
  topicBytes: NO_BYTES,
  bytes: NO_BYTES,
  topicStart: 0,
  topicEnd: 0,
  propertiesStart: 0,
  propertiesEnd: 0,
  payloadStart: 0,
  payloadEnd: 0,
}

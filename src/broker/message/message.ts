import {
  copyBytes,
  copyForwardableProperties,
  encodeProperties,
  type PublishContent,
  type PublishView,
  type QoS,
  type Text,
  type WillMessage,
} from '../../protocol/index.ts'
import type { Bounds } from '../settings/index.ts'
import type { Timer } from '../time/index.ts'
import { type Origin, originOf } from './origin.ts'

/**
 * An Application Message that is kept: queued, retained, or a Will. Its topic name, forwardable properties and payload lie
 * in one run of bytes, under the same names as in a PublishView, so that both are written by the same code.
 */
export class Message implements PublishContent {
  bytes: Uint8Array
  topicBytes: Uint8Array
  topicStart = 0
  topicEnd = 0
  propertiesStart = 0
  propertiesEnd = 0
  payloadStart = 0
  payloadEnd = 0
  readonly lasting = true
  readonly topic: string
  readonly qos: QoS
  readonly retain: boolean
  readonly origin: Origin
  /** Milliseconds of the broker's time; 0 means never. */
  expiresAt = 0
  /** Queues in which it waits, in memory. */
  waiting = 0
  /** The number under which the store knows it; 0 as long as it does not. */
  id = 0
  /** Frees a retained message that expires; null if it does not. */
  timer: Timer | null = null
  /** It is its topic's retained message, and none of the broker's own status. */
  retained = false
  /** As a retained message: another has taken its place, or it was cleared. */
  superseded = false

  /** Its parts are still to be found in `bytes`: see `lay`. */
  constructor(topic: string, bytes: Uint8Array, qos: QoS, retain: boolean, origin: Origin) {
    this.topic = topic
    this.bytes = bytes
    this.topicBytes = bytes
    this.qos = qos
    this.retain = retain
    this.origin = origin
  }

  /** Topic Name, properties and payload lie one after the other, from `start` on, and have these lengths in bytes. */
  lay(start: number, topicLength: number, propertiesLength: number, payloadLength: number): this {
    this.topicStart = start
    this.topicEnd = start + topicLength
    this.propertiesStart = this.topicEnd
    this.propertiesEnd = this.topicEnd + propertiesLength
    this.payloadStart = this.propertiesEnd
    this.payloadEnd = this.propertiesEnd + payloadLength
    return this
  }

  /** The same message, as one that the store does not know. */
  copy(): Message {
    const message = new Message(this.topic, this.bytes, this.qos, this.retain, this.origin)
    message.lay(this.topicStart, this.topicEnd - this.topicStart, this.propertiesLength, this.payloadLength)
    message.expiresAt = this.expiresAt
    return message
  }

  /** Gives it bytes of its own, if it lies in a chunk with others: who keeps it for long must not keep those. */
  settle(): void {
    const { topicStart: start, payloadEnd: end } = this
    if (end - start === this.bytes.length) return
    this.bytes = this.bytes.slice(start, end)
    this.topicBytes = this.bytes
    this.topicStart -= start
    this.topicEnd -= start
    this.propertiesStart -= start
    this.propertiesEnd -= start
    this.payloadStart -= start
    this.payloadEnd -= start
  }

  /** The Client Identifier of who published it, for No Local; null if it was the broker. */
  get publisher(): string | null {
    return this.origin.client
  }

  get propertiesLength(): number {
    return this.propertiesEnd - this.propertiesStart
  }

  get payloadLength(): number {
    return this.payloadEnd - this.payloadStart
  }

  expired(now: number): boolean {
    return this.expiresAt !== 0 && this.expiresAt <= now
  }

  /** It is published now: `expiresAt`, until now what `expiryOf` says, becomes a time. */
  startExpiry(now: number): void {
    if (this.expiresAt !== 0) this.expiresAt = now + Math.max(0, this.expiresAt)
  }
}

/** 0 stands for never, so what expires as soon as it is published has a number of its own. */
const AT_ONCE = -1

/** A Message Expiry Interval in seconds as the `expiresAt` of a message that waits to be published, such as a Will. */
function expiryOf(interval: number | undefined): number {
  if (interval === undefined) return 0
  return interval === 0 ? AT_ONCE : interval * 1000
}

/**
 * A message that did not come as a PUBLISH. Its expiry is still an interval: `startExpiry` makes it a time when it is
 * published.
 */
export function makeMessage(
  text: Text,
  { topic, payload, qos, retain, properties: all }: WillMessage,
  origin: Origin,
): Message {
  const { messageExpiryInterval, willDelayInterval: _, ...forwardable } = all
  const properties = encodeProperties(forwardable, text)
  const topicLength = text.byteLength(topic)
  const bytes = new Uint8Array(topicLength + properties.length + payload.length)
  text.encode(topic, bytes, 0)
  bytes.set(properties, topicLength)
  bytes.set(payload, topicLength + properties.length)
  const message = new Message(topic, bytes, qos, retain, origin)
  message.lay(0, topicLength, properties.length, payload.length)
  message.expiresAt = expiryOf(messageExpiryInterval)
  return message
}

/** What a Message is made of, as a store keeps it. */
export interface MessageParts {
  readonly id: number
  readonly topic: string
  /** Topic Name, properties and payload, one after the other. */
  readonly bytes: Uint8Array
  readonly topicLength: number
  readonly propertiesLength: number
  readonly payloadLength: number
  readonly qos: QoS
  readonly retain: boolean
  readonly expiresAt: number
  readonly publisher: string | null
}

/** A message as it comes back from a store. */
export function restoreMessage(parts: MessageParts): Message {
  const { topic, bytes, topicLength, propertiesLength, payloadLength, qos, retain, publisher } = parts
  const message = new Message(topic, bytes, qos, retain, originOf(publisher))
  message.lay(0, topicLength, propertiesLength, payloadLength)
  message.expiresAt = parts.expiresAt
  message.id = parts.id
  return message
}

/** Makes Messages out of views. Small ones that only wait a moment share chunks. */
export class MessageKeeper {
  #chunk: Uint8Array = new Uint8Array(0)
  #used = 0
  readonly #chunkBytes: number
  readonly #sharedMost: number

  constructor({ messageChunkBytes, chunkedMessageBytes }: Bounds) {
    this.#chunkBytes = messageChunkBytes
    this.#sharedMost = Math.min(messageChunkBytes, chunkedMessageBytes)
  }

  /**
   * Copies what a view shows, of which the properties are those to forward. `lasting`: it gets bytes of its own, so that one
   * retained value does not hold a chunk of passing ones.
   */
  keep(view: PublishView, topic: string, lasting: boolean, origin: Origin): Message {
    const topicLength = view.topicEnd - view.topicStart
    const payloadLength = view.payloadEnd - view.payloadStart
    const most = topicLength + view.propertiesEnd - view.propertiesStart + payloadLength
    const shared = !lasting && most <= this.#sharedMost
    if (shared && this.#used + most > this.#chunk.length) {
      this.#chunk = new Uint8Array(this.#chunkBytes)
      this.#used = 0
    }
    const bytes = shared ? this.#chunk : new Uint8Array(most)
    const start = shared ? this.#used : 0
    copyBytes(bytes, start, view.topicBytes, view.topicStart, view.topicEnd)
    const properties = start + topicLength
    const at = copyProperties(bytes, properties, view)
    copyBytes(bytes, at, view.bytes, view.payloadStart, view.payloadEnd)
    if (shared) this.#used = at + payloadLength
    const message = new Message(topic, bytes, view.qos, view.retain, origin)
    return message.lay(start, topicLength, at - properties, payloadLength)
  }
}

function copyProperties(target: Uint8Array, at: number, view: PublishView): number {
  const { bytes, propertiesStart, propertiesEnd } = view
  if (propertiesStart === propertiesEnd) return at
  if (!view.forwardInOne) return at + copyForwardableProperties(target, at, bytes, propertiesStart, propertiesEnd)
  copyBytes(target, at, bytes, propertiesStart, propertiesEnd)
  return at + propertiesEnd - propertiesStart
}

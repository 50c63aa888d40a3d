import {
  copyBytes,
  copyForwardableProperties,
  type PublishContent,
  type PublishView,
  type QoS,
} from '../protocol/index.ts'
import type { Bounds } from './bounds.ts'
import type { Timer } from './timers.ts'

/**
 * An Application Message that is kept: queued, retained, or a Will. Its topic name, forwardable properties and payload lie
 * in one run of bytes, under the same names as in a PublishView, so that both are written by the same code.
 */
export class Message implements PublishContent {
  bytes: Uint8Array
  topicStart: number
  topicEnd: number
  propertiesStart: number
  propertiesEnd: number
  payloadStart: number
  payloadEnd: number
  readonly lasting = true
  readonly topic: string
  readonly qos: QoS
  readonly retain: boolean
  /** Milliseconds of the broker's time; 0 means never. */
  expiresAt: number
  /** The Client Identifier of who published it, for No Local; null if it was the broker. */
  readonly publisher: string | null
  /** Queues in which it waits, in memory. */
  waiting = 0
  /** The number under which the store knows it; 0 as long as it does not. */
  id = 0
  /** Frees a retained message that expires; null if it does not. */
  timer: Timer | null = null
  /** As a retained message: another has taken its place, or it was cleared. */
  superseded = false

  constructor(
    topic: string,
    bytes: Uint8Array,
    start: number,
    topicLength: number,
    propertiesLength: number,
    payloadLength: number,
    qos: QoS,
    retain: boolean,
    expiresAt: number,
    publisher: string | null,
  ) {
    this.topic = topic
    this.bytes = bytes
    this.topicStart = start
    this.topicEnd = start + topicLength
    this.propertiesStart = this.topicEnd
    this.propertiesEnd = this.topicEnd + propertiesLength
    this.payloadStart = this.propertiesEnd
    this.payloadEnd = this.propertiesEnd + payloadLength
    this.qos = qos
    this.retain = retain
    this.expiresAt = expiresAt
    this.publisher = publisher
  }

  /** The same message, as one that the store does not know. */
  copy(): Message {
    const { topic, bytes, topicStart, topicEnd, propertiesEnd, payloadLength, qos, retain } = this
    const topicLength = topicEnd - topicStart
    const propertiesLength = propertiesEnd - topicEnd
    const { expiresAt, publisher } = this
    const lengths = [topicLength, propertiesLength, payloadLength] as const
    return new Message(topic, bytes, topicStart, ...lengths, qos, retain, expiresAt, publisher)
  }

  /** Gives it bytes of its own, if it lies in a chunk with others: who keeps it for long must not keep those. */
  settle(): void {
    const { topicStart: start, payloadEnd: end } = this
    if (end - start === this.bytes.length) return
    this.bytes = this.bytes.slice(start, end)
    this.topicStart -= start
    this.topicEnd -= start
    this.propertiesStart -= start
    this.propertiesEnd -= start
    this.payloadStart -= start
    this.payloadEnd -= start
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
export function expiryOf(interval: number | undefined): number {
  if (interval === undefined) return 0
  return interval === 0 ? AT_ONCE : interval * 1000
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
  const { topic, bytes, topicLength, propertiesLength, payloadLength, qos, retain, expiresAt, publisher } = parts
  const message = new Message(
    topic,
    bytes,
    0,
    topicLength,
    propertiesLength,
    payloadLength,
    qos,
    retain,
    expiresAt,
    publisher,
  )
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
   * Copies what a view shows. `topicBytes` is its Topic Name, which differs from the view's where an alias stood for it.
   * A `lasting` message gets bytes of its own, so that one retained value does not hold a chunk of passing ones.
   */
  keep(
    view: PublishView,
    topic: string,
    topicBytes: Uint8Array,
    lasting: boolean,
    expiresAt: number,
    publisher: string | null,
  ): Message {
    const propertiesLength = view.propertiesEnd - view.propertiesStart
    const payloadLength = view.payloadEnd - view.payloadStart
    const most = topicBytes.length + propertiesLength + payloadLength
    const shared = !lasting && most <= this.#sharedMost
    if (shared && this.#used + most > this.#chunk.length) {
      this.#chunk = new Uint8Array(this.#chunkBytes)
      this.#used = 0
    }
    const bytes = shared ? this.#chunk : new Uint8Array(most)
    const start = shared ? this.#used : 0
    copyBytes(bytes, start, topicBytes, 0, topicBytes.length)
    let at = start + topicBytes.length
    if (propertiesLength > 0) at = copyProperties(bytes, at, view)
    const kept = at - start - topicBytes.length
    copyBytes(bytes, at, view.bytes, view.payloadStart, view.payloadEnd)
    if (shared) this.#used = at + payloadLength
    return new Message(
      topic,
      bytes,
      start,
      topicBytes.length,
      kept,
      payloadLength,
      view.qos,
      view.retain,
      expiresAt,
      publisher,
    )
  }
}

function copyProperties(target: Uint8Array, at: number, view: PublishView): number {
  const { bytes, propertiesStart, propertiesEnd } = view
  if (!view.propertiesForwardable)
    return at + copyForwardableProperties(target, at, bytes, propertiesStart, propertiesEnd)
  copyBytes(target, at, bytes, propertiesStart, propertiesEnd)
  return at + propertiesEnd - propertiesStart
}

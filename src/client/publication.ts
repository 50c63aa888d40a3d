import {
  encodedLength,
  PacketType,
  type Properties,
  type PublishPacket,
  type QoS,
  ReasonCode,
} from '../protocol/index.ts'
import { onAbort } from './abort-signals.ts'
import type { PublishOptions, PublishResult } from './api.ts'
import { encodeBy, plainBytes } from './codecs.ts'
import { MqttError } from './errors.ts'
import type { Settings } from './options.ts'
import { text } from './platform.ts'
import { LARGEST_PACKET, type ServerLimits } from './server-limits.ts'

export const NO_PROPERTIES: Properties = Object.freeze({})

/**
 * An outgoing message, from publish() until its promise settles. It is also the PUBLISH packet, so that sending
 * allocates nothing.
 */
export class Publication implements PublishPacket {
  readonly type: typeof PacketType.Publish = PacketType.Publish
  readonly topic: string
  readonly payload: Uint8Array
  readonly qos: QoS
  readonly retain: boolean
  properties: Properties
  dup = false
  packetId = 0
  /** Milliseconds of the clock after which it must not be sent for the first time. */
  expiresAt: number = Number.POSITIVE_INFINITY
  /** Connections that ended while it was in flight, and perhaps because of it. */
  strikes = 0
  /** The Reason Code of PUBREC. */
  reasonCode = 0
  settled = false
  #result: Promise<PublishResult> | null = null
  #resolve: ((result: PublishResult) => void) | null = null
  #reject: ((error: MqttError) => void) | null = null
  #forget: (() => void) | null = null

  constructor(topic: string, payload: Uint8Array, qos: QoS, retain: boolean, properties: Properties) {
    this.topic = topic
    this.payload = payload
    this.qos = qos
    this.retain = retain
    this.properties = properties
  }

  /** Created on first use, which has to be before it is settled. */
  get result(): Promise<PublishResult> {
    this.#result ??= new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    return this.#result
  }

  /** Its size as the queue counts it. */
  get bytes(): number {
    return this.topic.length + this.payload.length
  }

  /** Calls back if the signal fires before it is settled. */
  watch(signal: AbortSignal, aborted: () => void): void {
    this.#forget = onAbort(signal, aborted)
  }

  accepted(reasonCode: number): void {
    if (!this.#settle()) return
    this.#resolve?.(reasonCode === 0 ? MATCHED : { reasonCode, matched: reasonCode !== NO_MATCHING_SUBSCRIBERS })
  }

  /** False if it was settled before. */
  rejected(error: MqttError): boolean {
    if (!this.#settle()) return false
    // An unhandled rejection of publish() must not end the process.
    this.#result?.catch(() => {})
    this.#reject?.(error)
    return true
  }

  #settle(): boolean {
    if (this.settled) return false
    this.settled = true
    this.#forget?.()
    return true
  }
}

const NO_MATCHING_SUBSCRIBERS = 0x10

export const MATCHED: PublishResult = Object.freeze({ reasonCode: 0, matched: true })

/** A message as publish() was given it. Throws MqttError ERR_PAYLOAD. */
export function publication<T>(
  topic: string,
  payload: T,
  options: PublishOptions<T>,
  { protocol, clock }: Pick<Settings, 'protocol' | 'clock'>,
): Publication {
  const { codec, qos = 0, retain = false } = options
  const bytes = codec === undefined ? plainBytes(payload) : encodeBy(codec, payload)
  const named = codec?.contentType !== undefined || codec?.isText === true || options.properties !== undefined
  const properties = named && protocol === 5 ? withCodec(options) : NO_PROPERTIES
  const message = new Publication(topic, bytes, qos, retain, properties)
  const expiry = properties.messageExpiryInterval
  if (expiry !== undefined) message.expiresAt = clock.now() + expiry * 1000
  return message
}

function withCodec<T>({ codec, properties }: PublishOptions<T>): Properties {
  const all: Properties = {
    ...(codec?.contentType !== undefined && { contentType: codec.contentType }),
    ...(codec?.isText === true && { payloadFormatIndicator: 1 }),
    ...properties,
  }
  // Programs forward messages with the properties that they came with. [MQTT-3.3.4-6]
  delete all.subscriptionIdentifiers
  return all
}

/** Why the message must not be sent to this broker, or null. */
export function refused(message: Publication, limits: ServerLimits): MqttError | null {
  if (message.qos > limits.maximumQoS) {
    const words = `The broker takes messages up to QoS ${limits.maximumQoS}, not QoS ${message.qos}`
    return new MqttError('ERR_UNSUPPORTED', words, { reasonCode: ReasonCode.QoSNotSupported }) // [MQTT-3.2.2-11]
  }
  if (message.retain && !limits.retainAvailable) {
    const words = 'The broker does not support retained messages'
    return new MqttError('ERR_UNSUPPORTED', words, { reasonCode: ReasonCode.RetainNotSupported }) // [MQTT-3.2.2-14]
  }
  const { maximumPacketSize, protocol } = limits
  if (maximumPacketSize === LARGEST_PACKET && message.payload.length < LARGEST_PACKET / 2) return null
  const length =
    message.packetId === 0 && message.qos > 0 ? lengthOf(message, protocol) : encodedLength(message, protocol, text)
  if (length <= maximumPacketSize) return null
  const words = `The message has ${length} bytes as a packet, more than the ${maximumPacketSize} that the broker accepts`
  return new MqttError('ERR_TOO_LARGE', words, { reasonCode: ReasonCode.PacketTooLarge }) // [MQTT-3.2.2-15]
}

/** The Packet Identifier is not known yet; any takes two bytes. */
function lengthOf(message: Publication, protocol: ServerLimits['protocol']): number {
  message.packetId = 1
  const length = encodedLength(message, protocol, text)
  message.packetId = 0
  return length
}

/** The error of a message that has expired, or null; then its Message Expiry Interval is set to what is left. */
export function expired(message: Publication, now: number): MqttError | null {
  if (message.expiresAt === Number.POSITIVE_INFINITY) return null
  const left = Math.ceil((message.expiresAt - now) / 1000)
  if (left <= 0)
    return new MqttError('ERR_EXPIRED', `The message to '${message.topic}' expired before it could be sent`)
  message.properties = { ...message.properties, messageExpiryInterval: left }
  return null
}

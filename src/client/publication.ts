import { PacketType, type Properties, type PublishPacket, type QoS } from '../protocol/index.ts'
import type { PublishResult } from './api.ts'
import type { MqttError } from './errors.ts'
import { onAbort } from './signals.ts'

export const NO_PROPERTIES: Properties = Object.freeze({})

/** A message on its way out, from `publish` until it is settled; it is the packet itself, so that sending makes no other. */
export class Publication implements PublishPacket {
  readonly type: typeof PacketType.Publish = PacketType.Publish
  readonly topic: string
  readonly payload: Uint8Array
  readonly qos: QoS
  readonly retain: boolean
  properties: Properties
  dup = false
  packetId = 0
  /** By the clock, in milliseconds: not to be sent for the first time after that. */
  expiresAt: number = Number.POSITIVE_INFINITY
  /** How often a connection ended while it was in flight, and may have ended because of it. */
  strikes = 0
  /** What PUBREC said. */
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

  /** Made when it is first asked for, which has to be before it is settled. */
  get result(): Promise<PublishResult> {
    this.#result ??= new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    return this.#result
  }

  /** What it counts for in the queue. */
  get bytes(): number {
    return this.topic.length + this.payload.length
  }

  /** Calls back when the signal fires before it is settled. */
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
    // A publish that nobody waits for must not end the process.
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

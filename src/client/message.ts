import { show } from '../arguments/index.ts'
import { PacketType, type Properties, type QoS, reasonCodeFits } from '../protocol/index.ts'
import type { Receipt } from './acknowledge.ts'
import type { Message } from './api.ts'
import { type Codec, decodeBy } from './codecs.ts'
import { MqttError } from './errors.ts'
import { type NamedFilter, readParams } from './filter-syntax.ts'
import { NO_PROPERTIES } from './publication.ts'

/** A message that arrived. Several subscriptions may share it. */
export interface Arrival {
  readonly topic: string
  readonly bytes: Uint8Array
  readonly qos: QoS
  readonly retain: boolean
  readonly dup: boolean
  readonly packetId: number
  readonly properties: Properties | null
  /** Null if no acknowledgement is due, or none is held back. */
  receipt: Receipt | null
}

/** Bytes of memory that a message takes besides its topic and payload. */
const MESSAGE_OVERHEAD = 500

/** Approximate bytes of memory that it takes. */
export function sizeOf({ topic, bytes }: Pick<Arrival, 'topic' | 'bytes'>): number {
  return MESSAGE_OVERHEAD + 2 * topic.length + bytes.length
}

/** One delivery of a message to one subscription: the only object allocated for it. */
export class ReceivedMessage<T, P> implements Message<T, P> {
  readonly topic: string
  readonly bytes: Uint8Array
  readonly qos: QoS
  readonly retain: boolean
  readonly dup: boolean
  readonly packetId: number
  readonly #properties: Properties | null
  readonly #codec: Codec<T>
  readonly #names: NamedFilter['names']
  #receipt: Receipt | null
  #payload: T | undefined
  #decoded = false
  #params: P | null = null

  constructor(arrival: Arrival, codec: Codec<T>, names: NamedFilter['names']) {
    this.topic = arrival.topic
    this.bytes = arrival.bytes
    this.qos = arrival.qos
    this.retain = arrival.retain
    this.dup = arrival.dup
    this.packetId = arrival.packetId
    this.#properties = arrival.properties
    this.#receipt = arrival.receipt
    this.#codec = codec
    this.#names = names
  }

  get properties(): Properties {
    return this.#properties ?? NO_PROPERTIES
  }

  get payload(): T {
    if (!this.#decoded) {
      this.#payload = decodeBy(this.#codec, this.bytes)
      this.#decoded = true
    }
    return this.#payload as T
  }

  get params(): P {
    this.#params ??= readParams(this.#names, this.topic) as P
    return this.#params
  }

  ack(reasonCode = 0): void {
    if (reasonCode !== 0 && !(Number.isInteger(reasonCode) && reasonCodeFits(PacketType.Puback, reasonCode))) {
      throw new MqttError(
        'ERR_OPTION',
        `The reasonCode of ack() is ${show(reasonCode)}: use 0, or one that PUBACK can have`,
      )
    }
    const receipt = this.#receipt
    if (receipt === null) return
    this.#receipt = null
    receipt.release(reasonCode)
  }
}

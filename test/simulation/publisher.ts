import { type Packet, PacketType, type Properties, type QoS } from '../../src/protocol/index.ts'
import { publish } from '../support/packets.ts'
import { type History, payloadOf, type SimMessage, Violation } from './history.ts'
import type { SimLink } from './network.ts'
import type { Time } from './time.ts'

interface Outgoing {
  readonly message: SimMessage
  /** PUBREC came: PUBREL is what is owed. */
  released: boolean
}

export interface MessageParts {
  readonly key: string
  readonly topic: string
  readonly qos: QoS
  readonly retain: boolean
  readonly size: number
  readonly expiry: number | null
  readonly publisher: string
  readonly order: number
}

export function messageOf({ size, ...parts }: MessageParts): SimMessage {
  return {
    ...parts,
    payload: size === 0 ? new Uint8Array(0) : payloadOf(parts.key, size),
    sent: Number.POSITIVE_INFINITY,
    sentAt: Number.POSITIVE_INFINITY,
    resent: false,
    acknowledged: Number.POSITIVE_INFINITY,
    acknowledgedAt: Number.POSITIVE_INFINITY,
    link: null,
    unheard: false,
    waived: false,
  }
}

/** The sending half of a client: what it published is sent again until it is acknowledged, under the lowest identifier that is free. */
export class Publisher {
  /** Packet Identifiers of requests that wait for their answer. */
  readonly requests: Set<number> = new Set()
  readonly #history: History
  readonly #time: Time
  readonly #send: (packet: Packet) => void
  readonly #outgoing: Map<number, Outgoing> = new Map()
  readonly #waiting: SimMessage[] = []
  #window = 0
  #link: SimLink | null = null
  readonly #aliases: Map<string, number> = new Map()
  #aliasMaximum = 0
  /** What has to be acknowledged on this connection, in this order. */
  #pubacks: number[] = []
  #pubrecs: number[] = []

  constructor(history: History, time: Time, send: (packet: Packet) => void) {
    this.#history = history
    this.#time = time
    this.#send = send
  }

  /** Nothing is left to be sent or acknowledged. */
  get idle(): boolean {
    return this.#outgoing.size === 0 && this.#waiting.length === 0
  }

  /** The Session is gone, and what was under way with it. */
  forget(): void {
    this.#outgoing.clear()
    this.#waiting.length = 0
  }

  /** A connection is there: what was not acknowledged is sent again. */
  connected(link: SimLink, window: number, aliasMaximum: number): void {
    this.#link = link
    this.#window = window
    this.#aliases.clear()
    this.#aliasMaximum = aliasMaximum
    this.#pubacks = []
    this.#pubrecs = []
    this.requests.clear()
    for (const [packetId, { message, released }] of this.#outgoing) {
      if (released) this.#acknowledge(PacketType.Pubrel, packetId)
      else this.#transmit(packetId, message, true)
    }
    this.#sendWaiting()
  }

  publish(message: SimMessage): void {
    this.#history.messages.set(message.key, message)
    if (message.qos === 0) this.#transmit(0, message, false)
    else {
      this.#waiting.push(message)
      this.#sendWaiting()
    }
  }

  freeIdentifier(): number {
    let packetId = 1
    while (this.#outgoing.has(packetId) || this.requests.has(packetId)) packetId++
    return packetId
  }

  puback(packetId: number, reasonCode: number): void {
    this.#expect(this.#pubacks, packetId, 'PUBACK')
    this.#acknowledged(this.#outgoing.get(packetId)!.message, reasonCode)
    this.#outgoing.delete(packetId)
    this.#sendWaiting()
  }

  pubrec(packetId: number, reasonCode: number): void {
    this.#expect(this.#pubrecs, packetId, 'PUBREC')
    const outgoing = this.#outgoing.get(packetId)!
    this.#acknowledged(outgoing.message, reasonCode)
    outgoing.released = true
    this.#acknowledge(PacketType.Pubrel, packetId)
  }

  pubcomp(packetId: number): void {
    if (this.#outgoing.get(packetId)?.released !== true) {
      throw new Violation(`PUBCOMP ${packetId} answers nothing that was released`)
    }
    this.#outgoing.delete(packetId)
    this.#sendWaiting()
  }

  #sendWaiting(): void {
    while (this.#waiting.length > 0 && this.#outgoing.size < this.#window) {
      const message = this.#waiting.shift()!
      const packetId = this.freeIdentifier()
      this.#outgoing.set(packetId, { message, released: false })
      this.#transmit(packetId, message, false)
    }
  }

  #transmit(packetId: number, message: SimMessage, dup: boolean): void {
    const { topic, payload, qos, retain, expiry } = message
    if (message.sentAt === Number.POSITIVE_INFINITY) {
      message.sent = this.#time.stamp()
      message.sentAt = this.#time.now
    }
    if (dup) message.resent = true
    message.link = this.#link
    if (qos === 1) this.#pubacks.push(packetId)
    if (qos === 2) this.#pubrecs.push(packetId)
    const properties: Properties = expiry === null ? {} : { messageExpiryInterval: expiry }
    this.#send(publish(this.#aliased(topic, properties), payload, { qos, retain, dup, packetId, properties }))
  }

  /** Topics get aliases as long as there are some; what is known by its alias goes without its name. */
  #aliased(topic: string, properties: Properties): string {
    const known = this.#aliases.get(topic)
    if (known === undefined && this.#aliases.size >= this.#aliasMaximum) return topic
    properties.topicAlias = known ?? this.#aliases.size + 1
    this.#aliases.set(topic, properties.topicAlias)
    return known === undefined ? topic : ''
  }

  /** Acknowledgements come in the order of what they acknowledge [MQTT-4.6.0-2] [MQTT-4.6.0-3]. */
  #expect(order: number[], packetId: number, name: string): void {
    const expected = order.shift()
    if (expected === packetId) return
    throw new Violation(`${name} ${packetId} came where that of ${expected ?? 'nothing'} was due`)
  }

  #acknowledged(message: SimMessage, reasonCode: number): void {
    if (reasonCode >= 0x80) throw new Violation(`${message.key} was refused with ${reasonCode}`)
    message.acknowledged = this.#time.stamp()
    message.acknowledgedAt = this.#time.now
    if (reasonCode === 0x10) message.unheard = true
  }

  #acknowledge(type: typeof PacketType.Pubrel, packetId: number): void {
    this.#send({ type, packetId, reasonCode: 0, properties: {} })
  }
}

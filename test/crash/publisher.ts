import { type Packet, PacketType, type ProtocolVersion } from '../../src/protocol/index.ts'
import { acknowledgement, publish } from '../support/packets.ts'
import { monotonic } from './disk-journal.ts'
import { Peer } from './peer.ts'

/** As many as the broker takes at once. */
const WINDOW = 20
/** Every so many messages one is retained. */
export const RETAINED_EVERY = 10

interface InFlight {
  readonly packet: Packet & { type: typeof PacketType.Publish }
  readonly sequence: number
  /** PUBREC has come. */
  released: boolean
}

/** What message number `sequence` says: its number, and so much more that it has `bytes`, so that half of one is seen. */
export function payloadOf(sequence: number, bytes: number): string {
  return `${sequence} `.repeat(Math.ceil(bytes / `${sequence} `.length) || 1).trimEnd()
}

/** The number of a message, or null if it does not say what it should. */
export function sequenceOf(payload: string, bytes: number): number | null {
  const sequence = Number.parseInt(payload, 10)
  return payload === payloadOf(sequence, bytes) ? sequence : null
}

/**
 * Publishes `load/NAME` with numbers that count up, and now and then `state/NAME`, retained. It keeps to the standard: what
 * was not acknowledged is sent again with DUP, and what was acknowledged is remembered, as the broker owes it from then on.
 */
export class Publisher extends Peer {
  readonly qos: 1 | 2
  /** Numbers that subscribers are owed. */
  readonly acknowledged: number[] = []
  /** By number, retained ones too: when it was sent first, and when it was acknowledged. */
  readonly sentAt: Map<number, number> = new Map()
  readonly acknowledgedAt: Map<number, number> = new Map()
  /** The number of the last retained message that was acknowledged. */
  retained = 0
  readonly #bytes: number
  #sequence = 0
  #packetId = 0
  #publishing = false
  /** By Packet Identifier, oldest first. */
  readonly #inFlight: Map<number, InFlight> = new Map()

  constructor(name: string, version: ProtocolVersion, qos: 1 | 2, bytes = 0) {
    super(name, version)
    this.qos = qos
    this.#bytes = bytes
  }

  /** Numbers of messages that will be sent again, as they are not acknowledged. */
  get unacknowledged(): number[] {
    return [...this.#inFlight.values()].filter(({ released }) => !released).map(({ sequence }) => sequence)
  }

  get settled(): boolean {
    return this.#inFlight.size === 0
  }

  start(): void {
    this.#publishing = true
    this.#fill()
  }

  /** Nothing new is published from now on. */
  finish(): void {
    this.#publishing = false
  }

  protected opened(): void {
    for (const [packetId, { packet, released }] of this.#inFlight) {
      this.send(released ? acknowledgement(PacketType.Pubrel, packetId) : { ...packet, dup: true })
    }
    this.#fill()
  }

  protected received(packet: Packet): void {
    if (packet.type === PacketType.Puback) this.#done(packet.packetId, packet.reasonCode)
    else if (packet.type === PacketType.Pubcomp) this.#inFlight.delete(packet.packetId)
    else if (packet.type === PacketType.Pubrec) {
      const inFlight = this.#inFlight.get(packet.packetId)
      if (inFlight === undefined) return
      if (!inFlight.released) this.#acknowledge(inFlight, packet.reasonCode)
      inFlight.released = true
      this.send(acknowledgement(PacketType.Pubrel, packet.packetId))
      return
    }
    this.#fill()
  }

  #done(packetId: number, reasonCode: number): void {
    const inFlight = this.#inFlight.get(packetId)
    if (inFlight === undefined) return
    this.#inFlight.delete(packetId)
    this.#acknowledge(inFlight, reasonCode)
  }

  #acknowledge({ packet, sequence }: InFlight, reasonCode: number): void {
    if (reasonCode >= 0x80) throw new Error(`a PUBLISH was refused: ${reasonCode}`)
    this.acknowledgedAt.set(sequence, monotonic())
    if (packet.retain) this.retained = Math.max(this.retained, sequence)
    else this.acknowledged.push(sequence)
  }

  #fill(): void {
    if (!this.#publishing) return
    while (this.#inFlight.size < WINDOW) {
      const sequence = ++this.#sequence
      const retain = sequence % RETAINED_EVERY === 0
      do this.#packetId = (this.#packetId % 65_535) + 1
      while (this.#inFlight.has(this.#packetId))
      const packetId = this.#packetId
      const topic = `${retain ? 'state' : 'load'}/${this.clientId}`
      const packet = publish(topic, payloadOf(sequence, this.#bytes), { qos: this.qos, retain, packetId })
      this.#inFlight.set(packetId, { packet, sequence, released: false })
      this.sentAt.set(sequence, monotonic())
      this.send(packet)
    }
  }
}

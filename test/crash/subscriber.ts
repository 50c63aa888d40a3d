import { type Packet, PacketType, type ProtocolVersion } from '../../src/protocol/index.ts'
import { acknowledgement, subscribe, subscription, textOf } from '../support/packets.ts'
import { Peer } from './peer.ts'

/** What came from one publisher. */
export class Came {
  readonly sequences: Set<number> = new Set()
  /** Came again, though it was not the same delivery. */
  repeated = 0
  /** Came for the first time after a later one had. */
  disordered = 0
  #last = 0

  add(sequence: number): void {
    if (this.sequences.has(sequence)) {
      this.repeated++
      return
    }
    this.sequences.add(sequence)
    if (sequence < this.#last) this.disordered++
    this.#last = Math.max(this.#last, sequence)
  }
}

/** Takes `load/#`. It keeps to the standard: a QoS 2 message counts once until its PUBREL. */
export class Subscriber extends Peer {
  readonly qos: 1 | 2
  /** By the publisher's name. */
  readonly came: Map<string, Came> = new Map()
  #subscribed: (() => void) | null = null
  /** Packet Identifiers of QoS 2 that are not released. */
  readonly #unreleased: Set<number> = new Set()

  constructor(name: string, version: ProtocolVersion, qos: 1 | 2) {
    super(name, version)
    this.qos = qos
  }

  /** Connects for the first time, and subscribes. */
  async begin(port: number): Promise<void> {
    await this.open(port)
    const subscribed = new Promise<void>((resolve) => {
      this.#subscribed = resolve
    })
    this.send(subscribe(1, [subscription('load/#', { qos: this.qos })]))
    await subscribed
  }

  from(publisher: string): Came {
    let came = this.came.get(publisher)
    if (came === undefined) {
      came = new Came()
      this.came.set(publisher, came)
    }
    return came
  }

  protected opened(): void {}

  protected received(packet: Packet): void {
    if (packet.type === PacketType.Suback) this.#subscribed?.()
    else if (packet.type === PacketType.Pubrel) {
      this.#unreleased.delete(packet.packetId)
      this.send(acknowledgement(PacketType.Pubcomp, packet.packetId))
    } else if (packet.type === PacketType.Publish) {
      const { qos, packetId, topic, payload } = packet
      if (qos !== 2 || !this.#unreleased.has(packetId)) {
        this.from(topic.slice('load/'.length)).add(Number(textOf(payload)))
      }
      if (qos === 2) this.#unreleased.add(packetId)
      this.send(acknowledgement(qos === 2 ? PacketType.Pubrec : PacketType.Puback, packetId))
    }
  }
}

import { type Packet, PacketType, type ProtocolVersion } from '../../src/protocol/index.ts'
import { acknowledgement, subscribe, subscription, textOf } from '../support/packets.ts'
import { monotonic } from './disk-journal.ts'
import { Peer } from './peer.ts'
import { sequenceOf } from './publisher.ts'

/** What came from one publisher. */
export class Came {
  readonly sequences: Set<number> = new Set()
  /** As they came, with what came again. */
  readonly all: number[] = []
  /** Of QoS 2, by number: when PUBREL came. */
  readonly doneAt: Map<number, number> = new Map()
  /** Came again, though it was not the same delivery. */
  repeated = 0
  /** Came for the first time after a later one had. */
  disordered = 0
  #last = 0

  add(sequence: number): void {
    this.all.push(sequence)
    if (this.sequences.has(sequence)) {
      this.repeated++
      return
    }
    this.sequences.add(sequence)
    if (sequence < this.#last) this.disordered++
    this.#last = Math.max(this.#last, sequence)
  }
}

interface Expected {
  /** Topics are `load/PREFIX...`. */
  readonly prefix?: string
  /** How many bytes a message has, at least. */
  readonly bytes?: number
}

/** Takes `load/#`. It keeps to the standard: a QoS 2 message counts once until its PUBREL. */
export class Subscriber extends Peer {
  readonly qos: 1 | 2
  /** Messages that did not say what they should. */
  halves = 0
  readonly #prefix: string
  readonly #bytes: number
  /** By the publisher's name. */
  readonly came: Map<string, Came> = new Map()
  #subscribed: (() => void) | null = null
  /** QoS 2 messages that are not released, by Packet Identifier. */
  readonly #unreleased: Map<number, () => void> = new Map()

  constructor(name: string, version: ProtocolVersion, qos: 1 | 2, { prefix = '', bytes = 0 }: Expected = {}) {
    super(name, version)
    this.qos = qos
    this.#prefix = prefix
    this.#bytes = bytes
  }

  /** Packet Identifiers mean nothing any more, as a client does that knows that its server has lost some of its memory. */
  forgetUnreleased(): void {
    this.#unreleased.clear()
  }

  /** Connects for the first time, and subscribes. */
  async begin(port: number): Promise<void> {
    await this.open(port)
    const subscribed = new Promise<void>((resolve) => {
      this.#subscribed = resolve
    })
    this.send(subscribe(1, [subscription(`load/${this.#prefix}#`, { qos: this.qos })]))
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
      this.#unreleased.get(packet.packetId)?.()
      this.#unreleased.delete(packet.packetId)
      this.send(acknowledgement(PacketType.Pubcomp, packet.packetId))
    } else if (packet.type === PacketType.Publish) {
      const { qos, packetId, topic, payload } = packet
      const came = this.from(topic.slice('load/'.length))
      const sequence = sequenceOf(textOf(payload), this.#bytes)
      if (sequence === null) this.halves++
      else if (qos !== 2 || !this.#unreleased.has(packetId)) {
        came.add(sequence)
        if (qos === 2) this.#unreleased.set(packetId, () => came.doneAt.set(sequence, monotonic()))
      }
      this.send(acknowledgement(qos === 2 ? PacketType.Pubrec : PacketType.Puback, packetId))
    }
  }
}

import { type Link, shortened } from '../broker/index.ts'
import {
  type AcknowledgementPacket,
  type ControlPacket,
  Decoder,
  type PacketHandler,
  PacketType,
  type ProtocolVersion,
  type PublishView,
} from '../protocol/index.ts'
import type { Acceptor, LinkHandler } from '../transport/index.ts'
import { nodeText } from '../transport/node/index.ts'
import type { Log } from './log.ts'

/**
 * Tells of the packets and subscriptions of all connections that come this way. It reads what goes in and out once more, at
 * the edge: a broker that tells of none has nothing of this.
 */
export function toldByPackets(acceptor: Acceptor, log: Log, maximumPacketSize: number): Acceptor {
  return {
    ...acceptor,
    accept: (link) => {
      const told = new ToldConnection(link.address, log, maximumPacketSize)
      const handler = acceptor.accept(told.link(link))
      return told.handler(handler)
    },
  }
}

/** Characters of a Client Identifier, topic or filter that are logged: each may have 65,535 bytes. */
const LONGEST_TOLD = 300

/** All that MQTT allows: this is not the place to enforce limits. */
const LARGEST_PACKET = 268_435_460

class ToldConnection {
  readonly log: Log
  /** The Client Identifier, once it is known. */
  client: string
  /** Filters that a SUBSCRIBE or UNSUBSCRIBE asked for, until it is answered. */
  readonly asked: Map<number, readonly string[]> = new Map()
  readonly #received: Direction
  readonly #sent: Direction

  constructor(address: string, log: Log, maximumPacketSize: number) {
    this.log = log
    this.client = address
    this.#received = new Direction(this, 'Received', 'from', maximumPacketSize)
    this.#sent = new Direction(this, 'Sending', 'to', LARGEST_PACKET)
  }

  set version(version: ProtocolVersion) {
    this.#received.decoder.version = version
    this.#sent.decoder.version = version
  }

  handler(handler: LinkHandler): LinkHandler {
    return {
      receive: (bytes, start, end) => {
        this.#received.read(bytes, start, end)
        handler.receive(bytes, start, end)
      },
      drained: () => handler.drained(),
      closed: (reason) => handler.closed(reason),
    }
  }

  link(link: Link): Link {
    return {
      address: link.address,
      peer: link.peer,
      send: (full, bytes, start, end) => {
        for (const { slab, end: slabEnd } of full ?? []) this.#sent.read(slab.bytes, slab.start, slabEnd)
        this.#sent.read(bytes, start, end)
        return link.send(full, bytes, start, end)
      },
      pause: () => link.pause(),
      resume: () => link.resume(),
      close: () => link.close(),
      abort: () => link.abort(),
    }
  }
}

/** One direction. */
class Direction implements PacketHandler {
  readonly decoder: Decoder
  readonly #of: ToldConnection
  readonly #verb: string
  readonly #preposition: string
  #broken = false

  constructor(of: ToldConnection, verb: string, preposition: string, maximumPacketSize: number) {
    this.#of = of
    this.#verb = verb
    this.#preposition = preposition
    this.decoder = new Decoder(this, nodeText, { maximumPacketSize, maximumProperties: 65_535 })
  }

  read(bytes: Uint8Array, start: number, end: number): void {
    if (this.#broken) return
    try {
      this.decoder.receive(bytes, start, end)
    } catch {
      // The broker itself finds it, and says what is wrong.
      this.#broken = true
    }
  }

  onPublish({ bytes, dup, qos, retain, packetId, topicStart, topicEnd, payloadStart, payloadEnd }: PublishView): void {
    const topic = shortened(nodeText.decode(bytes, topicStart, topicEnd), LONGEST_TOLD)
    const flags = `d${dup ? 1 : 0}, q${qos}, r${retain ? 1 : 0}, m${packetId}`
    this.#tell(PacketType.Publish, ` (${flags}, '${topic}', ${payloadEnd - payloadStart} bytes)`)
  }

  onAcknowledgement(type: AcknowledgementPacket['type'], packetId: number, reasonCode: number): void {
    this.#tell(type, ` (m${packetId}, rc${reasonCode})`)
  }

  onPacket(packet: ControlPacket): void {
    const of = this.#of
    switch (packet.type) {
      case PacketType.Connect:
        of.version = packet.version
        if (packet.clientId !== '') of.client = shortened(packet.clientId, LONGEST_TOLD)
        break
      case PacketType.Connack:
        of.client = packet.properties.assignedClientIdentifier ?? of.client
        break
      case PacketType.Subscribe:
        of.asked.set(
          packet.packetId,
          Array.from(packet.subscriptions, ({ filter }) => shortened(filter, LONGEST_TOLD)),
        )
        break
      case PacketType.Unsubscribe:
        of.asked.set(
          packet.packetId,
          Array.from(packet.filters, (filter) => shortened(filter, LONGEST_TOLD)),
        )
        break
    }
    const detail =
      'reasonCode' in packet ? ` (rc${packet.reasonCode})` : 'packetId' in packet ? ` (m${packet.packetId})` : ''
    this.#tell(packet.type, detail)
    if (packet.type === PacketType.Suback || packet.type === PacketType.Unsuback) this.#answered(packet)
  }

  #answered({
    type,
    packetId,
    reasonCodes,
  }: ControlPacket & { packetId: number; reasonCodes: readonly number[] }): void {
    const { asked, client, log } = this.#of
    for (const [i, filter] of (asked.get(packetId) ?? []).entries()) {
      // UNSUBACK has no Reason Codes before MQTT 5.0.
      const code = reasonCodes[i] ?? 0
      if (type === PacketType.Unsuback) log.line('unsubscribe', `${client} unsubscribed from ${filter}`)
      else if (code < 0x80) log.line('subscribe', `${client} subscribed to ${filter} (QoS ${code})`)
    }
    asked.delete(packetId)
  }

  #tell(type: number, detail: string): void {
    this.#of.log.line('debug', `${this.#verb} ${NAMES[type]} ${this.#preposition} ${this.#of.client}${detail}`)
  }
}

const NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(PacketType).map(([name, type]) => [type, name.toUpperCase()]),
)

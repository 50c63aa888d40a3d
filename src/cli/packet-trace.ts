import {
  type AcknowledgementPacket,
  type ControlPacket,
  Decoder,
  type FullSlab,
  type PacketHandler,
  PacketType,
  type ProtocolVersion,
  type PublishView,
  type SubscriptionRequest,
} from '../protocol/index.ts'
import type { ClientTransport, ClientTransportHandler } from '../transport/index.ts'
import { nodeText } from '../transport/node/index.ts'

/** All that MQTT allows: what is wrong with a packet is not for us to say. */
const LIMITS = { maximumPacketSize: 268_435_460, maximumProperties: 65_535 }

type Tell = (line: string) => void

/** The same connection; each packet is told in a line, in the words of mosquitto's clients. */
export function traced(transport: ClientTransport, version: ProtocolVersion, tell: Tell): ClientTransport {
  const trace: Trace = { id: '(null)', tell }
  const sent = new Direction('sending', version, trace)
  return {
    address: transport.address,
    start: (handler) => transport.start(heard(handler, new Direction('received', version, trace))),
    send: (full: readonly FullSlab[] | null, bytes, start, end) => {
      for (const { slab, end: slabEnd } of full ?? []) sent.read(slab.bytes, slab.start, slabEnd)
      sent.read(bytes, start, end)
      return transport.send(full, bytes, start, end)
    },
    pause: () => transport.pause(),
    resume: () => transport.resume(),
    close: () => transport.close(),
    abort: () => transport.abort(),
  }
}

function heard(handler: ClientTransportHandler, direction: Direction): ClientTransportHandler {
  return {
    received: (bytes, start, end) => {
      direction.read(bytes, start, end)
      handler.received(bytes, start, end)
    },
    drained: () => handler.drained(),
    closed: (error) => handler.closed(error),
  }
}

interface Trace {
  /** The Client Identifier, once it is known. */
  id: string
  readonly tell: Tell
}

/** One direction. */
class Direction implements PacketHandler {
  readonly #verb: 'sending' | 'received'
  readonly #trace: Trace
  readonly #decoder: Decoder

  constructor(verb: 'sending' | 'received', version: ProtocolVersion, trace: Trace) {
    this.#verb = verb
    this.#trace = trace
    this.#decoder = new Decoder(this, nodeText, LIMITS)
    this.#decoder.version = version
  }

  read(bytes: Uint8Array, start: number, end: number): void {
    try {
      this.#decoder.receive(bytes, start, end)
    } catch (error) {
      this.#tell(`what is no packet: ${(error as Error).message}`)
    }
  }

  onPublish({ bytes, dup, qos, retain, packetId, topicStart, topicEnd, payloadStart, payloadEnd }: PublishView): void {
    const topic = nodeText.decode(bytes, topicStart, topicEnd)
    const flags = `d${dup ? 1 : 0}, q${qos}, r${retain ? 1 : 0}, m${packetId}`
    this.#tell(`PUBLISH (${flags}, '${topic}', ... (${payloadEnd - payloadStart} bytes))`)
  }

  onAcknowledgement(type: AcknowledgementPacket['type'], packetId: number, reasonCode: number): void {
    const name = NAMES[type]!
    const withCode = WITH_CODE[this.#verb].has(type)
    if (this.#verb === 'sending') this.#tell(`${name} (m${packetId}${withCode ? `, rc${reasonCode}` : ''})`)
    else this.#tell(`${name} (Mid: ${packetId}${withCode ? `, RC:${reasonCode}` : ''})`)
  }

  onPacket(packet: ControlPacket): void {
    switch (packet.type) {
      case PacketType.Connect:
        this.#trace.id = packet.clientId === '' ? '(null)' : packet.clientId
        this.#tell('CONNECT')
        break
      case PacketType.Connack:
        this.#trace.id = packet.properties.assignedClientIdentifier ?? this.#trace.id
        this.#tell(`CONNACK (${packet.reasonCode})`)
        break
      case PacketType.Subscribe:
        for (const subscription of packet.subscriptions) this.#subscribe(packet.packetId, subscription)
        break
      case PacketType.Suback:
        this.#tell('SUBACK')
        this.#trace.tell(`Subscribed (mid: ${packet.packetId}): ${packet.reasonCodes.join(', ')}`)
        break
      case PacketType.Unsubscribe:
        for (const filter of packet.filters) this.#tell(`UNSUBSCRIBE (Mid: ${packet.packetId}, Topic: ${filter})`)
        break
      case PacketType.Disconnect:
        this.#tell(this.#verb === 'sending' ? 'DISCONNECT' : `DISCONNECT (${packet.reasonCode})`)
        break
      default:
        this.#tell(NAMES[packet.type]!)
    }
  }

  #subscribe(packetId: number, { filter, qos, noLocal, retainAsPublished, retainHandling }: SubscriptionRequest): void {
    const options = (noLocal ? 0x04 : 0) | (retainAsPublished ? 0x08 : 0) | (retainHandling << 4)
    const shown = options.toString(16).padStart(2, '0')
    this.#tell(`SUBSCRIBE (Mid: ${packetId}, Topic: ${filter}, QoS: ${qos}, Options: 0x${shown})`)
  }

  #tell(what: string): void {
    this.#trace.tell(`Client ${this.#trace.id} ${this.#verb} ${what}`)
  }
}

/** Of which acknowledgements mosquitto shows the Reason Code. */
const WITH_CODE: Readonly<Record<'sending' | 'received', ReadonlySet<number>>> = {
  sending: new Set([PacketType.Puback, PacketType.Pubrec]),
  received: new Set([PacketType.Puback, PacketType.Pubcomp]),
}

const NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(PacketType).map(([name, type]) => [type, name.toUpperCase()]),
)

import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import {
  type AcknowledgementPacket,
  type ConnackPacket,
  type ConnectPacket,
  type ControlPacket,
  Decoder,
  decodeProperties,
  encodePacket,
  Output,
  type Packet,
  PacketType,
  type Properties,
  type PublishPacket,
  type PublishView,
  SlabPool,
} from '../../../../src/protocol/index.ts'
import { nodeText } from '../../../../src/transport/node/index.ts'
import { PATIENCE_MS } from '../../../support/patience.ts'

const pool = new SlabPool(new Uint8Array(256 * 1024), 0)
const LIMITS = { maximumPacketSize: 268_435_460, maximumProperties: 1000 }
/** Milliseconds after which a test that waits for a packet has failed. */

type PacketOf<T extends Packet['type']> = T extends AcknowledgementPacket['type']
  ? AcknowledgementPacket
  : Extract<Packet, { type: T }>

/** A broker that does nothing of itself: a test says what it sends, and takes what it gets, packet by packet. */
export class ScriptedBroker {
  readonly #server: Server
  readonly #peers: Mailbox<Peer> = new Mailbox('a connection')
  readonly #all: Peer[] = []

  private constructor(server: Server) {
    this.#server = server
    server.on('connection', (socket) => {
      const peer = new Peer(socket)
      this.#all.push(peer)
      this.#peers.put(peer)
    })
  }

  static async listen(host = '127.0.0.1'): Promise<ScriptedBroker> {
    const server = createServer({ noDelay: true })
    const broker = new ScriptedBroker(server)
    server.listen(0, host)
    await once(server, 'listening')
    return broker
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`
  }

  /** Connections that came so far. */
  get count(): number {
    return this.#all.length
  }

  /** The next connection. */
  accept(): Promise<Peer> {
    return this.#peers.take()
  }

  /** The next connection, after CONNECT and CONNACK. */
  async welcome(connack: Partial<ConnackPacket> = {}): Promise<Peer> {
    const peer = await this.accept()
    await peer.welcome(connack)
    return peer
  }

  async close(): Promise<void> {
    for (const peer of this.#all) peer.drop()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** One connection to the scripted broker. */
export class Peer {
  readonly closed: Promise<void>
  connect: ConnectPacket | null = null
  readonly #socket: Socket
  readonly #decoder: Decoder
  readonly #packets: Mailbox<Packet> = new Mailbox('a packet')

  constructor(socket: Socket) {
    this.#socket = socket
    this.#decoder = new Decoder(
      {
        onPublish: (view) => this.#packets.put(publishPacket(view)),
        onAcknowledgement: (type, packetId, reasonCode, properties) =>
          this.#packets.put({ type, packetId, reasonCode, properties: properties ?? {} } as AcknowledgementPacket),
        onPacket: (packet: ControlPacket) => {
          if (packet.type === PacketType.Connect) this.connect = packet
          this.#packets.put(packet)
        },
      },
      nodeText,
      LIMITS,
    )
    socket.on('data', (bytes) => this.#decoder.receive(Uint8Array.from(bytes), 0, bytes.length))
    socket.on('error', () => {})
    this.closed = new Promise((resolve) => socket.on('close', () => resolve()))
  }

  /** The next packet, whatever it is. */
  next(): Promise<Packet> {
    return this.#packets.take()
  }

  /** The next packet, which has to be of this type. */
  async expect<T extends Packet['type']>(type: T): Promise<PacketOf<T>> {
    const packet = await this.#packets.take()
    if (packet.type !== type) throw new Error(`expected a packet of type ${type}, and got ${JSON.stringify(packet)}`)
    return packet as PacketOf<T>
  }

  async welcome(connack: Partial<ConnackPacket> = {}): Promise<void> {
    await this.expect(PacketType.Connect)
    this.send({ type: PacketType.Connack, sessionPresent: false, reasonCode: 0, properties: {}, ...connack })
  }

  /** Takes a SUBSCRIBE and grants what it asks for. */
  async grant(): Promise<PacketOf<typeof PacketType.Subscribe>> {
    const packet = await this.expect(PacketType.Subscribe)
    const reasonCodes = Array.from(packet.subscriptions, ({ qos }) => qos)
    this.send({ type: PacketType.Suback, packetId: packet.packetId, reasonCodes, properties: {} })
    return packet
  }

  /** Takes a message and acknowledges it. */
  async acknowledge(reasonCode = 0, properties: Properties = {}): Promise<PublishPacket> {
    const packet = await this.expect(PacketType.Publish)
    const type = packet.qos === 1 ? PacketType.Puback : PacketType.Pubrec
    this.send({ type, packetId: packet.packetId, reasonCode, properties })
    return packet
  }

  publish(topic: string, payload: string, rest: Partial<PublishPacket> = {}): void {
    const bytes = new TextEncoder().encode(payload)
    const plain = { qos: 0, retain: false, dup: false, packetId: 0, properties: {} } as const
    this.send({ type: PacketType.Publish, topic, payload: bytes, ...plain, ...rest })
  }

  send(...packets: Packet[]): void {
    const out = new Output(pool, { outputBegan: () => {} })
    for (const packet of packets) encodePacket(out, packet, this.#decoder.version, nodeText)
    this.raw(out.bytes.slice(out.slab!.start, out.at))
    pool.give(out.slab!)
  }

  raw(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  /** Nothing that came, and was not expected, is left. */
  get idle(): boolean {
    return this.#packets.empty
  }

  pauseReading(): void {
    this.#socket.pause()
  }

  end(): void {
    this.#socket.end()
  }

  drop(): void {
    this.#socket.destroy()
  }

  /** As a broker that crashes: the client gets ECONNRESET. */
  reset(): void {
    this.#socket.resetAndDestroy()
  }
}

function publishPacket(view: PublishView): PublishPacket {
  const { bytes, topicStart, topicEnd, payloadStart, payloadEnd, propertiesStart, propertiesEnd } = view
  return {
    type: PacketType.Publish,
    topic: nodeText.decode(bytes, topicStart, topicEnd),
    payload: bytes.slice(payloadStart, payloadEnd),
    qos: view.qos,
    retain: view.retain,
    dup: view.dup,
    packetId: view.packetId,
    properties: decodeProperties(bytes, propertiesStart, propertiesEnd, nodeText),
  }
}

/** What came and was not taken, or who waits for it. */
class Mailbox<T> {
  readonly #what: string
  readonly #items: T[] = []
  readonly #waiters: ((item: T) => void)[] = []

  constructor(what: string) {
    this.#what = what
  }

  get empty(): boolean {
    return this.#items.length === 0
  }

  put(item: T): void {
    const waiter = this.#waiters.shift()
    if (waiter === undefined) this.#items.push(item)
    else waiter(item)
  }

  take(): Promise<T> {
    const item = this.#items.shift()
    if (item !== undefined) return Promise.resolve(item)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${this.#what} did not come within ${PATIENCE_MS} ms`)),
        PATIENCE_MS,
      )
      this.#waiters.push((taken) => {
        clearTimeout(timer)
        resolve(taken)
      })
    })
  }
}

import assert from 'node:assert/strict'
import { connect as connectSocket, type Socket } from 'node:net'
import {
  type ConnackPacket,
  type Packet,
  PacketType,
  type Properties,
  type ProtocolVersion,
  type PublishPacket,
  type SubackPacket,
} from '../../src/protocol/index.ts'
import { decodeAll, encodeToBytes, hex, wire } from '../unit/protocol/support.ts'
import {
  acknowledgement,
  type PublishOptions,
  publish,
  type SubscribeOptions,
  subscribe,
  subscription,
  textOf,
} from './packets.ts'
import { PATIENCE_MS } from './patience.ts'

type PacketOf<T extends PacketType, P extends Packet = Packet> = P extends Packet
  ? T extends P['type']
    ? P
    : never
  : never
type PublishedPacket = Omit<PublishPacket, 'payload'> & { payload: string }

/**
 * A client of raw bytes on a real socket: it does nothing by itself. Whole packets that arrive stand in a queue until a
 * test asks for them. That something does NOT arrive is never waited for: `quiet` proves it by what comes instead.
 */
export class RawClient {
  readonly version: ProtocolVersion
  /** The port on our side, as the broker's log names it. */
  localPort = 0
  readonly #socket: Socket
  readonly #packets: Uint8Array[] = []
  #rest: Uint8Array = new Uint8Array(0)
  #ended = false
  #wake: (() => void) | null = null
  #packetId = 0

  constructor(socket: Socket, version: ProtocolVersion) {
    this.#socket = socket
    this.version = version
    socket.on('data', (bytes) => this.#arrived(bytes))
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#ended = true
      this.#wake?.()
    })
  }

  static async open(port: number, version: ProtocolVersion, host = '127.0.0.1'): Promise<RawClient> {
    const socket = connectSocket({ port, host, noDelay: true })
    const client = new RawClient(socket, version)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    client.localPort = socket.localPort!
    return client
  }

  /** Sends bytes, a line of hexadecimal and 'text', or packets, all in one write. */
  send(...parts: (Uint8Array | string | Packet)[]): void {
    this.#socket.write(Buffer.concat(parts.map((part) => this.#bytes(part))))
  }

  /** Resolves when the kernel has taken what was sent. */
  sent(): Promise<void> {
    return new Promise((resolve) => this.#socket.write('', () => resolve()))
  }

  /** Bytes that the other side did not take yet. */
  get unsent(): number {
    return this.#socket.writableLength
  }

  /** Packets that have come and that no test has asked for yet. */
  get unread(): number {
    return this.#packets.length
  }

  /** Reads no more: the broker's bytes pile up. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Ends the Network Connection without DISCONNECT. */
  kill(): void {
    this.#socket.destroy()
  }

  /** The next packet as it came, byte for byte. */
  async next(milliseconds: number = PATIENCE_MS): Promise<Uint8Array> {
    await this.#until(() => this.#packets.length > 0 || this.#ended, milliseconds, 'for a packet')
    const packet = this.#packets.shift()
    if (packet === undefined) assert.fail('the connection ended where a packet was expected')
    return packet
  }

  /** The next packet must be these bytes. */
  async expectBytes(line: string): Promise<void> {
    assert.equal(hex(await this.next()), hex(wire(line)))
  }

  /** The next packet, which must be of this type. */
  async expect<T extends PacketType>(type: T, milliseconds: number = PATIENCE_MS): Promise<PacketOf<T>> {
    const bytes = await this.next(milliseconds)
    const packet = decodeAll(bytes, this.version)[0]!
    if (packet.type !== type) assert.fail(`a packet of type ${type} was expected, ${describe(packet)} came`)
    return packet as PacketOf<T>
  }

  /** Nothing more comes, and the broker ends the connection. */
  async expectClosed(milliseconds: number = PATIENCE_MS): Promise<void> {
    await this.#until(() => this.#packets.length > 0 || this.#ended, milliseconds, 'for the end')
    const packet = this.#packets[0]
    assert.ok(packet === undefined, `the end was expected, ${packet === undefined ? '' : hex(packet)} came`)
  }

  /** Nothing has come by now, and the broker has not ended the connection: for where its clock stands still. */
  stillOpen(): void {
    assert.ok(this.#packets.length === 0 && !this.#ended, 'something came, or the connection ended')
  }

  /** The broker tells why (in MQTT 5.0) and ends the connection. */
  async expectDisconnect(reasonCode: number): Promise<Properties> {
    let properties: Properties = {}
    if (this.version === 5) {
      const packet = await this.expect(PacketType.Disconnect)
      assert.equal(packet.reasonCode.toString(16), reasonCode.toString(16), packet.properties.reasonString)
      properties = packet.properties
    }
    await this.expectClosed()
    return properties
  }

  connack(): Promise<ConnackPacket> {
    return this.expect(PacketType.Connack)
  }

  /** All that was sent before has been acted on, and nothing came meanwhile: the answer to a PINGREQ is what comes next. */
  async quiet(): Promise<void> {
    this.send('c0 00')
    await this.expectBytes('d0 00')
  }

  /** The next packet must be a PUBLISH. It is not acknowledged. */
  async receive(milliseconds: number = PATIENCE_MS): Promise<PublishedPacket> {
    const packet = await this.expect(PacketType.Publish, milliseconds)
    return { ...packet, payload: textOf(packet.payload) }
  }

  /** The next packet must be a PUBLISH, which is acknowledged as its QoS asks for. */
  async take(): Promise<PublishedPacket> {
    const message = await this.receive()
    if (message.qos === 1) this.send(acknowledgement(PacketType.Puback, message.packetId))
    if (message.qos === 2) {
      this.send(acknowledgement(PacketType.Pubrec, message.packetId))
      await this.#pubrel(message.packetId)
      this.send(acknowledgement(PacketType.Pubcomp, message.packetId))
    }
    return message
  }

  /** The payloads of the next messages, each acknowledged. */
  async takeAll(count: number): Promise<string[]> {
    const payloads: string[] = []
    for (let i = 0; i < count; i++) payloads.push((await this.take()).payload)
    return payloads
  }

  /** Publishes and waits until the broker has acted on it; returns the reason code that it answered with. */
  async publish(topic: string, payload: string | Uint8Array, options: PublishOptions = {}): Promise<number> {
    const packetId = options.packetId ?? this.#nextPacketId()
    this.send(publish(topic, payload, { ...options, packetId }))
    if (options.qos === 1) {
      const puback = await this.expect(PacketType.Puback)
      assert.equal(puback.packetId, packetId)
      return puback.reasonCode
    }
    if (options.qos === 2) {
      const pubrec = await this.expect(PacketType.Pubrec)
      assert.equal(pubrec.packetId, packetId)
      if (pubrec.reasonCode >= 0x80) return pubrec.reasonCode
      this.send(acknowledgement(PacketType.Pubrel, packetId))
      const pubcomp = await this.expect(PacketType.Pubcomp)
      assert.equal(pubcomp.packetId, packetId)
      return pubrec.reasonCode
    }
    await this.quiet()
    return 0
  }

  /** Subscribes to one filter; returns the reason code of the SUBACK. Retained messages come after it. */
  async subscribe(filter: string, options: SubscribeOptions = {}, properties: Properties = {}): Promise<number> {
    const packetId = this.#nextPacketId()
    this.send(subscribe(packetId, [subscription(filter, options)], properties))
    const suback: SubackPacket = await this.expect(PacketType.Suback)
    assert.equal(suback.packetId, packetId)
    assert.equal(suback.reasonCodes.length, 1)
    return suback.reasonCodes[0]!
  }

  /** Takes the PUBREL out of what came, as other messages may come before it. */
  async #pubrel(packetId: number): Promise<void> {
    const find = (): number => this.#packets.findIndex((bytes) => bytes[0] === 0x62)
    await this.#until(() => find() >= 0 || this.#ended, PATIENCE_MS, 'for PUBREL')
    const [bytes] = this.#packets.splice(find(), 1)
    assert.equal(hex(bytes!.subarray(2, 4)), hex(Uint8Array.of(packetId >> 8, packetId & 255)))
  }

  #nextPacketId(): number {
    this.#packetId = (this.#packetId % 65_535) + 1
    return this.#packetId
  }

  #bytes(part: Uint8Array | string | Packet): Uint8Array {
    if (typeof part === 'string') return wire(part)
    return part instanceof Uint8Array ? part : encodeToBytes(part, this.version)
  }

  #arrived(bytes: Uint8Array): void {
    let rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    for (let length = packetLength(rest); length > 0 && length <= rest.length; length = packetLength(rest)) {
      this.#packets.push(new Uint8Array(rest.subarray(0, length)))
      rest = rest.subarray(length)
    }
    this.#rest = rest
    this.#wake?.()
  }

  async #until(reached: () => boolean, milliseconds: number, what: string): Promise<void> {
    if (reached()) return
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`waited ${milliseconds} ms in vain ${what}`)), milliseconds)
    })
    try {
      while (!reached()) {
        const news = new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        await Promise.race([news, late])
      }
    } finally {
      clearTimeout(timer)
      this.#wake = null
    }
  }
}

/** Of the packet at the start of the bytes; 0 if its header is not whole. */
function packetLength(bytes: Uint8Array): number {
  let remaining = 0
  for (let i = 1; i < Math.min(bytes.length, 5); i++) {
    remaining |= (bytes[i]! & 127) << (7 * (i - 1))
    if (bytes[i]! < 128) return 1 + i + remaining
  }
  return 0
}

function describe(packet: Packet): string {
  const name = Object.entries(PacketType).find(([, type]) => type === packet.type)?.[0]
  return `${name} ${JSON.stringify(packet, (key, value) => (key === 'type' ? undefined : value))}`
}

import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import {
  type AcknowledgementPacket,
  Decoder,
  type Packet,
  PacketType,
  type ProtocolVersion,
} from '../../src/protocol/index.ts'
import { Collector, encodeToBytes, LIMITS, text } from '../unit/protocol/support.ts'
import type { Manner } from './round.ts'

/** What only a client sends. */
const CLIENTS_ONLY: ReadonlySet<PacketType> = new Set<PacketType>([
  PacketType.Connect,
  PacketType.Subscribe,
  PacketType.Unsubscribe,
  PacketType.Pingreq,
])

/** A client that sends what it is told to, and reads with the eyes of a strict decoder what the broker makes of it. */
export class RoughClient {
  /** What the broker did wrong. */
  fault: Error | null = null
  readonly closed: Promise<void>
  readonly #socket: Socket
  readonly #manner: Manner
  readonly #version: ProtocolVersion
  readonly #collector = new Collector()
  readonly #decoder: Decoder
  #packets = 0
  #over = false
  #reset = false
  #count = 0

  /** With `broken` it may have asked for another version than it meant, and what comes is not looked at. */
  constructor(port: number, version: ProtocolVersion, manner: Manner, broken: boolean) {
    this.#version = version
    this.#manner = manner
    this.#decoder = new Decoder(this.#collector, text, LIMITS)
    this.#decoder.version = version
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.on('error', () => {})
    this.closed = new Promise((resolve) => this.#socket.on('close', () => resolve()))
    if (manner === 'deaf') this.#socket.pause()
    this.#socket.on('data', (bytes) => {
      if (broken && manner === 'silent') return
      try {
        this.#read(bytes)
      } catch (error) {
        if (!broken) this.fault ??= error as Error
      }
    })
    if (manner === 'deaf') this.#socket.pause()
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  end(): void {
    // A socket that is to be reset once it is connected must not be shut down before.
    if (this.#reset) return
    this.#socket.resume()
    this.#socket.end()
  }

  reset(): void {
    this.#reset = true
    this.#socket.resetAndDestroy()
  }

  #read(bytes: Uint8Array): void {
    assert.ok(!this.#over, 'the broker sent something after its DISCONNECT')
    this.#decoder.receive(bytes, 0, bytes.length)
    for (const packet of this.#collector.packets.splice(0)) {
      assert.ok(!this.#over, 'the broker sent something after its DISCONNECT')
      this.#check(packet)
      this.#answer(packet)
    }
  }

  #check(packet: Packet): void {
    assert.ok(!CLIENTS_ONLY.has(packet.type), `the broker sent a packet of type ${packet.type}`)
    const first = packet.type === PacketType.Connack || packet.type === PacketType.Auth
    if (this.#packets === 0) assert.ok(first, `the broker's first packet has type ${packet.type}`)
    else if (packet.type === PacketType.Connack) assert.equal(this.#packets, 1, 'the broker sent a second CONNACK')
    if (packet.type !== PacketType.Auth) this.#packets++
    if (packet.type === PacketType.Disconnect) {
      assert.equal(this.#version, 5, 'the broker sent a DISCONNECT to an older client')
      this.#over = true
    }
  }

  #answer(packet: Packet): void {
    if (this.#manner === 'silent' || this.#manner === 'deaf' || this.#socket.destroyed) return
    const odd = this.#manner === 'odd'
    const { Publish, Puback, Pubrec, Pubrel, Pubcomp } = PacketType
    if (packet.type === Publish && packet.qos > 0) {
      this.#acknowledge(packet.qos === 1 ? Puback : Pubrec, packet.packetId, odd && this.#one(5) ? 0x80 : 0)
      if (odd && this.#one(7)) this.#acknowledge(Puback, packet.packetId, 0)
    } else if (packet.type === Pubrec && packet.reasonCode < 0x80) {
      if (!(odd && this.#one(3))) this.#acknowledge(Pubrel, packet.packetId, 0)
    } else if (packet.type === Pubrel) {
      this.#acknowledge(odd && this.#one(4) ? Pubrec : Pubcomp, packet.packetId, 0)
    }
  }

  #acknowledge(type: AcknowledgementPacket['type'], packetId: number, reasonCode: number): void {
    const code = this.#version === 5 ? reasonCode : 0
    this.#socket.write(encodeToBytes({ type, packetId, reasonCode: code, properties: {} }, this.#version))
  }

  /** Every so often, the same in each replay. */
  #one(every: number): boolean {
    return ++this.#count % every === 0
  }
}

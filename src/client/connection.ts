import {
  type AcknowledgementPacket,
  type AuthPacket,
  type ConnackPacket,
  type ControlPacket,
  Decoder,
  encodePacket,
  Output,
  type OutputOwner,
  type Packet,
  type PacketHandler,
  PacketType,
  type Properties,
  ProtocolError,
  type ProtocolVersion,
  type PublishView,
  ReasonCode,
  type SubackPacket,
  type UnsubackPacket,
  writeAcknowledgement,
} from '../protocol/index.ts'
import type { ClientTransport, ClientTransportHandler } from '../transport/index.ts'
import { MqttError, reasonWords, toMqttError } from './errors.ts'
import { KeepAlive, type Watched } from './keep-alive.ts'
import { afterTurn, type Clock, slabs, text } from './platform.ts'
import { Reading } from './reading.ts'
import type { Counters } from './stats.ts'

/** Receives what arrives. Called from within the decoder: must not throw or wait. */
export interface ConnectionOwner {
  /** Returns the Keep Alive in seconds if the CONNACK is accepted, else the error. */
  onConnack(packet: ConnackPacket): MqttError | number
  onAuth(packet: AuthPacket): void
  onPublish(view: PublishView): void
  onAcknowledgement(
    type: AcknowledgementPacket['type'],
    packetId: number,
    reasonCode: number,
    properties: Properties | null,
  ): void
  onAnswer(packet: SubackPacket | UnsubackPacket): void
  /** `writable` is true again after it was false. */
  onWritable(): void
  /** Called once, and last. */
  onEnd(error: MqttError): void
}

interface ConnectionOptions {
  readonly protocol: ProtocolVersion
  readonly maximumPacketSize: number
  readonly clock: Clock
}

/** Bytes of output above which it is sent before the turn ends. */
const HIGH_WATER = 49_152
/** Bytes sent in one turn at most, so that other work gets its turn. */
const TURN_BYTES = 1024 * 1024
/** Milliseconds to wait for the other side to close after our last packet. */
const LINGER = 1000
/** The first byte of the packets that a broker may send first. */
const CONNACK_FIRST = PacketType.Connack << 4
const AUTH_FIRST = PacketType.Auth << 4
const MAXIMUM_PROPERTIES = 1000

/**
 * One Network Connection: turns bytes into packets and back, keeps alive, and ends. Knows nothing of messages or the
 * Session.
 */
export class Connection implements ClientTransportHandler, PacketHandler, OutputOwner, Watched {
  readonly version: ProtocolVersion
  lastSent: number
  lastReceived: number
  /** CONNACK came, and the connection has not ended. */
  open = false
  readonly #transport: ClientTransport
  readonly #owner: ConnectionOwner
  readonly #clock: Clock
  readonly #counters: Counters
  readonly #reading: Reading
  readonly #output: Output
  #keepAlive: KeepAlive | null = null
  /** The transport has not yet taken what it was given last. */
  #congested = false
  #inTransit: Pick<Output, 'full' | 'slab'> | null = null
  /** A flush is scheduled after this turn. */
  #flushing = false
  #blocked = false
  #spent = 0
  /** The first byte has arrived. */
  #heard = false
  #ended = false
  #saidAll = false
  #closed = false
  #onClosed: (() => void) | null = null
  #linger: unknown

  constructor(
    transport: ClientTransport,
    { protocol, maximumPacketSize, clock }: ConnectionOptions,
    owner: ConnectionOwner,
    counters: Counters,
  ) {
    this.#transport = transport
    this.version = protocol
    this.#owner = owner
    this.#clock = clock
    this.#counters = counters
    this.lastSent = this.lastReceived = clock.now()
    const decoder = new Decoder(this, text, { maximumPacketSize, maximumProperties: MAXIMUM_PROPERTIES })
    decoder.version = protocol
    this.#reading = new Reading(decoder, transport, (error) => this.#fail(error))
    this.#output = new Output(slabs(), this)
  }

  get address(): string {
    return this.#transport.address
  }

  /** Whether messages may be written now. Other packets can always be written. */
  get writable(): boolean {
    return this.open && !this.#blocked
  }

  start(connect: Packet): void {
    this.#transport.start(this)
    this.write(connect)
  }

  /** Throws RangeError for what MQTT cannot carry; nothing is written then. */
  write(packet: Packet): void {
    if (this.#ended) return
    encodePacket(this.#output, packet, this.version, text)
    if (this.#output.full !== null || this.#output.at - this.#output.slab!.start >= HIGH_WATER) this.#relieve()
  }

  acknowledge(type: AcknowledgementPacket['type'], packetId: number, reasonCode: number): void {
    if (!this.#ended) writeAcknowledgement(this.#output, type, packetId, reasonCode, this.version)
  }

  /** Stops reading after the packet that is being handled. */
  pause(): void {
    if (!this.#ended) this.#reading.pause()
  }

  resume(): void {
    if (!this.#ended) this.#reading.resume()
  }

  /**
   * Sends DISCONNECT if it can, and ends in order. Resolves when the other side has closed, or after `timeout`
   * milliseconds.
   */
  disconnect(error: MqttError, reasonCode: number, properties: Properties, timeout: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) {
        resolve()
        return
      }
      this.#onClosed = resolve
      if (!this.#ended) this.#hangUp(error, reasonCode, properties, timeout)
    })
  }

  /** Ends at once, without DISCONNECT. */
  abort(error: MqttError): void {
    if (this.#ended) return
    this.#end(error)
    this.#transport.abort()
  }

  // From the transport

  received(bytes: Uint8Array, start: number, end: number): void {
    if (this.#ended) return
    this.lastReceived = this.#clock.now()
    this.#counters.bytesReceived += end - start
    if (this.#heard || this.#beginsWell(bytes[start]!)) this.#reading.received(bytes, start, end)
  }

  drained(): void {
    this.#giveBack()
    this.#congested = false
    this.#flush()
    this.#unblock()
  }

  closed(cause: Error | null): void {
    this.#closed = true
    this.#clock.clearTimeout(this.#linger)
    this.#giveBack()
    this.#inTransit = { full: this.#output.full, slab: this.#output.slab }
    this.#output.clear()
    this.#giveBack()
    const when = this.open ? '' : ' before it said CONNACK'
    const words =
      cause === null
        ? `${this.address} closed the connection${when}`
        : `The connection to ${this.address} broke${when}: ${cause.message}`
    this.#end(new MqttError('ERR_CONNECTION_LOST', words, { cause: cause ?? undefined }))
    this.#onClosed?.()
  }

  // From the output

  outputBegan(): void {
    if (this.#flushing) return
    this.#flushing = true
    afterTurn(this.#endOfTurn)
  }

  // From keep-alive

  ping(): void {
    this.write({ type: PacketType.Pingreq })
    // If we cannot read any more, its silence means nothing.
    if (this.#reading.paused && !this.#reading.listen()) this.lastReceived = this.#clock.now()
  }

  silent(): void {
    const words = `${this.address} did not answer within the keep-alive time, so the connection was closed`
    this.abort(new MqttError('ERR_KEEP_ALIVE', words))
  }

  // From the decoder

  onPublish(view: PublishView): void {
    if (!this.open) throw outOfTurn('PUBLISH')
    this.#owner.onPublish(view)
  }

  onAcknowledgement(
    type: AcknowledgementPacket['type'],
    packetId: number,
    reasonCode: number,
    properties: Properties | null,
  ): void {
    if (!this.open) throw outOfTurn('an acknowledgement')
    this.#owner.onAcknowledgement(type, packetId, reasonCode, properties)
  }

  onPacket(packet: ControlPacket): void {
    switch (packet.type) {
      case PacketType.Connack:
        this.#connack(packet)
        break
      case PacketType.Auth:
        this.#owner.onAuth(packet)
        break
      case PacketType.Suback:
      case PacketType.Unsuback:
        if (!this.open) throw outOfTurn('SUBACK')
        this.#owner.onAnswer(packet)
        break
      case PacketType.Disconnect:
        this.#disconnected(packet.reasonCode, packet.properties)
        break
      case PacketType.Pingresp:
        break
      default:
        throw new ProtocolError(ReasonCode.ProtocolError, 'The broker sent a packet that only a client sends', 0)
    }
  }

  /** Another protocol might never complete a packet, so the first byte is checked. */
  #beginsWell(byte: number): boolean {
    this.#heard = true
    if (byte === CONNACK_FIRST || byte === AUTH_FIRST) return true
    const words = `Its first byte is 0x${byte.toString(16)}, which does not begin a CONNACK`
    this.#fail(new ProtocolError(ReasonCode.ProtocolError, words, 0))
    return false
  }

  #connack(packet: ConnackPacket): void {
    if (this.open) throw outOfTurn('a second CONNACK')
    this.open = true
    const answer = this.#owner.onConnack(packet)
    if (typeof answer === 'number') {
      this.#keepAlive = new KeepAlive(answer, this, this.#clock)
      this.#keepAlive.start()
      return
    }
    // The broker closes after a refusal. A CONNACK that breaks the protocol is answered.
    if (answer.code === 'ERR_REFUSED') this.#endAndClose(answer)
    else this.#hangUp(answer, answer.reasonCode ?? ReasonCode.ProtocolError, {}, LINGER)
  }

  #disconnected(reasonCode: number, { reasonString, serverReference }: Properties): void {
    const code = reasonCode === ReasonCode.SessionTakenOver ? 'ERR_TAKEN_OVER' : 'ERR_DISCONNECTED'
    const hint = code === 'ERR_TAKEN_OVER' ? '. Give each client its own clientId' : ''
    const words = `${this.address} ended the connection: ${reasonWords(reasonCode, reasonString)}${hint}`
    this.#endAndClose(new MqttError(code, words, { reasonCode, reasonString, serverReference }))
  }

  /** An error while decoding: the broker's fault, or a handler's. */
  #fail(caught: unknown): void {
    if (this.#ended) return
    if (!(caught instanceof ProtocolError)) {
      this.#hangUp(toMqttError(caught, 'ERR_PROTOCOL'), ReasonCode.UnspecifiedError, {}, LINGER)
      return
    }
    const { reasonCode } = caught
    const hint = this.open ? '' : '. Is it an MQTT broker?'
    const words = `${this.address} broke the protocol: ${caught.message}${hint}`
    this.#hangUp(new MqttError('ERR_PROTOCOL', words, { reasonCode, cause: caught }), reasonCode, {}, LINGER)
  }

  #hangUp(error: MqttError, reasonCode: number, properties: Properties, timeout: number): void {
    // Before CONNACK no DISCONNECT is sent, nor below MQTT 5.0 for an error.
    const say = this.open && (this.version === 5 || reasonCode === ReasonCode.NormalDisconnection)
    if (say) this.write({ type: PacketType.Disconnect, reasonCode, properties })
    this.#end(error)
    this.#saidAll = true
    this.#linger = this.#clock.setTimeout(() => this.#transport.abort(), timeout)
    if (this.#reading.decoding) this.outputBegan()
    else this.#flush()
  }

  #endAndClose(error: MqttError): void {
    this.#end(error)
    this.#linger = this.#clock.setTimeout(() => this.#transport.abort(), LINGER)
    this.#transport.close()
  }

  #end(error: MqttError): void {
    if (this.#ended) return
    this.#ended = true
    this.open = false
    this.#reading.stop()
    this.#keepAlive?.stop()
    this.#owner.onEnd(error)
  }

  /** Much was written: sends it now rather than at the end of the turn. If it cannot, `writable` becomes false. */
  #relieve(): void {
    if (!this.#congested && !this.#reading.decoding && this.#spent < TURN_BYTES) this.#flush()
    if (this.#output.slab !== null) this.#blocked = true
  }

  readonly #endOfTurn = (): void => {
    this.#flushing = false
    this.#spent = 0
    this.#flush()
    if (!this.#congested) this.#unblock()
  }

  #unblock(): void {
    if (!this.#blocked) return
    this.#blocked = false
    if (this.open) this.#owner.onWritable()
  }

  /** Hands all output to the transport in one write. */
  #flush(): void {
    const output = this.#output
    if (this.#congested || this.#closed) return
    if (output.slab !== null) {
      const { full, bytes, slab, at } = output
      const length = output.pending
      output.clear()
      this.#inTransit = { full, slab }
      this.#spent += length
      this.#counters.bytesSent += length
      this.lastSent = this.#clock.now()
      if (!this.#transport.send(full, bytes, slab.start, at)) {
        this.#congested = true
        return
      }
      this.#giveBack()
    }
    if (this.#saidAll) {
      this.#saidAll = false
      this.#transport.close()
    }
  }

  /** The transport has taken what was in transit. */
  #giveBack(): void {
    if (this.#inTransit === null) return
    const { full, slab } = this.#inTransit
    this.#inTransit = null
    if (full !== null) for (const part of full) slabs().give(part.slab)
    if (slab !== null) slabs().give(slab)
  }
}

function outOfTurn(what: string): ProtocolError {
  return new ProtocolError(ReasonCode.ProtocolError, `The broker sent ${what} out of turn`, 0)
}

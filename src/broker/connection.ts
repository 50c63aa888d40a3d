import {
  type AcknowledgementPacket,
  type ControlPacket,
  Decoder,
  LARGEST_PACKET,
  Output,
  type OutputOwner,
  type PacketHandler,
  PacketType,
  type Properties,
  ProtocolError,
  type ProtocolVersion,
  type PublishView,
  ReasonCode,
  type Slab,
} from '../protocol/index.ts'
import type { InboundAliases, OutboundAliases } from '../session/index.ts'
import { onAcknowledgement } from './acknowledge.ts'
import { answersWaitForStore, answersWaitTooMuch } from './answers.ts'
import { type Authentication, onAuth } from './authenticate.ts'
import { endConnection } from './close.ts'
import { onConnect } from './connect.ts'
import { ConnectionTimer } from './connection-timer.ts'
import type { Link } from './contracts.ts'
import type { Core, Identity } from './core.ts'
import { onDisconnect } from './disconnect.ts'
import type { Doom } from './doomed.ts'
import { BROKER, type Origin } from './origin.ts'
import { Phase } from './phase.ts'
import { knownRoute, onPublish } from './publish.ts'
import type { PublishRate } from './publish-rate.ts'
import { pump } from './queue.ts'
import { Reading } from './reading.ts'
import { fail, unexpected } from './refuse.ts'
import type { Route } from './route.ts'
import type { Session } from './session.ts'
import type { ListenerSettings } from './settings.ts'
import { onSubscribe, onUnsubscribe } from './subscribe.ts'
import { mayWriteEarly, writeEarly } from './turn.ts'
import { admits, countUnproved } from './unproved.ts'
import { Units } from './work.ts'

/**
 * One Network Connection: all that dies with it. What lives on is in its Session. The edge hands bytes to `receive`;
 * what is to be sent is written into `output`, which the turn sends.
 */
export class Connection implements PacketHandler, OutputOwner {
  readonly core: Core
  readonly link: Link
  /** What holds for the listener that accepted it. */
  readonly listener: ListenerSettings
  readonly output: Output
  readonly decoder: Decoder
  phase: Phase = Phase.AwaitingConnect
  version: ProtocolVersion = 4
  /** Null until CONNECT, and again once the connection has ended: then nothing is sent any more. */
  session: Session | null = null
  clientId: string | null = null
  username: string | null = null
  /** Of what it publishes. */
  origin: Origin = BROKER
  /** CONNECT had the bit by which bridges of MQTT 3.1 and 3.1.1 tell that they are. */
  bridge = false
  /** The Session was there before this connection. */
  resumed = false
  /** Seconds; 0: off. */
  keepAlive = 0
  /** Milliseconds: when the last bytes came. */
  lastReceived: number
  /** What the client takes, in bytes; `limited` says whether it set a limit at all. */
  maximumPacketSize: number = LARGEST_PACKET
  limited = false
  /** The log said once that a filter of this client means something else than the standard has it. */
  toldOfRewriting = false
  /** Whether Reason Strings and User Properties may be sent on every packet [MQTT-3.1.2-29]. */
  problemInformation = true
  /** It came faster than connections of its address may. */
  tooSoon = false
  /** Null where there is no limit. */
  publishRate: PublishRate | null = null
  /** Null if CONNECT named no Authentication Method. */
  authentication: Authentication | null = null
  /** With the route of each alias's topic. */
  inboundAliases: InboundAliases<Route> | null = null
  outboundAliases: OutboundAliases | null = null
  /** The route of the last PUBLISH, and of the one that is being read if that is known. See `knownRoute`. */
  route: Route | null = null
  /** Why it is to end, once it is doomed. */
  doom: Doom | null = null
  /** The link has not taken all: nothing more is given to it until it has. */
  blocked = false
  /** The position in the store's log that must be durable before anything more is sent. */
  gate = 0
  readonly timer: ConnectionTimer
  readonly reading: Reading
  #unsent: Slab[] | null = null
  #unsentBytes = 0
  /** QoS 0 messages dropped since it was found too slow. */
  #dropped = 0
  #inDirty = false
  /** Something came. */
  heard = false
  /** Before CONNACK: bytes of memory that its unfinished packet is counted with. */
  unproved = 0

  constructor(core: Core, link: Link, listener: ListenerSettings) {
    this.core = core
    this.link = link
    this.listener = listener
    this.output = new Output(core.pool, this)
    const { maximumPacketSize, maximumProperties, bounds } = core.settings
    const unfinishedAtLeast = bounds.unfinishedPacketBytes
    this.decoder = new Decoder(this, core.text, { maximumPacketSize, maximumProperties, unfinishedAtLeast })
    this.decoder.maximumPacketSize = Math.min(maximumPacketSize, bounds.connectPacketBytes)
    this.reading = new Reading(this)
    this.lastReceived = core.now
    this.timer = new ConnectionTimer(this)
    core.wheel.set(this.timer, core.now + core.settings.connectTimeout)
  }

  get identity(): Identity {
    return { client: this.clientId, address: this.link.address, username: this.username }
  }

  /** Bytes from the client: bytes[start..end), which are the caller's again when this returns. */
  receive(bytes: Uint8Array, start: number, end: number): void {
    if (this.phase !== Phase.Open && !admits(this, bytes, start, end)) return
    if (this.blocked && answersWaitTooMuch(this)) return
    this.core.metrics.bytesReceived += end - start
    this.lastReceived = this.core.now
    if (this.phase === Phase.AwaitingConnect) this.reading.waitIfSpent()
    this.#handle(bytes, start, end)
  }

  /** Goes on with what came while its decoder was suspended. */
  resume(): void {
    if (this.phase > Phase.Open) return
    if (this.blocked && answersWaitTooMuch(this)) return
    this.#handle(null, 0, 0)
  }

  /** `bytes` null: what was kept. */
  #handle(bytes: Uint8Array | null, start: number, end: number): void {
    const packets = this.core.metrics.messagesReceived
    try {
      if (bytes === null) this.decoder.resume()
      else this.decoder.receive(bytes, start, end)
    } catch (error) {
      this.broke('handling what it sent', error)
    }
    this.reading.took(end - start, this.core.metrics.messagesReceived - packets)
    if (this.phase < Phase.Open || this.unproved > 0) countUnproved(this)
    if (this.output.full !== null && this.gate > this.core.store.durable) answersWaitForStore(this)
  }

  /** Something threw while it was done for this client: that ends the connection, whether or not its bytes were the cause. */
  broke(doing: string, error: unknown): void {
    if (!(error instanceof ProtocolError)) this.#giveUp(doing, error)
    else fail(this, error.reasonCode, `${error.message} (byte ${error.offset} of the packet)`)
  }

  /**
   * Something threw that must not: this connection ends, and no other. That is sound as far as an error can be that nobody
   * foresaw: a packet stands in an output only when it is whole; a PUBLISH that reached some of its receivers is not
   * acknowledged, and not noted as taken if it has QoS 2, so that its client sends it again and it reaches the others; and
   * a Session is let go before its Will is published. To end the process instead would let one client end all.
   */
  #giveUp(doing: string, error: unknown): void {
    this.core.failed(doing, this, error)
    try {
      this.finish('an error in the broker', true)
    } catch (another) {
      this.core.failed('ending its connection', this, another)
    }
    this.#discardOutput()
    this.link.abort()
  }

  knownTopic(bytes: Uint8Array, start: number, end: number): boolean {
    return knownRoute(this.core, this, bytes, start, end)
  }

  onPublish(view: PublishView): void {
    this.core.metrics.messagesReceived++
    if (this.phase === Phase.Open) onPublish(this.core, this, view)
    else unexpected(this, 'PUBLISH')
  }

  onAcknowledgement(
    type: AcknowledgementPacket['type'],
    packetId: number,
    reasonCode: number,
    _properties: Properties | null,
  ): void {
    this.core.metrics.messagesReceived++
    if (this.phase === Phase.Open) onAcknowledgement(this.core, this, type, packetId, reasonCode)
    else unexpected(this, 'an acknowledgement')
  }

  onPacket(packet: ControlPacket): void {
    this.core.metrics.messagesReceived++
    if (packet.type === PacketType.Connect) {
      if (this.phase === Phase.AwaitingConnect) onConnect(this.core, this, packet)
      else unexpected(this, 'a second CONNECT')
      return
    }
    if (this.phase !== Phase.Open) {
      this.#duringExchange(packet)
      return
    }
    switch (packet.type) {
      case PacketType.Subscribe:
        onSubscribe(this.core, this, packet)
        break
      case PacketType.Unsubscribe:
        onUnsubscribe(this.core, this, packet)
        break
      case PacketType.Pingreq:
        this.reply(PINGRESP)
        break
      case PacketType.Disconnect:
        onDisconnect(this.core, this, packet)
        break
      case PacketType.Auth:
        onAuth(this.core, this, packet)
        break
      default:
        fail(this, ReasonCode.ProtocolError, 'a packet that only a server may send')
    }
  }

  /** The edge: what the link held back is gone, the memory is ours again. */
  drained(): void {
    try {
      this.#drained()
    } catch (error) {
      this.#giveUp('sending what waited for it', error)
    }
  }

  #drained(): void {
    this.blocked = false
    if (this.#unsent !== null) this.core.giveSlabs(this.#unsent)
    this.#unsent = null
    this.#unsentBytes = 0
    if (this.phase >= Phase.Closing) {
      this.#enterDirty()
      return
    }
    this.#tellRecovered()
    if (this.output.pending > 0) this.#enterDirty()
    if (this.session !== null) pump(this.core, this.session)
  }

  /** The edge: the Network Connection is gone, for `reason` in words. */
  closed(reason: string): void {
    if (this.phase === Phase.Closed) return
    // Its Session and its Will may cost much: one after the other. What came before its end, maybe a DISCONNECT, goes first.
    if (this.core.work.left <= 0 || this.decoder.suspended) {
      this.core.work.add({ step: () => this.closed(reason) === undefined })
      return
    }
    this.core.work.spend(Units.end)
    try {
      endConnection(this.core, this, reason, true)
    } catch (error) {
      this.core.failed('ending its connection', this, error)
    }
    this.phase = Phase.Closed
    if (this.#dropped > 0) this.core.event('repeated', this, { count: this.#dropped, what: 'it read too slowly' })
    this.publishRate?.stop()
    this.core.wheel.clear(this.timer)
    this.core.connections.delete(this)
    this.decoder.stop()
    countUnproved(this)
    if (this.#unsent !== null) this.core.giveSlabs(this.#unsent)
    this.#unsent = null
    this.#discardOutput()
  }

  outputBegan(): void {
    this.#enterDirty()
  }

  /** Whether more may be written, if need be after `makeRoom`. If not, QoS 0 messages are dropped and others stay in their queue. */
  hasRoom(): boolean {
    return !this.#overfull || mayWriteEarly(this.core, this)
  }

  /** Sends what was written, if it is so much that nothing may be added. Returns whether something may be added. */
  makeRoom(): boolean {
    return !this.#overfull || writeEarly(this.core, this)
  }

  get #overfull(): boolean {
    if (!this.blocked && this.output.full === null) return false
    return this.waitingBytes > this.core.settings.maximumOutgoingBytes
  }

  /** Bytes that wait because the client reads too slowly. */
  get waitingBytes(): number {
    return this.#unsentBytes + this.output.pending
  }

  /** A QoS 0 message was not sent because the client reads too slowly. */
  dropped(): void {
    this.core.metrics.publishDropped++
    if (this.#dropped++ === 0) {
      this.core.event('subscriberSlow', this, { limit: this.core.settings.maximumOutgoingBytes })
    }
  }

  #tellRecovered(): void {
    if (this.#dropped === 0) return
    this.core.event('subscriberRecovered', this, { count: this.#dropped })
    this.#dropped = 0
  }

  /** What was written last relies on the records appended so far: it goes out when they are durable. */
  promised(): void {
    this.gate = this.core.logPosition
  }

  /** Sends a small packet that is the same for everybody. */
  reply(packet: Uint8Array): void {
    const { output } = this
    output.reserve(packet.length)
    for (let i = 0; i < packet.length; i++) output.bytes[output.at + i] = packet[i]!
    output.at += packet.length
    this.core.metrics.messagesSent++
  }

  /**
   * Nothing more is read; what was written goes out, then the connection closes. The Session is let go at once, with its
   * Will if that is `due`.
   */
  finish(reason: string, willDue: boolean): void {
    if (this.phase >= Phase.Closing) return
    this.phase = Phase.Closing
    this.decoder.stop()
    this.publishRate?.stop()
    this.reading.stop()
    countUnproved(this)
    endConnection(this.core, this, reason, willDue)
    this.core.wheel.set(this.timer, this.core.now + this.core.settings.bounds.lingerMs)
    this.#enterDirty()
  }

  /** The turn: sends what was written. False if it has to wait until the store has what it promises. */
  flush(): boolean {
    if (this.gate > this.core.store.durable) return false
    try {
      this.#flush()
    } catch (error) {
      this.#giveUp('sending to it', error)
    }
    return true
  }

  #flush(): void {
    this.#inDirty = false
    if (this.reading.paused) this.reading.storeHasWritten()
    const much = this.output.full !== null
    this.write()
    if (!this.blocked) this.#tellRecovered()
    if (this.phase === Phase.Closing && !this.blocked) this.link.close()
    // What stopped for want of room goes on; while the link is blocked, `drained` sees to that.
    if (much && !this.blocked && this.session !== null) pump(this.core, this.session)
  }

  /** Gives the link what was written, unless it still has to send what it got before. */
  write(): void {
    const { output, core } = this
    const { slab, full } = output
    if (slab === null || this.blocked || this.phase === Phase.Closed) return
    const sent = output.pending
    core.metrics.bytesSent += sent
    const taken = this.link.send(full, slab.bytes, slab.start, output.at)
    if (taken) {
      core.pool.give(slab)
      if (full !== null) for (const { slab: whole } of full) core.pool.give(whole)
    } else {
      this.blocked = true
      this.#unsentBytes = sent
      this.#unsent = full === null ? [slab] : [...full.map((each) => each.slab), slab]
    }
    output.clear()
  }

  #discardOutput(): void {
    const { output, core } = this
    if (output.full !== null) for (const { slab } of output.full) core.pool.give(slab)
    if (output.slab !== null) core.pool.give(output.slab)
    output.clear()
  }

  #enterDirty(): void {
    if (this.#inDirty) return
    this.#inDirty = true
    this.core.dirty.push(this)
  }

  /** After CONNECT and before CONNACK the client may send AUTH and DISCONNECT only [MQTT-3.1.2-30]. */
  #duringExchange(packet: ControlPacket): void {
    if (this.phase !== Phase.Authenticating) unexpected(this, 'a packet')
    else if (packet.type === PacketType.Auth) onAuth(this.core, this, packet)
    else if (packet.type === PacketType.Disconnect) this.finish('it gave up its authentication', false)
    else unexpected(this, 'a packet')
  }
}

const PINGRESP: Uint8Array = Uint8Array.of(0xd0, 0)

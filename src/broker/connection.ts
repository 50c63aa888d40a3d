import { Decoder, LARGEST_PACKET, type PacketHandler, ProtocolError, type ProtocolVersion } from '../protocol/index.ts'
import type { InboundAliases, OutboundAliases } from '../session/index.ts'
import type { Authentication } from './connect/index.ts'
import {
  admits,
  answersWaitForStore,
  answersWaitTooMuch,
  ConnectionTimer,
  countUnproved,
  type Doom,
  fail,
  Outlet,
  Phase,
  type PublishRate,
  Reading,
} from './connection/index.ts'
import type { Link, Who } from './contracts.ts'
import type { Core, Identity } from './core.ts'
import { pump } from './deliver/index.ts'
import { endConnection } from './end/index.ts'
import { BROKER, type Origin } from './message/index.ts'
import type { Route } from './route/index.ts'
import type { Permits } from './rules/index.ts'
import type { Session } from './sessions/index.ts'
import type { ListenerTerms } from './settings/index.ts'
import { Units } from './time/index.ts'

/**
 * One Network Connection: all that dies with it. What lives on is in its Session. The edge hands bytes to `receive`, and
 * the Dispatcher knows who handles which packet; what goes out is the Outlet's part.
 */
export class Connection extends Outlet {
  /** What held for the listener when it accepted it. */
  readonly listener: ListenerTerms
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
  /** Null as long as there was nothing to ask. */
  permits: Permits | null = null
  /** Null if CONNECT named no Authentication Method. */
  authentication: Authentication | null = null
  /** With the route of each alias's topic. */
  inboundAliases: InboundAliases<Route> | null = null
  outboundAliases: OutboundAliases | null = null
  /** The route of the last PUBLISH, and of the one that is being read if that is known. See `knownRoute`. */
  route: Route | null = null
  /** Why it is to end, once it is doomed. */
  doom: Doom | null = null
  /** Why the Network Connection is gone, if that has to wait for an answer. */
  #closedFor: string | null = null
  readonly timer: ConnectionTimer
  readonly reading: Reading
  /** Something came. */
  heard = false
  /** Before CONNACK: bytes of memory that its unfinished packet is counted with. */
  unproved = 0

  constructor(core: Core, link: Link, listener: ListenerTerms, handlerOf: (connection: Connection) => PacketHandler) {
    super(core, link)
    this.listener = listener
    const { maximumPacketSize } = listener
    const { maximumProperties, bounds } = core.settings
    this.decoder = new Decoder(handlerOf(this), core.text, {
      maximumPacketSize,
      maximumProperties,
      unfinishedAtLeast: bounds.unfinishedPacketBytes,
      filterBytesAtOnce: bounds.filterBytesAtOnce,
    })
    this.decoder.maximumPacketSize = Math.min(maximumPacketSize, bounds.connectPacketBytes)
    this.reading = new Reading(this)
    this.lastReceived = core.now
    this.timer = new ConnectionTimer(this)
    core.wheel.set(this.timer, core.now + core.settings.connectTimeout)
  }

  get identity(): Identity {
    return { client: this.clientId, address: this.link.address, username: this.username }
  }

  /** Whom the rules are asked about. */
  get who(): Who {
    return { client: this.clientId ?? '', username: this.username, address: this.link.address }
  }

  /** Bytes from the client: bytes[start..end), which are the caller's again when this returns. */
  receive(bytes: Uint8Array, start: number, end: number): void {
    if (this.phase !== Phase.Open && !admits(this, bytes, start, end)) return
    if (this.blocked && answersWaitTooMuch(this)) return
    this.core.metrics.bytesReceived += end - start
    this.lastReceived = this.core.now
    const large = this.decoder.unfinishedBytes > this.core.settings.bounds.largePacketBytes
    if (large || this.phase === Phase.AwaitingConnect) this.reading.waitIfSpent()
    this.#handle(bytes, start, end)
  }

  /** Goes on with what came while its decoder was suspended. */
  resume(): void {
    if (this.phase > Phase.Open) return
    if (this.blocked && answersWaitTooMuch(this)) return
    this.#handle(null, 0, 0)
  }

  /** `from` null: what was kept. */
  #handle(from: Uint8Array | null, start: number, end: number): void {
    const packets = this.core.metrics.messagesReceived
    const kept = this.decoder.unfinishedBytes
    try {
      if (from === null) this.decoder.resume()
      else this.decoder.receive(from, start, end)
    } catch (error) {
      this.broke('handling what it sent', error)
    }
    // What was kept has been gone through as well, maybe megabytes of it, however little came now.
    const bytes = end - start + Math.max(0, kept - this.decoder.unfinishedBytes)
    this.reading.took(bytes, this.core.metrics.messagesReceived - packets)
    if (this.phase === Phase.Authenticating) this.reading.waitAtDoor()
    if (this.phase < Phase.Open || this.unproved > 0) countUnproved(this)
    if (this.output.full !== null && this.gate > this.core.store.durable) answersWaitForStore(this)
    if (this.#closedFor !== null && !this.reading.asking) this.closed(this.#closedFor)
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
    this.discardOutput()
    this.link.abort()
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
    this.unblock()
    if (this.phase >= Phase.Closing) {
      this.enterDirty()
      return
    }
    this.tellRecovered()
    if (this.output.pending > 0) this.enterDirty()
    if (this.session !== null) pump(this.core, this.session)
  }

  /** The edge: the Network Connection is gone, for `reason` in words. */
  closed(reason: string): void {
    if (this.phase === Phase.Closed) return
    // What came before its end may be a message that it may publish.
    if (this.reading.asking && this.phase === Phase.Open) {
      this.#closedFor = reason
      return
    }
    // Its Session and its Will may cost much: one after the other. What came before its end, maybe a DISCONNECT, goes first.
    if (this.core.work.spent || (this.decoder.suspended && this.phase === Phase.Open)) {
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
    this.publishRate?.stop()
    this.core.wheel.clear(this.timer)
    this.core.connections.delete(this)
    this.decoder.stop()
    countUnproved(this)
    this.core.atDoor.remove(this)
    this.shut()
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
    this.core.atDoor.remove(this)
    endConnection(this.core, this, reason, willDue)
    this.core.wheel.set(this.timer, this.core.now + this.core.settings.bounds.lingerMs)
    this.enterDirty()
    const { core } = this
    const gone = this.#closedFor
    if (gone !== null) core.work.add({ step: () => this.closed(gone) === undefined })
  }

  protected sent(much: boolean): void {
    if (this.reading.paused) this.reading.storeHasWritten()
    if (this.phase === Phase.Closing && !this.blocked) this.link.close()
    // What stopped for want of room goes on; while the link is blocked, `drained` sees to that.
    if (much && !this.blocked && this.session !== null) pump(this.core, this.session)
  }
}

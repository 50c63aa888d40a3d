import { Output, type OutputOwner, type Slab } from '../../protocol/index.ts'
import type { Link } from '../contracts.ts'
import type { Core, Identity } from '../core.ts'
import { PerUnit, Units } from '../time/index.ts'

/**
 * The way out to one client: what was written for it, whether it may leave yet, and whether the client takes it. The turn
 * (`endTurn`) knows connections as outlets only.
 */
export abstract class Outlet implements OutputOwner {
  readonly core: Core
  readonly link: Link
  readonly output: Output
  /** The link has not taken all: nothing more is given to it until it has. */
  blocked = false
  /** The position in the store's log that must be durable before anything more is sent. */
  gate = 0
  #unsent: Slab[] | null = null
  #unsentBytes = 0
  /** QoS 0 messages dropped since it was found too slow. */
  #dropped = 0
  #inDirty = false
  #shut = false

  constructor(core: Core, link: Link) {
    this.core = core
    this.link = link
    this.output = new Output(core.pool, this)
  }

  abstract get identity(): Identity

  /** The turn has sent what was written. `much`: it was so much that something may have stopped for want of room. */
  protected abstract sent(much: boolean): void

  /** Something threw that must not. */
  abstract broke(doing: string, error: unknown): void

  outputBegan(): void {
    this.enterDirty()
  }

  /** The turn is to look after it. */
  enterDirty(): void {
    if (this.#inDirty) return
    this.#inDirty = true
    this.core.dirty.push(this)
  }

  /** Whether more may be written, if need be after `makeRoom`. If not, QoS 0 messages are dropped and others stay in their queue. */
  hasRoom(): boolean {
    return (!this.blocked && this.output.full === null) || this.#hasRoom() || this.#mayWriteEarly()
  }

  /**
   * Returns whether more may be written. The one exception to one write a turn: if more was written to a client within a turn
   * than `max_outgoing_bytes`, and none of it relies on what is not durable yet, it is sent now. A burst is not slowness, and
   * memory must have a bound.
   */
  makeRoom(): boolean {
    if ((!this.blocked && this.output.full === null) || this.#hasRoom()) return true
    if (!this.#mayWriteEarly()) return false
    this.core.work.spend(Units.write + (this.output.pending >> PerUnit.bytesWritten))
    this.write()
    return !this.blocked
  }

  #hasRoom(): boolean {
    return this.waitingBytes <= this.core.settings.maximumOutgoingBytes
  }

  #mayWriteEarly(): boolean {
    return !this.blocked && this.gate <= this.core.store.durable
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

  tellRecovered(): void {
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

  /** The turn: sends what was written. False if it has to wait until the store has what it promises. */
  flush(): boolean {
    if (this.gate > this.core.store.durable) return false
    this.#inDirty = false
    try {
      const much = this.output.full !== null
      this.write()
      if (!this.blocked) this.tellRecovered()
      this.sent(much)
    } catch (error) {
      this.broke('sending to it', error)
    }
    return true
  }

  /** Gives the link what was written, unless it still has to send what it got before. */
  write(): void {
    const { output, core } = this
    const { slab, full } = output
    if (slab === null || this.blocked || this.#shut) return
    const sent = output.pending
    core.metrics.bytesSent += sent
    const taken = this.link.send(full, slab.bytes, slab.start, output.at)
    if (taken) {
      core.pool.give(slab)
      if (full !== null) for (const { slab: whole } of full) core.pool.give(whole)
    } else {
      this.blocked = true
      core.slow.add(this)
      this.#unsentBytes = sent
      this.#unsent = full === null ? [slab] : [...full.map((each) => each.slab), slab]
    }
    output.clear()
  }

  /** What the link held back is gone, the memory is ours again. */
  protected unblock(): void {
    this.blocked = false
    this.core.slow.delete(this)
    this.#unsentBytes = 0
    if (this.#unsent !== null) this.core.giveSlabs(this.#unsent)
    this.#unsent = null
  }

  /** Nothing goes out any more, and what was to is forgotten. */
  protected shut(): void {
    this.#shut = true
    this.core.slow.delete(this)
    if (this.#dropped > 0) this.core.event('repeated', this, { count: this.#dropped, what: 'it read too slowly' })
    if (this.#unsent !== null) this.core.giveSlabs(this.#unsent)
    this.#unsent = null
    this.discardOutput()
  }

  protected discardOutput(): void {
    const { output, core } = this
    if (output.full !== null) for (const { slab } of output.full) core.pool.give(slab)
    if (output.slab !== null) core.pool.give(output.slab)
    output.clear()
  }
}

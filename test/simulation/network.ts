import type { Connection, Link } from '../../src/broker/index.ts'
import type { FullSlab } from '../../src/protocol/index.ts'
import { joined } from '../unit/protocol/support.ts'
import type { SimRandom } from './random.ts'
import type { Time } from './time.ts'

export interface NetworkManners {
  /** Milliseconds that a portion takes at the most. */
  readonly latency: number
  /** Percent of the portions that are split. */
  readonly split: number
  /** Percent of the broker's writes that are not taken at once. */
  readonly hold: number
}

/** One direction: bytes arrive in order, late and in portions, until the end. */
class Pipe {
  /** Nothing arrives before: the receiver does not read. Milliseconds. */
  pausedUntil = 0
  /** Nothing arrives until `resume`. */
  paused = false
  readonly #time: Time
  readonly #random: SimRandom
  readonly #manners: NetworkManners
  readonly #deliver: (bytes: Uint8Array) => void
  #portions: { at: number; bytes: Uint8Array }[] = []
  #last = 0
  #ended: (() => void) | null = null

  constructor(time: Time, random: SimRandom, manners: NetworkManners, deliver: (bytes: Uint8Array) => void) {
    this.#time = time
    this.#random = random
    this.#manners = manners
    this.#deliver = deliver
  }

  push(bytes: Uint8Array): void {
    if (this.#ended !== null || bytes.length === 0) return
    let from = 0
    while (from < bytes.length) {
      const rest = bytes.length - from
      const to = this.#random.chance(this.#manners.split) ? from + this.#random.between(1, rest) : bytes.length
      this.#last = Math.max(this.#last, this.#time.now + this.#random.between(0, this.#manners.latency))
      this.#portions.push({ at: this.#last, bytes: bytes.slice(from, to) })
      this.#time.after(this.#last - this.#time.now, this.#arrive)
      from = to
    }
  }

  /** After what is on its way comes the end, so many milliseconds later. */
  end(milliseconds: number, ended: () => void): void {
    if (this.#ended !== null) return
    this.#ended = ended
    this.#last = Math.max(this.#last, this.#time.now + milliseconds)
    this.#time.after(this.#last - this.#time.now, this.#arrive)
  }

  /** Of what is on its way only a part arrives. */
  lose(): void {
    const total = this.#portions.reduce((sum, { bytes }) => sum + bytes.length, 0)
    let left = this.#random.between(0, total)
    const kept: { at: number; bytes: Uint8Array }[] = []
    for (const { at, bytes } of this.#portions) {
      if (left > 0) kept.push({ at, bytes: bytes.slice(0, left) })
      left -= bytes.length
    }
    this.#portions = kept
  }

  clear(): void {
    this.#portions = []
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    this.#time.after(0, this.#arrive)
  }

  readonly #arrive = (): void => {
    if (this.paused) return
    if (this.#time.now < this.pausedUntil) {
      this.#time.after(this.pausedUntil - this.#time.now, this.#arrive)
      return
    }
    while (!this.paused && this.#portions.length > 0 && this.#portions[0]!.at <= this.#time.now) {
      this.#deliver(this.#portions.shift()!.bytes)
    }
    if (this.paused || this.#portions.length > 0 || this.#ended === null || this.#time.now < this.#last) return
    const ended = this.#ended
    this.#ended = NOTHING
    ended()
  }
}

const NOTHING = (): void => {}

/** Who is at the client's end. */
export interface ClientEnd {
  received(bytes: Uint8Array): void
  gone(): void
}

/** What the broker's machine does with what comes over the network, within its turns. */
export interface BrokerEnd {
  /** The broker is about to write. */
  writes(): void
  turn(act: () => void): void
}

/** A Network Connection. The broker has one end of it, as a Link, and a client the other. */
export class SimLink implements Link {
  readonly address: string
  readonly peer = { kind: 'tcp', address: '10.0.0.1', port: 50_000 } as const
  connection: Connection | null = null
  /** Milliseconds: when the broker had it no more; Infinity as long as it has. */
  brokerEnded: number = Number.POSITIVE_INFINITY
  /** It ended because the broker died. */
  died = false
  /** Bytes from the client up to the end of its DISCONNECT that drops the Will. */
  goodbyeAt: number = Number.POSITIVE_INFINITY
  /** The broker says that it had a DISCONNECT. */
  goodbyeNoted = false
  sentUp = 0
  readonly #time: Time
  readonly #random: SimRandom
  readonly #manners: NetworkManners
  readonly #up: Pipe
  readonly #down: Pipe
  readonly #broker: BrokerEnd
  readonly #client: ClientEnd
  /** Milliseconds: the sum of all times for which the client was told not to read. */
  idleFor = 0
  #arrivedUp = 0
  /** The broker wants nothing more for now. */
  #pauses = false
  #brokerGone = false

  constructor(
    name: string,
    time: Time,
    random: SimRandom,
    manners: NetworkManners,
    broker: BrokerEnd,
    client: ClientEnd,
  ) {
    this.address = name
    this.#time = time
    this.#random = random
    this.#manners = manners
    this.#broker = broker
    this.#client = client
    this.#up = new Pipe(time, random, manners, (bytes) => this.#arrived(bytes))
    this.#down = new Pipe(time, random, manners, (bytes) => client.received(bytes))
  }

  /** A DISCONNECT that drops the Will has come, all of it, and was acted on. */
  get saidGoodbye(): boolean {
    return this.goodbyeNoted && this.#arrivedUp >= this.goodbyeAt
  }

  // The client's side.

  write(bytes: Uint8Array): void {
    this.sentUp += bytes.length
    this.#up.push(bytes)
  }

  /** The client closes, as it should: what it sent arrives. */
  hangUp(): void {
    this.#up.end(this.#random.between(0, this.#manners.latency), () => this.#lost('the client hung up'))
  }

  /** The client does not read for so long. */
  idle(milliseconds: number): void {
    this.idleFor += milliseconds
    this.#down.pausedUntil = Math.max(this.#down.pausedUntil, this.#time.now + milliseconds)
  }

  /** The network breaks: of what is on its way a part is lost, and each end notes it in its own time. */
  cut(brokerNotes: number): void {
    this.#up.lose()
    this.#down.lose()
    this.#up.end(brokerNotes, () => this.#lost('the network broke'))
    this.#down.end(this.#random.between(0, 20), () => this.#client.gone())
  }

  /** The client gives it up, and nothing that has not arrived ever will: the broker notes it in its own time. */
  giveUp(): void {
    this.#up.clear()
    this.#up.end(this.#random.pick([0, 100, 3000]), () => this.#lost('the client gave up'))
  }

  /** For the broker the connection is over. */
  notedEnd(): void {
    this.brokerEnded = Math.min(this.brokerEnded, this.#time.now)
  }

  // The broker's side.

  /** What is on its way at this moment may still arrive. */
  pause(): void {
    this.#time.after(0, () => {
      this.#up.paused = this.#pauses
    })
    this.#pauses = true
  }

  resume(): void {
    this.#pauses = false
    this.#up.resume()
  }

  send(full: readonly FullSlab[] | null, bytes: Uint8Array, start: number, end: number): boolean {
    this.#broker.writes()
    const parts = (full ?? []).map(({ slab, end: to }) => slab.bytes.subarray(slab.start, to))
    parts.push(bytes.subarray(start, end))
    const paused = this.#down.pausedUntil > this.#time.now
    if (!paused && !this.#random.chance(this.#manners.hold)) {
      this.#down.push(joined(parts))
      return true
    }
    // The memory is the link's until `drained`: what lies there is read only then.
    const wait = paused ? this.#down.pausedUntil - this.#time.now : this.#random.between(1, 50)
    this.#time.after(wait, () => {
      if (this.#brokerGone) return
      this.#down.push(joined(parts))
      this.#broker.turn(() => this.connection?.drained())
    })
    return false
  }

  close(): void {
    this.#down.end(0, () => this.#client.gone())
    this.#time.after(1, () => this.#lost('closed by the broker'))
  }

  abort(): void {
    this.#down.lose()
    this.close()
  }

  /** The broker's process is gone, and its end of the connection with it. */
  die(): void {
    if (this.#brokerGone) return
    this.#brokerGone = true
    this.notedEnd()
    this.died = true
    this.connection = null
    this.#down.lose()
    this.#down.end(this.#random.between(0, 20), () => this.#client.gone())
  }

  #arrived(bytes: Uint8Array): void {
    if (this.#brokerGone) return
    this.#arrivedUp += bytes.length
    this.#broker.turn(() => {
      if (this.connection === null) return
      this.connection.receive(bytes, 0, bytes.length)
      // The core must have copied what it keeps.
      bytes.fill(0xff)
    })
  }

  #lost(reason: string): void {
    if (this.#brokerGone) return
    this.#brokerGone = true
    this.notedEnd()
    this.#down.end(0, () => this.#client.gone())
    this.#broker.turn(() => this.connection?.closed(reason))
  }
}

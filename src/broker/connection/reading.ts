import type { Connection } from '../connection.ts'
import { type Job, PerUnit } from '../time/index.ts'
import { Phase } from './phase.ts'

/** Why a client is left unread. */
export const Unread = {
  /** It publishes faster than it may. */
  TooFast: 1,
  /** One of its packets takes longer, or it has to wait for its turn. */
  Suspended: 2,
  /** The store has not written what its answers rely on. */
  Gated: 4,
  /** What is read in this turn has cost enough. */
  Enough: 8,
} as const
export type Unread = (typeof Unread)[keyof typeof Unread]

/** Whether a client is read and its packets are handled, or has to wait. Nobody else notices. */
export class Reading implements Job {
  readonly #connection: Connection
  /** A sum of `Unread`. */
  #why = 0
  /** The client waits for somebody's answer, such as that of the rules. */
  asking = false

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** From within a packet's handler: what the client sends after this packet waits, and is not read, until `resume`. */
  suspend(): void {
    if (this.#connection.phase > Phase.Open) return
    this.#connection.decoder.suspend()
    this.pause(Unread.Suspended)
  }

  /**
   * As `suspend`, while somebody makes up their mind whether to let the client in. It is read on, so that its end is noticed,
   * as long as that costs little.
   */
  suspendAtDoor(): void {
    this.#connection.decoder.suspend()
  }

  /** More came from a client at the door than may wait there. */
  waitAtDoor(): void {
    const { decoder, core } = this.#connection
    if (decoder.suspended && decoder.unfinishedBytes > core.settings.bounds.unprovedBytesEach) {
      this.pause(Unread.Suspended)
    }
  }

  /** Goes on after `suspend`, with what has come since. Not from within a packet's handler. */
  resume(): void {
    this.#connection.resume()
    if (!this.#connection.decoder.suspended) this.goOn(Unread.Suspended)
  }

  /** From within a PUBLISH's handler: somebody has to say first whether that may be. Then the packet is handed over again. */
  waitForAnswer(): void {
    if (this.#connection.phase > Phase.Open) return
    this.#connection.decoder.suspendBefore()
    this.#connection.core.metrics.messagesReceived--
    this.pause(Unread.Suspended)
    this.asking = true
  }

  /** What the client waited for is known. */
  answered(): void {
    if (!this.asking) return
    this.asking = false
    this.#connection.core.work.addReader(this)
  }

  /** From within a packet's handler: what this turn may cost is spent. The client goes on when those before it had a share. */
  waitForTurn(): void {
    const { decoder, phase, core } = this.#connection
    if (phase > Phase.Open || decoder.suspended) return
    this.suspend()
    core.work.addReader(this)
  }

  /** Thousands may connect at once: those for whom nothing of this turn is left wait for their turn. */
  waitIfSpent(): void {
    if (this.#connection.core.work.spent) this.waitForTurn()
  }

  /**
   * So much was read and handled. What costs no more than a packet of it counts for itself elsewhere; but a megabyte of the
   * smallest packets, or of one large one, is much, too: then no more is read until those before had a share. A small
   * request costs nothing here, so it never waits.
   */
  took(bytes: number, packets: number): void {
    const units = (bytes >> PerUnit.bytesRead) + (packets >> PerUnit.packets)
    const { core, phase } = this.#connection
    if (units === 0 || core.work.spend(units) || phase > Phase.Open) return
    if ((this.#why & (Unread.Suspended | Unread.Enough)) !== 0) return
    this.pause(Unread.Enough)
    core.work.addReader({
      step: () => {
        this.goOn(Unread.Enough)
        return true
      },
    })
  }

  /** As a job: its turn has come. */
  step(): boolean {
    this.resume()
    return true
  }

  pause(why: Unread): void {
    if (this.#why === 0) this.#connection.link.pause()
    this.#why |= why
  }

  goOn(why: Unread): void {
    if ((this.#why & why) === 0) return
    this.#why &= ~why
    // It was silent because it was not read: that must not count against it.
    this.#connection.lastReceived = this.#connection.core.now
    if (this.#why === 0) this.#connection.link.resume()
  }

  /** Answers gather behind what the store has not written yet: no more is read until it has. */
  waitForStore(): void {
    this.pause(Unread.Gated)
  }

  storeHasWritten(): void {
    this.goOn(Unread.Gated)
  }

  /** Nothing more is handled, but the end of the connection has to be noticed. */
  stop(): void {
    if (this.#why !== 0) this.#connection.link.resume()
    this.#why = 0
  }

  /** Whether the client is left unread on purpose. */
  get paused(): boolean {
    return this.#why !== 0
  }
}

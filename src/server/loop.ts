import type { Broker, Connection, Link, Listener } from '../broker/index.ts'
import type { Acceptor } from '../transport/index.ts'
import type { SystemClock } from './system-clock.ts'

/** How often timers are checked: a keep-alive or a Will is late by at most this much. */
const TICK_MS = 100

/** Runs the broker's turns in Node's event loop: everything read in one round of it is one turn. */
export class Loop {
  readonly broker: Broker
  readonly #clock: SystemClock
  #inTurn = false
  readonly #timer: NodeJS.Timeout
  readonly #endTurn = (): void => {
    this.#inTurn = false
    if (this.broker.endTurn()) this.began()
  }

  constructor(broker: Broker, clock: SystemClock) {
    this.broker = broker
    this.#clock = clock
    const { store } = broker.core
    store.onDurable = () => this.began()
    store.onReadable = () => {
      this.began()
      broker.readable()
    }
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#timer.unref()
  }

  /** Something is about to be handed to the broker: its turn ends after all that can be read now has been read. */
  began(): void {
    if (this.#inTurn) return
    this.#inTurn = true
    this.broker.began()
    setImmediate(this.#endTurn)
  }

  /** Hands a listener's connections to the broker. `limit`: file descriptors that the process may have. */
  acceptor(listener: Listener, limit: number): Acceptor {
    return {
      began: () => this.began(),
      accept: (link: Link): Connection => this.broker.accept(link, listener),
      turnedAway: (address, option, most) => this.broker.turnedAway(listener, address, option, most),
      refused: (address, reason) => this.broker.refused(listener, address, reason),
      outOfDescriptors: () => this.broker.outOfDescriptors(limit),
    }
  }

  stop(): void {
    clearInterval(this.#timer)
    // What was told of in no turn any more.
    this.broker.core.tellEvents()
  }

  #tick(): void {
    this.#clock.look()
    this.began()
    this.broker.tick()
  }
}

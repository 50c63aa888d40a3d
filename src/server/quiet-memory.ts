import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Milliseconds between two looks. */
export const LOOK_MS = 1000
/** It is quiet after so many idle looks in a row. */
const QUIET_LOOKS = 5
/** Fewer packets a second count as idle. */
const QUIET_PACKETS = 100
/** After fewer packets and connections than this since the last time, there is too little garbage to collect. */
const WORTH = 5000

/** What the broker counts: both only ever grow. */
export interface Activity {
  readonly packets: number
  readonly connections: number
}

/**
 * Has V8 give back what a load has left behind, once it is over. V8 collects when something is made: of a broker with nothing
 * to do it keeps the garbage, hundreds of MiB after a busy hour, which on a small machine others need. A collection takes some
 * ten milliseconds for each 100 MiB that live, so it is done only when it is quiet, and once for each load.
 */
export class QuietMemory {
  readonly #activity: () => Activity
  readonly #collect: () => void
  #last: Activity
  /** As it was at the last collection. */
  #collected: Activity
  #quiet = 0

  constructor(activity: () => Activity, collect: () => void = collectGarbage) {
    this.#activity = activity
    this.#collect = collect
    this.#last = activity()
    this.#collected = this.#last
  }

  /** To be called every LOOK_MS. */
  look(): void {
    const now = this.#activity()
    const isQuiet = work(now, this.#last) < QUIET_PACKETS
    this.#last = now
    this.#quiet = isQuiet ? this.#quiet + 1 : 0
    if (this.#quiet !== QUIET_LOOKS || work(now, this.#collected) < WORTH) return
    this.#collected = now
    this.#collect()
  }
}

function work(now: Activity, before: Activity): number {
  return now.packets - before.packets + (now.connections - before.connections)
}

/** A full collection, which returns memory to the system. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  setFlagsFromString('--no-expose-gc')
  collect()
  // The pages that the first has emptied go with a second; not at once, so that nobody waits for both.
  setTimeout(collect, LOOK_MS).unref()
}

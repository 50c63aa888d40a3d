import type { Core } from '../core.ts'
import { Timer } from '../time/index.ts'

/** The first ones of many gather for so long. */
const GATHER_MS = 1000
/** While it goes on, it is told so often. */
const AGAIN_MS = 60_000

/** Connections for which the process had no file descriptor: told with their number, not one by one. */
export class TurnedAway extends Timer {
  readonly #core: Core
  #count = 0
  #limit = 0

  constructor(core: Core) {
    super()
    this.#core = core
  }

  /** `limit`: descriptors that the process may have. */
  note(limit: number): void {
    this.#count++
    this.#limit = limit
    if (this.slot < 0) this.#core.wheel.set(this, this.#core.now + GATHER_MS)
  }

  fire(now: number): void {
    if (this.#count === 0) return
    this.#core.event('descriptorsSpent', null, { count: this.#count, limit: this.#limit })
    this.#count = 0
    this.#core.wheel.set(this, now + AGAIN_MS)
  }
}

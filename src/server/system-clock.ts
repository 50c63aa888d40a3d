import { uptime } from 'node:os'
import { performance } from 'node:perf_hooks'
import type { Clock } from '../broker/index.ts'

/** If the wall clock moved against Node's by this much, it was set, or the machine slept. */
const JUMP_MS = 1000

/** What a machine has to tell the time by. */
export interface TimeSources {
  /** Milliseconds; nobody sets it, and on Linux it stands still while the machine sleeps. */
  readonly monotonic: () => number
  /** Milliseconds since the epoch; may be set. */
  readonly wall: () => number
  /** Milliseconds since the machine started, with those it slept; nobody sets it. Null: there is no such clock. */
  readonly awakeAndAsleep: () => number | null
}

const machine: TimeSources = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  awakeAndAsleep: () => {
    if (process.platform !== 'linux') return null
    try {
      return uptime() * 1000
    } catch {
      // It reads a file, for which there may be no descriptor.
      return null
    }
  },
}

/** The machine's clocks. Sleep counts as time passed: for the clients it did pass. */
export class SystemClock implements Clock {
  readonly #sources: TimeSources
  #asleep = 0
  /** As they were at the last look, less the monotonic clock. */
  #wall: number
  #upAndAsleep: number | null

  constructor(sources: TimeSources = machine) {
    this.#sources = sources
    const now = sources.monotonic()
    this.#wall = sources.wall() - now
    const total = sources.awakeAndAsleep()
    this.#upAndAsleep = total === null ? null : total - now
  }

  now(): number {
    return this.#sources.monotonic() + this.#asleep
  }

  wall(): number {
    return this.#sources.wall()
  }

  /** Notices that the machine slept; to be called a few times a second. */
  look(): void {
    const { monotonic, wall, awakeAndAsleep } = this.#sources
    const lead = wall() - monotonic()
    const jumped = lead - this.#wall > JUMP_MS
    this.#wall = lead
    if (!jumped) return
    const total = awakeAndAsleep()
    if (total === null || this.#upAndAsleep === null) return
    // As far as this clock jumped with the wall clock, the machine slept; the rest of the jump was a clock set.
    const slept = total - monotonic() - this.#upAndAsleep
    if (slept < JUMP_MS) return
    this.#upAndAsleep += slept
    this.#asleep += slept
  }
}

import type { Clock, StoredTime } from '../contracts.ts'
import type { Bounds } from '../settings/index.ts'

/** A wall clock that moved against the other one by more than this was set. Less is drift, and counts when it adds up. */
const STEP_MS = 1000

type TimeBounds = Pick<Bounds, 'timeNotedMs' | 'timeNotedBehindMs'>

/**
 * The broker's time: milliseconds that only go forward, at the pace of a clock that nobody sets, over restarts too. All that
 * is due is due in it, in memory and on disk, so setting the machine's clock moves none of it. It begins as the wall clock's
 * and parts from that when it is set.
 *
 * The wall clock is asked for one thing only: how long the broker was down. For that the store notes both, as a pair:
 *
 *     broker's time   ---- at ---- (down) at + max(0, wall clock now - wall) ---->
 *     wall clock      --- wall ---
 *
 * `wall` is the latest that was ever seen: when a clock that was set back, or that begins in 1970 at each start, is right
 * again, nothing is older by that.
 */
export class BrokerTime {
  readonly #clock: Clock
  readonly #bounds: TimeBounds
  /** The broker's time less the clock's. */
  #ahead: number
  /** The wall clock less the broker's time: as seen last, the most that it ever was, and what of that is noted. */
  #lead: number
  #mostLead: number
  #notedLead = Number.NEGATIVE_INFINITY
  #notedAt = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, bounds: TimeBounds) {
    this.#clock = clock
    this.#bounds = bounds
    this.#ahead = Math.floor(clock.wall()) - clock.now()
    this.#lead = clock.wall() - this.now()
    this.#mostLead = this.#lead
  }

  /** Whole milliseconds: sums of them are exact, so that what is left of an interval is never more than all of it. */
  now(): number {
    return Math.floor(this.#clock.now() + this.#ahead)
  }

  /** After a restart: goes on from what the store noted last, by as much as the wall clock has gone on since. */
  resume({ at, wall }: StoredTime): void {
    const now = this.#clock.wall()
    this.#ahead = at + Math.max(0, now - wall) - this.#clock.now()
    this.#lead = now - this.now()
    this.#mostLead = wall - at
  }

  /** It is that late at least: something has happened then. */
  notBefore(at: number): void {
    this.#ahead = Math.max(this.#ahead, at - this.#clock.now())
  }

  /** Looks at the wall clock: returns by how many milliseconds it was set, forward or back (less than 0), since the last look. */
  look(now: number): number {
    const lead = this.#clock.wall() - now
    const step = lead - this.#lead
    this.#lead = lead
    this.#mostLead = Math.max(this.#mostLead, lead)
    return Math.abs(step) > STEP_MS ? step : 0
  }

  /** Whether the store should note the time although nothing else asks for it. */
  isDue(now: number): boolean {
    if (this.#mostLead - this.#notedLead > STEP_MS) return true
    const isBehind = this.#mostLead - this.#lead > STEP_MS
    const { timeNotedMs, timeNotedBehindMs } = this.#bounds
    return now - this.#notedAt >= (isBehind ? timeNotedBehindMs : timeNotedMs)
  }

  /** What the store is to note; null if it has noted that. */
  note(now: number): StoredTime | null {
    if (now === this.#notedAt && this.#mostLead === this.#notedLead) return null
    this.#notedAt = now
    this.#notedLead = this.#mostLead
    return { at: now, wall: now + this.#mostLead }
  }
}

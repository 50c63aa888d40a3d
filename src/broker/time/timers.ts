/** Something that is due at a time. It is a link of its slot's list, so that setting and clearing it makes no garbage. */
export abstract class Timer {
  /** Milliseconds; the time at which to fire. */
  due = 0
  previous: Timer | null = null
  following: Timer | null = null
  slot = -1
  abstract fire(now: number): void
}

export interface WheelBounds {
  readonly timerSlots: number
  readonly timerSlotMs: number
}

/**
 * One wheel for every deadline of the broker: keep-alive, Session and message expiry, delayed Wills. A slot is 50 ms
 * wide and comes round every 205 s, by default; what is due later stays in its slot and is looked at once a round.
 */
export class TimerWheel {
  readonly #slots: (Timer | null)[]
  readonly #slotMs: number
  /** The slot, counted since time began, up to which all is done. */
  #at: number
  /** The next one to be looked at in that slot. */
  #next: Timer | null = null
  /** Is told what a timer throws: then the others fire all the same. */
  onFailure: ((error: unknown) => void) | null = null

  constructor(now: number, { timerSlots, timerSlotMs }: WheelBounds) {
    this.#slots = new Array<Timer | null>(timerSlots).fill(null)
    this.#slotMs = timerSlotMs
    this.#at = Math.floor(now / timerSlotMs)
  }

  /** Time begins there: only while no timer is set. */
  begin(now: number): void {
    this.#at = Math.floor(now / this.#slotMs)
  }

  /** Sets or moves the timer. It fires at `due` or after it, at the latest in the first `advance` to the end of the slot. */
  set(timer: Timer, due: number): void {
    this.clear(timer)
    timer.due = due
    const slot = Math.max(this.#at + 1, Math.ceil(due / this.#slotMs)) % this.#slots.length
    const first = this.#slots[slot] ?? null
    timer.slot = slot
    timer.following = first
    if (first !== null) first.previous = timer
    this.#slots[slot] = timer
  }

  clear(timer: Timer): void {
    if (timer.slot < 0) return
    if (timer === this.#next) this.#next = timer.following
    if (timer.previous === null) this.#slots[timer.slot] = timer.following
    else timer.previous.following = timer.following
    if (timer.following !== null) timer.following.previous = timer.previous
    timer.previous = null
    timer.following = null
    timer.slot = -1
  }

  /**
   * Fires what is due, as long as `more` says that there is time. A timer may set itself or others again meanwhile. False:
   * it stopped, and goes on there.
   */
  advance(now: number, more: () => boolean = ALWAYS): boolean {
    const to = Math.floor(now / this.#slotMs)
    // What is due later stays in its slot: none has to be looked at twice.
    this.#at = Math.max(this.#at, to - this.#slots.length)
    for (;;) {
      while (this.#next !== null) {
        const timer = this.#next
        this.#next = timer.following
        if (timer.due > now) continue
        this.clear(timer)
        this.#fire(timer, now)
        if (!more()) return false
      }
      if (this.#at >= to) return true
      this.#at++
      this.#next = this.#slots[this.#at % this.#slots.length] ?? null
    }
  }

  #fire(timer: Timer, now: number): void {
    try {
      timer.fire(now)
    } catch (error) {
      if (this.onFailure === null) throw error
      this.onFailure(error)
    }
  }
}

const ALWAYS = (): boolean => true

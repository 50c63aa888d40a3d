import type { Clock } from '../../../../src/client/index.ts'

/** Time that stands still until a test moves it. */
export class FakeClock implements Clock {
  #now = 1000
  #timers: { due: number; callback: () => void }[] = []

  now(): number {
    return this.#now
  }

  setTimeout(callback: () => void, milliseconds: number): unknown {
    const timer = { due: this.#now + milliseconds, callback }
    this.#timers.push(timer)
    return timer
  }

  clearTimeout(timer: unknown): void {
    this.#timers = this.#timers.filter((other) => other !== timer)
  }

  /** Timers that are set. */
  get pending(): number {
    return this.#timers.length
  }

  /** Moves on, and fires on the way what is due, in order. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds
    for (;;) {
      const next = this.#timers.filter(({ due }) => due <= end).sort((a, b) => a.due - b.due)[0]
      if (next === undefined) break
      this.clearTimeout(next)
      this.#now = Math.max(this.#now, next.due)
      next.callback()
    }
    this.#now = end
  }
}

/** Lets everything run that is ready: promises, sockets on this machine, and what they lead to. */
export async function settle(turns = 20): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
}

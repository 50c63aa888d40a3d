const WINDOW_MS = 1000

/** Counts the connections of each address, second by second. */
export class ConnectionRate {
  readonly #counts: Map<string, number> = new Map()
  readonly #most: number
  #until = 0

  constructor(addresses: number) {
    this.#most = addresses
  }

  /** A connection came; returns how many of that address there were in this second. */
  note(host: string, now: number): number {
    if (now >= this.#until || this.#counts.size >= this.#most) {
      this.#counts.clear()
      this.#until = now + WINDOW_MS
    }
    const count = (this.#counts.get(host) ?? 0) + 1
    this.#counts.set(host, count)
    return count
  }
}

const WINDOW_MS = 60_000
const CLASH = 3
const CLIENTS_MAX = 1000

interface Takeovers {
  /** Milliseconds: those of the last minute, at the most as many as make a clash. */
  recent: number[]
  /** Milliseconds: when it was last told. */
  told: number
}

/** Notices that two clients share one Client Identifier: they take each other's Session over again and again. */
export class TakeoverWatch {
  readonly #clients: Map<string, Takeovers> = new Map()

  /** A takeover happened; returns how often within the last minute, if that is a clash and was not told in this minute, else 0. */
  note(clientId: string, now: number): number {
    const known = this.#clients.get(clientId) ?? { recent: [], told: -Infinity }
    const recent = known.recent.filter((at) => at > now - WINDOW_MS).slice(1 - CLASH)
    recent.push(now)
    const clash = recent.length === CLASH && known.told <= now - WINDOW_MS
    // Deleted first, so that the map's order is that of the last takeover and the oldest goes.
    this.#clients.delete(clientId)
    if (this.#clients.size >= CLIENTS_MAX) this.#clients.delete(this.#clients.keys().next().value!)
    this.#clients.set(clientId, { recent, told: clash ? now : known.told })
    return clash ? CLASH : 0
  }
}

import type { Bounds } from '../settings/index.ts'

interface Takeovers {
  /** Milliseconds: those of the last minute, at the most as many as make a clash. */
  recent: number[]
  /** Milliseconds: when it was last told. */
  told: number
}

/** Notices that two clients share one Client Identifier: they take each other's Session over again and again. */
export class TakeoverWatch {
  readonly #bounds: Bounds
  readonly #clients: Map<string, Takeovers> = new Map()

  constructor(bounds: Bounds) {
    this.#bounds = bounds
  }

  /** A takeover happened; returns how often within the last minute, if that is a clash and was not told in this minute, else 0. */
  note(clientId: string, now: number): number {
    const { takeoverWindowMs, takeoversTold, takeoverClients, takeoverIdLength } = this.#bounds
    if (clientId.length > takeoverIdLength) return 0
    const known = this.#clients.get(clientId) ?? { recent: [], told: -Infinity }
    const recent = [...known.recent.filter((at) => at > now - takeoverWindowMs), now].slice(-takeoversTold)
    const clash = recent.length === takeoversTold && known.told <= now - takeoverWindowMs
    // Deleted first, so that the map's order is that of the last takeover and the oldest goes.
    this.#clients.delete(clientId)
    if (this.#clients.size >= takeoverClients) this.#clients.delete(this.#clients.keys().next().value!)
    this.#clients.set(clientId, { recent, told: clash ? now : known.told })
    return clash ? takeoversTold : 0
  }
}

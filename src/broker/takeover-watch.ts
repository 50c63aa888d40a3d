const WINDOW_MS = 60_000
const CLASH = 3
const CLIENTS_MAX = 1000

/** Notices that two clients share one Client Identifier: they take each other's Session over again and again. */
export class TakeoverWatch {
  readonly #times: Map<string, number[]> = new Map()

  /** A takeover happened; returns how often within the last minute, if that is a clash and was not told in this minute, else 0. */
  note(clientId: string, now: number): number {
    const recent = (this.#times.get(clientId) ?? []).filter((at) => at > now - WINDOW_MS)
    recent.push(now)
    this.#times.delete(clientId)
    if (this.#times.size >= CLIENTS_MAX) this.#times.delete(this.#times.keys().next().value!)
    if (recent.length < CLASH) {
      this.#times.set(clientId, recent)
      return 0
    }
    return recent.length
  }
}

import type { Connection } from './connection.ts'
import type { Core } from './core.ts'
import { Phase } from './phase.ts'
import type { Session } from './session.ts'
import type { Job } from './work.ts'

/** A SUBSCRIBE or UNSUBSCRIBE, which may name more filters than fit into one turn. */
export abstract class FiltersJob implements Job {
  protected readonly core: Core
  protected readonly connection: Connection
  protected readonly session: Session
  readonly #count: number
  #at = 0

  constructor(core: Core, connection: Connection, count: number) {
    this.core = core
    this.connection = connection
    this.session = connection.session!
    this.#count = count
  }

  /** Does as much as this turn allows. The rest becomes a job, and what the client sends meanwhile waits behind it. */
  begin(): void {
    if (this.step()) return
    this.connection.reading.suspend()
    this.core.work.add(this)
  }

  step(): boolean {
    try {
      return this.#step()
    } catch (error) {
      this.connection.broke('handling what it sent', error)
      return true
    }
  }

  #step(): boolean {
    // The client may be gone, or somebody else have its Session: then nobody waits for an answer.
    while (this.connection.phase === Phase.Open && this.connection.session === this.session) {
      if (this.#at === this.#count) {
        this.finish()
        this.connection.reading.resume()
        return true
      }
      if (!this.one(this.#at++)) return true
      if (!this.core.work.spend(this.cost)) return false
    }
    return true
  }

  /** Units of a filter. */
  protected abstract readonly cost: number
  /** Handles one filter. False: that was the end of the connection. */
  protected abstract one(at: number): boolean
  /** All are handled: the answer can go. */
  protected abstract finish(): void
}

import { ReasonCode } from '../../protocol/index.ts'
import type { Connection } from '../connection.ts'
import type { Core } from '../core.ts'
import type { Listener } from '../settings/index.ts'
import { type Job, Units } from '../time/index.ts'
import { disconnect } from './disconnect.ts'

/** Ends the connections that came by a listener, as many in a turn as there is time for; their Sessions stay. */
export function endConnectionsOf(core: Core, listener: Listener): void {
  const job = new EndConnections(core, listener)
  if (!job.step()) core.work.add(job)
}

class EndConnections implements Job {
  readonly #core: Core
  readonly #listener: Listener
  readonly #left: Iterator<Connection>

  constructor(core: Core, listener: Listener) {
    this.#core = core
    this.#listener = listener
    this.#left = core.connections.values()
  }

  step(): boolean {
    for (let next = this.#left.next(); !next.done; next = this.#left.next()) {
      const connection = next.value
      // The terms of a connection may be earlier ones; their limits are one object for as long as the listener is there.
      if (connection.listener.limits !== this.#listener.limits) continue
      if (connection.session === null) connection.link.abort()
      else disconnect(connection, ReasonCode.AdministrativeAction, 'its listener was closed')
      if (!this.#core.work.spend(Units.end)) return false
    }
    return true
  }
}

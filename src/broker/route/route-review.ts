import type { Connection } from '../connection.ts'
import type { Core } from '../core.ts'

/** Reviews that see all connections. */
const REVIEWS = 64

/** An idle connection must not keep a route alive, with all its deliveries, that the cache has given up. */
export class RouteReview {
  readonly #core: Core
  #left: Iterator<Connection>

  constructor(core: Core) {
    this.#core = core
    this.#left = core.connections.values()
  }

  /** Looks at the next part of the connections, between turns. */
  next(): void {
    const { connections, router, settings } = this.#core
    for (let left = Math.max(settings.bounds.connectionsReviewed, connections.size / REVIEWS); left > 0; left--) {
      const { done, value: connection } = this.#left.next()
      if (done) {
        this.#left = connections.values()
        return
      }
      if (connection.route !== null && !router.current(connection.route)) connection.route = null
    }
  }
}

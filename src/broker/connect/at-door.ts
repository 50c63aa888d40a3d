import type { Connection } from '../connection.ts'

/**
 * Connections whose CONNECT was not answered yet, as somebody makes up their mind. Of one client the last that came is the
 * one that counts: who came before it, and is let in after it, would take its Session away.
 */
export class AtDoor {
  /** By Client Identifier, in the order in which they came. */
  readonly #waiting: Map<string, Connection[]> = new Map()

  add(connection: Connection): void {
    const { clientId } = connection
    if (clientId === null) return
    const others = this.#waiting.get(clientId)
    if (others === undefined) this.#waiting.set(clientId, [connection])
    else others.push(connection)
  }

  /** It was let in, or is gone. */
  remove(connection: Connection): void {
    const { clientId } = connection
    const waiting = clientId === null ? undefined : this.#waiting.get(clientId)
    const place = waiting?.indexOf(connection) ?? -1
    if (place < 0) return
    waiting!.splice(place, 1)
    if (waiting!.length === 0) this.#waiting.delete(clientId!)
  }

  /** The connection is let in: those of its client that came before it are not. */
  letIn(connection: Connection): void {
    const waiting = this.#waiting.get(connection.clientId!)
    if (waiting === undefined) return
    const place = waiting.indexOf(connection)
    for (const earlier of waiting.slice(0, place < 0 ? waiting.length : place)) {
      earlier.finish('a later connection of its client was let in', false)
    }
    this.remove(connection)
  }
}

import type { Connection } from '../connection.ts'
import type { Core } from '../core.ts'
import { disconnect } from './disconnect.ts'
import { Phase } from './phase.ts'

/** Why a connection is to end. */
export interface Doom {
  readonly reasonCode: number
  readonly reason: string
}

/**
 * Ends a connection that something else got in trouble, such as a message to it. Not at once: its Will would go out in the
 * middle of that message's way, and might fill the next queue, whose owner has a Will, until the stack is spent. So it is
 * noted here and ended by `endDoomed`. Until then its client is away as far as others can see: it gets nothing more, and
 * what a kept Session is owed waits in its queue.
 */
export function doom(core: Core, connection: Connection, reasonCode: number, reason: string): void {
  const { session } = connection
  if (connection.phase !== Phase.Open || session === null) return
  connection.phase = Phase.Doomed
  connection.doom = { reasonCode, reason }
  connection.decoder.stop()
  session.connection = null
  session.leaving = connection
  core.doomed.push(connection)
}

/** The one place where doomed connections end, part of each turn. Their Wills may doom others, which come last in the list. */
export function endDoomed(core: Core): void {
  const { doomed, settings } = core
  let ended = 0
  for (; ended < doomed.length && ended < settings.bounds.endsPerTurn; ended++) endNow(doomed[ended]!)
  if (ended > 0) doomed.splice(0, ended)
}

/** Ends a doomed connection before its turn comes: its client is back already. */
export function endNow(connection: Connection): void {
  const { doom } = connection
  if (connection.phase !== Phase.Doomed || doom === null) return
  try {
    disconnect(connection, doom.reasonCode, doom.reason)
  } catch (error) {
    connection.broke('ending its connection', error)
  }
}

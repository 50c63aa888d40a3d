import type { Connection } from './connection.ts'
import type { Core } from './core.ts'
import { endDoomed } from './doomed.ts'
import { readOn } from './unread.ts'

/**
 * The end of a turn of the event loop, and the one place where anything is sent. The order is the promise:
 *
 *   1. All that was read has been acted on (`Connection.receive`): state has changed, records are appended to the store,
 *      answers stand in each connection's output. Nothing has left yet. What was too much for one turn gets its share,
 *      connections that were doomed meanwhile end, and events are told.
 *   2. The store commits: from here on what was appended survives what the store promises to survive.
 *   3. Each connection that has something to send, and relies on nothing that is not durable yet, gets one write.
 *      The others stay in the list: the store tells when it has gone further, and that begins the next turn.
 *
 * So no acknowledgement can leave before what it promises is safe, and a burst costs one write to the log and one to each
 * socket, however many packets were in it.
 *
 * Returns whether there is more to do that waits for no store: jobs that are not done, queues that can be read again, to
 * send what had stopped for want of room and went on as there was some, to end doomed connections, to tell events. That is
 * for the next turn, which should begin at once.
 */
export function endTurn(core: Core): boolean {
  if (core.rereading.length > 0) readOn(core)
  const busy = core.work.run()
  if (core.doomed.length > 0) endDoomed(core)
  if (core.untold) core.tellEvents()
  core.store.commit()
  const dirty = core.dirty
  if (dirty.length === 0) return busy || hasMore(core)
  core.dirty = core.spareDirty
  let gated = 0
  for (let i = 0; i < dirty.length; i++) {
    const connection = dirty[i]!
    if (connection.flush()) continue
    core.dirty.push(connection)
    gated++
  }
  dirty.length = 0
  core.spareDirty = dirty
  return busy || core.dirty.length > gated || hasMore(core)
}

function hasMore({ doomed, rereading, untold }: Core): boolean {
  return doomed.length > 0 || rereading.length > 0 || untold
}

/**
 * The one exception to 3: more was written to a connection within a turn than `max_outgoing_bytes`. A burst is not
 * slowness, and memory must have a bound, so what relies on nothing that is not durable yet goes now. Returns whether there
 * is room for more.
 */
export function writeEarly(core: Core, connection: Connection): boolean {
  if (connection.blocked || connection.gate > core.store.durable) return false
  connection.write()
  return !connection.blocked
}

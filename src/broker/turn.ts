import { endDoomed, type Outlet } from './connection/index.ts'
import type { Core } from './core.ts'
import { readOn } from './end/index.ts'
import { PerUnit, Units } from './time/index.ts'

/**
 * The end of a turn of the event loop, and the one place where anything is sent. The order is the promise:
 *
 *   1. All that was read has been acted on (`Connection.receive`): state has changed, records are appended to the store,
 *      answers stand in each connection's output. Nothing has left yet. What was too much for one turn gets its share,
 *      connections that were doomed meanwhile end, and events are told.
 *   2. The store commits: from here on what was appended survives what the store promises to survive.
 *   3. Each connection that has something to send, and relies on nothing that is not durable yet, gets one write.
 *      The others stay in the list: the store tells when it has gone further, and that begins the next turn. When a message
 *      goes to thousands, most of them wait for the following turns; those who come then do not wait behind them.
 *
 * So no acknowledgement can leave before what it promises is safe, and a burst costs one write to the log and one to each
 * socket, however many packets were in it.
 *
 * Returns whether there is more to do that waits for no store: jobs that are not done, queues that can be read again, to
 * write to those there was no time for, to
 * send what had stopped for want of room and went on as there was some, to end doomed connections, to tell events. That is
 * for the next turn, which should begin at once.
 */
export function endTurn(core: Core): boolean {
  if (core.rereading.length > 0) readOn(core)
  const busy = core.work.run()
  if (core.doomed.length > 0) endDoomed(core)
  if (core.untold) core.tellEvents()
  core.store.commit()
  const { dirty, late } = core
  if (dirty.length === 0 && late.length === 0) {
    core.work.beginReading()
    return busy || hasMore(core)
  }
  core.dirty = core.spareDirty
  core.gated = 0
  if (late.length > 0) flushSome(core, late)
  flushSome(core, dirty)
  for (let i = 0; i < dirty.length; i++) late.push(dirty[i]!)
  dirty.length = 0
  core.spareDirty = dirty
  core.work.beginReading()
  return busy || core.dirty.length > core.gated || hasMore(core)
}

/**
 * Flushes as many of a list as a turn has time for; the others are left in it. It takes them from both ends: what one message
 * brought into it stands together, and who came before or after should not wait for all of that. Who has to wait for the
 * store comes into the list of the next turn.
 */
function flushSome(core: Core, list: Outlet[]): void {
  const { metrics, work } = core
  work.beginWriting()
  let first = 0
  let last = list.length
  for (let left = true; left && first < last; ) {
    const connection = first <= list.length - last ? list[first++]! : list[--last]!
    const before = metrics.bytesSent
    if (connection.flush()) left = work.spend(Units.write + ((metrics.bytesSent - before) >> PerUnit.bytesWritten))
    else {
      core.dirty.push(connection)
      core.gated++
    }
  }
  list.length = first === last ? 0 : last
  if (list.length > 0) list.splice(0, first)
}

function hasMore({ doomed, late, rereading, untold }: Core): boolean {
  return doomed.length > 0 || late.length > 0 || rereading.length > 0 || untold
}

import type { LoadRecord } from '../../broker/contracts.ts'
import type { QueueEntry } from './entry.ts'
import type { Messages } from './messages.ts'
import type { Recent } from './recent.ts'
import type { RecentSession } from './recent-session.ts'
import type { Recovered, RecoveredSession } from './replay.ts'
import type { Tree } from './tree.ts'

/** The state that was found at start, as the contract has it. Throws if something cannot be read now. */
export function* loadRecords(
  recovered: Recovered,
  tree: Tree,
  messages: Messages,
  { nextMessageId, time }: Recent['noted'],
): Iterable<LoadRecord> {
  if (time !== null) yield { kind: 'time', ...time }
  for (const [topic, { messageId, at }] of recovered.retained) {
    const message = messages.find({ messageId, place: null })
    if (message === null) continue
    yield { kind: 'message', message }
    yield { kind: 'retained', topic, messageId, at }
  }
  for (const session of recovered.sessions.values()) yield* loadSession(tree, session)
  if (nextMessageId > 1) yield { kind: 'messageIds', next: nextMessageId }
}

function* loadSession(tree: Tree, { state, recent, bounds, tail }: RecoveredSession): Iterable<LoadRecord> {
  const { clientId, expiryInterval, will, offlineAt, sent } = state
  yield { kind: 'session', clientId, expiryInterval, will }
  if (offlineAt > 0) yield { kind: 'offline', clientId, at: offlineAt, will: will !== null, sent }
  yield* state.replayed.records(clientId, state.subscriptions)
  for (const packetId of state.inbound) yield { kind: 'inbound', clientId, packetId }
  if (tail === 0) return
  let head = tail
  for (const { position } of entriesOf(tree, recent, 0)) {
    head = position
    break
  }
  yield { kind: 'queue', clientId, head, tail, bytes: bounds.bytes + changedBytes(tree, recent) }
}

/** How many more payload bytes, or fewer, wait than the tree knows of. */
function changedBytes(tree: Tree, session: RecentSession): number {
  let bytes = 0
  const end = Math.min(session.lastChanged + 1, session.start)
  for (const entry of end > 0 ? tree.queue(session.number, 0, end) : []) {
    if (!entry.received && session.changed({ ...entry })?.received !== false) bytes -= entry.size
  }
  for (const { received, size } of session.entries(0)) if (!received) bytes += size
  return bytes
}

/** What waits in a queue at a position and after it: first what is in the tree, then what is only in the log. */
export function* entriesOf(tree: Tree, session: RecentSession, from: number): Iterable<QueueEntry> {
  const { start } = session
  if (from < start) {
    for (const entry of tree.queue(session.number, from, start)) {
      const changed = session.changed(entry)
      if (changed !== null) yield changed
    }
  }
  yield* session.entries(from)
}

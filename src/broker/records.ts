import type { QoS } from '../protocol/index.ts'
import type { Core } from './core.ts'
import type { Queued, Session } from './session.ts'

/** Writes into the store that the Session is owed this message. */
export function recordQueued(core: Core, session: Session, position: number, entry: Queued, qos: QoS): void {
  const messageId = core.storedId(entry.message)
  const { retain, identifiers, shared } = entry
  const size = entry.message.payloadLength
  const { clientId } = session
  const record = { kind: 'queued', clientId, position, messageId, qos, retain, identifiers, size } as const
  core.append(shared === null ? record : { ...record, shared })
}

/** Writes into the store that nothing is owed any more at this position. */
export function recordDone(core: Core, session: Session, position: number): void {
  if (!session.persistent) return
  const record = { kind: 'done', clientId: session.clientId, position } as const
  // What is sent in its place relies on it: a restart takes the first of a queue, as many as may be in flight, for sent.
  if (session.outbound.waiting > 0) core.append(record)
  else core.store.append(record, false)
}

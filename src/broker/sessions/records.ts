import type { QoS } from '../../protocol/index.ts'
import type { StoreRecord } from '../contracts.ts'
import type { Core } from '../core.ts'
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

/**
 * Writes into the store that what waited at this position was dropped before it was sent. What is sent after it relies on
 * that: if it came back with a restart, it would come too late [MQTT-4.6.0-5].
 */
export function recordDropped(core: Core, session: Session, position: number): void {
  if (!session.persistent) return
  core.append(done(session, position))
  session.connection?.promised()
}

/** Writes into the store that nothing is owed any more at this position. */
export function recordDone(core: Core, session: Session, position: number): void {
  if (!session.persistent) return
  const record = done(session, position)
  // What is sent in its place relies on it: a restart takes the first of a queue, as many as may be in flight, for sent.
  if (session.outbound.waiting > 0) core.append(record)
  else core.store.append(record, false)
}

function done({ clientId }: Session, position: number): StoreRecord {
  return { kind: 'done', clientId, position }
}

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
  if (session.persistent) core.append({ kind: 'done', clientId: session.clientId, position })
}

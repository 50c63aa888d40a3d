import type { QoS } from '../../protocol/index.ts'
import type { Session } from './session.ts'

/**
 * Whether what lies in the store at this position may have been sent on an earlier Network Connection. To be asked in order,
 * and once for each: when the broker was killed with the client here, only as many as fill a window may have been.
 */
export function sentBefore(session: Session, position: number, qos: QoS): boolean {
  if (qos === 0 || position >= session.sent) return false
  session.uncertain--
  if (session.uncertain === 0) session.sent = position + 1
  return true
}

/** Notes that the Network Connection is gone: on an earlier one more may have been sent than on this one. */
export function markSent(session: Session): void {
  session.sent = Math.max(session.sent, session.outbound.next)
}

/** What the store is told of it. Null: of what still lies there only, nobody knows which was sent. */
export function sentForStore({ sent, uncertain, outbound }: Session): number | null {
  return uncertain < Number.POSITIVE_INFINITY && outbound.kept < sent ? null : sent
}

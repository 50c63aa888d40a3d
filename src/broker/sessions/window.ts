import type { Queued, Session } from './session.ts'

/** Whether another message of QoS 1 or 2 may go: by count, and by bytes if there is a limit. One always may. */
export function windowOpen(session: Session): boolean {
  if (!session.outbound.open) return false
  const { maximumInFlightBytes } = session.limits
  return maximumInFlightBytes === 0 || session.outbound.inFlight === 0 || session.inFlightBytes < maximumInFlightBytes
}

/**
 * What has to be kept of a message that is sent: it may have to be sent again, or its bytes count. What ends with its
 * connection is never sent again, and then only its Packet Identifier is kept.
 */
export function mustKeep(session: Session): boolean {
  return session.persistent || session.limits.maximumInFlightBytes > 0
}

/** A message goes, or comes back acknowledged. */
export function countInFlight(session: Session, entry: Queued | null, direction: 1 | -1): void {
  if (entry !== null) session.inFlightBytes += direction * entry.message.payloadLength
}

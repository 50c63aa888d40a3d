import { type AcknowledgementPacket, writeAcknowledgement } from '../../protocol/index.ts'
import type { Connection } from '../connection.ts'
import type { Core } from '../core.ts'

/** PUBACK or PUBREC. */
export function acknowledge(
  core: Core,
  connection: Connection,
  type: AcknowledgementPacket['type'],
  packetId: number,
  reasonCode: number,
): void {
  core.metrics.messagesSent++
  writeAcknowledgement(connection.output, type, packetId, reasonCode, connection.version)
}

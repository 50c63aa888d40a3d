import { encodePacket, PacketType, ReasonCode, reasonCodeName } from '../protocol/index.ts'
import type { Connection } from './connection.ts'
import { Phase } from './phase.ts'

/** The client broke the standard: says so in the log and, where the version has words for it, to the client; then closes. */
export function fail(connection: Connection, reasonCode: number, reason: string): void {
  if (connection.phase > Phase.Open) return
  const { core } = connection
  if (reasonCode === ReasonCode.PacketTooLarge) {
    core.event('packetTooLarge', connection, { reason, limit: core.settings.maximumPacketSize })
  } else {
    core.event('protocolError', connection, { reason, code: reasonCodeName(reasonCode) })
  }
  disconnect(connection, reasonCode, reason)
}

/** Ends a connection from our side. Its Will is due, as after any end that the client did not ask for. */
export function disconnect(connection: Connection, reasonCode: number, reason: string): void {
  const { core, version, phase } = connection
  if (phase > Phase.Open) return
  if (phase !== Phase.Open) {
    refuseUnread(connection, reasonCode)
  } else if (version === 5) {
    const properties = fitsReason(connection, reason) ? { reasonString: reason } : {}
    encodePacket(connection.output, { type: PacketType.Disconnect, reasonCode, properties }, version, core.text)
    core.metrics.messagesSent++
  }
  connection.finish(reason, true)
}

/** A Reason String must not make the packet larger than the client takes [MQTT-3.14.2-3]: generously counted. */
export function fitsReason(connection: Connection, reason: string): boolean {
  return connection.maximumPacketSize >= reason.length * 3 + 32
}

/**
 * A CONNECT that could not be read gets no answer but the end, except where the version is not ours: MQTT 3.1.1 has a
 * return code for that, in a form that clients of every version understand [MQTT-3.1.2-1].
 */
function refuseUnread(connection: Connection, reasonCode: number): void {
  if (reasonCode === ReasonCode.UnsupportedProtocolVersion) connection.reply(UNACCEPTABLE_PROTOCOL_VERSION)
}

const UNACCEPTABLE_PROTOCOL_VERSION: Uint8Array = Uint8Array.of(0x20, 2, 0, 1)

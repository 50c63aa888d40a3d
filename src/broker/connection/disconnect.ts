import { PacketType, type Properties, ReasonCode, reasonCodeFits } from '../../protocol/index.ts'
import type { Connection } from '../connection.ts'
import { sendControl } from './control.ts'
import { Phase } from './phase.ts'

/** Ends a connection from our side. Its Will is due, as after any end that the client did not ask for. */
export function disconnect(
  connection: Connection,
  reasonCode: number,
  reason: string,
  properties: Properties = {},
): void {
  const { core, version, phase } = connection
  if (phase > Phase.Doomed) return
  if (phase === Phase.AwaitingConnect) refuseUnread(connection, reasonCode)
  else if (phase === Phase.Authenticating) refuseUnproved(connection, reasonCode, reason)
  else if (version === 5) sendControl(core, connection, { type: PacketType.Disconnect, reasonCode, properties }, reason)
  connection.finish(reason, true)
}

/**
 * A CONNECT that could not be read gets no answer but the end, except where the version is not ours: MQTT 3.1.1 has a
 * return code for that, in a form that clients of every version understand [MQTT-3.1.2-1].
 */
function refuseUnread(connection: Connection, reasonCode: number): void {
  if (reasonCode === ReasonCode.UnsupportedProtocolVersion) connection.reply(UNACCEPTABLE_PROTOCOL_VERSION)
}

const UNACCEPTABLE_PROTOCOL_VERSION: Uint8Array = Uint8Array.of(0x20, 2, 0, 1)

/** Before CONNACK there is no DISCONNECT: a CONNACK says why [MQTT-4.12.0-4]. */
function refuseUnproved(connection: Connection, code: number, reason: string): void {
  const reasonCode = reasonCodeFits(PacketType.Connack, code) ? code : ReasonCode.NotAuthorized
  const packet = { type: PacketType.Connack, sessionPresent: false, reasonCode, properties: {} } as const
  sendControl(connection.core, connection, packet, reason)
}

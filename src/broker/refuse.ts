import { PacketType, type Properties, ReasonCode, reasonCodeFits, reasonCodeName } from '../protocol/index.ts'
import type { Connection } from './connection.ts'
import { type ReasonedPacket, sendControl } from './control.ts'
import { Phase } from './phase.ts'

/** The client broke the standard: says so in the log and, where the version has words for it, to the client; then closes. */
export function fail(connection: Connection, reasonCode: number, reason: string): void {
  if (connection.phase > Phase.Open) return
  const { core } = connection
  const { maximumPacketSize: limit } = connection.listener
  const byOption = connection.decoder.maximumPacketSize === limit
  if (reasonCode === ReasonCode.PacketTooLarge && byOption) {
    core.event('packetTooLarge', connection, { reason, limit })
  } else {
    core.event('protocolError', connection, { reason, code: reasonCodeName(reasonCode) })
  }
  disconnect(connection, reasonCode, reason)
}

/** A packet came in a phase that has no place for it. */
export function unexpected(connection: Connection, what: string): void {
  if (connection.phase > Phase.Open) return
  const when = BEFORE[connection.phase]
  fail(connection, ReasonCode.ProtocolError, when === undefined ? what : `${what} came before ${when}`)
}

/** By phase: what a packet may have come too early for. */
const BEFORE: readonly string[] = ['CONNECT', 'its authentication had ended']

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

/** Sends what the client waits for. If it takes no packet as large as that, it would wait for ever: then the connection ends. */
export function answer(connection: Connection, packet: ReasonedPacket, reason: string | null = null): void {
  if (sendControl(connection.core, connection, packet, reason)) return
  disconnect(connection, ReasonCode.PacketTooLarge, 'the answer is larger than its Maximum Packet Size')
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

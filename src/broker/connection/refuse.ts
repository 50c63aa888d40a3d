import { ReasonCode, reasonCodeName } from '../../protocol/index.ts'
import type { Connection } from '../connection.ts'
import { type ReasonedPacket, sendControl } from './control.ts'
import { disconnect } from './disconnect.ts'
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

/** Sends what the client waits for. If it takes no packet as large as that, it would wait for ever: then the connection ends. */
export function answer(connection: Connection, packet: ReasonedPacket, reason: string | null = null): void {
  if (sendControl(connection.core, connection, packet, reason)) return
  disconnect(connection, ReasonCode.PacketTooLarge, 'the answer is larger than its Maximum Packet Size')
}

import { type AcknowledgementPacket, PacketType, ReasonCode, writeAcknowledgement } from '../../protocol/index.ts'
import { OutboundState } from '../../session/index.ts'
import type { Connection } from '../connection.ts'
import type { Core } from '../core.ts'
import { countInFlight, recordDone, type Session } from '../sessions/index.ts'
import { pump } from './queue.ts'

/** PUBACK, PUBREC, PUBCOMP for what we sent, and PUBREL for what we were sent. */
export function onAcknowledgement(
  core: Core,
  connection: Connection,
  type: AcknowledgementPacket['type'],
  packetId: number,
  reasonCode: number,
): void {
  const session = connection.session!
  if (type === PacketType.Pubrel) {
    release(core, connection, session, packetId)
    return
  }
  const position = session.outbound.find(packetId)
  const state = position < 0 ? OutboundState.Done : session.outbound.state(position)
  if (type === PacketType.Pubrec) {
    onPubrec(core, connection, session, packetId, reasonCode, position, state)
    return
  }
  const expected = type === PacketType.Puback ? OutboundState.AwaitingPuback : OutboundState.AwaitingPubcomp
  // A late or invented acknowledgement changes nothing.
  if (state === expected) finish(core, session, position)
}

function onPubrec(
  core: Core,
  connection: Connection,
  session: Session,
  packetId: number,
  reasonCode: number,
  position: number,
  state: OutboundState,
): void {
  if (state === OutboundState.AwaitingPubrec) {
    if (reasonCode >= 0x80) {
      // The client refused it: that is the end of it [MQTT-4.4.0-2].
      finish(core, session, position)
      return
    }
    countInFlight(session, session.outbound.message(position), -1)
    session.outbound.received(position)
    if (session.persistent) {
      core.append({ kind: 'received', clientId: session.clientId, position })
      connection.promised()
    }
  }
  const known = state === OutboundState.AwaitingPubrec || state === OutboundState.AwaitingPubcomp
  if (!known && reasonCode >= 0x80) return
  core.metrics.messagesSent++
  const answer = known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound
  writeAcknowledgement(connection.output, PacketType.Pubrel, packetId, answer, connection.version)
}

function finish(core: Core, session: Session, position: number): void {
  const { outbound } = session
  countInFlight(session, outbound.message(position), -1)
  outbound.finish(position)
  recordDone(core, session, position)
  if (outbound.next < outbound.tail || session.replays !== null) pump(core, session)
}

/**
 * PUBREL: the identifier is free for a new message, which must hold after a crash too, so PUBCOMP waits for the log. One that
 * is not known, where the Session was resumed, was released before and its PUBCOMP got lost: that is success, and clients
 * would take anything else for a message that was not delivered.
 */
function release(core: Core, connection: Connection, session: Session, packetId: number): void {
  const known = session.inbound.release(packetId)
  if (known && session.persistent) {
    core.append({ kind: 'inboundReleased', clientId: session.clientId, packetId })
    connection.promised()
  }
  core.metrics.messagesSent++
  const answer = known || connection.resumed ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound
  writeAcknowledgement(connection.output, PacketType.Pubcomp, packetId, answer, connection.version)
}

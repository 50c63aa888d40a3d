import { PacketType, type QoS, ReasonCode, writeAcknowledgement } from '../protocol/index.ts'
import { OutboundState } from '../session/index.ts'
import type { Connection } from './connection.ts'
import type { Core } from './core.ts'
import { recordDone, recordQueued } from './records.ts'
import { disconnect } from './refuse.ts'
import { replay } from './replay.ts'
import { DUP, fits, PUBLISH, RETAIN, send } from './send.ts'
import type { Queued, Session } from './session.ts'
import { countInFlight, windowOpen } from './window.ts'

/** Lets a message wait in the Session's queue; if that is full, `queue_full_policy` says who pays for it. */
export function enqueue(core: Core, session: Session, entry: Queued, qos: QoS): void {
  for (let limit = fullBecauseOf(core, session, entry); limit !== null; limit = fullBecauseOf(core, session, entry)) {
    core.metrics.publishDropped++
    if (session.dropped++ === 0) core.event('queueFull', session, limit)
    if (core.settings.queueFullPolicy === 'oldest' && dropOldest(core, session)) continue
    if (core.settings.queueFullPolicy === 'disconnect' && session.connection !== null) {
      disconnect(session.connection, ReasonCode.QuotaExceeded, `its queue is full (${limit.option})`)
    }
    return
  }
  const position = session.outbound.enqueue(entry, qos)
  session.queuedBytes += entry.message.payloadLength
  if (session.persistent) recordQueued(core, session, position, entry, qos)
}

/** False if there is none to drop: what was sent once cannot be taken back, and comes first. */
function dropOldest(core: Core, session: Session): boolean {
  const { outbound } = session
  const position = outbound.next
  const state = outbound.state(position)
  if (state < OutboundState.WaitingQoS0 || state > OutboundState.WaitingQoS2) return false
  session.queuedBytes -= outbound.message(position)!.message.payloadLength
  outbound.dropNext()
  recordDone(core, session, position)
  return true
}

/** The option that says no, if one does. */
function fullBecauseOf(core: Core, session: Session, entry: Queued): { option: string; limit: number } | null {
  const { maximumQueuedMessages, maximumQueuedBytes } = core.settings
  if (maximumQueuedMessages > 0 && session.outbound.waiting >= maximumQueuedMessages) {
    return { option: 'max_queued_messages', limit: maximumQueuedMessages }
  }
  if (maximumQueuedBytes > 0 && session.queuedBytes + entry.message.payloadLength > maximumQueuedBytes) {
    return { option: 'max_queued_bytes', limit: maximumQueuedBytes }
  }
  return null
}

/** Sends what waits, as far as the window and the receiver let it; then retained messages that answer a subscription. */
export function pump(core: Core, session: Session): void {
  const { connection, outbound } = session
  if (connection === null) return
  while (outbound.next < outbound.tail && connection.hasRoom()) {
    if (!sendNext(core, session, connection)) return
  }
  if (outbound.next < outbound.tail) return
  if (session.dropped > 0) {
    core.event('queueRecovered', session, { count: session.dropped })
    session.dropped = 0
  }
  if (session.replays !== null) replay(core, session, connection)
}

/** False if the window is closed. */
function sendNext(core: Core, session: Session, connection: Connection): boolean {
  const { outbound } = session
  const state = outbound.state(outbound.next)
  switch (state) {
    case OutboundState.ReleaseAgain:
      core.metrics.messagesSent++
      writeAcknowledgement(connection.output, PacketType.Pubrel, outbound.sendNext(), 0, connection.version)
      return true
    case OutboundState.WaitingQoS0:
      sendFresh(core, session, connection, 0)
      return true
    case OutboundState.WaitingQoS1:
    case OutboundState.WaitingQoS2:
      if (!windowOpen(core, session)) return false
      sendFresh(core, session, connection, state === OutboundState.WaitingQoS1 ? 1 : 2)
      return true
    case OutboundState.ResendQoS1:
    case OutboundState.ResendQoS2:
      if (!windowOpen(core, session)) return false
      resend(core, session, connection, state === OutboundState.ResendQoS1 ? 1 : 2)
      return true
    default:
      outbound.dropNext()
      return true
  }
}

function sendFresh(core: Core, session: Session, connection: Connection, qos: QoS): void {
  const { outbound } = session
  const position = outbound.next
  const entry = outbound.message(position)!
  const { message, identifiers } = entry
  session.queuedBytes -= message.payloadLength
  const expired = message.expired(core.now)
  if (expired || !fits(core, connection, message, qos, identifiers, message.expiresAt)) {
    // Its time ran out before it was sent [MQTT-3.3.2-5], or the client does not take it.
    if (expired) core.event('messageExpired', session, { topic: message.topic })
    outbound.dropNext()
    recordDone(core, session, position)
    return
  }
  const packetId = outbound.sendNext()
  if (qos > 0) countInFlight(session, entry, 1)
  const first = PUBLISH | (qos << 1) | (entry.retain ? RETAIN : 0)
  send(core, connection, message, first, qos === 0 ? 0 : packetId, identifiers, message.expiresAt)
  if (qos === 0) recordDone(core, session, position)
}

/**
 * What was sent once is sent again whether it has expired or not [MQTT-4.3.3-7], but not if it is larger than the client
 * takes on this connection.
 */
function resend(core: Core, session: Session, connection: Connection, qos: QoS): void {
  const { outbound } = session
  const position = outbound.next
  const entry = outbound.message(position)!
  const { message, identifiers } = entry
  session.queuedBytes -= message.payloadLength
  if (!fits(core, connection, message, qos, identifiers, message.expiresAt)) {
    outbound.dropNext()
    recordDone(core, session, position)
    return
  }
  const packetId = outbound.sendNext()
  countInFlight(session, entry, 1)
  const first = PUBLISH | DUP | (qos << 1) | (entry.retain ? RETAIN : 0)
  send(core, connection, message, first, packetId, identifiers, message.expiresAt)
}

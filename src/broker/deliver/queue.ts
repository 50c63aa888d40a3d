import { PacketType, type QoS, ReasonCode, writeAcknowledgement } from '../../protocol/index.ts'
import { OutboundState } from '../../session/index.ts'
import { doom } from '../connection/index.ts'
import type { Connection } from '../connection.ts'
import type { Core } from '../core.ts'
import type { Message } from '../message/index.ts'
import {
  countInFlight,
  Queued,
  recordDone,
  recordDropped,
  recordQueued,
  type Session,
  sentBefore,
  windowOpen,
} from '../sessions/index.ts'
import { replay } from './replay.ts'
import { DUP, fits, send } from './send.ts'
import { type Limit, queueFull, Verdict } from './verdict.ts'

/**
 * Lets a message wait in the Session's queue; if that is full, `queue_full_policy` says who pays for it. Returns what became
 * of the message.
 */
export function enqueue(core: Core, session: Session, entry: Queued, qos: QoS): Verdict {
  if (session.ended) return Verdict.Away
  if (entry.message.expired(core.now)) {
    // Its interval was 0: it is for those who can have it at once [MQTT-3.3.2-5].
    core.event('messageExpired', session, { topic: entry.message.topic })
    return Verdict.Expired
  }
  // What is larger than a whole queue may be is no reason to empty one, or to end a connection.
  const { maximumQueuedBytes, queueFullPolicy } = session.limits
  const bytes = entry.message.payloadLength
  const never = maximumQueuedBytes > 0 && bytes > maximumQueuedBytes
  for (let limit = queueFull(core, session, bytes); limit !== null; limit = queueFull(core, session, bytes)) {
    if (!never && makeRoom(core, session, entry, limit)) continue
    dropped(core, session, limit)
    if (!never && queueFullPolicy === 'disconnect' && session.connection !== null) {
      doom(core, session.connection, ReasonCode.QuotaExceeded, `its queue is full (${limit.option})`)
    }
    return Verdict.QueueFull
  }
  const position = append(core, session, entry, qos)
  session.countQueued(bytes)
  if (session.persistent) recordQueued(core, session, position, entry, qos)
  return Verdict.Queue
}

/** A message was dropped for want of room. */
function dropped(core: Core, session: Session, limit: Limit): void {
  core.metrics.publishDropped++
  if (session.dropped++ === 0) core.event('queueFull', session, limit)
}

/**
 * Once the queues together fill their part of the memory, what is queued for kept Sessions lies in the store only, but for
 * the beginning of each queue: a million messages must not be a million objects.
 */
export function onlyInStore(core: Core, { outbound, persistent, connection }: Session): boolean {
  if (!persistent) return false
  if (outbound.kept < outbound.tail) return true
  const limit = core.settings.maximumQueueMemory
  if (core.keptBytes < limit) return false
  // Who is here will want them soon.
  const soon = connection !== null && outbound.kept - outbound.next < core.settings.bounds.messagesFetched
  return !soon || core.keptBytes >= 2 * limit
}

function append(core: Core, session: Session, entry: Queued, qos: QoS): number {
  const { outbound } = session
  if (onlyInStore(core, session)) {
    session.sharedInStore ||= entry.shared !== null
    return outbound.enqueueCold()
  }
  countKept(core, session, entry, 1)
  return outbound.enqueue(entry, qos)
}

/** A waiting message comes into memory, or leaves its place there. */
function countKept(core: Core, session: Session, entry: Queued, direction: 1 | -1): void {
  const { message } = entry
  const { queuedMessageBytes, queueEntryBytes } = core.settings.bounds
  const bytes = message.payloadLength + queuedMessageBytes
  session.keptBytes += direction * (bytes + queueEntryBytes)
  core.keptBytes += direction * queueEntryBytes
  // It is there once, for however many it waits.
  if (direction > 0 && message.waiting++ === 0) core.keptBytes += bytes
  if (direction < 0 && --message.waiting === 0) core.keptBytes -= bytes
  const others = direction > 0 ? message.waiting - 1 : message.waiting
  if (others > 0 || message.retained) core.metrics.heldAgain(message, direction)
}

/** The Session has ended: what waits for it in memory does so no more. */
export function forgetKept(core: Core, session: Session): void {
  session.outbound.forEach((entry, state) => {
    if (entry !== null && isWaiting(state)) countKept(core, session, entry, -1)
  })
}

function isWaiting(state: OutboundState): boolean {
  return state >= OutboundState.WaitingQoS0 && state <= OutboundState.WaitingQoS2
}

/** Brings the next of what lies in the store into memory. False: it cannot be read now. */
function fetch(core: Core, session: Session): boolean {
  const { outbound } = session
  const entries = core.store.read(session.clientId, outbound.kept, core.settings.bounds.messagesFetched)
  if (entries === null) {
    core.unread.add(session)
    return false
  }
  if (entries.length === 0) outbound.noMore()
  for (const { position, message, qos, retain, identifiers, shared, received } of entries) {
    const again = sentBefore(session, position, qos)
    const state = received ? OutboundState.ReleaseAgain : (again ? SENT_BEFORE : WAITING)[qos]
    const entry = new Queued(message, retain, identifiers, shared)
    if (!received && !again) countKept(core, session, entry, 1)
    outbound.keep(position, received ? null : entry, state)
  }
  return true
}

/** After a restart: a PUBREL may be owed for more of what was sent before, and does not wait. False if there is no more now. */
function fetchSentBefore(core: Core, session: Session): boolean {
  const { kept, tail } = session.outbound
  if (kept >= session.sent || kept === tail) return false
  return fetch(core, session)
}

const { WaitingQoS0, WaitingQoS1, WaitingQoS2, ResendQoS1, ResendQoS2 } = OutboundState
const WAITING = [WaitingQoS0, WaitingQoS1, WaitingQoS2] as const
const SENT_BEFORE = [WaitingQoS0, ResendQoS1, ResendQoS2] as const

/** What waits first. Null if nothing does, or if it was sent before: that cannot be taken back, and comes first. */
function firstWaiting(core: Core, session: Session): Queued | null {
  const { outbound } = session
  if (outbound.next === outbound.tail) return null
  if (outbound.next === outbound.kept && !fetch(core, session)) return null
  const state = outbound.state(outbound.next)
  return isWaiting(state) ? outbound.message(outbound.next) : null
}

/** Makes room by what has expired at the head of the queue, or else, if the policy says so, by what is oldest. False: by nothing. */
function makeRoom(core: Core, session: Session, coming: Queued, limit: Limit): boolean {
  const first = firstWaiting(core, session)
  if (first === null) return false
  const expired = first.message.expired(core.now)
  if (!expired && (session.limits.queueFullPolicy !== 'oldest' || same(first.message, coming.message))) return false
  if (expired) core.event('messageExpired', session, { topic: first.message.topic })
  else dropped(core, session, limit)
  const position = session.outbound.next
  countKept(core, session, first, -1)
  session.countQueued(-first.message.payloadLength)
  session.outbound.dropNext()
  if (expired) recordDone(core, session, position)
  else recordDropped(core, session, position)
  return true
}

/** Whether a Session gets one message twice, as it is in a shared subscription too: then none is in the way of the other. */
function same(one: Message, other: Message): boolean {
  return one === other || (one.id !== 0 && one.id === other.id)
}

/** Sends what waits, as far as the window and the receiver let it; then retained messages that answer a subscription. */
export function pump(core: Core, session: Session): void {
  const { connection, outbound } = session
  if (connection === null) return
  while (outbound.next < outbound.tail && connection.makeRoom()) {
    if (!sendNext(core, session, connection)) return
    if (!core.work.spend(1) && outbound.next < outbound.tail) {
      pumpLater(core, session)
      return
    }
  }
  if (outbound.next < outbound.tail) return
  if (session.dropped > 0) {
    core.event('queueRecovered', session, { count: session.dropped })
    session.dropped = 0
  }
  if (session.replays !== null && !replay(core, session, connection)) pumpLater(core, session)
}

/** The same, where nobody is there to take what it throws: that ends the connection. */
export function pumpGuarded(core: Core, session: Session): void {
  try {
    pump(core, session)
  } catch (error) {
    if (session.connection === null) throw error
    session.connection.broke('sending what waited for it', error)
  }
}

/** What waits is too much for one turn. */
function pumpLater(core: Core, session: Session): void {
  if (session.pumpedLater) return
  session.pumpedLater = true
  core.work.add({
    step: () => {
      session.pumpedLater = false
      pumpGuarded(core, session)
      return true
    },
  })
}

/** False if the window is closed, or the next message cannot be read now. */
function sendNext(core: Core, session: Session, connection: Connection): boolean {
  const { outbound } = session
  if (outbound.next === outbound.kept) return fetch(core, session)
  if (outbound.releases > 0) {
    core.metrics.messagesSent++
    writeAcknowledgement(connection.output, PacketType.Pubrel, outbound.sendRelease(), 0, connection.version)
    return true
  }
  const state = outbound.state(outbound.next)
  switch (state) {
    case OutboundState.WaitingQoS0:
      sendFresh(core, session, connection, 0)
      return true
    case OutboundState.WaitingQoS1:
    case OutboundState.WaitingQoS2:
      if (!windowOpen(session)) return false
      sendFresh(core, session, connection, state === OutboundState.WaitingQoS1 ? 1 : 2)
      return true
    case OutboundState.ResendQoS1:
    case OutboundState.ResendQoS2:
      if (!windowOpen(session)) return fetchSentBefore(core, session)
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
  const { message } = entry
  const delivery = core.delivery.ofEntry(entry, qos)
  countKept(core, session, entry, -1)
  session.countQueued(-message.payloadLength)
  const expired = message.expired(core.now)
  if (expired || !fits(core, connection, delivery)) {
    // Its time ran out before it was sent [MQTT-3.3.2-5], or the client does not take it.
    if (expired) core.event('messageExpired', session, { topic: message.topic })
    outbound.dropNext()
    recordDone(core, session, position)
    return
  }
  const packetId = outbound.sendNext()
  if (qos > 0) countInFlight(session, entry, 1)
  // Its identifier follows from its place, so that must be safe before it is used.
  if (qos === 2 && session.persistent) connection.promised()
  send(core, connection, delivery, qos === 0 ? 0 : packetId, 0)
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
  const delivery = core.delivery.ofEntry(entry, qos)
  session.countQueued(-entry.message.payloadLength)
  if (!fits(core, connection, delivery)) {
    outbound.dropNext()
    recordDone(core, session, position)
    return
  }
  const packetId = outbound.sendNext()
  countInFlight(session, entry, 1)
  // After a restart some are sent 'again' that never were: what holds for fresh ones holds for them.
  if (qos === 2 && session.persistent) connection.promised()
  send(core, connection, delivery, packetId, DUP)
}

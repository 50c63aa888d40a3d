import type { QoS } from '../protocol/index.ts'
import type { Connection } from './connection.ts'
import type { Core } from './core.ts'
import type { Message } from './message.ts'
import { recordQueued } from './records.ts'
import type { Subscription } from './route.ts'
import { fits, PUBLISH, RETAIN, send } from './send.ts'
import { Queued, type Replay, type Session } from './session.ts'
import { countInFlight, mustKeep, windowOpen } from './window.ts'

/** Notes the retained messages that answer a subscription; they are sent by `replay`, as fast as the receiver takes them. */
export function prepareReplay(core: Core, session: Session, subscription: Subscription): void {
  const messages: Message[] = []
  core.retained.match(subscription.filter.filter, (message) => {
    if (message.expired(core.now)) return
    if (subscription.noLocal && message.publisher === session.clientId) return
    messages.push(message)
  })
  if (messages.length === 0) return
  if (session.replays === null) session.replays = []
  session.replays.push({ subscription, messages, sent: 0 })
}

/**
 * Sends retained messages until the receiver is slow or its window is full. They are not queued, so no queue limit cuts
 * them short and they cost no memory but the list. One that was replaced meanwhile is left out: its successor was
 * delivered as it came, and the older value must not come last.
 */
export function replay(core: Core, session: Session, connection: Connection): void {
  const replays = session.replays!
  while (replays.length > 0) {
    const first = replays[0]!
    if (!replayOne(core, session, connection, first)) return
    replays.shift()
  }
  session.replays = null
}

/** False if it has to go on later. */
function replayOne(core: Core, session: Session, connection: Connection, list: Replay): boolean {
  const { subscription, messages } = list
  while (list.sent < messages.length) {
    // Unsubscribed, or replaced by a subscription that brings its own replay.
    if (session.subscriptions.get(subscription.filter.source) !== subscription) return true
    if (!connection.hasRoom()) return false
    const message = messages[list.sent]!
    const qos = grantedQoS(core, message, subscription)
    if (qos > 0 && !windowOpen(core, session)) return false
    list.sent++
    if (message.superseded || message.expired(core.now)) continue
    if (!fits(core, connection, message, qos, subscription.identifiers, message.expiresAt)) continue
    sendRetained(core, session, connection, message, qos, subscription.identifiers)
  }
  return true
}

/** The broker's own status is in no store, so that no kept Session can be owed it: its QoS stays what it is, 0. */
function grantedQoS(core: Core, message: Message, subscription: Subscription): QoS {
  if (core.settings.upgradeOutgoingQoS && !message.topic.startsWith('$SYS/')) return subscription.qos
  return Math.min(message.qos, subscription.qos) as QoS
}

function sendRetained(
  core: Core,
  session: Session,
  connection: Connection,
  message: Message,
  qos: QoS,
  identifiers: readonly number[] | null,
): void {
  let packetId = 0
  if (qos > 0) {
    const entry = mustKeep(core, session) ? new Queued(message, true, identifiers, null) : null
    const position = session.outbound.tail
    packetId = session.outbound.send(entry, qos)
    if (entry !== null) {
      countInFlight(session, entry, 1)
      if (session.persistent) recordQueued(core, session, position, entry, qos)
      connection.promised()
    }
  }
  send(core, connection, message, PUBLISH | (qos << 1) | RETAIN, packetId, identifiers, message.expiresAt)
}

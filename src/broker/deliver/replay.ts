import type { QoS } from '../../protocol/index.ts'
import type { RetainedCursor, TopicFilter } from '../../topics/index.ts'
import type { Connection } from '../connection.ts'
import type { Core } from '../core.ts'
import type { Message } from '../message/index.ts'
import { ask, whoOf } from '../rules/index.ts'
import {
  countInFlight,
  mustKeep,
  Queued,
  recordQueued,
  type Session,
  type Subscription,
  windowOpen,
} from '../sessions/index.ts'
import { fits, send } from './send.ts'

/** The retained messages that answer a subscription, and are still to be sent. */
export class Replay {
  /** It may take the place of another, and go on with what that one was owed. */
  subscription: Subscription
  /** Messages from this number on came after the subscription: they are delivered as they come. */
  readonly before: number
  /** After a restart: the QoS 2 messages that were sent before it. Null: the broker was not restarted. */
  readonly sent: Set<number> | null
  previous: Replay | null = null
  following: Replay | null = null

  constructor(subscription: Subscription, before: number, sent: Set<number> | null) {
    this.subscription = subscription
    this.before = before
    this.sent = sent
  }
}

/** `allowed` is null until the rules answer. */
interface Asked {
  readonly message: Message
  allowed: boolean | null
}

/** What a Session's subscriptions are still owed of retained messages: one after the other, as many as there may be. */
export class Replays {
  first: Replay | null = null
  #last: Replay | null = null
  /** Where the first one stands. */
  cursor: RetainedCursor<Message> | null = null
  /** The last message about which the rules owed an answer, and that answer. */
  asked: Asked | null = null

  add(replay: Replay): void {
    replay.previous = this.#last
    if (this.#last === null) this.first = replay
    else this.#last.following = replay
    this.#last = replay
  }

  remove(replay: Replay): void {
    const { previous, following } = replay
    if (previous === null) this.#leaveFirst(following)
    else previous.following = following
    if (following === null) this.#last = previous
    else following.previous = previous
  }

  /** What the cursor holds goes. */
  close(): void {
    this.cursor?.close()
    this.cursor = null
  }

  #leaveFirst(following: Replay | null): void {
    this.close()
    this.first = following
  }
}

/** Whether there can be a retained message for the filter at all. A shared subscription gets none. */
export function mayReplay(core: Core, filter: TopicFilter): boolean {
  if (filter.share !== null || core.retained.size === 0) return false
  return filter.wildcard || core.retained.get(filter.filter) !== undefined
}

/** `before` and `sent`: see Replay. */
export function beginReplay(subscription: Subscription, before: number, sent: Set<number> | null = null): void {
  const { session } = subscription
  subscription.replay = new Replay(subscription, before, sent)
  session.replays ??= new Replays()
  session.replays.add(subscription.replay)
}

/** The new subscription takes the place of the old one, which keeps the retained messages that it is owed [MQTT-3.8.4-4]. */
export function passReplayOn(old: Subscription, subscription: Subscription): void {
  const { replay } = old
  if (replay === null) return
  old.replay = null
  subscription.replay = replay
  replay.subscription = subscription
}

/** Nothing more is owed to it. */
export function stopReplay(subscription: Subscription): void {
  const { replay, session } = subscription
  if (replay === null) return
  subscription.replay = null
  session.replays!.remove(replay)
  if (session.replays!.first === null) session.replays = null
}

/** The Session is over. */
export function stopReplays(session: Session): void {
  session.replays?.close()
  session.replays = null
}

/**
 * Sends retained messages until the receiver is slow, or its window full, or the turn's work is done: then it returns false,
 * and wants to go on in the next. They are not queued, so no queue limit cuts them short, and they cost no memory but the
 * place of a cursor. One that is set meanwhile is left out, as it is delivered at once: an older value must not come last.
 */
export function replay(core: Core, session: Session, connection: Connection): boolean {
  while (session.replays !== null) {
    const { replays } = session
    const first = replays.first!
    replays.cursor ??= core.retained.cursor(first.subscription.filter.filter)
    if (!replayHere(core, session, connection, first, replays.cursor.value)) return true
    if (!replays.cursor.step()) end(core, session, first)
    if (!core.work.spend(1)) return session.replays === null
  }
  return true
}

/** Whether the rules let the Session read a retained message. Null: they answer later, and the replay goes on then. */
function mayRead(core: Core, session: Session, message: Message): boolean | null {
  const replays = session.replays!
  const { asked } = replays
  if (asked?.message === message) return asked.allowed
  const { topic, qos } = message
  const question = { action: 'deliver', who: whoOf(session), topic, qos, retain: true, size: 0 } as const
  const pending: Asked = { message, allowed: null }
  const decision = ask(core, question, ({ allowed }) => {
    pending.allowed = allowed
    if (session.replays === replays) core.rereading.push(session)
  })
  if (decision !== null) return decision.allowed
  replays.asked = pending
  return null
}

/** False if what is here has to wait for the receiver. */
function replayHere(
  core: Core,
  session: Session,
  connection: Connection,
  { subscription, before, sent }: Replay,
  message: Message | undefined,
): boolean {
  if (message === undefined || message.id >= before || message.expired(core.now)) return true
  if (subscription.noLocal && message.publisher === session.clientId) return true
  const qos = grantedQoS(core, message, subscription)
  // After a restart only promises are kept.
  if (sent !== null && (qos === 0 || sent.has(message.id))) return true
  if (core.access.rules !== null) {
    const may = mayRead(core, session, message)
    if (may !== true) return may === false
  }
  if (!connection.makeRoom() || (qos > 0 && !windowOpen(session))) return false
  const entry = new Queued(message, true, subscription.identifiers, null)
  if (fits(core, connection, core.delivery.ofEntry(entry, qos))) {
    sendRetained(core, session, connection, entry, qos, subscription.filter.source)
  }
  return true
}

function end(core: Core, session: Session, { subscription }: Replay): void {
  stopReplay(subscription)
  if (!isRecorded(session, subscription.qos)) return
  const { clientId } = session
  // Without this record they are sent once more after a restart, which does no harm.
  core.store.append({ kind: 'replayed', clientId, filter: subscription.filter.source, messageId: 0 }, false)
}

/** Whether what the subscription is owed is a promise, and in the store. */
export function isRecorded(session: Session, qos: QoS): boolean {
  return session.persistent && qos > 0
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
  entry: Queued,
  qos: QoS,
  filter: string,
): void {
  let packetId = 0
  if (qos > 0) {
    const keep = mustKeep(session)
    const position = session.outbound.tail
    packetId = session.outbound.send(keep ? entry : null, qos)
    if (keep) {
      countInFlight(session, entry, 1)
      if (session.persistent) recordQueued(core, session, position, entry, qos)
      // Once it is acknowledged, only this tells that it came.
      if (session.persistent && qos === 2) {
        const { clientId } = session
        core.append({ kind: 'replayed', clientId, filter, messageId: entry.message.id })
      }
      connection.promised()
    }
  }
  send(core, connection, core.delivery, packetId, 0)
}

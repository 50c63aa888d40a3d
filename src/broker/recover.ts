import { parseTopicFilter } from '../topics/index.ts'
import type { LoadRecord } from './contracts.ts'
import type { Core } from './core.ts'
import { beginReplay } from './deliver/index.ts'
import { scheduleEnd } from './end/index.ts'
import type { Message } from './message/index.ts'
import { dateRetained, restoreRetained } from './publish/index.ts'
import { limitedExpiry, Session, Subscription } from './sessions/index.ts'

interface Messages {
  readonly byNumber: Map<number, Message>
  /** Retained, nobody knows since when. */
  readonly undated: Message[]
}

/** The state of before, made again from the store's records. Nobody is online yet: every Session's time runs. */
export function recover(core: Core): void {
  const messages: Messages = { byNumber: new Map(), undated: [] }
  for (const record of core.store.load()) apply(core, messages, record)
  core.noteTime()
  for (const message of messages.undated) dateRetained(core, message)
  for (const session of core.sessions.values()) {
    // The broker was killed while it was here: its time runs from now, and not anew at each start.
    if (session.offlineSince === 0) goneWithBroker(core, session)
    session.sent = Math.min(session.sent, session.outbound.tail)
    scheduleEnd(core, session)
  }
  // What fell due while nobody was there comes before any client: who came back at once would else find its Session, or
  // take back its Will, after their time.
  for (const { timer } of core.sessions.values()) {
    if (timer === null || timer.due > core.now) continue
    core.wheel.clear(timer)
    timer.fire(core.now)
  }
}

function goneWithBroker(core: Core, session: Session): void {
  const { clientId, will } = session
  session.offlineSince = core.now
  core.append({ kind: 'offline', clientId, at: core.now, will: will !== null, sent: null })
}

function apply(core: Core, messages: Messages, record: LoadRecord): void {
  switch (record.kind) {
    case 'time':
      core.time.resume(record)
      core.now = core.time.now()
      core.startedAt = core.now
      core.wheel.begin(core.now)
      return
    case 'message':
      messages.byNumber.set(record.message.id, record.message)
      core.messageIdSeen(record.message.id)
      return
    case 'messageIds':
      core.messageIdSeen(record.next - 1)
      return
    case 'retained': {
      const message = messages.byNumber.get(record.messageId)
      if (message === undefined) return
      happened(core, record.at)
      restoreRetained(core, message, record.at)
      if (record.at === 0) messages.undated.push(message)
      return
    }
    case 'session':
      openSession(core, record)
      return
    case 'retainedCleared':
    case 'sessionEnded':
      // A store gives its state, not its history: what has ended is not in it.
      return
    default: {
      const session = core.sessions.get(record.clientId)
      if (session !== undefined) applyToSession(core, session, record)
    }
  }
}

/** Nothing of before is later than now. */
function happened(core: Core, at: number): void {
  if (at <= core.now) return
  core.time.notBefore(at)
  core.now = core.time.now()
}

function openSession(core: Core, record: LoadRecord & { kind: 'session' }): void {
  const expiryInterval = limitedExpiry(core, record.expiryInterval)
  const session = new Session(record.clientId, 4, expiryInterval, core)
  session.persistent = true
  // As long as nothing else is known: the broker was killed while the client was here.
  session.sent = Number.POSITIVE_INFINITY
  session.uncertain = core.settings.maximumInFlight
  session.will = record.will
  core.sessions.set(record.clientId, session)
}

function applyToSession(core: Core, session: Session, record: LoadRecord): void {
  switch (record.kind) {
    case 'offline':
      happened(core, record.at)
      session.offlineSince = record.at
      if (record.sent === null) return
      session.sent = record.sent
      session.uncertain = Number.POSITIVE_INFINITY
      return
    case 'subscribed': {
      const { filter, qos, noLocal, retainAsPublished, identifier, owed } = record.subscription
      const parsed = parseTopicFilter(filter, core.settings)
      if ('error' in parsed) return
      const identifiers = identifier === 0 ? null : [identifier]
      const subscription = new Subscription(session, parsed, qos, noLocal, retainAsPublished, identifiers)
      session.subscriptions.set(filter, subscription)
      core.router.add(subscription)
      if (owed > 0) {
        beginReplay(subscription, owed, new Set())
        // What comes from now on has larger numbers.
        core.messageIdSeen(owed)
      }
      session.sharedInStore ||= parsed.share !== null
      return
    }
    case 'replayed':
      session.subscriptions.get(record.filter)?.replay?.sent?.add(record.messageId)
      return
    case 'queue':
      session.outbound.restore(record.head, record.tail)
      session.countQueued(record.bytes - session.queuedBytes)
      return
    case 'inbound':
      session.inbound.add(record.packetId)
      return
    default:
  }
}

import type { Connection } from '../connection.ts'
import type { Core } from '../core.ts'
import { forgetKept, handOn, handOnStored, stopReplays } from '../deliver/index.ts'
import { publishWill, takeWill } from '../publish/index.ts'
import { markSent, NEVER, type Session, SessionTimer, type Subscription, sentForStore } from '../sessions/index.ts'
import { type Job, Units } from '../time/index.ts'

/**
 * The Network Connection has come to its end, whoever ended it: its Session goes on alone, or ends with it. May be called
 * more than once; only the first counts.
 */
export function endConnection(core: Core, connection: Connection, reason: string, willDue: boolean): void {
  const { session } = connection
  if (session === null) return
  connection.session = null
  session.connection = null
  session.leaving = null
  core.router.presence(session)
  core.online--
  if (core.settings.connectionMessages) core.event('clientDisconnected', connection, { reason })
  if (!willDue) session.will = null
  session.offlineSince = core.now
  markSent(session)
  if (session.expiryInterval === 0) {
    endSession(core, session, reason)
    return
  }
  const due = session.will?.delay === 0 ? takeWill(session) : null
  recordOffline(core, session)
  scheduleEnd(core, session)
  if (due !== null) publishWill(core, session, due, reason)
}

/**
 * The Session is over: nothing of it is left, and a Will that still waited is due now [MQTT-3.1.2-8]. If what it has to hand
 * on cannot be read now, the store keeps it until that is done: then it is in `Core.ending`.
 */
export function endSession(core: Core, session: Session, reason: string): void {
  if (session.timer !== null) core.wheel.clear(session.timer)
  session.ended = true
  stopReplays(session)
  // Those are few, and nobody else's messages may be given to it any more; the others can wait.
  for (const subscription of session.shared) core.router.remove(subscription)
  const removal = new Removal(core, session)
  if (!removal.step()) core.work.add(removal)
  const handedOn = handOn(core, session)
  if (session.dropped > 0) core.event('repeated', session, { count: session.dropped, what: 'its queue was full' })
  core.sessions.delete(session.clientId)
  core.unread.delete(session)
  forgetKept(core, session)
  session.leaveQueues()
  const due = takeWill(session)
  if (session.persistent) {
    if (handedOn) core.append({ kind: 'sessionEnded', clientId: session.clientId })
    else {
      // After a crash it is there again, and ends again; its Will has been published.
      recordOffline(core, session)
      core.ending.set(session.clientId, session)
    }
  }
  // After its subscriptions: as a member of a shared group it must not be the one that gets the Will.
  if (due !== null) publishWill(core, session, due, reason)
}

/** A Session that has ended hands on what could not be read before. */
export function finishEnding(core: Core, session: Session): void {
  if (!handOnStored(core, session)) return
  core.ending.delete(session.clientId)
  core.append({ kind: 'sessionEnded', clientId: session.clientId })
}

/** Takes the subscriptions of a Session that is over out of the index. */
class Removal implements Job {
  readonly #core: Core
  readonly #session: Session
  readonly #left: Iterator<Subscription>

  constructor(core: Core, session: Session) {
    this.#core = core
    this.#session = session
    this.#left = session.subscriptions.values()
  }

  step(): boolean {
    for (let next = this.#left.next(); !next.done; next = this.#left.next()) {
      this.#core.router.remove(next.value)
      if (!this.#core.work.spend(Units.unsubscribe)) return false
    }
    this.#session.subscriptions.clear()
    return true
  }
}

function recordOffline(core: Core, session: Session): void {
  const { clientId, offlineSince: at, will } = session
  core.append({ kind: 'offline', clientId, at, will: will !== null, sent: sentForStore(session) })
}

/** While the client is away: the next thing that happens is its Will, or the end of its Session. */
export function scheduleEnd(core: Core, session: Session): void {
  const ends = session.expiryInterval === NEVER ? Infinity : session.offlineSince + session.expiryInterval * 1000
  const willDue = session.will === null ? Infinity : session.offlineSince + session.will.delay * 1000
  const due = Math.min(ends, willDue)
  if (due === Infinity) return
  if (session.timer === null) session.timer = new SessionTimer(session, (late, now) => onDue(core, late, now))
  core.wheel.set(session.timer, due)
}

function onDue(core: Core, session: Session, now: number): void {
  const ended = session.expiryInterval !== NEVER && now >= session.offlineSince + session.expiryInterval * 1000
  if (!ended) {
    const due = takeWill(session)
    recordOffline(core, session)
    scheduleEnd(core, session)
    if (due !== null) publishWill(core, session, due, 'its Will Delay Interval has passed')
    return
  }
  const messages = session.outbound.tail - session.outbound.head
  core.metrics.clientsExpired++
  core.event('sessionExpired', session, { seconds: session.expiryInterval, messages })
  endSession(core, session, 'its Session has expired')
}

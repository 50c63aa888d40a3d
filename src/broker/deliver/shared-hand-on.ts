import { OutboundState } from '../../session/index.ts'
import { parseTopicFilter } from '../../topics/index.ts'
import type { Core } from '../core.ts'
import type { Route } from '../route/index.ts'
import { Queued, recordDone, type Session, type Subscription, sentBefore } from '../sessions/index.ts'
import { Units } from '../time/index.ts'
import { deliver } from './deliver.ts'
import { choose } from './shared.ts'

/**
 * A Session has come to its end. What it was owed as a member of shared subscriptions, and has not acknowledged, goes to
 * others of these groups; but not what was sent to it with QoS 2, which it may have taken [MQTT-4.8.2-5]. False: some of it
 * cannot be read now, and `handOnStored` has to go on.
 *
 * It is done in one go, as no client may have its Client Identifier before: `max_queued_messages` bounds it. What it costs is
 * counted, so that of many Sessions that end at once most wait for a later turn.
 */
export function handOn(core: Core, session: Session): boolean {
  session.outbound.forEach((entry, state, position) => {
    if (entry === null || entry.shared === null || sentOnce(state) || entry.message.expired(core.now)) return
    handOnOne(core, session, entry, entry.shared, position)
  })
  session.handOnFrom = session.outbound.kept
  return handOnStored(core, session)
}

/** What of its queue is not in memory: sent, if at all, before a restart. False: the rest cannot be read now. */
export function handOnStored(core: Core, session: Session): boolean {
  if (!session.sharedInStore) return true
  const { tail } = session.outbound
  while (session.handOnFrom < tail) {
    const entries = core.store.read(session.clientId, session.handOnFrom, core.settings.bounds.messagesFetched)
    if (entries === null) return false
    for (const { message, qos, retain, identifiers, shared, received, position } of entries) {
      session.handOnFrom = position + 1
      const sent = (sentBefore(session, position, qos) && qos === 2) || received
      if (shared === null || sent || message.expired(core.now)) continue
      handOnOne(core, session, new Queued(message, retain, identifiers, shared), shared, position)
    }
    if (entries.length === 0) return true
  }
  return true
}

/** With QoS 2, and still to be completed with the one who got it. */
function sentOnce(state: OutboundState): boolean {
  return (
    state === OutboundState.ResendQoS2 ||
    state === OutboundState.ReleaseAgain ||
    state === OutboundState.AwaitingPubrec ||
    state === OutboundState.AwaitingPubcomp
  )
}

function handOnOne(core: Core, session: Session, { message }: Queued, shared: string, position: number): void {
  core.work.spend(Units.handOn)
  const route = core.router.routeOf(message.topic)
  const member = another(core, route, shared)
  if (member === null) return
  const { publication } = core
  // The store forgets a message when all that it knows of have it, and it does not know of this Session.
  publication.ofMessage(session.persistent ? message : message.copy(), route)
  publication.begin(core.delivery)
  deliver(core, publication, member, member.filter.source)
  publication.clear()
  // The Session's own end may come later, if it has to wait for the store, and must not hand this on a second time.
  recordDone(core, session, position)
}

/** Who is next in that group; null if the last one has left. */
function another(core: Core, route: Route, shared: string): Subscription | null {
  const filter = parseTopicFilter(shared, core.settings)
  if ('error' in filter) return null
  const group = route.shared.find((one) => one.share === filter.share && one.filter === filter.filter)
  if (group === undefined) return null
  // When all have to leave, only those who come back can take anything over.
  return core.stopping
    ? (group.members.find((member) => member.session.persistent) ?? null)
    : choose(core, group, route.barred)
}

import type { QoS } from '../protocol/index.ts'
import type { SharedGroup } from '../topics/index.ts'
import type { Core } from './core.ts'
import type { Publication } from './publication.ts'
import { enqueue, onlyInStore } from './queue.ts'
import { recordQueued } from './records.ts'
import type { Subscription } from './route.ts'
import { fits, PUBLISH, RETAIN, send } from './send.ts'
import { Queued, type Session } from './session.ts'
import { countInFlight, mustKeep, windowOpen } from './window.ts'

/** Gives the message to every Session that its route reaches. Returns whether there was any. */
export function distribute(core: Core, publication: Publication): boolean {
  const { direct, shared } = publication.route!
  for (let i = 0; i < direct.length; i++) deliver(core, publication, direct[i]!, null)
  for (let i = 0; i < shared.length; i++) {
    const chosen = choose(core, shared[i]!)
    if (chosen !== null) deliver(core, publication, chosen, chosen.filter.source)
  }
  return direct.length > 0 || shared.length > 0
}

/**
 * In turn, among those who are online and have room; else among those online; else whoever's turn it is. Room is looked for
 * with a few members only: where none of them has any, the group is as good as full.
 */
export function choose(core: Core, group: SharedGroup<Subscription>): Subscription | null {
  const { members, present } = group
  let online = -1
  for (let i = Math.min(present, core.settings.bounds.membersTried) - 1, at = group.next; i >= 0; i--, at++) {
    const place = at % present
    const { connection, outbound } = members[place]!.session
    if (connection === null) continue
    if (outbound.open && connection.hasRoom()) {
      group.next = place + 1
      return members[place]!
    }
    if (online < 0) online = place
  }
  const chosen = online < 0 ? group.next % members.length : online
  group.next = chosen + 1
  return members[chosen] ?? null
}

/** `shared` is the Topic Filter of a shared subscription as its member sent it, or null. */
export function deliver(core: Core, publication: Publication, matched: Subscription, shared: string | null): void {
  let subscription = matched
  if (matched.noLocal && matched.session.clientId === publication.publisher) {
    if (matched.local === null) return
    subscription = matched.local
  }
  const { session, identifiers } = subscription
  const qos =
    core.settings.upgradeOutgoingQoS || subscription.qos < publication.qos ? subscription.qos : publication.qos
  const retain = publication.retain && subscription.retainAsPublished
  if (qos === 0) deliverAtMostOnce(core, publication, session, retain, identifiers, shared)
  else deliverWithPromise(core, publication, session, qos, retain, identifiers, shared)
}

function deliverAtMostOnce(
  core: Core,
  publication: Publication,
  session: Session,
  retain: boolean,
  identifiers: readonly number[] | null,
  shared: string | null,
): void {
  const { connection, outbound } = session
  // Where QoS 0 messages wait, one must not overtake those before it [MQTT-4.6.0-5].
  if (core.settings.queueQoS0 && (connection === null || outbound.waiting > 0)) {
    enqueue(core, session, new Queued(publication.keep(core, true), retain, identifiers, shared), 0)
    return
  }
  if (connection === null) return
  if (!connection.hasRoom()) {
    connection.dropped()
    return
  }
  const content = publication.content!
  if (!fits(core, connection, content, 0, identifiers, publication.expiresAt)) return
  send(core, connection, content, retain ? PUBLISH | RETAIN : PUBLISH, 0, identifiers, publication.expiresAt)
}

function deliverWithPromise(
  core: Core,
  publication: Publication,
  session: Session,
  qos: QoS,
  retain: boolean,
  identifiers: readonly number[] | null,
  shared: string | null,
): void {
  const { connection, outbound } = session
  if (connection === null || outbound.waiting > 0 || !windowOpen(core, session) || !connection.hasRoom()) {
    // What is in the store only is not kept in memory.
    const lasting = (connection === null || isSlow(core, session)) && !onlyInStore(core, session)
    enqueue(core, session, new Queued(publication.keep(core, lasting), retain, identifiers, shared), qos)
    return
  }
  const content = publication.content!
  if (!fits(core, connection, content, qos, identifiers, publication.expiresAt)) return
  const entry =
    shared !== null || mustKeep(core, session)
      ? new Queued(publication.keep(core, isSlow(core, session)), retain, identifiers, shared)
      : null
  const position = outbound.tail
  const packetId = outbound.send(entry, qos)
  if (entry !== null) {
    countInFlight(session, entry, 1)
    if (session.persistent) recordQueued(core, session, position, entry, qos)
    if (qos === 2) connection.promised()
  }
  const first = PUBLISH | (qos << 1) | (retain ? RETAIN : 0)
  send(core, connection, content, first, packetId, identifiers, publication.expiresAt)
}

/** Whether it may be long until this Session has done with a message. */
function isSlow(core: Core, { outbound }: Session): boolean {
  return outbound.tail - outbound.head >= core.settings.bounds.chunkedMessagesOwed
}

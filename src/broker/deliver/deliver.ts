import type { Connection } from '../connection.ts'
import type { Core } from '../core.ts'
import { countInFlight, mustKeep, Queued, recordQueued, type Session, type Subscription } from '../sessions/index.ts'
import type { Delivery } from './delivery.ts'
import type { Publication } from './publication.ts'
import { enqueue, onlyInStore } from './queue.ts'
import { send, tellTooLarge } from './send.ts'
import { choose } from './shared.ts'
import { subscriptionFor, Verdict, verdict } from './verdict.ts'

/** Gives the message to every Session that its route reaches. Returns whether there was any. */
export function distribute(core: Core, publication: Publication): boolean {
  const { direct, shared, barred } = publication.route!
  publication.begin(core.delivery)
  for (let i = 0; i < direct.length; i++) deliver(core, publication, direct[i]!, null)
  for (let i = 0; i < shared.length; i++) {
    const chosen = choose(core, shared[i]!, barred)
    if (chosen !== null) deliver(core, publication, chosen, chosen.filter.source)
  }
  return direct.length > 0 || shared.length > 0
}

/**
 * After `Publication.begin`. `shared` is the Topic Filter of a shared subscription as its member sent it, or null.
 */
export function deliver(core: Core, publication: Publication, matched: Subscription, shared: string | null): void {
  const { delivery } = core
  const subscription = subscriptionFor(matched, publication.origin)
  const { session, qos, retainAsPublished, identifiers } = subscription ?? matched
  delivery.qos = core.settings.upgradeOutgoingQoS || qos < publication.qos ? qos : publication.qos
  delivery.retain = publication.retain && retainAsPublished
  delivery.identifiers = identifiers
  delivery.shared = shared
  const does = subscription === null ? Verdict.NoLocal : act(core, publication, session, delivery)
  if (core.trace !== null) core.trace(does, session, delivery)
}

/** Does what the verdict says; returns what was done. */
function act(core: Core, publication: Publication, session: Session, delivery: Delivery): Verdict {
  const { connection } = session
  if (connection !== null) connection.makeRoom()
  const does = verdict(core, session, delivery)
  switch (does) {
    case Verdict.Send:
      if (delivery.qos === 0) send(core, connection!, delivery, 0, 0)
      else sendPromised(core, publication, session, connection!, delivery)
      return does
    case Verdict.Queue:
      return queue(core, publication, session, delivery)
    case Verdict.Slow:
      connection!.dropped()
      return does
    case Verdict.TooLarge:
      tellTooLarge(core, connection!, delivery)
      return does
    default:
      return does
  }
}

/** With QoS 1 or 2. */
function sendPromised(
  core: Core,
  publication: Publication,
  session: Session,
  connection: Connection,
  delivery: Delivery,
): void {
  const { outbound } = session
  const { qos, shared } = delivery
  const entry =
    shared !== null || mustKeep(session)
      ? new Queued(publication.keep(core, isSlow(core, session)), delivery.retain, delivery.identifiers, shared)
      : null
  const position = outbound.tail
  const packetId = outbound.send(entry, qos)
  if (entry !== null) {
    countInFlight(session, entry, 1)
    if (session.persistent) recordQueued(core, session, position, entry, qos)
    if (qos === 2) connection.promised()
  }
  send(core, connection, delivery, packetId, 0)
}

function queue(core: Core, publication: Publication, session: Session, delivery: Delivery): Verdict {
  const { qos, retain, identifiers, shared } = delivery
  // What is in the store only is not kept in memory.
  const lasting = qos === 0 || ((session.connection === null || isSlow(core, session)) && !onlyInStore(core, session))
  return enqueue(core, session, new Queued(publication.keep(core, lasting), retain, identifiers, shared), qos)
}

/** Whether it may be long until this Session has done with a message. */
function isSlow(core: Core, { outbound }: Session): boolean {
  return outbound.tail - outbound.head >= core.settings.bounds.chunkedMessagesOwed
}

import {
  PacketType,
  type QoS,
  ReasonCode,
  reasonCodeName,
  type SubscribePacket,
  type SubscriptionRequest,
  type UnsubscribePacket,
} from '../protocol/index.ts'
import { levelCount, parseTopicFilter, type TopicFilter } from '../topics/index.ts'
import type { Connection } from './connection.ts'
import type { Core } from './core.ts'
import { pump } from './queue.ts'
import { answer, fail } from './refuse.ts'
import { prepareReplay } from './replay.ts'
import { Subscription } from './route.ts'
import type { Session } from './session.ts'

export function onSubscribe(core: Core, connection: Connection, packet: SubscribePacket): void {
  const session = connection.session!
  const before = core.logPosition
  const identifiers = packet.properties.subscriptionIdentifiers ?? null
  const reasonCodes: number[] = []
  let why: string | null = null
  const refuse = (filter: string, reasonCode: number, reason: string): void => {
    const code = reasonCodeName(reasonCode)
    const what = `a subscription was refused (${code})`
    core.repeats.note('subscriptionRefused', connection, what, { filter, reason, code })
    reasonCodes.push(reasonCode)
    why ??= `${filter}: ${reason}`
  }
  if (identifiers !== null && !core.settings.subscriptionIdentifiersAvailable) {
    fail(connection, ReasonCode.SubscriptionIdentifiersNotSupported, IDENTIFIERS)
    return
  }
  for (const request of packet.subscriptions) {
    const filter = parseTopicFilter(request.filter, core.settings)
    if ('error' in filter) {
      refuse(request.filter, ReasonCode.TopicFilterInvalid, filter.error)
      continue
    }
    const missing = unavailable(core, filter)
    if (missing !== null) {
      if (connection.version === 5) {
        // It was told so in CONNACK.
        fail(connection, missing.reasonCode, `${missing.reason}: ${request.filter}`)
        return
      }
      refuse(request.filter, missing.reasonCode, missing.reason)
      continue
    }
    if (filter.share !== null && request.noLocal) {
      fail(connection, ReasonCode.ProtocolError, `No Local on the shared subscription ${request.filter}`) // [MQTT-3.8.3-4]
      return
    }
    if (session.persistent && core.store.full) {
      refuse(request.filter, ReasonCode.QuotaExceeded, `it cannot be kept (the store: ${core.store.trouble})`)
      continue
    }
    const full = tooMuch(core, session, filter)
    if (full !== null) refuse(request.filter, full.reasonCode, full.reason)
    else reasonCodes.push(subscribe(core, connection, session, filter, request, identifiers))
  }
  if (core.logPosition !== before) connection.promised()
  answer(connection, { type: PacketType.Suback, packetId: packet.packetId, reasonCodes, properties: {} }, why)
  pump(core, session)
}

/** What of a subscription goes beyond a limit. */
function tooMuch(core: Core, session: Session, filter: TopicFilter): { reasonCode: number; reason: string } | null {
  const { maximumTopicLevels, maximumSubscriptions } = core.settings
  if (maximumTopicLevels !== 0 && levelCount(filter.filter) > maximumTopicLevels) {
    const reason = `it has more than ${maximumTopicLevels} levels (option max_topic_levels)`
    return { reasonCode: ReasonCode.TopicFilterInvalid, reason }
  }
  const { subscriptions } = session
  if (maximumSubscriptions === 0 || subscriptions.size < maximumSubscriptions || subscriptions.has(filter.source)) {
    return null
  }
  const reason = `the client has ${maximumSubscriptions} already (option max_subscriptions)`
  return { reasonCode: ReasonCode.QuotaExceeded, reason }
}

/** Adds the subscription, in place of one with the same filter [MQTT-3.8.4-3]; returns the QoS that is granted. */
function subscribe(
  core: Core,
  connection: Connection,
  session: Session,
  filter: TopicFilter,
  request: SubscriptionRequest,
  identifiers: readonly number[] | null,
): number {
  const qos = Math.min(request.qos, connection.listener.maximumQoS) as QoS
  const { noLocal, retainAsPublished, retainHandling } = request
  const existing = session.subscriptions.get(request.filter)
  if (existing !== undefined) core.router.remove(existing)
  const subscription = new Subscription(session, filter, qos, noLocal, retainAsPublished, identifiers)
  session.subscriptions.set(request.filter, subscription)
  core.router.add(subscription)
  if (session.persistent) {
    const identifier = identifiers?.[0] ?? 0
    const stored = { filter: request.filter, qos, noLocal, retainAsPublished, identifier }
    core.append({ kind: 'subscribed', clientId: session.clientId, subscription: stored })
  }
  if (filter.rewritten !== null && !connection.toldOfRewriting) {
    connection.toldOfRewriting = true
    core.event('filterRewritten', connection, { filter: filter.source, meaning: filter.filter })
  }
  // A shared subscription gets no retained messages; the others as they ask [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11].
  const wanted = retainHandling === 0 || (retainHandling === 1 && existing === undefined)
  if (wanted && filter.share === null) prepareReplay(core, session, subscription)
  return qos
}

const IDENTIFIERS = 'Subscription Identifiers are turned off (option subscription_identifiers_available)'

/** What of a filter the broker was told not to have. */
function unavailable(core: Core, filter: TopicFilter): { reasonCode: number; reason: string } | null {
  const { wildcardSubscriptionsAvailable, sharedSubscriptionsAvailable } = core.settings
  if (filter.wildcard && !wildcardSubscriptionsAvailable) {
    const reason = 'wildcards are turned off (option wildcard_subscriptions_available)'
    return { reasonCode: ReasonCode.WildcardSubscriptionsNotSupported, reason }
  }
  if (filter.share !== null && !sharedSubscriptionsAvailable) {
    const reason = 'shared subscriptions are turned off (option shared_subscriptions_available)'
    return { reasonCode: ReasonCode.SharedSubscriptionsNotSupported, reason }
  }
  return null
}

export function onUnsubscribe(core: Core, connection: Connection, packet: UnsubscribePacket): void {
  const session = connection.session!
  const before = core.logPosition
  const reasonCodes = packet.filters.map((filter) => unsubscribe(core, session, filter))
  if (core.logPosition !== before) connection.promised()
  answer(connection, { type: PacketType.Unsuback, packetId: packet.packetId, reasonCodes, properties: {} })
}

/** Filters are compared letter by letter with those that the client sent [MQTT-3.10.4-1]. */
function unsubscribe(core: Core, session: Session, filter: string): number {
  const subscription = session.subscriptions.get(filter)
  if (subscription === undefined) return ReasonCode.NoSubscriptionExisted
  session.subscriptions.delete(filter)
  core.router.remove(subscription)
  if (session.persistent) core.append({ kind: 'unsubscribed', clientId: session.clientId, filter })
  return ReasonCode.Success
}

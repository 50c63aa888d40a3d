import {
  PacketType,
  type QoS,
  ReasonCode,
  reasonCodeName,
  type SubscribePacket,
  type SubscriptionRequest,
  type UnsubscribePacket,
} from '../../protocol/index.ts'
import { levelCount, parseTopicFilter, type TopicFilter } from '../../topics/index.ts'
import { answer, fail } from '../connection/index.ts'
import type { Connection } from '../connection.ts'
import type { Decision } from '../contracts.ts'
import type { Core } from '../core.ts'
import { beginReplay, isRecorded, mayReplay, passReplayOn, pump, stopReplay } from '../deliver/index.ts'
import { ruleOf } from '../rules/index.ts'
import { type Session, Subscription } from '../sessions/index.ts'
import type { ListenerTerms } from '../settings/index.ts'
import { Units } from '../time/index.ts'
import { FiltersJob } from './filters-job.ts'

export function onSubscribe(core: Core, connection: Connection, packet: SubscribePacket): void {
  const identified = packet.properties.subscriptionIdentifiers !== undefined
  if (identified && !connection.listener.subscriptionIdentifiersAvailable) {
    fail(connection, ReasonCode.SubscriptionIdentifiersNotSupported, IDENTIFIERS)
    return
  }
  new SubscribeJob(core, connection, packet).begin()
}

class SubscribeJob extends FiltersJob<SubscriptionRequest> {
  protected readonly action = 'subscribe'
  protected readonly cost = Units.subscribe
  readonly #packet: SubscribePacket
  readonly #identifiers: readonly number[] | null
  readonly #reasonCodes: number[] = []
  /** The first refusal, in words. */
  #why: string | null = null
  #subscribed = false

  constructor(core: Core, connection: Connection, packet: SubscribePacket) {
    super(core, connection, packet.subscriptions)
    this.#packet = packet
    this.#identifiers = packet.properties.subscriptionIdentifiers ?? null
  }

  protected filterOf(request: SubscriptionRequest): string {
    return request.filter
  }

  protected one(request: SubscriptionRequest, decision: Decision): boolean {
    const { core, connection, session } = this
    const filter = parseTopicFilter(request.filter, core.settings)
    if ('error' in filter) {
      this.#refuse(request.filter, ReasonCode.TopicFilterInvalid, filter.error)
      return true
    }
    const missing = unavailable(connection.listener, filter)
    if (missing !== null) {
      if (connection.version === 5) {
        // It was told so in CONNACK.
        fail(connection, missing.reasonCode, `${missing.reason}: ${request.filter}`)
        return false
      }
      this.#refuse(request.filter, missing.reasonCode, missing.reason)
      return true
    }
    if (filter.share !== null && request.noLocal) {
      fail(connection, ReasonCode.ProtocolError, `No Local on the shared subscription ${request.filter}`) // [MQTT-3.8.3-4]
      return false
    }
    if (!decision.allowed) {
      this.#refuse(request.filter, ReasonCode.NotAuthorized, ruleOf(decision))
      return true
    }
    if (session.persistent && core.store.full) {
      const reason = `it cannot be kept (the store: ${core.store.trouble})`
      this.#refuse(request.filter, ReasonCode.QuotaExceeded, reason)
      return true
    }
    const full = tooMuch(core, session, filter)
    if (full !== null) this.#refuse(request.filter, full.reasonCode, full.reason)
    else {
      this.#subscribed = true
      this.#reasonCodes.push(subscribe(core, connection, session, filter, request, this.#identifiers))
    }
    return true
  }

  protected finish(): void {
    const { core, connection, session } = this
    // The answer relies on the records of all filters, whenever they were written.
    if (this.#subscribed && session.persistent) connection.promised()
    const { packetId } = this.#packet
    const packet = { type: PacketType.Suback, packetId, reasonCodes: this.#reasonCodes, properties: {} } as const
    answer(connection, packet, this.#why)
    pump(core, session)
  }

  #refuse(filter: string, reasonCode: number, reason: string): void {
    const code = reasonCodeName(reasonCode)
    const what = `a subscription was refused (${code})`
    this.core.repeats.note('subscriptionRefused', this.connection, what, { filter, reason, code })
    this.#reasonCodes.push(reasonCode)
    this.#why ??= `${filter}: ${reason}`
  }
}

/** What of a subscription goes beyond a limit. */
function tooMuch(core: Core, session: Session, filter: TopicFilter): { reasonCode: number; reason: string } | null {
  const { maximumTopicLevels } = core.settings
  const { maximumSubscriptions, maximumSharedSubscriptions } = session.limits
  if (maximumTopicLevels !== 0 && levelCount(filter.filter) > maximumTopicLevels) {
    const reason = `it has more than ${maximumTopicLevels} levels (option max_topic_levels)`
    return { reasonCode: ReasonCode.TopicFilterInvalid, reason }
  }
  const { subscriptions, shared } = session
  if (subscriptions.has(filter.source)) return null
  let reason: string
  if (maximumSubscriptions !== 0 && subscriptions.size >= maximumSubscriptions) {
    reason = `the client has ${maximumSubscriptions} already (option max_subscriptions)`
  } else if (filter.share !== null && maximumSharedSubscriptions !== 0 && shared.size >= maximumSharedSubscriptions) {
    reason = `the client has ${maximumSharedSubscriptions} shared ones already (option max_shared_subscriptions)`
  } else {
    return null
  }
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
  const { retainHandling } = request
  // A bridge would have its own messages back, and has to pass on whether they are retained. MQTT 3 has no words for that.
  const noLocal = request.noLocal || (connection.bridge && filter.share === null)
  const retainAsPublished = request.retainAsPublished || connection.bridge
  const existing = session.subscriptions.get(request.filter)
  // A shared subscription gets no retained messages; the others as they ask [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11].
  const wanted = filter.share === null && (retainHandling === 0 || (retainHandling === 1 && existing === undefined))
  const subscription = new Subscription(session, filter, qos, noLocal, retainAsPublished, identifiers)
  if (existing !== undefined) {
    core.router.remove(existing)
    if (wanted) stopReplay(existing)
    else passReplayOn(existing, subscription)
  }
  session.subscriptions.set(request.filter, subscription)
  core.router.add(subscription)
  if (wanted && mayReplay(core, filter)) beginReplay(subscription, core.takeMessageId())
  if (session.persistent) {
    const identifier = identifiers?.[0] ?? 0
    const owed = isRecorded(session, qos) ? (subscription.replay?.before ?? 0) : 0
    const stored = { filter: request.filter, qos, noLocal, retainAsPublished, identifier, owed }
    core.append({ kind: 'subscribed', clientId: session.clientId, subscription: stored })
  }
  if (filter.rewritten !== null && !connection.toldOfRewriting) {
    connection.toldOfRewriting = true
    core.event('filterRewritten', connection, { filter: filter.source, meaning: filter.filter })
  }
  return qos
}

const IDENTIFIERS = 'Subscription Identifiers are turned off (option subscription_identifiers_available)'

/** What of a filter the broker was told not to have. */
function unavailable(listener: ListenerTerms, filter: TopicFilter): { reasonCode: number; reason: string } | null {
  const { wildcardSubscriptionsAvailable, sharedSubscriptionsAvailable } = listener
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
  new UnsubscribeJob(core, connection, packet).begin()
}

class UnsubscribeJob extends FiltersJob<string> {
  protected readonly action = 'unsubscribe'
  protected readonly cost = Units.unsubscribe
  readonly #packet: UnsubscribePacket
  readonly #reasonCodes: number[] = []

  constructor(core: Core, connection: Connection, packet: UnsubscribePacket) {
    super(core, connection, packet.filters)
    this.#packet = packet
  }

  protected filterOf(filter: string): string {
    return filter
  }

  protected one(filter: string, { allowed }: Decision): boolean {
    if (!allowed) this.#reasonCodes.push(ReasonCode.NotAuthorized)
    else this.#reasonCodes.push(unsubscribe(this.core, this.session, filter))
    return true
  }

  protected finish(): void {
    if (this.session.persistent && this.#reasonCodes.includes(ReasonCode.Success)) this.connection.promised()
    const { packetId } = this.#packet
    answer(this.connection, { type: PacketType.Unsuback, packetId, reasonCodes: this.#reasonCodes, properties: {} })
  }
}

/** Filters are compared letter by letter with those that the client sent [MQTT-3.10.4-1]. */
function unsubscribe(core: Core, session: Session, filter: string): number {
  const subscription = session.subscriptions.get(filter)
  if (subscription === undefined) return ReasonCode.NoSubscriptionExisted
  session.subscriptions.delete(filter)
  stopReplay(subscription)
  core.router.remove(subscription)
  if (session.persistent) core.append({ kind: 'unsubscribed', clientId: session.clientId, filter })
  return ReasonCode.Success
}

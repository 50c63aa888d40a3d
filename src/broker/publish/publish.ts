import { PacketType, type PublishView, ReasonCode, reasonCodeName } from '../../protocol/index.ts'
import { answer, disconnect, fail } from '../connection/index.ts'
import type { Connection } from '../connection.ts'
import type { Decision } from '../contracts.ts'
import type { Core } from '../core.ts'
import { distribute } from '../deliver/index.ts'
import { RESERVED_REASON } from '../message/index.ts'
import type { Route } from '../route/index.ts'
import { ALLOWED, publishDecision, ruleOf } from '../rules/index.ts'
import { Units } from '../time/index.ts'
import { acknowledge } from './acknowledge-publish.ts'
import { isNew, take } from './qos2.ts'
import { retain, retainLimit } from './retain.ts'
import { aliasedRoute } from './topic-alias.ts'

/** A PUBLISH from a client: stored for those who are owed it, sent to those who are here, acknowledged. */
export function onPublish(core: Core, connection: Connection, view: PublishView): void {
  const { qos } = view
  if (qos > connection.listener.maximumQoS) {
    fail(connection, ReasonCode.QoSNotSupported, `QoS ${qos} is more than the broker takes (option max_qos)`)
    return
  }
  if (view.retain && !connection.listener.retainAvailable) {
    fail(connection, ReasonCode.RetainNotSupported, 'retained messages are turned off (option retain_available)')
    return
  }
  if (view.hasSubscriptionIdentifier) {
    // [MQTT-3.3.4-6]
    fail(connection, ReasonCode.ProtocolError, 'a Subscription Identifier, which only a server sends')
    return
  }
  const route = routeOf(core, connection, view)
  if (route === null) return
  let decision: Decision = ALLOWED
  if (core.access.rules !== null) {
    const decided = publishDecision(core, connection, route, view)
    if (decided === null || !readersSettled(connection, route)) return
    decision = decided
  }
  core.metrics.publishReceived++
  core.metrics.publishBytesReceived += view.payloadEnd - view.payloadStart
  const { publishRate } = connection
  if (publishRate !== null && !publishRate.count(view.payloadEnd - view.payloadStart)) return
  if (qos === 2 && !isNew(core, connection, view.packetId)) return
  const refusal = refusalOf(core, view, route, decision)
  if (refusal !== null) {
    refuse(core, connection, view, route, refusal)
    return
  }
  const before = core.logPosition
  const { publication } = core
  publication.ofView(core, view, route, connection.origin)
  if (view.retain) retain(core, publication)
  const reached = distribute(core, publication)
  publication.clear()
  if (!core.work.spend(1 + route.direct.length)) connection.reading.waitForTurn()
  if (qos === 0) return
  // Taken only now: should anything above have thrown, it is new when it comes again, and reaches those that it missed.
  if (qos === 2) take(core, connection, view.packetId)
  // An acknowledgement is a promise: it waits until what it promises is in the log.
  // Clearing what was just cleared writes nothing, and still relies on what was written for that.
  if (core.logPosition !== before || view.retain) connection.promised()
  const reasonCode = reached ? ReasonCode.Success : ReasonCode.NoMatchingSubscribers
  acknowledge(core, connection, qos === 1 ? PacketType.Puback : PacketType.Pubrec, view.packetId, reasonCode)
}

/** Whether it is known who may read what is published on that route. If not, the packet comes again when it is. */
function readersSettled({ reading }: Connection, { waiting }: Route): boolean {
  if (waiting === null) return true
  waiting.push(() => reading.answered())
  reading.waitForAnswer()
  return false
}

/** Where the message goes; null if its Topic Alias means nothing. */
function routeOf(core: Core, connection: Connection, view: PublishView): Route | null {
  if (view.topicAlias !== 0) return aliasedRoute(core, connection, view)
  if (connection.route === null) connection.route = core.router.route(view.bytes, view.topicStart, view.topicEnd)
  return connection.route
}

/**
 * Whether the topic is one whose route is known: then its name was checked before. The route is left in the connection
 * for `routeOf`, which comes next. Most publishers keep to one topic, and comparing costs less than looking up.
 */
export function knownRoute(core: Core, connection: Connection, bytes: Uint8Array, start: number, end: number): boolean {
  const last = connection.route
  if (last !== null && sameTopic(last.topicBytes, bytes, start, end) && core.router.current(last)) return true
  connection.route = core.router.known(bytes, start, end)
  return connection.route !== null
}

function sameTopic(topic: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (topic.length !== end - start) return false
  // From the end: topics of one fleet differ there.
  for (let i = topic.length - 1; i >= 0; i--) if (topic[i] !== bytes[start + i]) return false
  return true
}

interface Refusal {
  readonly reasonCode: number
  readonly reason: string
  readonly rule: string
}

const RESERVED: Refusal = {
  reasonCode: ReasonCode.NotAuthorized,
  reason: RESERVED_REASON,
  rule: 'No option changes that',
}

/** What cannot be kept must not be promised. */
function storeFull(core: Core): Refusal {
  return { reasonCode: ReasonCode.QuotaExceeded, reason: 'it cannot be kept', rule: `The store: ${core.store.trouble}` }
}

function refusalOf(core: Core, view: PublishView, route: Route, decision: Decision): Refusal | null {
  if (route.reserved) return RESERVED
  if (!decision.allowed) {
    return { reasonCode: ReasonCode.NotAuthorized, reason: 'it may not publish that', rule: ruleOf(decision) }
  }
  if (core.store.full && (view.qos > 0 || view.retain)) return storeFull(core)
  const { messageSizeLimit, maximumTopicLevels } = core.settings
  if (maximumTopicLevels !== 0 && route.levels > maximumTopicLevels) {
    const rule = `The limit is set by max_topic_levels (${maximumTopicLevels})`
    return { reasonCode: ReasonCode.TopicNameInvalid, reason: `its topic has ${route.levels} levels`, rule }
  }
  const size = view.payloadEnd - view.payloadStart
  if (messageSizeLimit !== 0 && size > messageSizeLimit) {
    const rule = `The limit is set by message_size_limit (${messageSizeLimit} bytes)`
    // PUBACK and PUBREC have no 'Packet too large'.
    return { reasonCode: ReasonCode.QuotaExceeded, reason: `its payload has ${size} bytes`, rule }
  }
  const full = view.retain ? retainLimit(core, route.topic, size) : null
  if (full === null) return null
  const rule = `The limit is set by ${full.option} (${full.limit})`
  return { reasonCode: ReasonCode.QuotaExceeded, reason: 'there is no room to retain it', rule }
}

/** The message goes nowhere. MQTT 5.0 tells the client so; earlier versions have no word for it and are acknowledged. */
function refuse(core: Core, connection: Connection, view: PublishView, route: Route, refusal: Refusal): void {
  const { reasonCode, reason, rule } = refusal
  core.metrics.publishDropped++
  if (!core.work.spend(Units.refuse)) connection.reading.waitForTurn()
  const code = reasonCodeName(reasonCode)
  const what = `a message was refused (${code})`
  core.repeats.note('publishRefused', connection, what, { topic: route.topic, reason, code, rule })
  if (view.qos === 0) return
  if (connection.version !== 5 && core.store.full) {
    // Acknowledged, it would be taken for kept: without a word for no, all that is left is the end.
    disconnect(connection, reasonCode, reason)
    return
  }
  // A refused QoS 2 message is over in MQTT 5.0 [MQTT-4.3.3-9]; in earlier versions PUBREL follows.
  if (view.qos === 2 && connection.version !== 5) take(core, connection, view.packetId)
  const type = view.qos === 1 ? PacketType.Puback : PacketType.Pubrec
  answer(connection, { type, packetId: view.packetId, reasonCode, properties: {} }, reason)
}

import {
  decodeProperties,
  PacketType,
  type Properties,
  PropertyId,
  ProtocolError,
  type PublishView,
  ReasonCode,
} from '../protocol/index.ts'
import { InboundAliases } from '../session/index.ts'
import { Acknowledgements, Receipt } from './acknowledge.ts'
import type { Connection } from './connection.ts'
import { type ClientFilter, type Filters, type Known, matches, type Target, takesRetained } from './filters.ts'
import type { Arrival } from './message.ts'
import { type Clock, text } from './platform.ts'
import type { ClientSession } from './session.ts'
import type { Counters } from './stats.ts'
import { Unclaimed } from './unclaimed.ts'

/**
 * Milliseconds that an application has to subscribe: for so long messages of QoS 0 of an earlier process's Session are
 * held.
 */
const TIME_TO_SUBSCRIBE = 10_000

/** What lasts as long as the Network Connection. */
interface Online {
  readonly connection: Connection
  readonly session: ClientSession
  readonly aliases: InboundAliases<Known>
  readonly acknowledgements: Acknowledgements
  readonly receiveMaximum: number
}

/** What it needs of the client. */
export interface ReceiverSurroundings {
  readonly clock: Clock
  /** A message came that no subscription matches. */
  onUnclaimed(topic: string): void
  /** Decides again whether to read on. */
  regulate(): void
}

/** Incoming messages: from the PUBLISH packet to the subscriptions that match, and the acknowledgement back. */
export class Receiver {
  /**
   * Messages are neither delivered nor acknowledged any more: the broker will send them again when the Session is
   * resumed.
   */
  stopped = false
  readonly #filters: Filters
  readonly #counters: Counters
  readonly #around: ReceiverSurroundings
  readonly #targets: Target[] = []
  #unclaimed: Unclaimed | null = null
  #timer: unknown
  #online: Online | null = null
  /** The event 'unclaimed' was emitted since the last CONNACK. */
  #told = false

  constructor(filters: Filters, counters: Counters, around: ReceiverSurroundings) {
    this.#filters = filters
    this.#counters = counters
    this.#around = around
  }

  /** Messages held for a subscription to come. */
  get held(): number {
    return this.#unclaimed?.size ?? 0
  }

  /** So many are held that reading should stop. */
  get full(): boolean {
    return this.#unclaimed?.full ?? false
  }

  online(connection: Connection, session: ClientSession, receiveMaximum: number, topicAliasMaximum: number): void {
    this.#told = false
    this.#online = {
      connection,
      session,
      aliases: new InboundAliases(topicAliasMaximum),
      acknowledgements: new Acknowledgements(connection, (receipt) => this.#acknowledged(receipt, session)),
      receiveMaximum,
    }
  }

  /**
   * The Session is older than this client, so messages may come before their subscription: they are held. `expected`
   * are the filters that the program will subscribe to, or null; messages for `unwanted` ones are not held.
   */
  expectUnclaimed(expected: readonly string[] | null, unwanted: readonly string[]): void {
    this.#unclaimed = new Unclaimed(expected, unwanted)
    this.#timer = this.#around.clock.setTimeout(() => this.#unclaimedOverdue(), TIME_TO_SUBSCRIBE)
  }

  /**
   * The application had time to subscribe: QoS 0 is no longer held, and an event tells that other messages still are.
   */
  #unclaimedOverdue(): void {
    const unclaimed = this.#unclaimed
    if (unclaimed === null) return
    const { oldest } = unclaimed
    this.#counters.unclaimed += unclaimed.endQoS0()
    if (oldest !== undefined) this.#tell(oldest)
    this.#around.regulate()
  }

  /** Drops held messages: the broker has forgotten the Session that they came from. */
  stopUnclaimed(): void {
    this.#around.clock.clearTimeout(this.#timer)
    this.#counters.unclaimed += this.held
    this.#unclaimed = null
  }

  offline(): void {
    this.#online = null
    this.#unclaimed?.offline()
  }

  /**
   * A subscription gets the messages held for it: those of QoS 0 at once, the others once the broker has granted it, as
   * a refused subscription would lose them.
   */
  claim(filter: ClientFilter, target: Target, granted: boolean): void {
    const unclaimed = this.#unclaimed
    if (unclaimed === null) return
    if (!granted) unclaimed.expect(filter.pattern)
    unclaimed.take((arrival) => {
      if (arrival.qos > 0 !== granted || !matches(filter, arrival.topic)) return false
      // The subscription's `ack` rule decides about the acknowledgement from now on.
      const { receipt } = arrival
      if (receipt !== null && target.subscription.holdsBack) receipt.holders++
      target.subscription.receive({ ...arrival, receipt: target.subscription.holdsBack ? receipt : null }, target.names)
      receipt?.release(0)
      return true
    })
    this.#around.regulate()
  }

  /** The filter was given up: messages held for it are acknowledged. */
  giveUp(filter: string): void {
    if (this.#unclaimed === null) return
    this.#counters.unclaimed += this.#unclaimed.giveUp(filter)
    this.#around.regulate()
  }

  onPublish(view: PublishView): void {
    const online = this.#online!
    const known = this.#topicOf(view, online)
    this.#counters.messagesReceived++
    if (this.stopped || (view.qos === 2 && this.#repeated(view.packetId, online))) return
    const identifier = onlyIdentifier(view)
    let properties: Properties | null = null
    if (identifier === MORE) {
      properties = decodeProperties(view.bytes, view.propertiesStart, view.propertiesEnd, text)
      delete properties.topicAlias
    }
    const targets = this.#targetsOf(view, known, identifier, properties, online.session)
    const arrival: Arrival = {
      topic: known.topic,
      bytes: view.bytes.slice(view.payloadStart, view.payloadEnd),
      qos: view.qos,
      retain: view.retain,
      dup: view.dup,
      packetId: view.packetId,
      properties,
      receipt: null,
    }
    if (targets.length === 0) this.#unwanted(arrival, view, online)
    else if (view.qos === 0) for (const { subscription, names } of targets) subscription.receive(arrival, names)
    else this.#deliver(arrival, view, targets, online)
    targets.length = 0
  }

  onPubrel(packetId: number): void {
    const { session, connection } = this.#online!
    const known = session.inbound.release(packetId)
    const reasonCode = known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound
    connection.acknowledge(PacketType.Pubcomp, packetId, reasonCode)
  }

  #topicOf(view: PublishView, { aliases }: Online): Known {
    const { topicAlias, topicStart, topicEnd } = view
    if (topicAlias === 0) return this.#filters.know(view)
    if (topicAlias > aliases.maximum) {
      const words = `Topic Alias ${topicAlias} is above the maximum of ${aliases.maximum}`
      throw new ProtocolError(ReasonCode.TopicAliasInvalid, words, 0)
    }
    if (topicEnd > topicStart) {
      const known = this.#filters.know(view)
      aliases.set(topicAlias, known)
      return known
    }
    const known = aliases.get(topicAlias)
    if (known === undefined) {
      throw new ProtocolError(ReasonCode.ProtocolError, `Topic Alias ${topicAlias} was not set`, 0)
    }
    return known
  }

  /** Whether this QoS 2 message is a repeat, not yet released: it is not delivered again [MQTT-4.3.3-10]. */
  #repeated(packetId: number, { session, acknowledgements }: Online): boolean {
    if (!session.inbound.has(packetId)) {
      session.inbound.add(packetId)
      return false
    }
    const receipt = session.unacknowledged.get(packetId) ?? new Receipt(packetId, 2, 0)
    acknowledgements.add(receipt)
    return true
  }

  #targetsOf(
    view: PublishView,
    known: Known,
    identifier: number,
    properties: Properties | null,
    session: ClientSession,
  ): Target[] {
    const targets = this.#targets
    if (identifier > 0) {
      this.#addIdentified(identifier, view, known, session)
    } else if (properties?.subscriptionIdentifiers !== undefined) {
      for (const one of properties.subscriptionIdentifiers) this.#addIdentified(one, view, known, session)
      // The client chose them; the application has no use for them.
      delete properties.subscriptionIdentifiers
    }
    if (targets.length === 0) for (const filter of this.#filters.match(known)) this.#addTargets(filter, view, known)
    return targets
  }

  #addIdentified(identifier: number, view: PublishView, known: Known, session: ClientSession): void {
    const filter = this.#filters.identified(identifier)
    // In a Session of an earlier process the identifier may mean another filter.
    if (filter === undefined || (session.inherited && !matches(filter, known.topic))) return
    this.#addTargets(filter, view, known)
  }

  #addTargets(filter: ClientFilter, view: PublishView, known: Known): void {
    for (const target of filter.targets) {
      if (view.retain && !takesRetained(filter, target, known.topic)) continue
      if (this.#unclaimed !== null && view.qos > 0 && !target.subscription.ready) continue
      if (this.#targets.some((other) => other.subscription === target.subscription)) continue
      this.#targets.push(target)
    }
  }

  #deliver(arrival: Arrival, { qos, packetId }: PublishView, targets: readonly Target[], online: Online): void {
    const holders = targets.reduce((count, { subscription }) => (subscription.holdsBack ? count + 1 : count), 0)
    const receipt = this.#owe(packetId, qos as 1 | 2, holders, online)
    for (const { subscription, names } of targets) {
      subscription.receive(subscription.holdsBack ? { ...arrival, receipt } : arrival, names)
    }
  }

  /** Acknowledges at once, unless the acknowledgement of this message or an earlier one is held back. */
  #owe(packetId: number, qos: 1 | 2, holders: number, online: Online): Receipt | null {
    const { acknowledgements, connection, session, receiveMaximum } = online
    if (holders === 0 && acknowledgements.empty) {
      acknowledgements.write(packetId, qos, ReasonCode.Success)
      return null
    }
    if (connection.version === 5 && acknowledgements.size >= receiveMaximum) {
      const words = `More than ${receiveMaximum} messages came without an acknowledgement`
      throw new ProtocolError(ReasonCode.ReceiveMaximumExceeded, words, 0)
    }
    const receipt = new Receipt(packetId, qos, holders)
    if (qos === 2) session.unacknowledged.set(packetId, receipt)
    acknowledgements.add(receipt)
    return receipt
  }

  #acknowledged({ packetId, qos, reasonCode }: Receipt, session: ClientSession): void {
    if (qos === 1) return
    session.unacknowledged.delete(packetId)
    // A refused message is forgotten [MQTT-4.3.3-9]; only MQTT 5.0 can refuse.
    if (reasonCode >= 0x80 && this.#online?.connection.version === 5) session.inbound.release(packetId)
  }

  #unwanted(arrival: Arrival, { qos, packetId }: PublishView, online: Online): void {
    const unclaimed = online.session.inherited ? this.#unclaimed : null
    if (unclaimed?.awaits(arrival.topic, qos)) {
      const receipt = qos === 0 ? null : this.#owe(packetId, qos, 1, online)
      if (!unclaimed.hold({ ...arrival, receipt })) this.#counters.unclaimed++
      if (unclaimed.overdue) this.#tell(arrival.topic)
      if (unclaimed.full) this.#around.regulate()
      return
    }
    if (qos > 0) this.#owe(packetId, qos as 1 | 2, 0, online)
    this.#counters.unclaimed++
    this.#tell(arrival.topic)
  }

  #tell(topic: string): void {
    if (this.#told) return
    this.#told = true
    this.#around.onUnclaimed(topic)
  }
}

/** onlyIdentifier: there are other properties, or several identifiers. */
const MORE = -1

/**
 * The Subscription Identifier, or 0, of a message without other properties (but for a Topic Alias), as most are: the
 * application need not see any. Else MORE.
 */
function onlyIdentifier({ bytes, propertiesStart, propertiesEnd }: PublishView): number {
  let identifier = 0
  let at = propertiesStart
  while (at < propertiesEnd) {
    const property = bytes[at++]
    if (property === PropertyId.TopicAlias) {
      at += 2
      continue
    }
    if (property !== PropertyId.SubscriptionIdentifier || identifier !== 0) return MORE
    for (let shift = 0, byte = 128; byte >= 128; shift += 7) {
      byte = bytes[at++]!
      identifier |= (byte & 127) << shift
    }
  }
  return identifier
}

import {
  type ControlPacket,
  encodedLength,
  PacketType,
  type Properties,
  type QoS,
  ReasonCode,
  type SubackPacket,
  type SubscriptionRequest,
  type UnsubackPacket,
} from '../protocol/index.ts'
import { packetIdAt } from '../session/index.ts'
import type { Connection } from './connection.ts'
import { MqttError, reasonWords, toMqttError } from './errors.ts'
import { type ClientFilter, ControlRequest, type Filters } from './filters.ts'
import { type Clock, text } from './platform.ts'
import { LARGEST_PACKET, type ServerLimits } from './server-limits.ts'
import type { ClientSession } from './session.ts'

/** Topic Filters in one packet, where filters can share one. */
const FILTERS_IN_A_PACKET = 100
/** Unanswered requests at most, so that ten thousand subscriptions do not flood the broker. */
const UNANSWERED = 500

/**
 * Sends SUBSCRIBE and UNSUBSCRIBE until the broker has the filters that we want. A filter has at most one unanswered
 * request; after the answer it is checked again. So nothing is requested twice, and what a lost connection left open is
 * requested again.
 */
export class SubscribePackets {
  readonly #filters: Filters
  readonly #clock: Clock
  /** The broker refused to restore a filter that it had granted. */
  readonly #onRefused: (filter: ClientFilter, error: MqttError) => void
  #connection: Connection | null = null
  #session: ClientSession | null = null
  #limits: ServerLimits | null = null
  #unanswered = 0
  /** Requests that wait until fewer are unanswered. */
  #ready: ControlRequest[] = []

  constructor(filters: Filters, clock: Clock, onRefused: (filter: ClientFilter, error: MqttError) => void) {
    this.#filters = filters
    this.#clock = clock
    this.#onRefused = onRefused
  }

  /** A connection is open. Unless the Session was resumed, the broker has none of our filters. */
  online(connection: Connection, session: ClientSession, limits: ServerLimits, resumed: boolean): void {
    this.#connection = connection
    this.#session = session
    this.#limits = limits
    for (const filter of this.#filters.all()) {
      filter.refused = false
      if (!resumed) filter.brokerHas = false
    }
    this.reconcile([...this.#filters.all()])
  }

  offline(): void {
    this.#connection = null
    this.#unanswered = 0
    this.#ready = []
    for (const filter of [...this.#filters.all()]) {
      if (filter.asking !== null) {
        filter.asking = null
        filter.askers = [...filter.asked.splice(0), ...filter.askers]
        // It may not have arrived, so it is sent again.
        filter.stale = true
      }
      this.#forget(filter)
    }
  }

  /** Ends all subscriptions and rejects all who wait. */
  close(closed: MqttError, error: MqttError | null): void {
    this.#connection = null
    this.#session = null
    for (const filter of [...this.#filters.all()]) {
      for (const asker of [...filter.asked.splice(0), ...filter.askers.splice(0)]) asker(closed)
      for (const leaver of filter.leavers.splice(0)) leaver.reject(closed)
      for (const { subscription } of filter.targets) subscription.end(error, error === null ? 'forget' : 'keep')
      filter.targets = []
      filter.asking = null
      this.#forget(filter)
    }
  }

  /** Sends what these filters need. */
  reconcile(filters: Iterable<ClientFilter>): void {
    const subscribe: ClientFilter[] = []
    const unsubscribe: ClientFilter[] = []
    for (const filter of filters) {
      if (filter.asking !== null || this.#forget(filter)) continue
      const wanted = filter.targets.length > 0
      if (wanted && !filter.refused && (!filter.brokerHas || filter.stale)) subscribe.push(filter)
      else if (!wanted && filter.brokerHas) unsubscribe.push(filter)
    }
    if (this.#connection === null) return
    const limits = this.#limits!
    // A packet has one Subscription Identifier, so each filter needs its own packet.
    const single = limits.subscriptionIdentifiersAvailable || limits.maximumPacketSize < LARGEST_PACKET
    for (const group of groupsOf(subscribe, single)) this.#ready.push(new ControlRequest('subscribe', group))
    for (const group of groupsOf(unsubscribe, single)) this.#ready.push(new ControlRequest('unsubscribe', group))
    for (const filter of [...subscribe, ...unsubscribe]) filter.asking = 'later'
    this.askNext()
  }

  onAnswer(request: ControlRequest, { reasonCodes, properties }: SubackPacket | UnsubackPacket): void {
    this.#unanswered--
    for (const [i, filter] of request.filters.entries()) {
      filter.asking = null
      if (request.kind === 'unsubscribe') {
        filter.brokerHas = false
        continue
      }
      const reasonCode = reasonCodes[i] ?? ReasonCode.UnspecifiedError
      this.#answered(filter, reasonCode, properties.reasonString)
    }
    this.reconcile(request.filters)
    this.askNext()
  }

  #answered(filter: ClientFilter, reasonCode: number, reasonString: string | undefined): void {
    const askers = filter.asked
    filter.asked = []
    filter.refused = reasonCode >= 0x80
    if (!filter.refused) {
      filter.brokerHas = true
      for (const asker of askers) asker(reasonCode as QoS)
      return
    }
    const error = subscribeError(filter.source, reasonCode, reasonString)
    for (const asker of askers) asker(error)
    if (askers.length === 0) this.#onRefused(filter, error)
  }

  /**
   * Sends waiting requests while there are Packet Identifiers. Call it when one becomes free, before messages take it.
   */
  askNext(): void {
    while (this.#ready.length > 0 && this.#unanswered < UNANSWERED && !this.#session!.outbound.exhausted) {
      this.#ask(this.#ready.shift()!)
    }
  }

  #ask(request: ControlRequest): void {
    const { kind, filters } = request
    const { outbound } = this.#session!
    const packet = controlPacket(request, packetIdAt(outbound.tail), this.#limits!)
    for (const filter of filters) {
      filter.asking = kind
      filter.stale = false
      if (kind === 'unsubscribe') continue
      filter.asked = filter.askers.splice(0)
      for (const target of filter.targets) target.asked(this.#clock.now(), !filter.brokerHas)
    }
    try {
      checkLength(packet, this.#limits!)
      this.#connection!.write(packet)
    } catch (cause) {
      for (const filter of filters) this.#impossible(filter, toMqttError(cause, 'ERR_OPTION'))
      return
    }
    outbound.sendControl(request)
    this.#unanswered++
  }

  /** The request cannot be encoded, or is too large. */
  #impossible(filter: ClientFilter, error: MqttError): void {
    filter.asking = null
    if (filter.targets.length === 0) {
      filter.brokerHas = false
      for (const leaver of filter.leavers.splice(0)) leaver.reject(error)
      this.#forget(filter)
      return
    }
    filter.refused = true
    const askers = filter.asked.splice(0)
    for (const asker of askers) asker(error)
    if (askers.length === 0) this.#onRefused(filter, error)
  }

  /** Removes a filter that has no target and that the broker does not have. True if it is gone. */
  #forget(filter: ClientFilter): boolean {
    if (filter.targets.length > 0 || filter.asking !== null) return false
    const keeps = filter.brokerHas && this.#session !== null
    if (keeps && this.#connection !== null) return false
    const waiting = keeps ? filter.leavers.filter(({ patient }) => patient) : []
    for (const leaver of filter.leavers) if (!waiting.includes(leaver)) leaver.resolve()
    filter.leavers = waiting
    if (!keeps) this.#filters.remove(filter)
    return !keeps
  }
}

function controlPacket({ kind, filters }: ControlRequest, packetId: number, limits: ServerLimits): ControlPacket {
  const { identifier, options, goodbye } = filters[0]!
  if (kind === 'unsubscribe') {
    return {
      type: PacketType.Unsubscribe,
      packetId,
      filters: filters.map((filter) => filter.source),
      properties: goodbye === undefined ? {} : { userProperties: goodbye },
    }
  }
  const properties: Properties = {}
  if (limits.subscriptionIdentifiersAvailable) properties.subscriptionIdentifiers = [identifier]
  if (options.userProperties !== undefined) properties.userProperties = options.userProperties
  return { type: PacketType.Subscribe, packetId, subscriptions: filters.map(subscriptionRequest), properties }
}

function subscriptionRequest({ source, options }: ClientFilter): SubscriptionRequest {
  const { qos, noLocal, retainAsPublished, retainHandling } = options
  return { filter: source, qos, noLocal, retainAsPublished, retainHandling }
}

/** [MQTT-3.2.2-15] */
function checkLength(packet: ControlPacket, { maximumPacketSize, protocol }: ServerLimits): void {
  if (maximumPacketSize === LARGEST_PACKET || encodedLength(packet, protocol, text) <= maximumPacketSize) return
  const words = `The filter makes a packet of more than ${maximumPacketSize} bytes, the most that the broker accepts`
  throw new MqttError('ERR_TOO_LARGE', words, { reasonCode: ReasonCode.PacketTooLarge })
}

function groupsOf(filters: readonly ClientFilter[], single: boolean): ClientFilter[][] {
  const size = single ? 1 : FILTERS_IN_A_PACKET
  const groups: ClientFilter[][] = []
  for (let i = 0; i < filters.length; i += size) groups.push(filters.slice(i, i + size))
  return groups
}

function subscribeError(filter: string, reasonCode: number, reasonString: string | undefined): MqttError {
  const denied = reasonCode === ReasonCode.NotAuthorized
  const words = `The broker refused the subscription to '${filter}': ${reasonWords(reasonCode, reasonString)}`
  return new MqttError(denied ? 'ERR_DENIED' : 'ERR_REJECTED', words, { reasonCode, reasonString })
}

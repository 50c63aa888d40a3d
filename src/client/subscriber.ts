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
import { type Clock, text } from './platform.ts'
import { ControlRequest, type Route, type Routes } from './routes.ts'
import { LARGEST_PACKET, type ServerLimits } from './server-limits.ts'
import type { ClientSession } from './session.ts'

/** Topic Filters in one packet, where they can share one. */
const FILTERS_IN_A_PACKET = 100
/** Requests that may be unanswered: ten thousand subscriptions are not thrown at the broker at once. */
const UNANSWERED = 500

/**
 * Makes the broker's subscriptions what the routes want them to be. A route has one request under way at most; when that
 * is answered it is looked at again. So nothing is asked for twice, and what was lost with a connection is asked again.
 */
export class Subscriber {
  readonly #routes: Routes
  readonly #clock: Clock
  /** A route that the broker had granted was refused when it was to be restored. */
  readonly #onRefused: (route: Route, error: MqttError) => void
  #connection: Connection | null = null
  #session: ClientSession | null = null
  #limits: ServerLimits | null = null
  #unanswered = 0
  /** Requests that wait for others to be answered. */
  #ready: ControlRequest[] = []

  constructor(routes: Routes, clock: Clock, onRefused: (route: Route, error: MqttError) => void) {
    this.#routes = routes
    this.#clock = clock
    this.#onRefused = onRefused
  }

  /** A connection is open: without the Session's resumption the broker has none of our subscriptions. */
  online(connection: Connection, session: ClientSession, limits: ServerLimits, resumed: boolean): void {
    this.#connection = connection
    this.#session = session
    this.#limits = limits
    for (const route of this.#routes.all()) {
      route.refused = false
      if (!resumed) route.held = false
    }
    this.reconcile([...this.#routes.all()])
  }

  offline(): void {
    this.#connection = null
    this.#unanswered = 0
    this.#ready = []
    for (const route of [...this.#routes.all()]) {
      if (route.asking !== null) {
        route.asking = null
        route.askers = [...route.asked.splice(0), ...route.askers]
        // Whether it arrived is unknown, so it is as if it had not.
        route.stale = true
      }
      this.#forget(route)
    }
  }

  /** Nothing will be granted any more. */
  close(closed: MqttError, error: MqttError | null): void {
    this.#connection = null
    this.#session = null
    for (const route of [...this.#routes.all()]) {
      for (const asker of [...route.asked.splice(0), ...route.askers.splice(0)]) asker(closed)
      for (const leaver of route.leavers.splice(0)) leaver.reject(closed)
      for (const { queue } of route.targets) queue.end(error, error === null ? 'forget' : 'keep')
      route.targets = []
      route.asking = null
      this.#forget(route)
    }
  }

  /** Sends what makes these routes what they shall be. */
  reconcile(routes: Iterable<Route>): void {
    const subscribe: Route[] = []
    const unsubscribe: Route[] = []
    for (const route of routes) {
      if (route.asking !== null || this.#forget(route)) continue
      const wanted = route.targets.length > 0
      if (wanted && !route.refused && (!route.held || route.stale)) subscribe.push(route)
      else if (!wanted && route.held) unsubscribe.push(route)
    }
    if (this.#connection === null) return
    const limits = this.#limits!
    // A Subscription Identifier belongs to a packet, so each route that has one needs its own.
    const single = limits.subscriptionIdentifiersAvailable || limits.maximumPacketSize < LARGEST_PACKET
    for (const group of groupsOf(subscribe, single)) this.#ready.push(new ControlRequest('subscribe', group))
    for (const group of groupsOf(unsubscribe, single)) this.#ready.push(new ControlRequest('unsubscribe', group))
    for (const route of [...subscribe, ...unsubscribe]) route.asking = 'later'
    this.askNext()
  }

  onAnswer(request: ControlRequest, { reasonCodes, properties }: SubackPacket | UnsubackPacket): void {
    this.#unanswered--
    for (const [i, route] of request.routes.entries()) {
      route.asking = null
      if (request.kind === 'unsubscribe') {
        route.held = false
        continue
      }
      const reasonCode = reasonCodes[i] ?? ReasonCode.UnspecifiedError
      this.#answered(route, reasonCode, properties.reasonString)
    }
    this.reconcile(request.routes)
    this.askNext()
  }

  #answered(route: Route, reasonCode: number, reasonString: string | undefined): void {
    const askers = route.asked
    route.asked = []
    route.refused = reasonCode >= 0x80
    if (!route.refused) {
      route.held = true
      for (const asker of askers) asker(reasonCode as QoS)
      return
    }
    const error = subscribeError(route.filter.source, reasonCode, reasonString)
    for (const asker of askers) asker(error)
    if (askers.length === 0) this.#onRefused(route, error)
  }

  /** Sends what waits, as far as there are Packet Identifiers: to be called when one is free again, before messages take it. */
  askNext(): void {
    while (this.#ready.length > 0 && this.#unanswered < UNANSWERED && !this.#session!.outbound.exhausted) {
      this.#ask(this.#ready.shift()!)
    }
  }

  #ask(request: ControlRequest): void {
    const { kind, routes } = request
    const { outbound } = this.#session!
    const packet = controlPacket(request, packetIdAt(outbound.tail), this.#limits!)
    for (const route of routes) {
      route.asking = kind
      route.stale = false
      if (kind === 'unsubscribe') continue
      route.asked = route.askers.splice(0)
      for (const target of route.targets) target.asked(this.#clock.now(), !route.held)
    }
    try {
      checkLength(packet, this.#limits!)
      this.#connection!.write(packet)
    } catch (cause) {
      for (const route of routes) this.#impossible(route, toMqttError(cause, 'ERR_OPTION'))
      return
    }
    outbound.sendControl(request)
    this.#unanswered++
  }

  /** It cannot be sent at all. */
  #impossible(route: Route, error: MqttError): void {
    route.asking = null
    if (route.targets.length === 0) {
      route.held = false
      for (const leaver of route.leavers.splice(0)) leaver.reject(error)
      this.#forget(route)
      return
    }
    route.refused = true
    const askers = route.asked.splice(0)
    for (const asker of askers) asker(error)
    if (askers.length === 0) this.#onRefused(route, error)
  }

  /** A route that nobody wants, and the broker does not have, is no more. */
  #forget(route: Route): boolean {
    if (route.targets.length > 0 || route.asking !== null) return false
    const keeps = route.held && this.#session !== null
    if (keeps && this.#connection !== null) return false
    const waiting = keeps ? route.leavers.filter(({ patient }) => patient) : []
    for (const leaver of route.leavers) if (!waiting.includes(leaver)) leaver.resolve()
    route.leavers = waiting
    if (!keeps) this.#routes.remove(route)
    return !keeps
  }
}

function controlPacket({ kind, routes }: ControlRequest, packetId: number, limits: ServerLimits): ControlPacket {
  const { identifier, options, goodbye } = routes[0]!
  if (kind === 'unsubscribe') {
    return {
      type: PacketType.Unsubscribe,
      packetId,
      filters: routes.map((route) => route.filter.source),
      properties: goodbye === undefined ? {} : { userProperties: goodbye },
    }
  }
  const properties: Properties = {}
  if (limits.subscriptionIdentifiersAvailable) properties.subscriptionIdentifiers = [identifier]
  if (options.userProperties !== undefined) properties.userProperties = options.userProperties
  return { type: PacketType.Subscribe, packetId, subscriptions: routes.map(subscriptionRequest), properties }
}

function subscriptionRequest({ filter, options }: Route): SubscriptionRequest {
  const { qos, noLocal, retainAsPublished, retainHandling } = options
  return { filter: filter.source, qos, noLocal, retainAsPublished, retainHandling }
}

/** [MQTT-3.2.2-15] */
function checkLength(packet: ControlPacket, { maximumPacketSize, protocol }: ServerLimits): void {
  if (maximumPacketSize === LARGEST_PACKET || encodedLength(packet, protocol, text) <= maximumPacketSize) return
  const words = `The filter makes a packet of more than ${maximumPacketSize} bytes, the most that the broker accepts`
  throw new MqttError('ERR_TOO_LARGE', words, { reasonCode: ReasonCode.PacketTooLarge })
}

function groupsOf(routes: readonly Route[], single: boolean): Route[][] {
  const size = single ? 1 : FILTERS_IN_A_PACKET
  const groups: Route[][] = []
  for (let i = 0; i < routes.length; i += size) groups.push(routes.slice(i, i + size))
  return groups
}

function subscribeError(filter: string, reasonCode: number, reasonString: string | undefined): MqttError {
  const denied = reasonCode === ReasonCode.NotAuthorized
  const words = `The broker refused the subscription to '${filter}': ${reasonWords(reasonCode, reasonString)}`
  return new MqttError(denied ? 'ERR_DENIED' : 'ERR_REJECTED', words, { reasonCode, reasonString })
}

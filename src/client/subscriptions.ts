import { type QoS, ReasonCode } from '../protocol/index.ts'
import type { TopicFilter } from '../topics/index.ts'
import { onAbort } from './abort-signals.ts'
import type { SubscribeOptions, UnsubscribeOptions } from './api.ts'
import { aborted, MqttError } from './errors.ts'
import type { Events } from './events.ts'
import { type NamedFilter, readNamedFilter } from './params.ts'
import { type Clock, text } from './platform.ts'
import type { Receiver } from './receiver.ts'
import { type Route, type RouteOptions, type Routes, readFilter, Target } from './routes.ts'
import type { ServerLimits } from './server-limits.ts'
import type { Counters } from './stats.ts'
import type { Subscriber } from './subscriber.ts'
import { BUFFERED_BYTES, MessageQueue, type SubscriptionHost } from './subscription.ts'

interface Surroundings {
  readonly clock: Clock
  readonly events: Events
  /** Looks again at whether to read on. */
  readonly regulate: () => void
  readonly maximumBufferedBytes?: number
}

type Queue = MessageQueue<unknown, unknown>

/** A filter as the application named it, and as the broker gets it. */
interface Wanted {
  readonly names: NamedFilter['names']
  readonly filter: TopicFilter
}

const RETAIN_HANDLING = { send: 0, 'if-new': 1, skip: 2 } as const
const LONGEST_FILTER = 65_535

/** What the application subscribed to: from its call to routes, and back when it leaves. */
export class Subscriptions implements SubscriptionHost {
  /** Subscriptions whose buffer is full, and that want reading to stop. */
  full = 0
  bufferedBytes = 0
  readonly maximumBufferedBytes: number
  readonly clock: Clock
  readonly #routes: Routes
  readonly #subscriber: Subscriber
  readonly #receiver: Receiver
  readonly #counters: Counters
  readonly #around: Surroundings
  readonly #live: Map<Queue, Route[]> = new Map()
  /** Takes a subscription's listener off its signal, which may outlive it by far. */
  readonly #deaf: Map<Queue, () => void> = new Map()
  #onConsumed: (() => void) | null = null

  constructor(routes: Routes, subscriber: Subscriber, receiver: Receiver, counters: Counters, around: Surroundings) {
    this.#routes = routes
    this.#subscriber = subscriber
    this.#receiver = receiver
    this.#counters = counters
    this.clock = around.clock
    this.maximumBufferedBytes = around.maximumBufferedBytes ?? BUFFERED_BYTES
    this.#around = around
  }

  /** Resolves when the broker has granted the filters; rejects, and takes them back, if it does not or the signal fires. */
  async subscribe<T, P>(
    filters: readonly string[],
    options: SubscribeOptions<T>,
    limits: ServerLimits,
  ): Promise<MessageQueue<T, P>> {
    const { signal } = options
    if (signal?.aborted) throw aborted(signal, 'Nothing was subscribed to')
    const wanted = filters.map((source) => readWanted(source, options, limits))
    const queue = new MessageQueue<T, P>(this, options)
    const live = queue as unknown as Queue
    queue.filters = wanted.map(({ filter }) => filter.source)
    const leave = () => {
      void live.unsubscribe()
    }
    const asked = routeOptions(options)
    if (signal !== undefined) this.#deaf.set(live, onAbort(signal, leave))
    try {
      const answers = this.#ask(live, wanted, asked)
      this.#around.regulate()
      this.#settle(live, await orAborted(answers, signal), options.partial === true)
    } catch (error) {
      leave()
      throw error
    }
    return queue
  }

  /** Has the broker give up filters that the Session brought with it; resolves when it has. */
  async unsubscribe(filters: readonly string[], { userProperties }: UnsubscribeOptions): Promise<void> {
    const given = filters.map(readFilter)
    for (const { source } of given) {
      if ((this.#routes.find(source)?.targets.length ?? 0) === 0) continue
      throw new MqttError('ERR_OPTION', `'${source}' is subscribed to here: end that subscription`)
    }
    const routes = new Set<Route>()
    for (const filter of given) {
      const route = this.#routes.find(filter.source) ?? this.#routes.add(filter, routeOptions({}))
      route.held = true
      route.goodbye = userProperties
      routes.add(route)
      this.#receiver.giveUp(route.filter.filter)
    }
    await this.#given(routes, true)
  }

  /** The broker would not restore a route. */
  refused(route: Route, error: MqttError): void {
    for (const { queue } of route.targets) {
      const routes = (this.#live.get(queue) ?? []).filter((other) => other !== route)
      if (routes.length > 0) {
        this.#live.set(queue, routes)
        continue
      }
      this.#forget(queue)
      queue.end(error, 'keep')
    }
    route.targets = []
    this.#subscriber.reconcile([route])
  }

  /** Ends all of them; resolves when what they hold was consumed. */
  consume(): Promise<void> {
    for (const queue of this.#live.keys()) queue.end(null, 'keep')
    return new Promise((resolve) => {
      this.#onConsumed = resolve
      this.consumed()
    })
  }

  // From a subscription

  consumed(): void {
    if (this.#onConsumed === null) return
    for (const queue of this.#live.keys()) if (!queue.consumed) return
    this.#onConsumed()
  }

  filled(full: boolean): void {
    this.full += full ? 1 : -1
    this.#around.regulate()
  }

  overflowed(queue: Queue, first: boolean): void {
    this.#counters.dropped++
    if (first) this.#around.events.emit({ type: 'overflow', filters: queue.filters })
  }

  async left(queue: Queue): Promise<void> {
    const routes = this.#live.get(queue)
    this.#forget(queue)
    if (routes === undefined) return
    const left = this.#detach(queue, routes)
    // What was never granted was never given up: messages may wait for it still.
    if (queue.ready)
      for (const route of routes) if (route.targets.length === 0) this.#receiver.giveUp(route.filter.filter)
    await left
  }

  #forget(queue: Queue): void {
    this.#live.delete(queue)
    this.#deaf.get(queue)?.()
    this.#deaf.delete(queue)
  }

  #ask(queue: Queue, wanted: readonly Wanted[], options: RouteOptions): Promise<(QoS | MqttError)[]> {
    const routes: Route[] = []
    this.#live.set(queue, routes)
    const answers = wanted.map(({ names, filter }) => {
      const route = this.#routes.find(filter.source) ?? this.#routes.add(filter, options)
      const target = new Target(queue, names)
      // Others may have the same filter, and shall not get less for it.
      const qos = route.targets.length > 0 && route.options.qos > options.qos ? route.options.qos : options.qos
      route.options = { ...options, qos }
      route.targets = [...route.targets, target]
      route.stale = true
      route.refused = false
      routes.push(route)
      this.#receiver.claim(route, target, false)
      return new Promise<QoS | MqttError>((resolve) => route.askers.push(resolve))
    })
    this.#subscriber.reconcile(new Set(routes))
    return Promise.all(answers)
  }

  /** All were answered: throws if one is refused, or, if some will do, if all are. */
  #settle(queue: Queue, answers: readonly (QoS | MqttError)[], partial: boolean): void {
    const routes = this.#live.get(queue)
    if (routes === undefined) throw new MqttError('ERR_CLOSED', 'The subscription has ended')
    const granted: Route[] = []
    let lowest: QoS = 2
    for (const [i, answer] of answers.entries()) {
      if (answer instanceof MqttError) {
        queue.refused.push({ filter: queue.filters[i]!, error: answer })
      } else {
        granted.push(routes[i]!)
        if (answer < lowest) lowest = answer
      }
    }
    const first = queue.refused[0]
    if (first !== undefined && (!partial || granted.length === 0)) throw first.error
    queue.granted = lowest
    queue.ready = true
    this.#live.set(queue, granted)
    for (const route of granted) {
      for (const target of route.targets) if (target.queue === queue) this.#receiver.claim(route, target, true)
    }
    const others = routes.filter((route) => !granted.includes(route))
    this.#detach(queue, others).catch(() => {})
  }

  /** Takes the subscription off these routes; resolves when the broker knows of those that nobody wants any more. */
  async #detach(queue: Queue, routes: readonly Route[]): Promise<void> {
    const own = new Set(routes)
    for (const route of own) route.targets = route.targets.filter((target) => target.queue !== queue)
    await this.#given(own, false)
  }

  /** Resolves when the broker has given up those of the routes that nobody wants. */
  async #given(routes: ReadonlySet<Route>, patient: boolean): Promise<void> {
    const left: Promise<void>[] = []
    for (const route of routes) {
      if (route.targets.length > 0) continue
      left.push(new Promise((resolve, reject) => route.leavers.push({ patient, resolve, reject })))
    }
    this.#subscriber.reconcile(routes)
    this.#around.regulate()
    await Promise.all(left)
  }

  /** The client is closed: all have ended. */
  close(): void {
    for (const queue of [...this.#live.keys()]) this.#forget(queue)
  }
}

function routeOptions<T>(options: SubscribeOptions<T>): RouteOptions {
  const { qos = 0, noLocal = false, retainAsPublished = false, retained = 'send', userProperties } = options
  return { qos, noLocal, retainAsPublished, retainHandling: RETAIN_HANDLING[retained], userProperties }
}

/** Throws MqttError if the filter is not valid, or the broker has said that it would not take it. */
function readWanted<T>(
  source: string,
  { share, noLocal, named: mayBeNamed }: SubscribeOptions<T>,
  limits: ServerLimits,
): Wanted {
  if (typeof source !== 'string') readFilter(source)
  // Its second level would be taken for the filter's first.
  if (share?.includes('/')) throw new MqttError('ERR_OPTION', `share is '${share}': the name of a group has no '/'`)
  const named: NamedFilter = mayBeNamed === false ? { filter: source, names: [] } : readNamedFilter(source)
  const filter = readFilter(share === undefined ? named.filter : `$share/${share}/${named.filter}`)
  if (text.byteLength(filter.source) > LONGEST_FILTER) {
    throw new MqttError('ERR_TOPIC', `A topic filter has at most ${LONGEST_FILTER} bytes`)
  }
  if (filter.share !== null && !limits.sharedSubscriptionAvailable) {
    throw new MqttError('ERR_UNSUPPORTED', 'The broker has no shared subscriptions', {
      reasonCode: ReasonCode.SharedSubscriptionsNotSupported,
    })
  }
  if (filter.share !== null && noLocal === true) {
    throw new MqttError('ERR_OPTION', 'A shared subscription cannot have noLocal') // [MQTT-3.8.3-4]
  }
  if (filter.wildcard && !limits.wildcardSubscriptionAvailable) {
    throw new MqttError('ERR_UNSUPPORTED', 'The broker has no wildcard subscriptions', {
      reasonCode: ReasonCode.WildcardSubscriptionsNotSupported,
    })
  }
  // `$share/group/` written by hand stands before the levels.
  const shift = share === undefined && filter.share !== null ? -2 : 0
  return {
    filter,
    names: shift === 0 ? named.names : named.names.map(({ name, level }) => ({ name, level: level + shift })),
  }
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const forget = onAbort(signal, () => reject(aborted(signal, 'The subscription was given up')))
    promise.then(resolve, reject).finally(forget)
  })
}

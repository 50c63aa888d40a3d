import type { QoS } from '../protocol/index.ts'
import { onAbort, orAbort } from './abort-signals.ts'
import type { SubscribeOptions, UnsubscribeOptions } from './api.ts'
import { aborted, MqttError } from './errors.ts'
import type { Events } from './events.ts'
import { readFilter, readWanted, type Wanted } from './filter-syntax.ts'
import { type ClientFilter, type FilterOptions, type Filters, Target } from './filters.ts'
import type { Clock } from './platform.ts'
import type { Receiver } from './receiver.ts'
import type { ServerLimits } from './server-limits.ts'
import type { Counters } from './stats.ts'
import type { SubscribePackets } from './subscribe-packets.ts'
import { BUFFERED_BYTES, ClientSubscription, type SubscriptionHost } from './subscription.ts'

interface Surroundings {
  readonly clock: Clock
  readonly events: Events
  /** Decides again whether to read on. */
  readonly regulate: () => void
  readonly maximumBufferedBytes?: number
}

type AnySubscription = ClientSubscription<unknown, unknown>

const RETAIN_HANDLING = { send: 0, 'if-new': 1, skip: 2 } as const

/** What subscribe() and unsubscribe() do: which filters each subscription has, from the call until it is left. */
export class Subscriptions implements SubscriptionHost {
  /** Subscriptions with a full buffer that want reading to stop. */
  full = 0
  bufferedBytes = 0
  readonly maximumBufferedBytes: number
  readonly clock: Clock
  readonly #filters: Filters
  readonly #subscribePackets: SubscribePackets
  readonly #receiver: Receiver
  readonly #counters: Counters
  readonly #around: Surroundings
  readonly #live: Map<AnySubscription, ClientFilter[]> = new Map()
  /** Removes a subscription's listener from its signal, which may live much longer. */
  readonly #deaf: Map<AnySubscription, () => void> = new Map()
  #onConsumed: (() => void) | null = null

  constructor(
    filters: Filters,
    subscribePackets: SubscribePackets,
    receiver: Receiver,
    counters: Counters,
    around: Surroundings,
  ) {
    this.#filters = filters
    this.#subscribePackets = subscribePackets
    this.#receiver = receiver
    this.#counters = counters
    this.clock = around.clock
    this.maximumBufferedBytes = around.maximumBufferedBytes ?? BUFFERED_BYTES
    this.#around = around
  }

  /** Resolves when the broker has granted the filters. If it refuses or the signal fires, unsubscribes and rejects. */
  async subscribe<T, P>(
    filters: readonly string[],
    options: SubscribeOptions<T>,
    limits: ServerLimits,
  ): Promise<ClientSubscription<T, P>> {
    const { signal } = options
    if (signal?.aborted) throw aborted(signal, 'Nothing was subscribed to')
    const wanted = filters.map((source) => readWanted(source, options, limits))
    const subscription = new ClientSubscription<T, P>(this, options)
    const live = subscription as unknown as AnySubscription
    subscription.filters = wanted.map(({ topicFilter }) => topicFilter.source)
    const leave = () => {
      void live.unsubscribe()
    }
    const asked = filterOptions(options)
    if (signal !== undefined) this.#deaf.set(live, onAbort(signal, leave))
    try {
      const answers = this.#ask(live, wanted, asked)
      this.#around.regulate()
      const late = () => aborted(signal!, 'The subscription was cancelled')
      const settled = signal === undefined ? answers : orAbort(answers, signal, late)
      this.#settle(live, await settled, options.partial === true)
    } catch (error) {
      leave()
      throw error
    }
    return subscription
  }

  /** Unsubscribes from filters that an earlier process left in the Session. Resolves at UNSUBACK. */
  async unsubscribe(filters: readonly string[], { userProperties }: UnsubscribeOptions): Promise<void> {
    const given = filters.map(readFilter)
    for (const { source } of given) {
      if ((this.#filters.find(source)?.targets.length ?? 0) === 0) continue
      throw new MqttError('ERR_OPTION', `This client subscribes to '${source}' itself: end that subscription`)
    }
    const left = new Set<ClientFilter>()
    for (const topicFilter of given) {
      const filter = this.#filters.find(topicFilter.source) ?? this.#filters.add(topicFilter, filterOptions({}))
      filter.brokerHas = true
      filter.goodbye = userProperties
      left.add(filter)
      this.#receiver.giveUp(filter.pattern)
    }
    await this.#given(left, true)
  }

  /** The broker refused to restore a filter. */
  refused(filter: ClientFilter, error: MqttError): void {
    for (const { subscription } of filter.targets) {
      const filters = (this.#live.get(subscription) ?? []).filter((other) => other !== filter)
      if (filters.length > 0) {
        this.#live.set(subscription, filters)
        continue
      }
      this.#forget(subscription)
      subscription.end(error, 'keep')
    }
    filter.targets = []
    this.#subscribePackets.reconcile([filter])
  }

  /** Ends all subscriptions. Resolves when the messages in their buffers are consumed. */
  consume(): Promise<void> {
    for (const subscription of this.#live.keys()) subscription.end(null, 'keep')
    return new Promise((resolve) => {
      this.#onConsumed = resolve
      this.consumed()
    })
  }

  // From a subscription

  consumed(): void {
    if (this.#onConsumed === null) return
    for (const subscription of this.#live.keys()) if (!subscription.consumed) return
    this.#onConsumed()
  }

  filled(full: boolean): void {
    this.full += full ? 1 : -1
    this.#around.regulate()
  }

  overflowed(subscription: AnySubscription, first: boolean): void {
    this.#counters.dropped++
    if (first) this.#around.events.emit({ type: 'overflow', filters: subscription.filters })
  }

  async left(subscription: AnySubscription): Promise<void> {
    const filters = this.#live.get(subscription)
    this.#forget(subscription)
    if (filters === undefined) return
    const left = this.#detach(subscription, filters)
    // If it was never granted, held messages stay: the program may subscribe again.
    if (subscription.ready)
      for (const filter of filters) if (filter.targets.length === 0) this.#receiver.giveUp(filter.pattern)
    await left
  }

  #forget(subscription: AnySubscription): void {
    this.#live.delete(subscription)
    this.#deaf.get(subscription)?.()
    this.#deaf.delete(subscription)
  }

  #ask(subscription: AnySubscription, wanted: readonly Wanted[], options: FilterOptions): Promise<(QoS | MqttError)[]> {
    const filters: ClientFilter[] = []
    this.#live.set(subscription, filters)
    const answers = wanted.map(({ names, topicFilter }) => {
      const filter = this.#filters.find(topicFilter.source) ?? this.#filters.add(topicFilter, options)
      const target = new Target(subscription, names)
      // Other subscriptions to this filter must not get a lower QoS.
      const qos = filter.targets.length > 0 && filter.options.qos > options.qos ? filter.options.qos : options.qos
      filter.options = { ...options, qos }
      filter.targets = [...filter.targets, target]
      filter.stale = true
      filter.refused = false
      filters.push(filter)
      this.#receiver.claim(filter, target, false)
      return new Promise<QoS | MqttError>((resolve) => filter.askers.push(resolve))
    })
    this.#subscribePackets.reconcile(new Set(filters))
    return Promise.all(answers)
  }

  /** All filters are answered. Throws if one was refused, or, with `partial`, if all were. */
  #settle(subscription: AnySubscription, answers: readonly (QoS | MqttError)[], partial: boolean): void {
    const filters = this.#live.get(subscription)
    if (filters === undefined) throw new MqttError('ERR_CLOSED', 'The subscription has ended')
    const granted: ClientFilter[] = []
    let lowest: QoS = 2
    for (const [i, answer] of answers.entries()) {
      if (answer instanceof MqttError) {
        subscription.refused.push({ filter: subscription.filters[i]!, error: answer })
      } else {
        granted.push(filters[i]!)
        if (answer < lowest) lowest = answer
      }
    }
    const first = subscription.refused[0]
    if (first !== undefined && (!partial || granted.length === 0)) throw first.error
    subscription.granted = lowest
    subscription.ready = true
    this.#live.set(subscription, granted)
    for (const filter of granted) {
      for (const target of filter.targets)
        if (target.subscription === subscription) this.#receiver.claim(filter, target, true)
    }
    const others = filters.filter((filter) => !granted.includes(filter))
    this.#detach(subscription, others).catch(() => {})
  }

  /** Removes the subscription from these filters. Resolves when the broker has unsubscribed those without any. */
  async #detach(subscription: AnySubscription, filters: readonly ClientFilter[]): Promise<void> {
    const own = new Set(filters)
    for (const filter of own) filter.targets = filter.targets.filter((target) => target.subscription !== subscription)
    await this.#given(own, false)
  }

  /** Unsubscribes the filters without a subscription. Resolves at their UNSUBACK. */
  async #given(filters: ReadonlySet<ClientFilter>, patient: boolean): Promise<void> {
    const left: Promise<void>[] = []
    for (const filter of filters) {
      if (filter.targets.length > 0) continue
      left.push(new Promise((resolve, reject) => filter.leavers.push({ patient, resolve, reject })))
    }
    this.#subscribePackets.reconcile(filters)
    this.#around.regulate()
    await Promise.all(left)
  }

  /** The client is closed: all subscriptions have ended. */
  close(): void {
    for (const subscription of [...this.#live.keys()]) this.#forget(subscription)
  }
}

function filterOptions<T>(options: SubscribeOptions<T>): FilterOptions {
  const { qos = 0, noLocal = false, retainAsPublished = false, retained = 'send', userProperties } = options
  return { qos, noLocal, retainAsPublished, retainHandling: RETAIN_HANDLING[retained], userProperties }
}

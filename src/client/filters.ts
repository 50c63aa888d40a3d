import type { PublishView, QoS } from '../protocol/index.ts'
import {
  MatchCache,
  type Matches,
  NO_SEED,
  SubscriptionIndex,
  type TopicFilter,
  topicMatches,
} from '../topics/index.ts'
import type { MqttError } from './errors.ts'
import type { NamedFilter } from './filter-syntax.ts'
import { text } from './platform.ts'
import type { ClientSubscription } from './subscription.ts'

/** Milliseconds after which a broker has surely sent the retained messages for a SUBSCRIBE. */
const RETAINED_SENT = 10_000
/** Topics of retained messages that a target remembers. */
const RETAINED_NOTED = 1000

/** A subscription that gets the messages of a filter, and its names for the levels. */
export class Target {
  readonly subscription: ClientSubscription<unknown, unknown>
  readonly names: NamedFilter['names']
  /** When the SUBSCRIBE was sent whose retained messages it gets. */
  #asked = -1
  /** Topics of the retained messages that came; null: all have come. */
  #retained: Set<string> | null = null

  constructor(subscription: ClientSubscription<unknown, unknown>, names: NamedFilter['names']) {
    this.subscription = subscription
    this.names = names
  }

  /**
   * A SUBSCRIBE for its filter is sent, which the broker answers with retained messages. They are for this target too,
   * unless it has them from an earlier SUBSCRIBE. If it may have only some, it takes those whose topic is new.
   */
  asked(now: number, anew: boolean): void {
    if (anew || this.#asked < 0) {
      this.#asked = now
      this.#retained = new Set()
    } else if (now - this.#asked > RETAINED_SENT) {
      this.#retained = null
    }
  }

  /** Whether it takes a retained message with this topic. */
  takesRetained(topic: string, alone: boolean): boolean {
    const noted = this.#retained
    if (!alone && (noted === null || noted.has(topic))) return false
    if (noted !== null && noted.size < RETAINED_NOTED) noted.add(topic)
    return true
  }
}

export interface FilterOptions {
  readonly qos: QoS
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  readonly retainHandling: 0 | 1 | 2
  readonly userProperties: [name: string, value: string][] | undefined
}

/** Called with the answer to a SUBSCRIBE: the QoS granted, or the error. */
export type Asker = (answer: QoS | MqttError) => void

/** Waits for the UNSUBACK of a filter. */
export interface Leaver {
  /** Keeps waiting while there is no connection. */
  readonly patient: boolean
  resolve(): void
  reject(error: MqttError): void
}

/**
 * A Topic Filter that we subscribe to, and whether the broker has it. All subscriptions to the same filter share one.
 */
export class ClientFilter {
  readonly topicFilter: TopicFilter
  /** Subscription Identifier. */
  readonly identifier: number
  options: FilterOptions
  /** Wanted as long as there is one. */
  targets: readonly Target[] = []
  /** The broker has it, as far as we know. */
  brokerHas = false
  /** The broker refused it. It is not requested again until there is a new target or a new connection. */
  refused = false
  /** SUBSCRIBE has to be sent again: for new options, or for the retained messages. */
  stale = false
  /** The request that is not answered, or not yet sent. */
  asking: 'subscribe' | 'unsubscribe' | 'later' | null = null
  /** Who waits for the next SUBSCRIBE to be answered, and for the one that was sent. */
  askers: Asker[] = []
  asked: Asker[] = []
  /** User Properties for the UNSUBSCRIBE. */
  goodbye: [name: string, value: string][] | undefined = undefined
  /** Who waits for UNSUBACK. */
  leavers: Leaver[] = []

  constructor(topicFilter: TopicFilter, identifier: number, options: FilterOptions) {
    this.topicFilter = topicFilter
    this.identifier = identifier
    this.options = options
  }

  /** As it stands in SUBSCRIBE, with `$share/group/`. */
  get source(): string {
    return this.topicFilter.source
  }

  /** What topics have to match. */
  get pattern(): string {
    return this.topicFilter.filter
  }
}

/** A SUBSCRIBE or UNSUBSCRIBE without an answer yet. */
export class ControlRequest {
  readonly kind: 'subscribe' | 'unsubscribe'
  readonly filters: readonly ClientFilter[]

  constructor(kind: 'subscribe' | 'unsubscribe', filters: readonly ClientFilter[]) {
    this.kind = kind
    this.filters = filters
  }
}

/** A Topic Name that came before, and the filters that it matches, for messages without Subscription Identifier. */
export interface Known {
  readonly topic: string
  filters: readonly ClientFilter[]
  /** The version of `Filters` at which `filters` was right. */
  version: number
}

const CACHE = { seed: NO_SEED, maxEntries: 4096, maxBytes: 256 * 1024 }
const LARGEST_IDENTIFIER = 268_435_455

/** Every Topic Filter of this client, and which of them a topic matches. */
export class Filters {
  readonly #bySource: Map<string, ClientFilter> = new Map()
  readonly #byIdentifier: Map<number, ClientFilter> = new Map()
  readonly #index: SubscriptionIndex<ClientFilter> = new SubscriptionIndex()
  readonly #known: MatchCache<Known> = new MatchCache(CACHE)
  readonly #matches: Matches<ClientFilter> = { direct: [], shared: [] }
  #lastIdentifier = 0
  #version = 0

  get size(): number {
    return this.#bySource.size
  }

  all(): Iterable<ClientFilter> {
    return this.#bySource.values()
  }

  find(source: string): ClientFilter | undefined {
    return this.#bySource.get(source)
  }

  add(topicFilter: TopicFilter, options: FilterOptions): ClientFilter {
    const filter = new ClientFilter(topicFilter, this.#newIdentifier(), options)
    this.#bySource.set(filter.source, filter)
    this.#byIdentifier.set(filter.identifier, filter)
    // For the broker we are one of a group; here it is a filter like others.
    this.#index.add({ ...topicFilter, share: null }, filter)
    this.#version++
    return filter
  }

  remove(filter: ClientFilter): void {
    if (!this.#bySource.delete(filter.source)) return
    this.#byIdentifier.delete(filter.identifier)
    this.#index.remove({ ...filter.topicFilter, share: null }, filter)
    this.#version++
  }

  /** The topic of a message. If it came before, this is a look-up and makes no new string. */
  know({ bytes, topicStart, topicEnd }: PublishView): Known {
    let known = this.#known.get(bytes, topicStart, topicEnd)
    if (known === undefined) {
      known = { topic: text.decode(bytes, topicStart, topicEnd), filters: [], version: -1 }
      this.#known.set(bytes, topicStart, topicEnd, known)
    }
    return known
  }

  match(known: Known): readonly ClientFilter[] {
    if (known.version !== this.#version) {
      this.#index.match(known.topic, this.#matches)
      known.filters = this.#matches.direct.splice(0)
      known.version = this.#version
    }
    return known.filters
  }

  identified(identifier: number): ClientFilter | undefined {
    return this.#byIdentifier.get(identifier)
  }

  /** Not one used lately: messages with it may still arrive. */
  #newIdentifier(): number {
    do {
      this.#lastIdentifier = this.#lastIdentifier === LARGEST_IDENTIFIER ? 1 : this.#lastIdentifier + 1
    } while (this.#byIdentifier.has(this.#lastIdentifier))
    return this.#lastIdentifier
  }
}

export function matches(filter: ClientFilter, topic: string): boolean {
  return topicMatches(filter.pattern, topic)
}

/** Whether a message with RETAIN set goes to the target: it answers a SUBSCRIBE, unless the flag is the publisher's. */
export function takesRetained({ options, targets }: ClientFilter, target: Target, topic: string): boolean {
  if (options.retainAsPublished) return true
  return target.subscription.wantsRetained && target.takesRetained(topic, targets.length === 1)
}

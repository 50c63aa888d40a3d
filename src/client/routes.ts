import { show } from '../arguments/index.ts'
import type { PublishView, QoS } from '../protocol/index.ts'
import {
  MatchCache,
  type Matches,
  NO_SEED,
  parseTopicFilter,
  SubscriptionIndex,
  type TopicFilter,
  topicMatches,
} from '../topics/index.ts'
import { MqttError } from './errors.ts'
import type { NamedFilter } from './params.ts'
import { text } from './platform.ts'
import type { MessageQueue } from './subscription.ts'

/** Bytes. */
const LONGEST_FILTER = 65_535

/** Milliseconds after which a broker has surely sent the retained messages that answer a SUBSCRIBE. */
const RETAINED_SENT = 10_000
/** Topics of retained messages that a target notes. */
const RETAINED_NOTED = 1000

/** Who gets the messages of a route, and how they name its levels. */
export class Target {
  readonly queue: MessageQueue<unknown, unknown>
  readonly names: NamedFilter['names']
  /** By the clock: when the SUBSCRIBE was sent whose retained messages are for it. */
  #asked = -1
  /** Topics of those that came; null: all have. */
  #retained: Set<string> | null = null

  constructor(queue: MessageQueue<unknown, unknown>, names: NamedFilter['names']) {
    this.queue = queue
    this.names = names
  }

  /**
   * A SUBSCRIBE for its filter is sent, and the broker answers with the retained messages. Those are for it too, unless
   * another made us ask, and it has them already; one that is not certain of that goes by the topics.
   */
  asked(now: number, anew: boolean): void {
    if (anew || this.#asked < 0) {
      this.#asked = now
      this.#retained = new Set()
    } else if (now - this.#asked > RETAINED_SENT) {
      this.#retained = null
    }
  }

  /** Whether it takes a retained message on this topic, though others have its filter too. */
  takesRetained(topic: string, alone: boolean): boolean {
    const noted = this.#retained
    if (!alone && (noted === null || noted.has(topic))) return false
    if (noted !== null && noted.size < RETAINED_NOTED) noted.add(topic)
    return true
  }
}

export interface RouteOptions {
  readonly qos: QoS
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  readonly retainHandling: 0 | 1 | 2
  readonly userProperties: [name: string, value: string][] | undefined
}

/** Told of the answer to the next SUBSCRIBE: the QoS granted, or why not. */
export type Asker = (answer: QoS | MqttError) => void

/** Waits until the broker has given a filter up. */
export interface Leaver {
  /** While there is no connection, too. */
  readonly patient: boolean
  resolve(): void
  reject(error: MqttError): void
}

/** One Topic Filter that the broker has, or shall have: all subscriptions to it share this one. */
export class Route {
  readonly filter: TopicFilter
  /** Subscription Identifier. */
  readonly identifier: number
  options: RouteOptions
  /** The route is wanted as long as there is one. */
  targets: readonly Target[] = []
  /** The broker has it, as far as we know. */
  held = false
  /** The broker would not have it: it is not asked again until somebody new wants it, or on a new connection. */
  refused = false
  /** It is to be sent again: with other options, or for the retained messages. */
  stale = false
  /** The request that is not answered, or not sent yet. */
  asking: 'subscribe' | 'unsubscribe' | 'later' | null = null
  /** Who waits for a SUBSCRIBE to come, and for the one that is sent. */
  askers: Asker[] = []
  asked: Asker[] = []
  /** User Properties for the UNSUBSCRIBE. */
  goodbye: [name: string, value: string][] | undefined = undefined
  /** Who waits until it is given up. */
  leavers: Leaver[] = []

  constructor(filter: TopicFilter, identifier: number, options: RouteOptions) {
    this.filter = filter
    this.identifier = identifier
    this.options = options
  }
}

/** A SUBSCRIBE or UNSUBSCRIBE that is not answered. */
export class ControlRequest {
  readonly kind: 'subscribe' | 'unsubscribe'
  readonly routes: readonly Route[]

  constructor(kind: 'subscribe' | 'unsubscribe', routes: readonly Route[]) {
    this.kind = kind
    this.routes = routes
  }
}

/** A Topic Name that came before, and whom it goes to if no Subscription Identifier says so. */
export interface Known {
  readonly topic: string
  routes: readonly Route[]
  /** The version of the routes at which `routes` was right. */
  version: number
}

/** As Nightjar's broker reads filters; another broker says by Subscription Identifier what it means. */
const FILTER_OPTIONS = { starWildcard: true, sysAlias: true }
const CACHE = { seed: NO_SEED, maxEntries: 4096, maxBytes: 256 * 1024 }
const LARGEST_IDENTIFIER = 268_435_455

/** From a message that comes in to the subscriptions that get it. */
export class Routes {
  readonly #byFilter: Map<string, Route> = new Map()
  readonly #byIdentifier: Map<number, Route> = new Map()
  readonly #index: SubscriptionIndex<Route> = new SubscriptionIndex()
  readonly #known: MatchCache<Known> = new MatchCache(CACHE)
  readonly #matches: Matches<Route> = { direct: [], shared: [] }
  #lastIdentifier = 0
  #version = 0

  get size(): number {
    return this.#byFilter.size
  }

  all(): Iterable<Route> {
    return this.#byFilter.values()
  }

  find(filter: string): Route | undefined {
    return this.#byFilter.get(filter)
  }

  add(filter: TopicFilter, options: RouteOptions): Route {
    const route = new Route(filter, this.#newIdentifier(), options)
    this.#byFilter.set(filter.source, route)
    this.#byIdentifier.set(route.identifier, route)
    // To the broker it is one of a group; here it is one among others.
    this.#index.add({ ...filter, share: null }, route)
    this.#version++
    return route
  }

  remove(route: Route): void {
    if (!this.#byFilter.delete(route.filter.source)) return
    this.#byIdentifier.delete(route.identifier)
    this.#index.remove({ ...route.filter, share: null }, route)
    this.#version++
  }

  /** The topic of a message: a look-up, and no new text, if it came before. */
  know({ bytes, topicStart, topicEnd }: PublishView): Known {
    let known = this.#known.get(bytes, topicStart, topicEnd)
    if (known === undefined) {
      known = { topic: text.decode(bytes, topicStart, topicEnd), routes: [], version: -1 }
      this.#known.set(bytes, topicStart, topicEnd, known)
    }
    return known
  }

  match(known: Known): readonly Route[] {
    if (known.version !== this.#version) {
      this.#index.match(known.topic, this.#matches)
      known.routes = this.#matches.direct.splice(0)
      known.version = this.#version
    }
    return known.routes
  }

  identified(identifier: number): Route | undefined {
    return this.#byIdentifier.get(identifier)
  }

  /** Not one that was used lately: messages with it may still be on their way. */
  #newIdentifier(): number {
    do {
      this.#lastIdentifier = this.#lastIdentifier === LARGEST_IDENTIFIER ? 1 : this.#lastIdentifier + 1
    } while (this.#byIdentifier.has(this.#lastIdentifier))
    return this.#lastIdentifier
  }
}

export function matches(route: Route, topic: string): boolean {
  return topicMatches(route.filter.filter, topic)
}

/** Whether a message with RETAIN set goes to the target: one that answers our SUBSCRIBE, unless the flag may be the publisher's. */
export function takesRetained({ options, targets }: Route, target: Target, topic: string): boolean {
  if (options.retainAsPublished) return true
  return target.queue.wantsRetained && target.takesRetained(topic, targets.length === 1)
}

/** Throws MqttError ERR_TOPIC. What cannot be written must not be found out later, when others wait for its packet. */
export function readFilter(source: string): TopicFilter {
  if (typeof source !== 'string') throw new MqttError('ERR_TOPIC', `A topic filter is ${show(source)}: use text`)
  // [MQTT-3.8.3-1] [MQTT-3.10.3-1]
  if (/\p{Surrogate}/u.test(source)) throw new MqttError('ERR_TOPIC', 'A topic filter has half of a surrogate pair')
  if (text.byteLength(source) > LONGEST_FILTER) {
    throw new MqttError('ERR_TOPIC', `A topic filter has at most ${LONGEST_FILTER} bytes`) // [MQTT-4.7.3-3]
  }
  const filter = parseTopicFilter(source, FILTER_OPTIONS)
  if ('error' in filter) throw new MqttError('ERR_TOPIC', `'${source}' is no topic filter: ${filter.error}`)
  return filter
}

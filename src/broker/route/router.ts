import type { Text } from '../../protocol/index.ts'
import { type HashSeed, MatchCache, type Matches, SubscriptionIndex } from '../../topics/index.ts'
import type { Session, Subscription } from '../sessions/index.ts'
import type { Bounds } from '../settings/index.ts'
import { PerUnit, Units, type Work } from '../time/index.ts'
import { Route } from './route.ts'

/** From a Topic Name to those who get its messages. The tree is walked for a topic's first message only. */
export class Router {
  readonly #index: SubscriptionIndex<Subscription>
  readonly #cache: MatchCache<Route>
  readonly #text: Text
  readonly #work: Work
  /** Settles who may read a route's topic; null: whoever is subscribed may. */
  settle: ((route: Route) => void) | null = null

  constructor(text: Text, seed: HashSeed, cacheSeed: HashSeed, bounds: Bounds, work: Work) {
    this.#text = text
    this.#work = work
    this.#index = new SubscriptionIndex(seed, bounds)
    this.#cache = new MatchCache({
      seed: cacheSeed,
      maxEntries: bounds.routesCached,
      maxBytes: bounds.routeTopicBytesCached,
      maxWeight: bounds.routeBytesCached,
      ways: bounds.routesPerBucket,
      slotsAtLeast: bounds.routeSlotsAtLeast,
      bytesAtLeast: bounds.routeTopicBytesAtLeast,
      reviewed: bounds.routesReviewed,
      idleRounds: bounds.idleRouteRounds,
      // A connection may hold it still, and `#forget` finds only what is cached.
      gone: (route) => {
        route.outdated = true
      },
    })
  }

  get subscriptions(): number {
    return this.#index.size
  }

  get sharedGroups(): number {
    return this.#index.sharedGroups
  }

  /** Whether a kept route still holds. */
  current(route: Route): boolean {
    return !route.outdated && route.changes === this.#index.changesFor(route.dependency)
  }

  /** The route of the topic bytes[start..end), if it is known and nothing has changed it since. */
  known(bytes: Uint8Array, start: number, end: number): Route | null {
    const route = this.#cache.get(bytes, start, end)
    return route === undefined || !this.current(route) ? null : route
  }

  /** The route of a topic whose name was checked. */
  route(bytes: Uint8Array, start: number, end: number): Route {
    const known = this.known(bytes, start, end)
    if (known !== null) return known
    const topic = this.#text.decode(bytes, start, end)
    return this.#make(topic, bytes.slice(start, end))
  }

  /** The same, of a topic that came as text. */
  routeOf(topic: string): Route {
    const bytes = this.#bytes(topic)
    return this.known(bytes, 0, bytes.length) ?? this.#make(topic, bytes)
  }

  /** Every route is outdated. */
  forgetAll(): void {
    this.#index.changeAll()
  }

  /** A part at a time, from each tick: a route that is old, and that nobody asks for again, would keep ended Sessions. */
  review(): void {
    this.#cache.review((route) => this.current(route))
  }

  add(subscription: Subscription): void {
    this.#index.add(subscription.filter, subscription)
    this.#forget(subscription)
    if (subscription.filter.share === null) return
    const { session } = subscription
    session.shared.add(subscription)
    if (session.connection !== null) this.#index.setPresent(subscription.filter, subscription, true)
  }

  remove(subscription: Subscription): void {
    this.#index.remove(subscription.filter, subscription)
    this.#forget(subscription)
    if (subscription.filter.share !== null) subscription.session.shared.delete(subscription)
  }

  /** The Session's client has come or gone: in shared subscriptions those who are here go first. */
  presence({ shared, connection }: Session): void {
    for (const subscription of shared) this.#index.setPresent(subscription.filter, subscription, connection !== null)
  }

  #make(topic: string, bytes: Uint8Array): Route {
    const matches: Matches<Subscription> = { direct: [], shared: [] }
    this.#index.match(topic, matches)
    const dependency = this.#index.dependency(topic)
    const route = new Route(topic, bytes, matches, dependency, this.#index.changesFor(dependency))
    if (this.settle !== null) this.settle(route)
    this.#cache.set(bytes, 0, bytes.length, route, route.bytes)
    const deliveries = matches.direct.length + matches.shared.length
    this.#work.spend(Units.route + (deliveries >> PerUnit.deliveriesFound))
    return route
  }

  /** A filter without a wildcard changes one route; one with a wildcard makes those old that it may concern (`current`). */
  #forget(subscription: Subscription): void {
    if (subscription.filter.wildcard) return
    const bytes = this.#bytes(subscription.filter.filter)
    this.#cache.delete(bytes, 0, bytes.length)
  }

  #bytes(topic: string): Uint8Array {
    const bytes = new Uint8Array(this.#text.byteLength(topic))
    this.#text.encode(topic, bytes, 0)
    return bytes
  }
}

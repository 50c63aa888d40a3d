import { levelCount, type Matches, type SharedGroup } from '../../topics/index.ts'
import { isReserved } from '../message/index.ts'
import { type Session, Subscription } from '../sessions/index.ts'

/** Where messages of one Topic Name go: computed once from the index, and kept until a subscription changes that. */
export class Route {
  readonly topic: string
  readonly topicBytes: Uint8Array
  /** What the index knows its changes by, and how many there had been when it was made. */
  readonly dependency: number
  readonly changes: number
  /** One a Session. */
  direct: readonly Subscription[]
  readonly shared: readonly SharedGroup<Subscription>[]
  /** Whether only the broker may publish to it. */
  readonly reserved: boolean
  readonly levels: number
  /** What it takes of the memory, roughly. */
  readonly bytes: number
  /** Members of its groups whom the rules do not let read the topic; null: there are none. */
  barred: ReadonlySet<Subscription> | null = null
  /** Who goes on when the rules have said of all whether they may read the topic; null: they have. */
  waiting: (() => void)[] | null = null
  /** It left the cache, as a subscription to just this topic came or went, or for want of room: nothing keeps it up to date. */
  outdated = false

  constructor(
    topic: string,
    topicBytes: Uint8Array,
    matches: Matches<Subscription>,
    dependency: number,
    changes: number,
  ) {
    this.topic = topic
    this.topicBytes = topicBytes
    this.dependency = dependency
    this.changes = changes
    this.direct = mergeBySession(matches.direct)
    this.shared = matches.shared
    this.reserved = isReserved(topic)
    this.levels = levelCount(topic)
    this.bytes = ROUTE_BYTES + 3 * topicBytes.length + 8 * (this.direct.length + this.shared.length)
    if (this.direct !== matches.direct) this.bytes += mergedBytes(this.direct)
  }

  /** Nothing of it goes to these. */
  bar(subscriptions: ReadonlySet<Subscription>): void {
    if (subscriptions.size === 0) return
    this.direct = this.direct.filter((subscription) => !subscriptions.has(subscription))
    if (this.shared.length > 0) this.barred = subscriptions
  }
}

/** Of a route without topic and deliveries, and of a Subscription that was merged from others. */
const ROUTE_BYTES = 250
const MERGED_BYTES = 100

/** What was made for this route alone. */
function mergedBytes(direct: readonly Subscription[]): number {
  let bytes = 0
  for (const { identifiers, local } of direct) {
    bytes += MERGED_BYTES + 8 * (identifiers?.length ?? 0)
    if (local !== null) bytes += MERGED_BYTES + 8 * (local.identifiers?.length ?? 0)
  }
  return bytes
}

/** A Session whose filters overlap gets one copy, with the highest QoS [MQTT-3.3.4-2] and every identifier [MQTT-3.3.4-3]. */
function mergeBySession(all: Subscription[]): Subscription[] {
  if (all.length < 2) return all
  const bySession = new Map<Session, Subscription[]>()
  for (const subscription of all) {
    const same = bySession.get(subscription.session)
    if (same === undefined) bySession.set(subscription.session, [subscription])
    else same.push(subscription)
  }
  if (bySession.size === all.length) return all
  const merged: Subscription[] = []
  for (const same of bySession.values()) {
    const whole = merge(same)
    const local = same.filter((subscription) => !subscription.noLocal)
    if (local.length > 0 && local.length < same.length) whole.local = merge(local)
    merged.push(whole)
  }
  return merged
}

function merge(same: Subscription[]): Subscription {
  const first = same[0]!
  if (same.length === 1) return first
  let qos = first.qos
  const identifiers: number[] = []
  for (const subscription of same) {
    if (subscription.qos > qos) qos = subscription.qos
    if (subscription.identifiers !== null) identifiers.push(...subscription.identifiers)
  }
  return new Subscription(
    first.session,
    first.filter,
    qos,
    same.some((subscription) => subscription.noLocal),
    same.some((subscription) => subscription.retainAsPublished),
    identifiers.length === 0 ? null : identifiers,
  )
}

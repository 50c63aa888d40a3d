import type { Bounds, Settings } from '../../src/broker/index.ts'
import type { ProtocolVersion, QoS } from '../../src/protocol/index.ts'
import { drawBounds } from './bounds.ts'
import { randomOf, type SimRandom } from './random.ts'

export interface ClientPlan {
  readonly id: string
  readonly version: ProtocolVersion
  /** Seconds that its Session outlives the connection; 0: not at all. */
  readonly expiry: number
  /** 0: it says nothing of it. */
  readonly receiveMaximum: number
  readonly keepAlive: number
  readonly topicAliasMaximum: number
  /** Milliseconds before an acknowledgement, at the most. */
  readonly acknowledgeDelay: number
  /** Percent of its connections that come with a Will. */
  readonly wills: number
  /** Milliseconds before it comes back, at the most. */
  readonly returnDelay: number
}

export type Operation = { readonly at: number; readonly client: string } & (
  | { readonly kind: 'publish'; topic: string; qos: QoS; retain: boolean; size: number; expiry: number | null }
  | {
      readonly kind: 'subscribe'
      filter: string
      qos: QoS
      noLocal: boolean
      retainAsPublished: boolean
      retainHandling: 0 | 1 | 2
      identifier: number
    }
  | { readonly kind: 'unsubscribe'; filter: string }
  | { readonly kind: 'leave'; how: 'goodbye' | 'with will' | 'for good' }
  /** Another connection with the same Client Identifier. */
  | { readonly kind: 'connect again'; clean: boolean }
  | { readonly kind: 'cut'; brokerNotes: number }
  | { readonly kind: 'read slowly'; milliseconds: number }
  /** The broker dies after so many more of its writes, or commits; it is back after `down` milliseconds. */
  | { readonly kind: 'kill' | 'power loss'; steps: number; down: number }
  /** Somebody sets the machine's clock by so many milliseconds. */
  | { readonly kind: 'clock step'; by: number }
  /** The broker gets other limits while it runs; it keeps them when it starts again. */
  | { readonly kind: 'reconfigure'; limits: LiveLimits }
)

/** Those that hold from the moment on in which they change. */
export type LiveLimits = Pick<
  Settings,
  | 'maximumInFlightBytes'
  | 'maximumQueuedMessages'
  | 'maximumQueuedBytes'
  | 'maximumQueueMemory'
  | 'maximumOutgoingBytes'
>

/** `commit` and `sync`: see SimStore. `power`: as `commit`, and the power may go, which costs up to a second. */
export type Mode = 'commit' | 'sync' | 'power'

export interface Plan {
  readonly seed: number
  readonly mode: Mode
  /** Milliseconds. */
  readonly duration: number
  readonly maximumInFlight: number
  /** At the beginning. */
  readonly limits: LiveLimits
  /** The position at which queues begin: Packet Identifiers begin anew after 65,535 of them. */
  readonly firstPosition: number
  readonly queueFullPolicy: 'newest' | 'oldest' | 'disconnect'
  readonly queueQoS0: boolean
  /** The rules allow everything, but often answer later. */
  readonly slowRules: boolean
  readonly bounds: Bounds
  readonly latency: number
  readonly split: number
  readonly hold: number
  readonly syncDelay: number
  /** Percent of what is read from the store that cannot be read at once. */
  readonly unreadable: number
  readonly clients: readonly ClientPlan[]
  readonly operations: readonly Operation[]
}

/** Nobody's: a broker has no Client Identifier. */
export const BROKER = 'the broker'
/** A client that is subscribed to all, and whose network never breaks. */
export const MONITOR = 'monitor'

const TOPICS = ['a/1', 'a/2', 'b/1', 'b', 's/1', 's/2'] as const
const FILTERS = ['a/1', 'a/2', 'a/+', 'a/#', 'b', 'b/#', 'b/1', 'w/#', '$share/g/s/#', '$share/g/s/1', '$share/h/s/+']
const NEVER = 0xffff_ffff

export function makePlan(seed: number): Plan {
  const random = randomOf(seed, 'plan')
  const mode = random.pick(['commit', 'sync', 'sync', 'power'] as const)
  const duration = random.between(2, 15) * 1000
  const clients: ClientPlan[] = []
  if (random.chance(70)) clients.push(monitor())
  for (let i = random.between(2, 5); i > 0; i--) clients.push(clientPlan(random, `c${i}`))
  const operations: Operation[] = []
  const burst = random.pick([0, 30, 80])
  for (let i = random.between(20, 160); i > 0; i--) {
    const made = operation(random, duration, clients)
    const last = operations.at(-1)
    operations.push(last !== undefined && random.chance(burst) ? closeTo(random, last, made) : made)
  }
  for (let i = random.between(0, 4); i > 0; i--) {
    const at = random.chance(50) ? random.pick(operations).at + random.between(0, 30) : random.below(duration)
    operations.push(crash(random, at, mode))
  }
  operations.push(...interruptedReplay(randomOf(seed, 'replay'), duration, clients, mode))
  operations.push(...reconfigurations(randomOf(seed, 'reconfigure'), duration))
  operations.push(...clockSteps(randomOf(seed, 'clock'), duration, operations))
  operations.sort((one, other) => one.at - other.at)
  return {
    seed,
    mode,
    duration,
    maximumInFlight: random.pick([1, 2, 3, 5, 20]),
    firstPosition: random.pick([0, 65_525]),
    limits: liveLimits(random),
    queueFullPolicy: random.pick(['newest', 'oldest', 'disconnect', 'disconnect'] as const),
    queueQoS0: random.chance(30),
    slowRules: randomOf(seed, 'slow rules').chance(25),
    bounds: drawBounds(seed),
    latency: random.pick([1, 10, 80]),
    split: random.pick([0, 20, 60]),
    hold: random.pick([0, 10, 40]),
    syncDelay: random.pick([3, 30, 200]),
    // Drawn apart, so that it changes nothing else of what a seed means.
    unreadable: randomOf(seed, 'reads').pick([0, 0, 20, 60]),
    clients,
    operations,
  }
}

function liveLimits(random: SimRandom): LiveLimits {
  return {
    maximumInFlightBytes: random.pick([0, 0, 0, 50]),
    maximumQueuedMessages: random.pick([0, 0, 0, 1, 2, 8]),
    maximumQueuedBytes: random.pick([0, 0, 0, 60, 400]),
    maximumQueueMemory: random.pick([0, 3000, 64 * 1024 * 1024]),
    maximumOutgoingBytes: random.pick([200, 5000, 1024 * 1024]),
  }
}

/** Limits that become tighter or wider in the middle of everything. */
function reconfigurations(random: SimRandom, duration: number): Operation[] {
  return Array.from({ length: random.pick([0, 0, 1, 2, 4]) }, (): Operation => {
    return { at: random.below(duration), client: BROKER, kind: 'reconfigure', limits: liveLimits(random) }
  })
}

function monitor(): ClientPlan {
  return {
    id: MONITOR,
    version: 5,
    expiry: NEVER,
    receiveMaximum: 0,
    keepAlive: 0,
    topicAliasMaximum: 0,
    acknowledgeDelay: 0,
    wills: 0,
    returnDelay: 50,
  }
}

function clientPlan(random: SimRandom, id: string): ClientPlan {
  const version = random.pick([3, 4, 5, 5] as const)
  const kept = random.chance(70)
  return {
    id,
    version,
    expiry: !kept ? 0 : version === 5 ? random.pick([1, 5, 60, 60, NEVER]) : NEVER,
    receiveMaximum: version === 5 ? random.pick([0, 0, 1, 2, 5]) : 0,
    keepAlive: random.pick([0, 0, 2]),
    topicAliasMaximum: version === 5 ? random.pick([0, 3]) : 0,
    acknowledgeDelay: random.pick([0, 5, 300]),
    wills: random.pick([0, 0, 50, 100]),
    returnDelay: random.pick([20, 300, 2500, 9000]),
  }
}

function operation(random: SimRandom, duration: number, clients: readonly ClientPlan[]): Operation {
  const at = random.below(duration)
  const all = clients.filter(({ id }) => id !== MONITOR)
  const { id: client, version } = random.pick(all)
  const what = random.below(100)
  if (what < 55) {
    const retain = random.chance(25)
    const size = retain && random.chance(25) ? 0 : random.pick([10, 10, 40, 300])
    const expiry = version === 5 && random.chance(10) ? random.between(0, 4) : null
    const qos = random.pick([0, 1, 1, 2, 2] as const)
    return { at, client, kind: 'publish', topic: random.pick(TOPICS), qos, retain, size, expiry }
  }
  if (what < 72) {
    const filter = random.pick(FILTERS)
    return {
      // Early, so that there is somebody to hear what is said.
      at: random.chance(60) ? random.below(500) : at,
      client,
      kind: 'subscribe',
      filter,
      qos: filter.startsWith('$') ? random.pick([1, 2] as const) : random.pick([0, 1, 1, 2, 2, 2] as const),
      noLocal: version === 5 && !filter.startsWith('$') && random.chance(10),
      retainAsPublished: version === 5 && random.chance(20),
      retainHandling: version === 5 ? random.pick([0, 0, 1, 2] as const) : 0,
      identifier: version === 5 && random.chance(20) ? random.between(1, 300) : 0,
    }
  }
  if (what < 76) return { at, client, kind: 'unsubscribe', filter: random.pick(FILTERS) }
  if (what < 82) {
    const how = random.pick(['goodbye', 'goodbye', 'with will', 'for good'] as const)
    return { at, client, kind: 'leave', how }
  }
  if (what < 87) return { at, client, kind: 'connect again', clean: random.chance(20) }
  if (what < 96) return { at, client, kind: 'cut', brokerNotes: random.pick([0, 5, 200, 3000]) }
  return { at, client, kind: 'read slowly', milliseconds: random.pick([50, 500, 3000]) }
}

/** Just after another, and if both publish, to the same topic: what is done at once is what goes wrong. */
function closeTo(random: SimRandom, last: Operation, operation: Operation): Operation {
  const at = last.at + random.between(0, 5)
  if (last.kind !== 'publish' || operation.kind !== 'publish') return { ...operation, at }
  const retain = last.retain || operation.retain
  return { ...operation, at, topic: last.topic, retain, size: retain ? last.size : operation.size }
}

function crash(random: SimRandom, at: number, mode: Mode): Operation {
  const kind = mode === 'sync' || (mode === 'power' && random.chance(50)) ? 'power loss' : 'kill'
  const down = random.pick([1, 100, 1500])
  return { at, client: BROKER, kind, steps: random.between(0, 6), down }
}

const RETAINED_TOPICS = ['r/1', 'r/2', 'r/3', 'r/4', 'r/5', 'r/6', 'r/7', 'r/8'] as const
/** Milliseconds that a client of MQTT 5 takes for eight messages, one at a time, each acknowledged late. */
const REPLAY_MS = 1500

/**
 * Retained messages, then a subscription that is owed them all by a kept Session, and a broker that dies before they have
 * come: by chance alone that hardly happens. The client takes one at a time, so it is changed in `clients`.
 */
function interruptedReplay(random: SimRandom, duration: number, clients: ClientPlan[], mode: Mode): Operation[] {
  const kept = clients.filter(({ id, version, expiry }) => id !== MONITOR && version === 5 && expiry >= 60)
  const others = clients.filter(({ id }) => id !== MONITOR && id !== kept[0]?.id)
  if (!random.chance(30) || kept.length === 0 || others.length === 0) return []
  const subscriber = { ...kept[0]!, receiveMaximum: 1, acknowledgeDelay: 300 }
  clients[clients.indexOf(kept[0]!)] = subscriber
  const { id: publisher } = random.pick(others)
  const begin = random.below(duration / 2)
  const messages = RETAINED_TOPICS.map((topic): Operation => {
    const qos = random.pick([1, 2] as const)
    return { at: begin, client: publisher, kind: 'publish', topic, qos, retain: true, size: 10, expiry: null }
  })
  const at = begin + random.between(300, 1500)
  const subscription: Operation = {
    at,
    client: subscriber.id,
    kind: 'subscribe',
    filter: 'r/#',
    qos: random.pick([1, 2] as const),
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    identifier: 0,
  }
  return [...messages, subscription, crash(random, at + random.between(50, REPLAY_MS), mode)]
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const STEPS_MS = [HOUR_MS, -HOUR_MS, DAY_MS, -DAY_MS, 30 * DAY_MS, -30 * DAY_MS] as const

/** At any moment, and often about when the broker dies and comes back. */
function clockSteps(random: SimRandom, duration: number, operations: readonly Operation[]): Operation[] {
  const deaths = operations.filter(({ kind }) => kind === 'kill' || kind === 'power loss')
  return Array.from({ length: random.pick([0, 0, 1, 1, 2, 4]) }, (): Operation => {
    const near = deaths.length > 0 && random.chance(60)
    const at = near ? random.pick(deaths).at + random.between(-500, 500) : random.below(duration)
    return { at: Math.max(0, at), client: BROKER, kind: 'clock step', by: random.pick(STEPS_MS) }
  })
}

import type { QoS } from '../../src/protocol/index.ts'
import type { SimLink } from './network.ts'

/** Something that must not be, in words. */
export class Violation extends Error {}

/** A message as its publisher knows it. Stamps tell before from after (see Time.stamp). */
export interface SimMessage {
  readonly key: string
  readonly topic: string
  readonly payload: Uint8Array
  readonly qos: QoS
  readonly retain: boolean
  /** Seconds, or null. */
  readonly expiry: number | null
  readonly publisher: string
  /** Grows with every message of its publisher. */
  readonly order: number
  sent: number
  sentAt: number
  /** It was sent more than once. */
  resent: boolean
  /** Stamp and time of PUBACK or PUBREC; Infinity as long as there was none. */
  acknowledged: number
  acknowledgedAt: number
  /** The connection on which it was sent last. */
  link: SimLink | null
  /** The broker said that nobody was subscribed. */
  unheard: boolean
  /** The power went after it was sent: nothing is promised. */
  waived: boolean
}

export interface SimSubscription {
  readonly filter: string
  /** The lowest that it had. */
  qos: QoS
  noLocal: boolean
  /** Stamp: it was there at that time, and ever since. */
  readonly since: number
}

/** A Will that a client left with the broker. */
export interface SimWill {
  readonly message: SimMessage
  readonly client: string
  readonly delay: number
  readonly link: SimLink
  /** Seconds that the Session outlives its connection. */
  readonly expiry: number
  /** CONNACK came. */
  accepted: boolean
}

/** A Session as its client knows it. */
export class SimSession {
  readonly client: string
  readonly began: number
  /** By filter: those that are there for certain. */
  readonly subscriptions: Map<string, SimSubscription> = new Map()
  /** Filters that may be there or not: what the client asked for was not answered. */
  readonly uncertain: Set<string> = new Set()
  /** How often each message was taken, how often of those with QoS 2, when first; and the stamp of the last retained copy. */
  readonly taken: Map<string, { times: number; exactly: number; first: number; retained: number }> = new Map()
  /** By filter: since this stamp a subscription is owed what was retained then, with QoS 1 or 2. */
  readonly replays: Map<string, number> = new Map()
  /** The last message in each order that must be kept. */
  readonly orders: Map<string, number> = new Map()
  /** SUBSCRIBE packets: each may bring retained messages again. */
  subscribes: number = 0
  /** The shared subscriptions that it ever had: each brings a copy. */
  readonly shared: Set<string> = new Set()
  /** Subscription Identifiers that it ever used, each with its filter. */
  readonly identifiers: Set<string> = new Set()
  /** Milliseconds: since when its time may be running. */
  offlineFrom: number = Number.POSITIVE_INFINITY

  constructor(client: string, began: number) {
    this.client = client
    this.began = began
  }
}

/** All that the clients did and were told. */
export class History {
  readonly messages: Map<string, SimMessage> = new Map()
  readonly wills: SimWill[] = []
  /** By Client Identifier: the Sessions that are there. */
  readonly sessions: Map<string, SimSession> = new Map()
  /** Shared subscription -> stamp of the last time at which a member may have gone: what it was given may be lost. */
  readonly disturbed: Map<string, number> = new Map()
  deliveries = 0
  /** By client: shared subscriptions that it gave up, which the broker may not know yet. */
  readonly #leaving: Map<string, Set<string>> = new Map()
  /** CONNECT packets that were sent. */
  readonly connects: { client: string; at: number; clean: boolean; link: SimLink }[] = []
  /** Times of crashes. */
  readonly crashes: number[] = []
  /**
   * Milliseconds by which the clock was set forward while no broker could see that: a broker takes it for time that passed
   * while it was down.
   */
  skipped = 0
  /** Milliseconds that passed, noted or not, while the clock, which was set, may not show it: the broker takes them for none. */
  missed = 0
  /** The power went at this stamp and time, and what was synced is of this time at least. */
  readonly powerLosses: { at: number; syncedAt: number }[] = []
  /** By client: when messages to it may have been dropped, as its queue was full. Stamps. */
  /** Of those that wait, not of those that come. */
  dropsOldest = false
  readonly #full: Map<string, { from: number; to: number }[]> = new Map()

  /** The broker says that it drops messages to the client, those that come or those that were there, since `from`. */
  queueFull(client: string, from: number): void {
    const times = this.#full.get(client) ?? []
    this.#full.set(client, times)
    if (times.at(-1)?.to !== Number.POSITIVE_INFINITY) times.push({ from, to: Number.POSITIVE_INFINITY })
  }

  /** It drops none any more; null: to nobody. */
  queueHasRoom(client: string | null, stamp: number): void {
    for (const [of, times] of this.#full) {
      const last = times.at(-1)!
      if ((client === null || of === client) && last.to === Number.POSITIVE_INFINITY) last.to = stamp
    }
  }

  /** Whether it may be that a message was dropped for want of room in the client's queue; null: in anybody's. */
  mayBeDropped(client: string | null, { sent, acknowledged }: SimMessage): boolean {
    for (const [of, times] of this.#full) {
      if (client !== null && of !== client) continue
      // Of those before, the oldest may go too.
      if (times.some(({ from, to }) => sent <= to && (this.dropsOldest || acknowledged >= from))) return true
    }
    return false
  }

  /** The client has no Session any more, as far as it knows. */
  endSession(client: string, stamp: number): void {
    const session = this.sessions.get(client)
    if (session === undefined) return
    this.sessions.delete(client)
    this.leaves(client, [...session.subscriptions.keys(), ...session.uncertain], stamp)
  }

  /** The client gives these subscriptions up; the broker comes to know of that until `left`. */
  leaves(client: string, filters: readonly string[], stamp: number): void {
    const leaving = this.#leaving.get(client) ?? new Set()
    this.#leaving.set(client, leaving)
    for (const filter of filters) if (isShared(filter)) leaving.add(filter)
    for (const filter of leaving) this.disturbed.set(filter, stamp)
  }

  left(client: string, stamp: number): void {
    this.leaves(client, [], stamp)
    this.#leaving.delete(client)
  }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** A payload that says which message it is; its length is at least that of the key. */
export function payloadOf(key: string, size: number): Uint8Array {
  return encoder.encode(`${key}:`.padEnd(size, key))
}

export function keyOf(payload: Uint8Array): string {
  const end = payload.indexOf(0x3a)
  return decoder.decode(payload.subarray(0, Math.max(0, end)))
}

/** Whether the filter, as the standard has it, matches the topic. */
export function matches(filter: string, topic: string): boolean {
  const levels = topic.split('/')
  const wanted = filterOf(filter).split('/')
  for (const [i, level] of wanted.entries()) {
    if (level === '#') return true
    if (i >= levels.length || (level !== '+' && level !== levels[i])) return false
  }
  return wanted.length === levels.length
}

export function isShared(filter: string): boolean {
  return filter.startsWith('$share/')
}

function filterOf(filter: string): string {
  return isShared(filter) ? filter.split('/').slice(2).join('/') : filter
}

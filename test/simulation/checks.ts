import type { Broker } from '../../src/broker/index.ts'
import type { SimClient } from './client.ts'
import { type History, isShared, matches, type SimMessage, type SimSession, Violation } from './history.ts'
import { MONITOR } from './plan.ts'
import type { SimStore } from './store.ts'
import type { Time } from './time.ts'
import { checkWills } from './wills.ts'

type Core = Broker['core']

/** Milliseconds after which a message is expired for certain. */
const SURELY = 500

/** All clients are connected, and nothing is under way. */
export function checkRest(history: History, clients: readonly SimClient[], core: Core, time: Time): void {
  for (const session of history.sessions.values()) {
    checkOwed(history, session)
    checkReplays(history, session)
  }
  checkShared(history)
  checkRetained(history, core, time)
  checkWills(history)
  checkSessions(history, clients, core)
  checkRetainedBytes(core)
}

function acknowledged({ acknowledged, waived }: SimMessage): boolean {
  return acknowledged < Number.POSITIVE_INFINITY && !waived
}

/** An acknowledged message is there for every Session that had a subscription when it was sent, and has it still. */
function checkOwed(history: History, session: SimSession): void {
  for (const message of history.messages.values()) {
    if (!acknowledged(message) || message.expiry !== null || message.payload.length === 0) continue
    if (session.taken.has(message.key) && !message.unheard) continue
    for (const { filter, qos, noLocal, since } of session.subscriptions.values()) {
      if (qos === 0 || since > message.sent || isShared(filter) || !matches(filter, message.topic)) continue
      if (noLocal && message.publisher === session.client) continue
      const { client } = session
      if (!message.unheard && history.mayBeDropped(session.client, message)) continue
      if (message.unheard)
        throw new Violation(`${message.key} was acknowledged as unheard, but ${client} is subscribed`)
      throw new Violation(`${message.key} was acknowledged, and ${client}, subscribed to ${filter}, never got it`)
    }
  }
}

/** What was retained when a subscription was made, and is so still, has come since. */
function checkReplays(history: History, { client, replays, taken }: SimSession): void {
  for (const [filter, since] of replays) {
    for (const message of history.messages.values()) {
      const { key, topic, qos, retain, expiry, publisher, payload } = message
      if (!retain || qos === 0 || expiry !== null || payload.length === 0 || publisher === client) continue
      if (!acknowledged(message) || message.acknowledged > since || !matches(filter, topic)) continue
      if ((taken.get(key)?.retained ?? -1) > since) continue
      const others = [...history.messages.values()].filter((other) => other.retain && other.topic === topic)
      if (others.some((other) => other !== message && !isLater(history, message, other))) continue
      throw new Violation(`${key} is retained, and ${client} never got it for its subscription to ${filter}`)
    }
  }
}

/** It is there for one of a group, if nobody left the group since. */
function checkShared(history: History): void {
  const sessions = [...history.sessions.values()]
  for (const message of history.messages.values()) {
    if (!acknowledged(message) || message.expiry !== null || message.payload.length === 0) continue
    const taken = sessions.some(({ client, taken }) => client !== MONITOR && taken.has(message.key))
    if (taken || history.mayBeDropped(null, message)) continue
    for (const { subscriptions } of sessions) {
      for (const { filter, since } of subscriptions.values()) {
        if (!isShared(filter) || since > message.sent || !matches(filter, message.topic)) continue
        if ((history.disturbed.get(filter) ?? -1) > message.sent) continue
        throw new Violation(`${message.key} was acknowledged, and nobody of ${filter} got it`)
      }
    }
  }
}

/** What is retained is what was published last, as far as that can be known. */
function checkRetained(history: History, core: Core, time: Time): void {
  const topics = new Set([...history.messages.values()].filter(({ retain }) => retain).map(({ topic }) => topic))
  for (const topic of topics) {
    const found = retainedOn(core, topic)
    const all = [...history.messages.values()].filter((message) => message.retain && message.topic === topic)
    const possible = all.filter((one) => !all.some((other) => isLater(history, other, one)))
    const sure = all.filter((message) => isCertain(history, message))
    const allowed = possible.map((message) => (message.payload.length === 0 ? '' : message.key))
    if (sure.length === 0 || possible.some((message) => mayHaveExpired(history, message, time))) allowed.push('')
    const there = history.messages.get(found)
    if (there !== undefined && hasExpired(history, there, time))
      throw new Violation(`${found} is retained beyond its time`)
    if (!allowed.includes(found)) {
      throw new Violation(
        `retained on ${topic} is ${found || 'nothing'}; it must be ${[...new Set(allowed)].map((key) => key || 'nothing').join(' or ')}`,
      )
    }
  }
}

function mayHaveExpired({ skipped }: History, { expiry, sentAt }: SimMessage, { now }: Time): boolean {
  return expiry !== null && sentAt + expiry * 1000 <= now + skipped
}

function hasExpired({ missed }: History, { expiry, acknowledgedAt }: SimMessage, { now }: Time): boolean {
  return expiry !== null && acknowledgedAt + expiry * 1000 + SURELY + missed < now
}

function checkRetainedBytes({ retained, metrics }: Core): void {
  let bytes = 0
  retained.match('#', (message) => {
    bytes += message.payloadLength
  })
  if (bytes !== metrics.retainedBytes)
    throw new Violation(`the broker counts ${metrics.retainedBytes} retained bytes, there are ${bytes}`)
}

function retainedOn(core: Core, topic: string): string {
  let key = ''
  core.retained.match(topic, (message) => {
    const { bytes, payloadStart, payloadEnd } = message
    key = String.fromCharCode(...bytes.subarray(payloadStart, payloadEnd)).split(':')[0]!
  })
  return key
}

/** It was acknowledged, and no power loss took that back. */
function isCertain(history: History, { acknowledgedAt, sentAt }: SimMessage): boolean {
  if (acknowledgedAt === Number.POSITIVE_INFINITY) return false
  return history.powerLosses.every(({ at, syncedAt }) => acknowledgedAt < syncedAt || sentAt > at)
}

/** Whether `other` has certainly taken the place of `one`. */
function isLater(history: History, other: SimMessage, one: SimMessage): boolean {
  if (other === one || !isCertain(history, other)) return false
  if (one.qos > 0) return other.sent > one.acknowledged
  if (one.publisher === other.publisher) return other.order > one.order
  return one.link !== null && one.link.brokerEnded < other.sentAt
}

/** The broker has the Sessions that the clients have, and nothing waits in them. */
function checkSessions(history: History, clients: readonly SimClient[], core: Core): void {
  if (core.connections.size !== clients.length) {
    throw new Violation(`the broker has ${core.connections.size} connections, there are ${clients.length}`)
  }
  for (const id of core.sessions.keys()) {
    if (!clients.some(({ plan }) => plan.id === id)) throw new Violation(`the broker has a session of ${id}`)
  }
  for (const { plan } of clients) {
    const model = history.sessions.get(plan.id)
    const session = core.sessions.get(plan.id)
    if (model === undefined || session === undefined) throw new Violation(`the session of ${plan.id} is lost`)
    for (const filter of model.subscriptions.keys()) {
      if (!session.subscriptions.has(filter)) throw new Violation(`${plan.id} lost its subscription to ${filter}`)
    }
    for (const filter of session.subscriptions.keys()) {
      const known = model.subscriptions.has(filter) || model.uncertain.has(filter)
      if (!known) throw new Violation(`${plan.id} is subscribed to ${filter}, and should not be`)
    }
    const { outbound, inbound, queuedBytes, inFlightBytes, keptBytes } = session
    const left = [outbound.tail - outbound.head, outbound.inFlight, inbound.size, queuedBytes, inFlightBytes, keptBytes]
    if (left.some((each) => each !== 0)) throw new Violation(`something is left in the session of ${plan.id}: ${left}`)
  }
}

/** What is counted as it changes is what a walk along all of it finds. */
export function checkTotals({ sessions, connections, queues, slow, unprovedBytes }: Core): void {
  const all = [...sessions.values()]
  const blocked = [...connections].filter((connection) => connection.blocked)
  const counts = [
    ['messages that wait', queues.messages, sum(all.map(({ outbound }) => outbound.waiting))],
    ['bytes that wait', queues.bytes, sum(all.map(({ queuedBytes }) => queuedBytes))],
    ['slow receivers', slow.size, blocked.filter((connection) => slow.has(connection)).length],
    ['slow receivers', slow.size, blocked.length],
    ['bytes before CONNACK', unprovedBytes, sum([...connections].map(({ unproved }) => unproved))],
  ] as const
  for (const [name, counted, found] of counts) {
    if (counted !== found) throw new Violation(`the broker counts ${counted} ${name}, there are ${found}`)
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}

/** What a restart must not change, as text. */
export function stateOf(core: Core): string[] {
  const lines: string[] = []
  for (const session of core.sessions.values()) {
    if (!session.persistent) continue
    lines.push(`session ${session.clientId} ${session.expiryInterval}`)
    const left = session.outbound.tail - session.outbound.head
    if (left + session.inbound.size + session.queuedBytes > 0) lines.push(`${session.clientId} is owed ${left}`)
    for (const { filter, qos, noLocal, retainAsPublished, identifiers } of session.subscriptions.values()) {
      const flags = `${qos} ${noLocal} ${retainAsPublished} ${identifiers}`
      lines.push(`${session.clientId} subscribed to ${filter.source} ${flags}`)
    }
  }
  core.retained.match('#', (message) => lines.push(`retained ${message.topic} ${message.id} ${message.expiresAt}`))
  return lines.sort()
}

export function checkRestart(before: readonly string[], after: readonly string[]): void {
  const lost = before.filter((line) => !after.includes(line))
  const added = after.filter((line) => !before.includes(line))
  if (lost.length + added.length === 0) return
  throw new Violation(
    `after a restart at rest: lost ${lost.join('; ') || 'nothing'}, added ${added.join('; ') || 'nothing'}`,
  )
}

/** All Sessions have ended: nothing of them is left, in memory or in the store. */
export function checkEnd(core: Core, store: SimStore): void {
  const { sessions, connections, online, keptBytes, router, dirty, late } = core
  const left = {
    sessions: sessions.size,
    connections: connections.size,
    online,
    keptBytes,
    subscriptions: router.subscriptions,
    groups: router.sharedGroups,
    dirty: dirty.length + late.length,
  }
  for (const [name, count] of Object.entries(left)) {
    if (count !== 0) throw new Violation(`all sessions have ended, and the broker has still ${count} ${name}`)
  }
  let messages = 0
  let retained = 0
  for (const record of store.load()) {
    if (record.kind === 'message') messages++
    else if (record.kind === 'retained') retained++
    else if (record.kind !== 'messageIds' && record.kind !== 'time')
      throw new Violation(`all sessions have ended, and the store has ${record.kind}`)
  }
  if (messages > retained) throw new Violation(`the store has ${messages} messages for ${retained} retained ones`)
}

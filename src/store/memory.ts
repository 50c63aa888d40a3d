import type {
  LoadRecord,
  Message,
  Store,
  StoredEntry,
  StoredSubscription,
  StoredTime,
  StoredWill,
  StoreRecord,
} from '../broker/contracts.ts'

import { Numbered } from './numbered.ts'
import { Replayed } from './replayed.ts'

type Retained = StoreRecord & { kind: 'retained' }
type QueuedRecord = StoreRecord & { kind: 'queued' }

/** One client's Session, as it would be found after a restart. */
class StoredSession {
  expiryInterval = 0
  will: StoredWill | null = null
  offlineAt = 0
  /** Of the queue, all before this place may have been sent. Null: nobody knows. */
  sent: number | null = null
  /** The position after the last that was used. */
  tail = 0
  readonly subscriptions: Map<string, StoredSubscription> = new Map()
  readonly replayed: Replayed = new Replayed()
  /** By position, in order. */
  readonly queue: Map<number, QueuedRecord> = new Map()
  /** Positions for which PUBREC was seen. */
  readonly received: Set<number> = new Set()
  readonly inbound: Set<number> = new Set()
}

interface StoredMessage {
  readonly message: Message
  /** Queues and topics that refer to it. */
  uses: number
}

/** A store that lasts as long as the process: all is durable as soon as the turn commits, and gone when the process is. */
export class MemoryStore implements Store {
  onDurable: (() => void) | null = null
  onReadable: (() => void) | null = null
  durable = 0
  readonly trouble = null
  readonly full = false
  #position = 0
  readonly #sessions: Map<string, StoredSession> = new Map()
  readonly #messages: Numbered<StoredMessage> = new Numbered()
  readonly #retained: Map<string, Retained> = new Map()
  #time: StoredTime | null = null

  append(record: StoreRecord): number {
    this.#apply(record)
    this.#position++
    return this.#position
  }

  commit(): void {
    this.durable = this.#position
  }

  read(clientId: string, from: number, limit: number): StoredEntry[] {
    const session = this.#sessions.get(clientId)
    const entries: StoredEntry[] = []
    if (session === undefined) return entries
    for (const { position, messageId, qos, retain, identifiers, shared = null } of session.queue.values()) {
      if (entries.length === limit) break
      const stored = this.#messages.get(messageId)
      if (position < from || stored === undefined) continue
      const received = session.received.has(position)
      entries.push({ position, message: stored.message, qos, retain, identifiers, shared, received })
    }
    return entries
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  *load(): Iterable<LoadRecord> {
    if (this.#time !== null) yield { kind: 'time', ...this.#time }
    for (const retained of this.#retained.values()) {
      yield { kind: 'message', message: this.#messages.get(retained.messageId)!.message }
      yield retained
    }
    for (const [clientId, session] of this.#sessions) yield* loadSession(clientId, session)
    let next = 1
    for (const id of this.#messages.keys()) next = Math.max(next, id + 1)
    if (next > 1) yield { kind: 'messageIds', next }
  }

  #apply(record: StoreRecord): void {
    switch (record.kind) {
      case 'message':
        this.#messages.set(record.message.id, { message: record.message, uses: 0 })
        return
      case 'retained':
        // In this order: it may be the same message.
        this.#use(record.messageId)
        this.#unretain(record.topic)
        this.#retained.set(record.topic, record)
        return
      case 'time':
        this.#time = record
        return
      case 'retainedCleared':
        this.#unretain(record.topic)
        return
      case 'session': {
        const session = this.#sessions.get(record.clientId) ?? new StoredSession()
        session.expiryInterval = record.expiryInterval
        session.will = record.will
        session.offlineAt = 0
        session.sent = null
        this.#sessions.set(record.clientId, session)
        return
      }
      case 'sessionEnded': {
        const session = this.#sessions.get(record.clientId)
        if (session !== undefined) for (const { messageId } of session.queue.values()) this.#release(messageId)
        this.#sessions.delete(record.clientId)
        return
      }
      default: {
        const session = this.#sessions.get(record.clientId)
        if (session !== undefined) this.#applyToSession(session, record)
      }
    }
  }

  #applyToSession(
    session: StoredSession,
    record: Exclude<
      StoreRecord,
      { kind: 'time' | 'message' | 'retained' | 'retainedCleared' | 'session' | 'sessionEnded' }
    >,
  ): void {
    switch (record.kind) {
      case 'offline':
        session.offlineAt = record.at
        session.sent = record.sent
        if (!record.will) session.will = null
        return
      case 'subscribed':
        session.replayed.subscribed(session.subscriptions, record.subscription)
        return
      case 'unsubscribed':
        session.replayed.unsubscribed(session.subscriptions, record.filter)
        return
      case 'replayed':
        session.replayed.note(session.subscriptions, record.filter, record.messageId)
        return
      case 'queued':
        session.queue.set(record.position, record)
        session.tail = record.position + 1
        this.#use(record.messageId)
        return
      case 'received':
        session.received.add(record.position)
        return
      case 'done': {
        const queued = session.queue.get(record.position)
        if (queued === undefined) return
        session.queue.delete(record.position)
        session.received.delete(record.position)
        this.#release(queued.messageId)
        return
      }
      case 'inbound':
        session.inbound.add(record.packetId)
        return
      case 'inboundReleased':
        session.inbound.delete(record.packetId)
        return
    }
  }

  #unretain(topic: string): void {
    const retained = this.#retained.get(topic)
    if (retained === undefined) return
    this.#retained.delete(topic)
    this.#release(retained.messageId)
  }

  #use(messageId: number): void {
    const stored = this.#messages.get(messageId)
    if (stored !== undefined) stored.uses++
  }

  #release(messageId: number): void {
    const stored = this.#messages.get(messageId)
    if (stored === undefined) return
    stored.uses--
    if (stored.uses === 0) this.#messages.delete(messageId)
  }
}

function* loadSession(clientId: string, session: StoredSession): Iterable<LoadRecord> {
  const { expiryInterval, will, offlineAt, sent } = session
  yield { kind: 'session', clientId, expiryInterval, will }
  if (offlineAt > 0) yield { kind: 'offline', clientId, at: offlineAt, will: will !== null, sent }
  yield* session.replayed.records(clientId, session.subscriptions)
  for (const packetId of session.inbound) yield { kind: 'inbound', clientId, packetId }
  if (session.tail === 0) return
  const head = session.queue.keys().next().value ?? session.tail
  let bytes = 0
  for (const { position, size } of session.queue.values()) if (!session.received.has(position)) bytes += size
  yield { kind: 'queue', clientId, head, tail: session.tail, bytes }
}

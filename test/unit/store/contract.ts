import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Store, StoredSubscription, StoreRecord } from '../../../src/broker/index.ts'
import { Message } from '../../../src/broker/message/message.ts'
import { originOf } from '../../../src/broker/message/origin.ts'
import { fc } from '../../support/fast-check.ts'
import { bytesOf } from '../../support/packets.ts'

type Kind<K extends StoreRecord['kind']> = StoreRecord & { kind: K }

/** A message that a store can keep. */
export function message(id: number, topic = 't', payload = 'x', expiresAt = 0): Message {
  const bytes = bytesOf(topic + payload)
  const topicLength = bytesOf(topic).length
  const made = new Message(topic, bytes, 1, false, originOf('publisher'))
  made.lay(0, topicLength, 0, bytes.length - topicLength)
  made.expiresAt = expiresAt
  made.id = id
  return made
}

export function session(clientId: string, will: Kind<'session'>['will'] = null): Kind<'session'> {
  return { kind: 'session', clientId, expiryInterval: 60, will }
}

export function queued(clientId: string, position: number, messageId: number): Kind<'queued'> {
  return {
    kind: 'queued',
    clientId,
    position,
    messageId,
    qos: 2,
    retain: true,
    identifiers: [7, 8],
    shared: '$share/g/t',
    size: 1,
  }
}

export function subscription(filter: string, qos: 0 | 1 | 2 = 1, owed = 0): StoredSubscription {
  return { filter, qos, noLocal: true, retainAsPublished: true, identifier: 5, owed }
}

export function append(store: Store, ...records: StoreRecord[]): void {
  for (const record of records) store.append(record)
  store.commit()
}

/** What the store has, as records that can be compared. */
export function load(store: Store): StoreRecord[] {
  return [...stateOf(store)].map(plain)
}

/** All that the store has, as records: what is in the queues is asked for as a broker asks, some at a time. */
function* stateOf(store: Store): Iterable<StoreRecord> {
  const told = new Set<number>()
  for (const record of store.load()) {
    if (record.kind === 'message') told.add(record.message.id)
    if (record.kind === 'queue') yield* queueOf(store, record.clientId, record.head, record.tail, told)
    else if (record.kind !== 'messageIds') yield record
  }
}

function* queueOf(
  store: Store,
  clientId: string,
  head: number,
  tail: number,
  told: Set<number>,
): Iterable<StoreRecord> {
  for (let from = head; ; ) {
    const entries = store.read(clientId, from, 2) ?? assert.fail('it cannot be read')
    if (entries.length === 0) return
    for (const { position, message: kept, qos, retain, identifiers, shared, received } of entries) {
      const size = 1
      assert.ok(position >= from && position < tail, `position ${position} is within the queue`)
      from = position + 1
      if (!told.has(kept.id)) yield { kind: 'message', message: kept }
      told.add(kept.id)
      yield {
        kind: 'queued',
        clientId,
        position,
        messageId: kept.id,
        qos,
        retain,
        identifiers,
        ...(shared === null ? {} : { shared }),
        size,
      }
      if (received) yield { kind: 'received', clientId, position }
    }
  }
}

/** What a record says: a message after a restart may be another object, and its bytes may lie elsewhere. */
function plain(record: StoreRecord): StoreRecord {
  if (record.kind === 'message') return { kind: 'message', message: plainMessage(record.message) }
  if (record.kind !== 'session' || record.will === null) return record
  return { ...record, will: { ...record.will, message: plainMessage(record.will.message) } }
}

function plainMessage(kept: Message): Message {
  const { id, topic, qos, retain, expiresAt, publisher, bytes } = kept
  const shown = {
    ...{ id, topic, qos, retain, expiresAt, publisher },
    topicBytes: [...kept.topicBytes.slice(kept.topicStart, kept.topicEnd)],
    properties: [...bytes.slice(kept.propertiesStart, kept.propertiesEnd)],
    payload: [...bytes.slice(kept.payloadStart, kept.payloadEnd)],
  }
  return shown as unknown as Message
}

/**
 * What every Store promises. `open` makes an empty one; `reopen` what is found in its place after the process has ended
 * (the same object, where the store lasts no longer than the process).
 */
export function storeContract(name: string, open: () => Store, reopen: (store: Store) => Store, runs = 200): void {
  describe(`the store in ${name}`, () => {
    /** The records of `load`, after the store was opened anew. */
    function after(...records: StoreRecord[]): StoreRecord[] {
      const store = open()
      append(store, ...records)
      return load(reopen(store))
    }

    it('is empty at first', () => assert.deepEqual(after(), []))

    it('numbers what is appended, and is durable up to there after the turn', async () => {
      const store = open()
      const positions = [store.append(session('a')), store.append(session('b')), store.append(session('c'))]
      assert.ok(positions[0]! < positions[1]! && positions[1]! < positions[2]!, positions.join(' '))
      const durable = new Promise<void>((resolve) => {
        store.onDurable = resolve
      })
      store.commit()
      if (store.durable < positions[2]!) await durable
      assert.ok(store.durable >= positions[2]!)
      const next = store.append(session('d'))
      assert.ok(next > store.durable, 'what is not committed is not durable')
    })

    it('keeps a Session with its Will, subscriptions, and what it is owed, in order', () => {
      const will = { message: message(0, 'will', 'gone', 5), delay: 3 }
      const records: StoreRecord[] = [
        session('a', will),
        { kind: 'offline', clientId: 'a', at: 1_700_000_000_000, will: true, sent: 70_001 },
        { kind: 'subscribed', clientId: 'a', subscription: subscription('x/#') },
        { kind: 'subscribed', clientId: 'a', subscription: subscription('$share/g/y') },
        { kind: 'inbound', clientId: 'a', packetId: 9 },
        { kind: 'inbound', clientId: 'a', packetId: 65_535 },
        { kind: 'message', message: message(1, 'a/b', 'first', 123_456) },
        queued('a', 70_000, 1),
        { kind: 'message', message: message(2, 'ü/🌡', '') },
        queued('a', 70_001, 2),
        { kind: 'received', clientId: 'a', position: 70_001 },
        queued('a', 70_003, 1),
      ]
      assert.deepEqual(after(...records), records.map(plain))
    })

    it('keeps retained messages, the last of each topic', () => {
      const records = after(
        { kind: 'message', message: message(1, 'a', 'old') },
        { kind: 'retained', topic: 'a', messageId: 1, at: 5 },
        { kind: 'message', message: message(2, 'b', 'cleared') },
        { kind: 'retained', topic: 'b', messageId: 2, at: 5 },
        { kind: 'message', message: message(3, 'a', 'new') },
        { kind: 'retained', topic: 'a', messageId: 3, at: 5 },
        { kind: 'retainedCleared', topic: 'b' },
        { kind: 'retainedCleared', topic: 'never there' },
      )
      assert.deepEqual(records, [
        plain({ kind: 'message', message: message(3, 'a', 'new') }),
        { kind: 'retained', topic: 'a', messageId: 3, at: 5 },
      ])
    })

    it('puts a subscription in the place of one with the same filter, and forgets those that are gone', () => {
      const records = after(
        session('a'),
        { kind: 'subscribed', clientId: 'a', subscription: subscription('x', 1) },
        { kind: 'subscribed', clientId: 'a', subscription: subscription('y', 1) },
        { kind: 'subscribed', clientId: 'a', subscription: subscription('x', 2) },
        { kind: 'unsubscribed', clientId: 'a', filter: 'y' },
        { kind: 'unsubscribed', clientId: 'a', filter: 'z' },
      )
      assert.deepEqual(records.slice(1), [{ kind: 'subscribed', clientId: 'a', subscription: subscription('x', 2) }])
    })

    it('forgets a position that is done, with its PUBREC, and an identifier that was released', () => {
      const records = after(
        session('a'),
        { kind: 'message', message: message(1) },
        queued('a', 1, 1),
        queued('a', 2, 1),
        { kind: 'received', clientId: 'a', position: 1 },
        { kind: 'done', clientId: 'a', position: 1 },
        { kind: 'done', clientId: 'a', position: 99 },
        { kind: 'inbound', clientId: 'a', packetId: 3 },
        { kind: 'inboundReleased', clientId: 'a', packetId: 3 },
      )
      assert.deepEqual(
        records.filter(({ kind }) => kind !== 'session' && kind !== 'message'),
        [queued('a', 2, 1)],
      )
    })

    it('drops a message when nothing refers to it any more, and not before', () => {
      const store = open()
      const kept = () => load(reopen(store)).some(({ kind }) => kind === 'message')
      append(store, session('a'), session('b'), { kind: 'message', message: message(1) })
      append(store, queued('a', 1, 1), queued('b', 1, 1), { kind: 'retained', topic: 't', messageId: 1, at: 5 })
      append(store, { kind: 'done', clientId: 'a', position: 1 })
      assert.ok(kept())
      append(store, { kind: 'sessionEnded', clientId: 'b' })
      assert.ok(kept())
      append(store, { kind: 'retainedCleared', topic: 't' })
      assert.ok(!kept())
    })

    it('a message that is retained again in its own place stays', () => {
      const retained: StoreRecord = { kind: 'retained', topic: 't', messageId: 1, at: 5 }
      const records = after(
        session('a'),
        { kind: 'message', message: message(1) },
        queued('a', 1, 1),
        retained,
        retained,
      )
      assert.equal(records.filter(({ kind }) => kind === 'message').length, 1)
    })

    it('a Session that has ended leaves nothing', () => {
      const records = after(
        session('a', { message: message(0, 'will'), delay: 1 }),
        { kind: 'offline', clientId: 'a', at: 5, will: true, sent: 1 },
        { kind: 'subscribed', clientId: 'a', subscription: subscription('x') },
        { kind: 'message', message: message(1) },
        queued('a', 1, 1),
        { kind: 'received', clientId: 'a', position: 1 },
        { kind: 'inbound', clientId: 'a', packetId: 3 },
        { kind: 'sessionEnded', clientId: 'a' },
        { kind: 'subscribed', clientId: 'a', subscription: subscription('too late') },
      )
      assert.deepEqual(records, [])
    })

    it('a Session that is opened again keeps what it has, and is not offline', () => {
      const records = after(
        session('a'),
        { kind: 'subscribed', clientId: 'a', subscription: subscription('x') },
        { kind: 'offline', clientId: 'a', at: 5, will: false, sent: null },
        { ...session('a'), expiryInterval: 99 },
      )
      assert.deepEqual(records, [
        { ...session('a'), expiryInterval: 99 },
        { kind: 'subscribed', clientId: 'a', subscription: subscription('x') },
      ])
    })

    it('knows what may have been sent as long as the client is away, and no longer', () => {
      const offline = (sent: number | null): Kind<'offline'> => ({
        kind: 'offline',
        clientId: 'a',
        at: 5,
        will: false,
        sent,
      })
      assert.deepEqual(after(session('a'), offline(0)), [session('a'), offline(0)])
      assert.deepEqual(after(session('a'), offline(2 ** 40)), [session('a'), offline(2 ** 40)])
      assert.deepEqual(after(session('a'), offline(7), offline(null)), [session('a'), offline(null)])
      assert.deepEqual(after(session('a'), offline(null), offline(7)), [session('a'), offline(7)])
      assert.deepEqual(after(session('a'), offline(7), session('a')), [session('a')])
      assert.deepEqual(after(session('a'), offline(7), session('a'), offline(null)), [session('a'), offline(null)])
    })

    it('a Will that was published, or taken back, is not there', () => {
      const will = { message: message(0, 'will'), delay: 1 }
      const records = after(session('a', will), { kind: 'offline', clientId: 'a', at: 5, will: false, sent: null })
      assert.deepEqual(records, [session('a'), { kind: 'offline', clientId: 'a', at: 5, will: false, sent: null }])
    })

    it('gives its state and not its history: loaded into another store, it is the same', () => {
      fc.assert(
        fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
          const store = open()
          const records = new Valid().follow(changes)
          append(store, ...records)
          const state = load(reopen(store))
          assert.ok(state.length <= records.length)
          const other = open()
          append(other, ...messagesFirst([...stateOf(reopen(store))]))
          assert.deepEqual(load(reopen(other)), state)
        }),
        { numRuns: runs },
      )
    })
  })
}

/** Messages in the order of their numbers, as a broker gives them, and before what refers to them. */
function messagesFirst(records: readonly StoreRecord[]): StoreRecord[] {
  const number = (record: StoreRecord): number =>
    record.kind === 'message' ? record.message.id : Number.POSITIVE_INFINITY
  return [...records].sort((a, b) => (number(a) === number(b) ? 0 : number(a) - number(b)))
}

/** What may happen, in small numbers so that it happens to the same things. */
const change = fc.record({
  kind: fc.constantFrom<StoreRecord['kind']>(
    'session',
    'session',
    'offline',
    'sessionEnded',
    'subscribed',
    'unsubscribed',
    'replayed',
    'queued',
    'queued',
    'queued',
    'received',
    'done',
    'inbound',
    'inboundReleased',
    'retained',
    'retainedCleared',
    'time',
  ),
  client: fc.constantFrom('a', 'b'),
  number: fc.integer({ min: 1, max: 4 }),
})

/** Makes of them what a broker would append: positions count up, and a message stands before what refers to it. */
class Valid {
  readonly #tails: Map<string, number> = new Map()
  #messages = 0

  follow(changes: readonly { kind: StoreRecord['kind']; client: string; number: number }[]): StoreRecord[] {
    return changes.flatMap(({ kind, client, number }) => this.#records(kind, client, number))
  }

  #records(kind: StoreRecord['kind'], clientId: string, number: number): StoreRecord[] {
    const topic = `t/${number}`
    const tail = this.#tails.get(clientId) ?? 0
    switch (kind) {
      case 'session':
        return [session(clientId, number === 1 ? { message: message(0, 'will'), delay: 2 } : null)]
      case 'offline':
        return [{ kind, clientId, at: number, will: number === 1, sent: number === 2 ? null : tail }]
      case 'sessionEnded':
        this.#tails.delete(clientId)
        return [{ kind, clientId }]
      case 'subscribed':
        return [{ kind, clientId, subscription: subscription(topic, 2, this.#messages % 3) }]
      case 'replayed':
        return [{ kind, clientId, filter: topic, messageId: this.#messages % 4 }]
      case 'unsubscribed':
        return [{ kind, clientId, filter: topic }]
      case 'message':
      case 'queued': {
        this.#tails.set(clientId, tail + 1)
        const id = ++this.#messages
        // One message for both clients, if the number says so.
        const other = clientId === 'a' ? 'b' : 'a'
        const both = number === 1 ? [queued(other, this.#next(other), id)] : []
        return [{ kind: 'message', message: message(id, topic) }, queued(clientId, tail, id), ...both]
      }
      case 'received':
      case 'done':
        return tail < number ? [] : [{ kind, clientId, position: tail - number }]
      case 'inbound':
      case 'inboundReleased':
        return [{ kind, clientId, packetId: number }]
      case 'retained': {
        const id = ++this.#messages
        const retained = { kind, topic, messageId: id, at: number }
        return [{ kind: 'message', message: message(id, topic) }, retained]
      }
      case 'retainedCleared':
        return [{ kind, topic }]
      case 'time':
        return [{ kind, at: number, wall: number + 7 }]
    }
  }

  #next(clientId: string): number {
    const tail = this.#tails.get(clientId) ?? 0
    this.#tails.set(clientId, tail + 1)
    return tail
  }
}

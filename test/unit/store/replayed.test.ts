import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { restoreMessage, type StoreRecord } from '../../../src/broker/index.ts'
import { ByteReader, ByteWriter } from '../../../src/store/disk/byte-writer.ts'
import { readRecord, writeRecord } from '../../../src/store/disk/records.ts'
import { decodeSession, encodeSession, SessionState } from '../../../src/store/disk/session-state.ts'
import { MemoryStore } from '../../../src/store/index.ts'
import { append, load, session, subscription } from './contract.ts'

const replayed = (filter: string, messageId: number): StoreRecord => {
  return { kind: 'replayed', clientId: 'a', filter, messageId }
}
const subscribed = (filter: string, owed: number): StoreRecord => {
  return { kind: 'subscribed', clientId: 'a', subscription: subscription(filter, 2, owed) }
}

const HISTORY: readonly StoreRecord[] = [
  subscribed('goes on', 9),
  replayed('goes on', 3),
  replayed('goes on', 5),
  subscribed('goes on', 9),
  subscribed('anew', 9),
  replayed('anew', 3),
  subscribed('anew', 10),
  subscribed('done', 9),
  replayed('done', 3),
  replayed('done', 0),
  subscribed('gone', 9),
  replayed('gone', 3),
  { kind: 'unsubscribed', clientId: 'a', filter: 'gone' },
  replayed('gone', 4),
]
const LEFT: readonly StoreRecord[] = [
  subscribed('goes on', 9),
  replayed('goes on', 3),
  replayed('goes on', 5),
  subscribed('anew', 10),
  subscribed('done', 0),
]

describe('what of the retained messages a store knows to be owed to a subscription, until all were sent', () => {
  it('in memory', () => {
    const store = new MemoryStore()
    append(store, session('a'), ...HISTORY)
    assert.deepEqual(load(store).slice(1), LEFT)
  })

  for (const sent of [null, 7]) {
    it(`on disk, as records and as the state of a Session of which ${sent ?? 'nobody knows what'} was sent`, () => {
      const state = new SessionState(1, 'a')
      state.sent = sent
      const log = new ByteWriter()
      for (const record of HISTORY) writeRecord(log, record, 1)
      const from = new ByteReader(log.written, 0, log.length)
      while (!from.atEnd) state.apply(readRecord(from, () => 'a', restoreMessage).record)
      const value = new ByteWriter()
      encodeSession(value, state)
      const read = decodeSession(1, value.written, restoreMessage)
      assert.equal(read.sent, sent)
      assert.deepEqual([...read.replayed.records('a', read.subscriptions)], LEFT)
    })
  }
})

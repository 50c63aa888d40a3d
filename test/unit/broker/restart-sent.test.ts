import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType } from '../../../src/protocol/index.ts'
import { type TestClient, TestCore } from '../../support/core.ts'
import { acknowledgement, textOf, will } from '../../support/packets.ts'

const { Puback } = PacketType
const KEPT = { cleanStart: false, properties: { sessionExpiryInterval: 3600 } }
/** It takes one message at a time. */
const NARROW = { properties: { sessionExpiryInterval: 3600, receiveMaximum: 1 } }

/** A client whose Session is kept, connected. */
function kept(core: TestCore): TestClient {
  return core.client({ clientId: 'kept', ...KEPT })
}

/** The messages that came, and whether as sent before. */
function dups(client: TestClient): string[] {
  return client.published().map(({ payload, dup }) => `${textOf(payload)}${dup ? ' dup' : ''}`)
}

describe('what was sent before a restart', () => {
  it('[MQTT-3.3.1-1] what was never sent comes without DUP, and what was sent with it', () => {
    for (const maximumInFlight of [3, 20]) {
      const before = new TestCore({ maximumInFlight })
      const subscriber = kept(before)
      subscriber.subscribe('kept/#', { qos: 2 })
      const publisher = before.client()
      for (let i = 1; i <= 3; i++) publisher.publish('kept/x', String(i), { qos: i === 2 ? 2 : 1, packetId: i })
      assert.equal(subscriber.published().length, 3)
      subscriber.drop()
      for (let i = 4; i <= 6; i++) publisher.publish('kept/x', String(i), { qos: i === 5 ? 2 : 1, packetId: i })
      const again = kept(before.restart({ maximumInFlight: 6 }))
      assert.deepEqual(dups(again), ['1 dup', '2 dup', '3 dup', '4', '5', '6'])
    }
  })

  it('what was sent on any connection of before counts, not only on the last one', () => {
    const before = new TestCore()
    const subscriber = kept(before)
    subscriber.subscribe('kept/#', { qos: 1 })
    const publisher = before.client()
    for (let i = 1; i <= 4; i++) publisher.publish('kept/x', String(i), { qos: 1, packetId: i })
    assert.equal(subscriber.published().length, 4)
    subscriber.drop()
    publisher.publish('kept/x', '5', { qos: 1 })
    const narrow = before.client({ ...NARROW, clientId: 'kept', cleanStart: false })
    assert.deepEqual(dups(narrow), ['1 dup'])
    narrow.drop()
    const core = before.restart()
    const second = core.client({ ...NARROW, clientId: 'kept', cleanStart: false })
    assert.deepEqual(dups(second), ['1 dup'])
    second.send(acknowledgement(Puback, 1))
    assert.deepEqual(dups(second), ['2 dup'])
    second.drop()
    assert.deepEqual(dups(kept(core.restart())), ['2 dup', '3 dup', '4 dup', '5'])
  })

  it('killed with the client here, so many as fill the window may have been sent; what came later was not', () => {
    const settings = { maximumInFlight: 2 }
    const before = new TestCore(settings)
    const subscriber = kept(before)
    subscriber.subscribe('kept/#', { qos: 1 })
    const publisher = before.client()
    for (let i = 1; i <= 4; i++) publisher.publish('kept/x', String(i), { qos: 1, packetId: i })
    const second = before.restart()
    second.client().publish('kept/x', '5', { qos: 1 })
    // Nobody has come back for it: what is not known stays so.
    const core = second.restart({ maximumInFlight: 10 })
    core.client().publish('kept/x', '6', { qos: 1 })
    const third = core.restart(settings)
    third.client().publish('kept/x', '7', { qos: 1 })
    const again = kept(third)
    assert.deepEqual(dups(again), ['1 dup', '2 dup'])
    again.drop()
    assert.deepEqual(dups(kept(third.restart({ maximumInFlight: 10 }))), ['1 dup', '2 dup', '3', '4', '5', '6', '7'])
  })

  it('killed with the client here and few messages for it: those that come after the restart were never sent', () => {
    const before = new TestCore()
    const subscriber = kept(before)
    subscriber.subscribe('kept/#', { qos: 1 })
    before.client().publish('kept/x', '1', { qos: 1 })
    const core = before.restart({ maximumQueueMemory: 0 })
    core.client().publish('kept/x', '2', { qos: 1 })
    assert.deepEqual(dups(kept(core)), ['1 dup', '2'])
  })

  it('a Will that comes after the restart tells the store nothing new of what was sent', () => {
    const settings = { maximumInFlight: 2 }
    const before = new TestCore(settings)
    const options = { clientId: 'kept', ...KEPT, will: will('will', 'gone', { properties: { willDelayInterval: 5 } }) }
    const subscriber = before.client(options)
    subscriber.subscribe('kept/#', { qos: 1 })
    const publisher = before.client()
    for (let i = 1; i <= 4; i++) publisher.publish('kept/x', String(i), { qos: 1, packetId: i })
    const killed = before.restart()
    killed.pass(6)
    assert.equal(killed.count('willPublished'), 1)
    const third = killed.restart()
    const again = third.client(options)
    assert.deepEqual(dups(again), ['1 dup', '2 dup'])
    again.drop()
    const fourth = third.restart()
    fourth.pass(6)
    assert.equal(fourth.count('willPublished'), 1)
    assert.deepEqual(dups(kept(fourth.restart({ maximumInFlight: 10 }))), ['1 dup', '2 dup', '3', '4'])
  })

  it('[MQTT-3.3.2-5] [MQTT-4.3.3-7] what has expired is dropped if it was never sent, and comes again if it was', () => {
    const before = new TestCore()
    const subscriber = kept(before)
    subscriber.subscribe('kept/#', { qos: 1 })
    const publisher = before.client()
    const properties = { messageExpiryInterval: 10 }
    publisher.publish('kept/x', 'sent', { qos: 1, properties })
    subscriber.drop()
    publisher.publish('kept/x', 'never sent', { qos: 1, packetId: 2, properties })
    const core = before.restart()
    core.pass(11)
    assert.deepEqual(dups(kept(core)), ['sent dup'])
    assert.equal(core.count('messageExpired'), 1)
  })
})

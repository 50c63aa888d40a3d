import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType, type QoS } from '../../../src/protocol/index.ts'
import { type TestClient, TestCore } from '../../support/core.ts'
import { acknowledgement, disconnect, publish, textOf, will } from '../../support/packets.ts'

const { Puback, Pubrec, Pubrel, Pubcomp } = PacketType
const KEPT = { cleanStart: false, properties: { sessionExpiryInterval: 3600 } }

/** A client whose Session is kept, connected. */
function kept(core: TestCore, clientId = 'kept'): TestClient {
  return core.client({ clientId, ...KEPT })
}

/** A client whose Session is kept, subscribed and gone. */
function away(core: TestCore, qos: QoS, filter = 'kept/#'): void {
  const client = kept(core)
  client.subscribe(filter, { qos })
  client.drop()
}

describe('after a restart on the same store', () => {
  it('subscriptions are as they were, with all their options', () => {
    const before = new TestCore()
    const client = kept(before)
    client.subscribe('kept/own', { qos: 1, noLocal: true })
    client.subscribe('kept/*/star', { qos: 2, retainAsPublished: true }, 7)
    client.subscribe('gone', { qos: 1 })
    client.send({ type: PacketType.Unsubscribe, packetId: 2, filters: ['gone'], properties: {} })
    const core = before.restart()
    const again = kept(core)
    assert.equal(again.connack?.sessionPresent, true)
    again.publish('kept/own', 'not to myself', { qos: 1 })
    const other = core.client()
    for (const [i, topic] of ['kept/own', 'gone', 'kept/x/star'].entries()) {
      other.publish(topic, topic, { qos: 2, retain: true, packetId: i + 1 })
    }
    const came = again.published().map(({ topic, qos, retain, properties }) => ({ topic, qos, retain, properties }))
    assert.deepEqual(came, [
      { topic: 'kept/own', qos: 1, retain: false, properties: {} },
      { topic: 'kept/x/star', qos: 2, retain: true, properties: { subscriptionIdentifiers: [7] } },
    ])
  })

  it('a Session that ended with its connection is not there', () => {
    const before = new TestCore()
    const client = before.client({ clientId: 'short' })
    client.subscribe('x', { qos: 1 })
    const core = before.restart()
    assert.equal(core.broker.core.sessions.size, 0)
    assert.equal(core.client({ clientId: 'short', ...KEPT }).connack?.sessionPresent, false)
  })

  it('a shared subscription goes on sharing', () => {
    const before = new TestCore()
    away(before, 1, '$share/team/work')
    before.client().publish('work', 'x', { qos: 1 })
    assert.deepEqual(kept(before.restart()).payloads(), ['x'])
  })

  it('what waited comes in order, each with its QoS, properties and a Packet Identifier', () => {
    const before = new TestCore()
    away(before, 2)
    const publisher = before.client()
    for (let i = 0; i < 15; i++) {
      const qos = i % 2 === 0 ? 1 : 2
      publisher.publish('kept/x', String(i), { qos, packetId: i + 1, properties: { contentType: `type ${i}` } })
    }
    const came = kept(before.restart()).published()
    assert.deepEqual(
      came.map(({ payload, qos, packetId, properties }) => [textOf(payload), qos, packetId, properties.contentType]),
      Array.from({ length: 15 }, (_, i) => [String(i), i % 2 === 0 ? 1 : 2, i + 1, `type ${i}`]),
    )
  })

  it('[MQTT-4.4.0-1] what was in flight comes again with the identifiers of before, and what was acknowledged does not', () => {
    const before = new TestCore()
    const subscriber = kept(before)
    subscriber.subscribe('kept/#', { qos: 2 })
    const publisher = before.client()
    for (let i = 1; i <= 6; i++) publisher.publish('kept/x', String(i), { qos: i <= 3 ? 1 : 2, packetId: i })
    assert.deepEqual(
      subscriber.published().map(({ packetId }) => packetId),
      [1, 2, 3, 4, 5, 6],
    )
    // 2 is done; of 5 the message was received; 6 is done.
    subscriber.send(
      acknowledgement(Puback, 2),
      acknowledgement(Pubrec, 5),
      acknowledgement(Pubrec, 6),
      acknowledgement(Pubcomp, 6),
    )
    const again = kept(before.restart())
    const came = again.take().map((packet) => {
      if (packet.type === PacketType.Publish) return [packet.packetId, packet.dup, textOf(packet.payload)]
      return packet.type === Pubrel ? [packet.packetId, 'PUBREL'] : packet
    })
    assert.deepEqual(came, [
      [5, 'PUBREL'],
      [1, true, '1'],
      [3, true, '3'],
      [4, true, '4'],
    ])
    again.send(acknowledgement(Puback, 1), acknowledgement(Puback, 3), acknowledgement(Pubrec, 4))
    again.send(acknowledgement(Pubcomp, 4), acknowledgement(Pubcomp, 5))
    const queues = [...before.store.load()].filter((record) => record.kind === 'queue')
    assert.equal(queues.length, 1)
    for (const { head, tail, bytes } of queues) assert.deepEqual([head, bytes], [tail, 0], 'nothing is owed any more')
  })

  it('[MQTT-4.4.0-1] a PUBREL is sent again however far it lies behind, and however small the new window is', () => {
    const before = new TestCore({ maximumInFlight: 200 })
    const subscriber = kept(before)
    subscriber.subscribe('kept/#', { qos: 2 })
    const publisher = before.client()
    for (let i = 1; i <= 250; i++) publisher.publish('kept/x', String(i), { qos: 2, packetId: i })
    assert.equal(subscriber.published().length, 200)
    subscriber.send(acknowledgement(Pubrec, 2), acknowledgement(Pubrec, 150), acknowledgement(Pubrec, 200))
    const again = before
      .restart()
      .client({ clientId: 'kept', ...KEPT, properties: { sessionExpiryInterval: 3600, receiveMaximum: 4 } })
    const came = again.take().map((packet) => ('packetId' in packet ? [packet.type, packet.packetId] : packet))
    assert.deepEqual(came, [
      [Pubrel, 2],
      [PacketType.Publish, 1],
      [PacketType.Publish, 3],
      [PacketType.Publish, 4],
      [Pubrel, 150],
      [Pubrel, 200],
    ])
  })

  it('a new message gets an identifier that is not in use', () => {
    const before = new TestCore()
    away(before, 1)
    before.client().publish('kept/x', 'old', { qos: 1 })
    const core = before.restart()
    const again = kept(core)
    core.client().publish('kept/x', 'new', { qos: 1 })
    assert.deepEqual(
      again.published().map(({ packetId, dup, payload }) => [packetId, dup, textOf(payload)]),
      [
        [1, false, 'old'],
        [2, false, 'new'],
      ],
    )
  })

  it('[MQTT-4.3.3-10] a QoS 2 message of before that comes again is acknowledged and not delivered again', () => {
    const before = new TestCore()
    kept(before, 'publisher').publish('x', 'once', { qos: 2, packetId: 9 })
    const core = before.restart()
    const watcher = core.client()
    watcher.subscribe('x')
    const publisher = kept(core, 'publisher')
    publisher.send(publish('x', 'once', { qos: 2, packetId: 9, dup: true }))
    assert.deepEqual(
      publisher.take().map(({ type }) => type),
      [Pubrec],
    )
    assert.deepEqual(watcher.payloads(), [])
    publisher.send(acknowledgement(Pubrel, 9))
    const after = kept(core.restart(), 'publisher')
    after.send(publish('x', 'another', { qos: 2, packetId: 9 }))
    assert.equal(after.connection.session?.inbound.size, 1)
  })

  it('retained messages are there, the last of each topic, and no cleared one', () => {
    const before = new TestCore()
    const publisher = before.client()
    for (const payload of ['old', 'new']) publisher.publish('r/1', payload, { qos: 1, retain: true })
    publisher.publish('r/2', 'cleared', { retain: true })
    publisher.publish('r/2', '', { retain: true })
    publisher.publish('r/3', 'x', { retain: true, properties: { contentType: 't', messageExpiryInterval: 60 } })
    before.pass(10)
    const core = before.restart()
    const late = core.client()
    late.subscribe('r/#', { qos: 1 })
    assert.deepEqual(
      late
        .published()
        .map(({ topic, payload, qos, properties }) => [topic, textOf(payload), qos, properties])
        .sort(),
      [
        ['r/1', 'new', 1, {}],
        ['r/3', 'x', 0, { contentType: 't', messageExpiryInterval: 50 }],
      ],
    )
    core.pass(51)
    assert.equal(core.broker.core.retained.size, 1)
    assert.equal(core.broker.core.metrics.retainedBytes, 3)
  })

  it('a Session ends when its time since it went away has passed, the time of the restart counted', () => {
    const before = new TestCore()
    away(before, 1)
    before.pass(1000)
    before.clock.time += 2_000_000
    const core = before.restart()
    core.pass(599)
    assert.equal(core.count('sessionExpired'), 0)
    core.pass(1.1)
    assert.equal(core.count('sessionExpired'), 1)
    assert.deepEqual(
      [...core.store.load()].filter(({ kind }) => kind !== 'time'),
      [],
    )
  })

  it('a Session whose client was online lives on for all of its time', () => {
    const before = new TestCore()
    kept(before)
    before.pass(1000)
    const core = before.restart()
    core.pass(3599)
    assert.equal(core.broker.core.sessions.size, 1)
    core.pass(1.1)
    assert.equal(core.broker.core.sessions.size, 0)
  })

  it('the Will of a client that was online is published, once', () => {
    const before = new TestCore()
    before.client({ clientId: 'kept', ...KEPT, will: will('will', 'gone', { qos: 1, retain: true }) })
    const core = before.restart()
    core.pass(0.2)
    assert.equal(core.count('willPublished'), 1)
    const late = core.restart().client()
    late.subscribe('will', { qos: 1 })
    assert.deepEqual(late.payloads(), ['gone'])
    const third = core.restart()
    third.pass(5)
    assert.equal(third.count('willPublished'), 0)
  })

  it('a Will that waits for its delay waits on, and not for a client that is back', () => {
    const before = new TestCore()
    const delayed = will('will', 'gone', { properties: { willDelayInterval: 100 } })
    for (const clientId of ['away', 'back']) before.client({ clientId, ...KEPT, will: delayed }).drop()
    before.pass(60)
    const core = before.restart()
    kept(core, 'back')
    core.pass(39)
    assert.equal(core.count('willPublished'), 0)
    core.pass(1.2)
    assert.deepEqual(
      core.events.filter(({ id }) => id === 'willPublished').map(({ client }) => client),
      ['away'],
    )
  })

  it('a Will that DISCONNECT took back does not come', () => {
    const before = new TestCore()
    const client = before.client({ clientId: 'kept', ...KEPT, will: will('will', 'gone') })
    client.send(disconnect())
    const core = before.restart()
    core.pass(5)
    assert.equal(core.count('willPublished'), 0)
  })

  it('max_queued_bytes counts what waits, and no longer what was delivered', () => {
    const before = new TestCore({ maximumQueuedBytes: 100 })
    away(before, 2)
    const publisher = before.client()
    publisher.publish('kept/x', 'x'.repeat(40), { qos: 1 })
    publisher.publish('kept/x', 'x'.repeat(40), { qos: 2 })
    const core = before.restart()
    core.client().publish('kept/x', 'too much'.repeat(4), { qos: 1 })
    assert.equal(core.count('queueFull'), 1)
    const again = kept(core)
    assert.equal(again.published().length, 2)
    again.send(acknowledgement(Puback, 1), acknowledgement(Pubrec, 2), acknowledgement(Pubcomp, 2))
    again.drop()
    assert.equal(core.broker.core.sessions.get('kept')?.queuedBytes, 0)
    core.client().publish('kept/x', 'x'.repeat(90), { qos: 1 })
    assert.equal(kept(core).published().length, 1)
  })

  it('a message of which PUBREC was seen waits no more', () => {
    const before = new TestCore({ maximumQueuedBytes: 100 })
    const subscriber = kept(before)
    subscriber.subscribe('kept/#', { qos: 2 })
    before.client().publish('kept/x', 'x'.repeat(40), { qos: 2 })
    subscriber.send(acknowledgement(Pubrec, 1))
    const core = before.restart()
    assert.equal(core.broker.core.sessions.get('kept')?.queuedBytes, 0)
  })

  it('restarted over and over, nothing is lost and nothing is left over', () => {
    let core = new TestCore()
    away(core, 1)
    for (let i = 0; i < 10; i++) {
      core.client().publish('kept/x', String(i), { qos: 1 })
      core = core.restart()
    }
    const again = kept(core)
    assert.deepEqual(again.payloads(), ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
    for (let packetId = 1; packetId <= 10; packetId++) again.send(acknowledgement(Puback, packetId))
    again.send(disconnect(0, { sessionExpiryInterval: 0 }))
    assert.deepEqual(
      [...core.store.load()].filter(({ kind }) => kind !== 'time'),
      [],
    )
  })
})

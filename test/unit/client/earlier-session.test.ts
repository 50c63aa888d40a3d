import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ConnectOptions, text } from '../../../src/client/index.ts'
import { PacketType } from '../../../src/protocol/index.ts'
import { PATIENCE_MS } from '../../support/patience.ts'
import { FakeClock, settle } from './support/fake-clock.ts'
import type { Peer } from './support/scripted-broker.ts'
import { subscribe } from './support/subscribe.ts'
import { scene } from './support/with-broker.ts'

const stage = scene()
const KEPT: ConnectOptions = { clientId: 'kept', sessionExpiry: 100 }

const join = (options: ConnectOptions = {}) => stage.join({ ...KEPT, ...options }, { sessionPresent: true })

/** Identifiers, 1 here, are those that the earlier process chose. */
function deliver(peer: Peer, topic: string, packetIds: readonly number[], qos: 1 | 2 = 1, dup = false): void {
  const properties = { subscriptionIdentifiers: [1] }
  for (const packetId of packetIds) peer.publish(topic, `${packetId}`, { qos, packetId, properties, dup })
}

async function acknowledged(peer: Peer, packetIds: readonly number[]): Promise<void> {
  for (const packetId of packetIds) assert.equal((await peer.expect(PacketType.Puback)).packetId, packetId)
}

describe('messages of a Session of an earlier process', () => {
  it('wait for their subscription, and are acknowledged when the broker has granted it', async () => {
    const { client, peer } = await join()
    assert.equal(client.sessionPresent, true)
    deliver(peer, 'old/a', [1, 2])
    await settle()
    assert.ok(peer.idle)
    assert.equal(client.stats().held, 2)
    const other = await subscribe(client, peer, 'other', { qos: 1 })
    const subscribing = client.subscribe('old/#', { qos: 1, codec: text })
    const { packetId } = await peer.expect(PacketType.Subscribe)
    deliver(peer, 'old/a', [3])
    await settle()
    assert.ok(peer.idle)
    peer.send({ type: PacketType.Suback, packetId, reasonCodes: [1], properties: {} })
    await acknowledged(peer, [1, 2, 3])
    const subscription = await subscribing
    for (const payload of ['1', '2', '3']) assert.equal((await subscription.next()).payload, payload)
    deliver(peer, 'old/a', [4])
    assert.equal((await subscription.next()).payload, '4')
    assert.equal(other.subscription.buffered, 0)
    const { held, unclaimed } = client.stats()
    assert.deepEqual([held, unclaimed], [0, 0])
  })

  it('are not lost with a subscription that the broker refuses', async () => {
    const { client, peer } = await join()
    deliver(peer, 'old/a', [1])
    const refused = assert.rejects(client.subscribe('old/#', { qos: 1 }), { code: 'ERR_DENIED' })
    const { packetId } = await peer.expect(PacketType.Subscribe)
    peer.send({ type: PacketType.Suback, packetId, reasonCodes: [0x87], properties: {} })
    await refused
    await settle()
    assert.ok(peer.idle)
    const { subscription } = await subscribe(client, peer, 'old/a', { qos: 1 })
    await acknowledged(peer, [1])
    await subscription.next()
  })

  it('are never acknowledged unseen, however late and many they are; the application is told, once', async () => {
    const clock = new FakeClock()
    const events: string[] = []
    const { client, peer } = await join({
      clock,
      keepAlive: 0,
      receiveMaximum: 2000,
      onEvent: (event) => events.push(event.type),
    })
    const ids = Array.from({ length: 1500 }, (_, i) => i + 1)
    deliver(peer, 'old/a', ids.slice(0, 500))
    await settle()
    clock.advance(3_600_000)
    assert.equal(client.stats().held, 500)
    deliver(peer, 'old/a', ids.slice(500))
    const subscribing = client.subscribe('old/#', { qos: 1, buffer: 2000 })
    await peer.grant()
    const subscription = await subscribing
    await acknowledged(peer, ids)
    assert.equal(subscription.buffered, 1500)
    assert.deepEqual(
      events.filter((type) => type === 'unclaimed'),
      ['unclaimed'],
    )
  })

  it('of QoS 0 wait for ten seconds, and are counted then', async () => {
    const clock = new FakeClock()
    const { client, peer } = await join({ clock })
    peer.publish('old/a', 'first')
    await settle()
    assert.equal(client.stats().held, 1)
    clock.advance(10_000)
    assert.equal(client.stats().unclaimed, 1)
    peer.publish('old/a', 'second')
    await settle()
    const { held, unclaimed } = client.stats()
    assert.deepEqual([held, unclaimed], [0, 2])
  })

  it('do not wait for filters other than those that connect() was told', async () => {
    const { client, peer } = await join({ subscriptions: ['old/{name}', '$share/group/work/#'] })
    deliver(peer, 'stale', [1])
    deliver(peer, 'old/a', [2])
    deliver(peer, 'work/a', [3])
    await acknowledged(peer, [1])
    await settle()
    assert.ok(peer.idle)
    const { held, unclaimed } = client.stats()
    assert.deepEqual([held, unclaimed], [2, 1])
    await subscribe(client, peer, 'old/{name}', { qos: 1 })
    await acknowledged(peer, [2])
  })

  it('do not wait for a filter that was given up', async () => {
    const { client, peer } = await join()
    deliver(peer, 'old/a', [1])
    await settle()
    const giving = client.unsubscribe('old/#')
    await acknowledged(peer, [1])
    const { packetId } = await peer.expect(PacketType.Unsubscribe)
    deliver(peer, 'old/a', [2])
    await acknowledged(peer, [2])
    peer.send({ type: PacketType.Unsuback, packetId, reasonCodes: [0], properties: {} })
    await giving
    const { subscription } = await subscribe(client, peer, 'short', { qos: 1 })
    void subscription.unsubscribe()
    await peer.expect(PacketType.Unsubscribe)
    deliver(peer, 'short', [3])
    await acknowledged(peer, [3])
    assert.equal(client.stats().unclaimed, 3)
  })

  it('do not stand in the way as answers to what the earlier process asked', async () => {
    const { client, peer } = await join()
    deliver(peer, 'nightjar/answers/kept', [1])
    await acknowledged(peer, [1])
    assert.equal(client.stats().unclaimed, 1)
  })

  it('are held once, though the connection is lost and the broker sends them again', async () => {
    const { client, peer } = await join()
    deliver(peer, 'old/a', [1])
    deliver(peer, 'old/a', [2], 2)
    await settle()
    peer.drop()
    const again = await stage.broker.welcome({ sessionPresent: true })
    deliver(again, 'old/a', [1], 1, true)
    deliver(again, 'old/a', [2], 2, true)
    await settle()
    assert.equal(client.stats().held, 2)
    const { subscription } = await subscribe(client, again, 'old/#', { qos: 2 })
    await acknowledged(again, [1])
    assert.equal((await again.expect(PacketType.Pubrec)).packetId, 2)
    assert.equal(subscription.buffered, 2)
  })

  it('of QoS 0 are all there, though reading goes on until the SUBACK', async () => {
    const { client, peer } = await join()
    const subscribing = client.subscribe('old/#', { codec: text })
    const { packetId } = await peer.expect(PacketType.Subscribe)
    for (let i = 0; i < 3000; i++) peer.publish('old/a', `${i}`)
    peer.send({ type: PacketType.Suback, packetId, reasonCodes: [0], properties: {} })
    const early = await subscribing
    for (let i = 0; i < 3000; i++) assert.equal((await early.next({ timeout: PATIENCE_MS })).payload, `${i}`)
    const other = client.subscribe('other', { codec: text })
    const second = await peer.expect(PacketType.Subscribe)
    for (let i = 0; i < 3000; i++) peer.publish('another', `${i}`)
    peer.send({ type: PacketType.Suback, packetId: second.packetId, reasonCodes: [0], properties: {} })
    await other
    assert.deepEqual([client.stats().held, client.stats().unclaimed], [3000, 0])
    const late = client.subscribe('another', { codec: text })
    await peer.grant()
    for (let i = 0; i < 3000; i++) assert.equal((await (await late).next({ timeout: PATIENCE_MS })).payload, `${i}`)
  })

  it('that come late, for a subscription that is gone, are told of: acknowledgements wait for them', async () => {
    const clock = new FakeClock()
    const topics: string[] = []
    const { client, peer } = await join({
      clock,
      keepAlive: 0,
      onEvent: (event) => event.type === 'unclaimed' && topics.push(event.topic),
    })
    clock.advance(10_000)
    assert.deepEqual(topics, [])
    deliver(peer, 'gone', [1, 2])
    await settle()
    assert.deepEqual([topics, client.stats().held], [['gone'], 2])
    peer.drop()
    await settle()
    clock.advance(1)
    const again = await stage.broker.welcome({ sessionPresent: true })
    deliver(again, 'gone', [1, 2], 1, true)
    await settle()
    assert.deepEqual(topics, ['gone', 'gone'])
    const giving = client.unsubscribe('gone')
    await acknowledged(again, [1, 2])
    const { packetId } = await again.expect(PacketType.Unsubscribe)
    again.send({ type: PacketType.Unsuback, packetId, reasonCodes: [0], properties: {} })
    await giving
  })

  it('that nobody subscribed to are a warning, once, for a program that listens to no events', async () => {
    const clock = new FakeClock()
    const warnings: string[] = []
    const listen = (warning: Error) => warnings.push(warning.message)
    process.on('warning', listen)
    try {
      const { client, peer } = await join({ clock, keepAlive: 0 })
      deliver(peer, 'gone', [1, 2])
      await settle()
      clock.advance(10_000)
      deliver(peer, 'gone', [3])
      await settle()
      assert.equal(client.stats().held, 3)
      assert.equal(warnings.length, 1, warnings.join())
      assert.match(warnings[0]!, /the first for 'gone', .* unsubscribe\(\), .* `subscriptions`/)
    } finally {
      process.off('warning', listen)
    }
  })

  it('wait for the one expected filter though another that matches them was given up', async () => {
    const { client, peer } = await join({ subscriptions: ['old/#', 'old/a'] })
    deliver(peer, 'old/a', [1])
    await settle()
    const giving = client.unsubscribe('old/a')
    const { packetId } = await peer.expect(PacketType.Unsubscribe)
    peer.send({ type: PacketType.Unsuback, packetId, reasonCodes: [0], properties: {} })
    await giving
    assert.equal(client.stats().held, 1)
    const { subscription } = await subscribe(client, peer, 'old/#', { qos: 1 })
    await acknowledged(peer, [1])
    assert.equal(subscription.buffered, 1)
  })
})

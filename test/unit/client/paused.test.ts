import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { text } from '../../../src/client/index.ts'
import { PacketType } from '../../../src/protocol/index.ts'
import { PATIENCE_MS } from '../../support/patience.ts'
import { FakeClock, settle } from './support/fake-clock.ts'
import { subscribe } from './support/subscribe.ts'
import { scene } from './support/with-broker.ts'

const stage = scene()

describe("a full buffer that pauses ('pause')", () => {
  it('loses nothing of QoS 0, however many messages one read has: it stops at a packet border', async () => {
    const { client, peer } = await stage.join()
    const { subscription, properties } = await subscribe(client, peer, 'a', { buffer: 2, codec: text })
    const count = 30_000
    for (let i = 0; i < count; i++) peer.publish('a', `${i}`, { properties })
    await settle(100)
    assert.equal(subscription.buffered, 2)
    for (let i = 0; i < count; i++) assert.equal((await subscription.next({ timeout: PATIENCE_MS })).payload, `${i}`)
    assert.deepEqual([subscription.dropped, client.stats().dropped], [0, 0])
  })

  it('stays so on the next connection', async () => {
    const { client, peer } = await stage.join({ sessionExpiry: 100 })
    const { subscription, properties } = await subscribe(client, peer, 'a', { buffer: 2, codec: text })
    for (let i = 0; i < 10; i++) peer.publish('a', 'before', { properties })
    await settle(100)
    // Nothing is read, so only a write finds out.
    peer.reset()
    await settle()
    await client.publish('b', '')
    const again = await stage.broker.welcome({ sessionPresent: true })
    for (let i = 0; i < 1000; i++) again.publish('a', `${i}`, { properties })
    await settle(100)
    while ((await subscription.next()).payload !== '0');
    for (let i = 1; i < 1000; i++) assert.equal((await subscription.next({ timeout: PATIENCE_MS })).payload, `${i}`)
    assert.equal(subscription.dropped, 0)
  })
})

describe('while an answer is awaited, and messages stand before it', () => {
  it('reading goes on, and nothing is lost: the loop that waits for its PUBACK comes on', async () => {
    const { client, peer } = await stage.join()
    const { subscription, properties } = await subscribe(client, peer, 'a', { buffer: 2, codec: text })
    const rounds = 30
    const burst = 1000
    const answer = async () => {
      for (let round = 0; round < rounds; round++) {
        const { packetId } = await peer.expect(PacketType.Publish)
        for (let i = 0; i < burst; i++) peer.publish('a', `${round * burst + i}`, { properties })
        peer.send({ type: PacketType.Puback, packetId, reasonCode: 0, properties: {} })
      }
    }
    const answering = answer()
    await client.publish('b', '', { qos: 1 })
    for (let i = 0; i < rounds * burst; i++) {
      assert.equal((await subscription.next({ timeout: PATIENCE_MS })).payload, `${i}`)
      if (i < rounds - 1) await client.publish('b', '', { qos: 1 })
    }
    await answering
    assert.deepEqual([subscription.dropped, client.stats().dropped], [0, 0])
  })

  it('memory is bounded: above 64 MiB messages of QoS 0 are dropped, counted and told, and the answer arrives', async () => {
    const events: string[] = []
    const { client, peer } = await stage.join({ onEvent: ({ type }) => events.push(type) })
    const { subscription, properties } = await subscribe(client, peer, 'a', { buffer: 2 })
    const publishing = client.publish('b', '', { qos: 1 })
    const { packetId } = await peer.expect(PacketType.Publish)
    const payload = 'x'.repeat(1024 * 1024)
    for (let i = 0; i < 80; i++) peer.publish('a', payload, { properties })
    peer.send({ type: PacketType.Puback, packetId, reasonCode: 0, properties: {} })
    await publishing
    assert.equal(subscription.buffered, 64)
    assert.equal(subscription.dropped, 16)
    assert.deepEqual(events, ['online', 'overflow'])
  })

  it('what was read makes room again, and so does a subscription that ended', async () => {
    const { client, peer } = await stage.join()
    const one = await subscribe(client, peer, 'a', { buffer: 1 })
    const two = await subscribe(client, peer, 'b', { buffer: 1 })
    const payload = 'x'.repeat(1024 * 1024)
    const fill = async (topic: string, properties: object, count: number) => {
      const publishing = client.publish('c', '', { qos: 1 })
      const { packetId } = await peer.expect(PacketType.Publish)
      for (let i = 0; i < count; i++) peer.publish(topic, payload, { properties })
      peer.send({ type: PacketType.Puback, packetId, reasonCode: 0, properties: {} })
      await publishing
    }
    await fill('a', one.properties, 60)
    await fill('b', two.properties, 60)
    assert.deepEqual([one.subscription.dropped, two.subscription.dropped], [0, 56])
    void one.subscription.unsubscribe()
    await peer.expect(PacketType.Unsubscribe)
    await fill('b', two.properties, 30)
    assert.equal(two.subscription.dropped, 56)
    for (let i = 0; i < 30; i++) await two.subscription.next({ timeout: PATIENCE_MS })
    await fill('b', two.properties, 90)
    assert.deepEqual([two.subscription.buffered, two.subscription.dropped], [64, 86])
  })
})

describe('while reading is paused', () => {
  /** A client that has more unread than its buffer takes, and a clock. */
  const full = async () => {
    const clock = new FakeClock()
    const events: string[] = []
    const onEvent = (event: { type: string; error?: { code: string } | null }) =>
      events.push(event.error?.code ?? event.type)
    const joined = await stage.join({ clock, keepAlive: 10, onEvent })
    const { subscription, properties } = await subscribe(joined.client, joined.peer, 'a', { buffer: 2, codec: text })
    for (let i = 0; i < 5000; i++) joined.peer.publish('a', `${i} ${'x'.repeat(500)}`, { properties })
    await settle(100)
    assert.equal(subscription.buffered, 2)
    return { ...joined, clock, events, subscription }
  }

  it('a peer that has fallen silent is noticed', async () => {
    const { clock, events, peer } = await full()
    clock.advance(10_000)
    await peer.expect(PacketType.Pingreq)
    // What still lay in the kernel comes first; then nothing.
    await settle(200)
    clock.advance(10_000)
    await settle(200)
    for (let i = 0; i < 4 && !events.includes('ERR_KEEP_ALIVE'); i++) {
      clock.advance(5000)
      await settle(200)
    }
    assert.ok(events.includes('ERR_KEEP_ALIVE'), events.join())
  })

  it('one that answers is not, and nothing is lost', async () => {
    const { clock, events, peer, subscription } = await full()
    for (let i = 0; i < 20; i++) {
      clock.advance(10_000)
      await peer.expect(PacketType.Pingreq)
      peer.send({ type: PacketType.Pingresp })
      await settle(100)
    }
    for (let i = 0; i < 5000; i++) {
      assert.equal((await subscription.next({ timeout: PATIENCE_MS })).payload.split(' ')[0], `${i}`)
    }
    assert.deepEqual(events, ['online'])
  })
})

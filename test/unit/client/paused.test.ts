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

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType } from '../../../src/protocol/index.ts'
import { settle } from './support/fake-clock.ts'
import type { Peer } from './support/scripted-broker.ts'
import { subscribe } from './support/subscribe.ts'
import { scene } from './support/with-broker.ts'

const stage = scene()

async function release(peer: Peer): Promise<readonly string[]> {
  const { packetId, filters } = await peer.expect(PacketType.Unsubscribe)
  peer.send({ type: PacketType.Unsuback, packetId, reasonCodes: Array.from(filters, () => 0), properties: {} })
  return [...filters]
}

describe('unsubscribe', () => {
  it('is answered though a buffer is full: of the client, and of another subscription', async () => {
    const { client, peer } = await stage.join()
    const { properties } = await subscribe(client, peer, 'flood', { buffer: 2 })
    const other = await subscribe(client, peer, 'other')
    for (let i = 0; i < 10; i++) peer.publish('flood', 'x', { properties })
    await settle()
    for (const giveUp of [() => client.unsubscribe('earlier'), () => other.subscription.unsubscribe()]) {
      const giving = giveUp()
      await release(peer)
      await giving
      await settle()
    }
  })

  it('rejects if the client is closed before the broker has answered', async () => {
    const { client, peer } = await stage.join()
    const { subscription } = await subscribe(client, peer, 'a')
    const leaving = assert.rejects(subscription.unsubscribe(), { code: 'ERR_CLOSED' })
    const giving = assert.rejects(client.unsubscribe('earlier'), { code: 'ERR_CLOSED' })
    await peer.expect(PacketType.Unsubscribe)
    await peer.expect(PacketType.Unsubscribe)
    await client.close()
    await Promise.all([leaving, giving])
  })

  it('of the client waits for the next connection', async () => {
    const { client, peer } = await stage.join({ sessionExpiry: 100 })
    peer.drop()
    await settle()
    let done = false
    const giving = client.unsubscribe('earlier').then(() => {
      done = true
    })
    const again = await stage.broker.welcome({ sessionPresent: true })
    const { packetId } = await again.expect(PacketType.Unsubscribe)
    await settle()
    assert.equal(done, false)
    again.send({ type: PacketType.Unsuback, packetId, reasonCodes: [0], properties: {} })
    await giving
  })

  it('rejects what is too large for the broker', async () => {
    const { client } = await stage.join({}, { properties: { maximumPacketSize: 40 } })
    await assert.rejects(client.unsubscribe('x'.repeat(100)), { code: 'ERR_TOO_LARGE' })
  })
})

describe('Packet Identifiers', () => {
  it('that are all in use: SUBSCRIBE waits for one, and goes before the messages that wait too', async () => {
    const all = 65_535
    const { client, peer } = await stage.join({ queue: { messages: 2 * all } })
    const published = []
    for (let i = 0; i < all + 10; i++) published.push(client.publish('a', '', { qos: 1 }))
    const subscribing = client.subscribe('b')
    for (let i = 1; i <= all; i++) assert.equal((await peer.expect(PacketType.Publish)).packetId, i)
    await settle()
    assert.ok(peer.idle)
    peer.send({ type: PacketType.Puback, packetId: 1, reasonCode: 0, properties: {} })
    const { packetId } = await peer.grant()
    assert.equal(packetId, 1)
    await subscribing
    for (let i = 2; i <= all; i++) peer.send({ type: PacketType.Puback, packetId: i, reasonCode: 0, properties: {} })
    for (let i = 0; i < 10; i++) await peer.acknowledge()
    await Promise.all(published)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType } from '../../../src/protocol/index.ts'
import { settle } from './support/fake-clock.ts'
import type { Peer } from './support/scripted-broker.ts'
import { subscribe } from './support/subscribe.ts'
import { scene } from './support/with-broker.ts'

const stage = scene()

function deliver(peer: Peer, topic: string, ...packetIds: number[]): void {
  for (const packetId of packetIds) peer.publish(topic, `${packetId}`, { qos: 1, packetId })
}

async function acknowledged(peer: Peer, ...packetIds: number[]): Promise<void> {
  for (const packetId of packetIds) assert.equal((await peer.expect(PacketType.Puback)).packetId, packetId)
}

async function nothing(peer: Peer): Promise<void> {
  await settle()
  assert.ok(peer.idle)
}

describe("with ack: 'on-next'", () => {
  const options = { qos: 1, ack: 'on-next' } as const

  it('two that wait by next() each get a message, and both are acknowledged as they ask again', async () => {
    const { client, peer } = await stage.join()
    const { subscription } = await subscribe(client, peer, 'a', options)
    const waiting = [subscription.next(), subscription.next()]
    await settle()
    deliver(peer, 'a', 1, 2, 3, 4)
    await Promise.all(waiting)
    await nothing(peer)
    await subscription.next()
    await acknowledged(peer, 1)
    await subscription.next()
    await acknowledged(peer, 2)
    await nothing(peer)
  })

  it('two loops acknowledge each what they had themselves', async () => {
    const { client, peer } = await stage.join()
    const { subscription } = await subscribe(client, peer, 'a', options)
    const [one, two] = [subscription[Symbol.asyncIterator](), subscription[Symbol.asyncIterator]()]
    deliver(peer, 'a', 1, 2, 3)
    await one.next()
    await two.next()
    await two.next()
    // The second has done with its first, which waits for the first of all.
    await nothing(peer)
    await one.return?.()
    await acknowledged(peer, 1, 2)
    await peer.expect(PacketType.Unsubscribe)
    await nothing(peer)
    assert.equal((await two.next()).done, true)
    await acknowledged(peer, 3)
  })

  it('what next() gave last is acknowledged when the subscription ends, and so is all that follows', async () => {
    const { client, peer } = await stage.join()
    const { subscription } = await subscribe(client, peer, 'a', options)
    await subscribe(client, peer, 'b', { qos: 1 })
    deliver(peer, 'a', 1, 2)
    deliver(peer, 'b', 3)
    await subscription.next()
    await nothing(peer)
    void subscription.unsubscribe()
    await acknowledged(peer, 1, 2, 3)
  })

  it('drain() waits until every loop has done', async () => {
    const { client, peer } = await stage.join()
    const { subscription } = await subscribe(client, peer, 'a', options)
    const [one, two] = [subscription[Symbol.asyncIterator](), subscription[Symbol.asyncIterator]()]
    deliver(peer, 'a', 1, 2)
    await one.next()
    await two.next()
    const draining = client.drain()
    assert.equal((await two.next()).done, true)
    await acknowledged(peer)
    await settle()
    assert.equal(client.state, 'online')
    assert.equal((await one.next()).done, true)
    await draining
  })
})

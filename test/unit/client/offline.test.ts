import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { text } from '../../../src/client/index.ts'
import { PacketType } from '../../../src/protocol/index.ts'
import { FakeClock, settle } from './support/fake-clock.ts'
import type { Peer } from './support/scripted-broker.ts'
import { subscribe } from './support/subscribe.ts'
import { scene } from './support/with-broker.ts'

const stage = scene()

/** A client whose broker is away, and stays away as long as the clock stands still. */
async function away() {
  const clock = new FakeClock()
  const joined = await stage.join({ clock, reconnect: { min: 60_000, max: 60_000, jitter: 0 } })
  joined.peer.drop()
  while (joined.client.state !== 'offline') await settle(1)
  return { ...joined, clock }
}

describe('while there is no connection', () => {
  it('request() ends with its timeout and with its signal, and what was asked is not sent later', async () => {
    const { client, clock } = await away()
    const late = assert.rejects(client.request('a', '', { qos: 1, timeout: 500 }), { code: 'ERR_TIMEOUT' })
    const stop = new AbortController()
    const given = assert.rejects(client.request('a', '', { qos: 1, signal: stop.signal }), { code: 'ERR_ABORTED' })
    await settle()
    clock.advance(500)
    await late
    stop.abort()
    await given
    clock.advance(60_000)
    const again = await stage.broker.welcome()
    await again.grant()
    await settle()
    assert.ok(again.idle)
  })

  it('a question that waits in the queue is taken back when its time is over', async () => {
    const clock = new FakeClock()
    const { client, peer } = await stage.join({ clock, reconnect: { min: 60_000, max: 60_000, jitter: 0 } })
    const first = client.request('a', '1', { qos: 1 })
    const { properties } = await question(peer)
    peer.publish(properties.responseTopic!, 'yes', { properties: { correlationData: properties.correlationData! } })
    assert.equal(text.decode((await first).payload), 'yes')
    peer.drop()
    while (client.state !== 'offline') await settle(1)
    const late = assert.rejects(client.request('a', '2', { qos: 1, timeout: 500 }), { code: 'ERR_TIMEOUT' })
    await settle()
    assert.equal(client.stats().queued, 1)
    clock.advance(500)
    await late
    assert.equal(client.stats().queued, 0)
  })

  it('drain() ends with its timeout and with its signal, and the client is closed', async () => {
    for (const how of ['timeout', 'signal'] as const) {
      const { client, clock } = await away()
      const published = assert.rejects(client.publish('a', '', { qos: 1 }), { code: 'ERR_CLOSED' })
      const stop = new AbortController()
      const code = how === 'timeout' ? 'ERR_TIMEOUT' : 'ERR_ABORTED'
      const draining = assert.rejects(client.drain(how === 'timeout' ? { timeout: 500 } : { signal: stop.signal }), {
        code,
      })
      await settle()
      assert.equal(client.state, 'offline')
      clock.advance(500)
      stop.abort()
      await draining
      await published
      assert.equal(client.state, 'closed')
      assert.equal(clock.pending, 0)
    }
  })

  it('drain() waits for the connection, if nothing ends it', async () => {
    const { client, clock } = await away()
    const published = client.publish('a', '', { qos: 1 })
    const draining = client.drain({ timeout: 600_000 })
    clock.advance(60_000)
    const again = await stage.broker.welcome()
    await again.acknowledge()
    await Promise.all([published, draining])
  })
})

describe('a question', () => {
  it('of QoS 0 is answered though a buffer is full', async () => {
    const { client, peer } = await stage.join()
    const { properties: flood } = await subscribe(client, peer, 'flood', { buffer: 1 })
    const ask = async () => {
      for (let i = 0; i < 5; i++) peer.publish('flood', '', { properties: flood })
      await settle()
      const asking = client.request('a', '')
      const { properties } = await question(peer)
      peer.publish(properties.responseTopic!, 'yes', { properties: { correlationData: properties.correlationData! } })
      return await asking
    }
    await ask()
    const answer = await ask()
    assert.deepEqual(
      [answer.qos, answer.topic, text.decode(answer.payload)],
      [0, 'nightjar/answers/' + client.clientId, 'yes'],
    )
    answer.ack()
  })
})

/** Takes a request, after the SUBSCRIBE for its answer if that is the first. */
async function question(peer: Peer) {
  const packet = await peer.next()
  if (packet.type === PacketType.Publish) return packet
  assert.equal(packet.type, PacketType.Subscribe)
  const { packetId } = packet as { packetId: number }
  peer.send({ type: PacketType.Suback, packetId, reasonCodes: [1], properties: {} })
  return await peer.expect(PacketType.Publish)
}

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ConnectOptions, type MqttError, ReasonCode } from '../../../src/client/index.ts'
import { type AcknowledgementPacket, PacketType } from '../../../src/protocol/index.ts'
import { settle } from './support/fake-clock.ts'
import type { Peer } from './support/scripted-broker.ts'
import { scene } from './support/with-broker.ts'

const stage = scene()
const KEPT: ConnectOptions = { sessionExpiry: 600 }
const PUT_ASIDE: ConnectOptions = { ...KEPT, poison: 'put-aside' }

function answer(type: AcknowledgementPacket['type'], packetId: number, reasonCode = 0): AcknowledgementPacket {
  return { type, packetId, reasonCode, properties: {} }
}

/** The peer for which the client comes back. */
function resumed(options: { receiveMaximum?: number } = {}): Promise<Peer> {
  return stage.broker.welcome({ sessionPresent: true, properties: options })
}

describe('a Session that the broker still has', () => {
  it('is asked for, and what was in flight is sent again with DUP, in order [MQTT-4.4.0-1] [MQTT-4.6.0-1]', async () => {
    const { client, peer } = await stage.join(KEPT)
    const all = [
      client.publish('a', '1', { qos: 1 }),
      client.publish('b', '2', { qos: 2 }),
      client.publish('c', '3', { qos: 2 }),
      client.publish('d', '4', { qos: 1 }),
    ]
    const [a, b, c, d] = [
      await peer.expect(PacketType.Publish),
      await peer.expect(PacketType.Publish),
      await peer.expect(PacketType.Publish),
      await peer.expect(PacketType.Publish),
    ]
    peer.send(answer(PacketType.Pubrec, c.packetId))
    await peer.expect(PacketType.Pubrel)
    peer.drop()
    const again = await resumed()
    assert.equal(again.connect?.cleanStart, false)
    const release = await again.expect(PacketType.Pubrel)
    const first = await again.expect(PacketType.Publish)
    const second = await again.expect(PacketType.Publish)
    const fourth = await again.expect(PacketType.Publish)
    assert.deepEqual(
      [first, second, fourth].map(({ topic, dup, packetId }) => [topic, dup, packetId]),
      [
        ['a', true, a.packetId],
        ['b', true, b.packetId],
        ['d', true, d.packetId],
      ],
    )
    assert.equal(release.packetId, c.packetId)
    again.send(answer(PacketType.Puback, a.packetId), answer(PacketType.Pubrec, b.packetId))
    await again.expect(PacketType.Pubrel)
    again.send(answer(PacketType.Pubcomp, b.packetId), answer(PacketType.Pubcomp, c.packetId))
    again.send(answer(PacketType.Puback, d.packetId))
    await Promise.all(all)
  })

  it('goes on within the window of the new connection, old before new', async () => {
    const { client, peer } = await stage.join(KEPT)
    const all = ['a', 'b'].map((topic) => client.publish(topic, '', { qos: 1 }))
    await peer.expect(PacketType.Publish)
    await peer.expect(PacketType.Publish)
    peer.drop()
    await settle()
    all.push(client.publish('c', '', { qos: 1 }))
    const again = await resumed({ receiveMaximum: 1 })
    const seen: string[] = []
    for (let i = 0; i < 3; i++) {
      await settle()
      seen.push((await again.acknowledge()).topic)
    }
    assert.deepEqual(seen, ['a', 'b', 'c'])
    await Promise.all(all)
  })

  it('sends PUBREL again at once, though the window of the new connection is smaller [MQTT-4.9.0-3]', async () => {
    const { client, peer } = await stage.join(KEPT)
    const all = ['a', 'b', 'c'].map((topic) => client.publish(topic, '', { qos: 2 }))
    for (let i = 0; i < 3; i++) await peer.expect(PacketType.Publish)
    peer.send(answer(PacketType.Pubrec, 3))
    await peer.expect(PacketType.Pubrel)
    peer.drop()
    const again = await resumed({ receiveMaximum: 1 })
    assert.equal((await again.expect(PacketType.Pubrel)).packetId, 3)
    await settle()
    assert.ok(again.idle)
    again.send(answer(PacketType.Pubcomp, 3))
    for (const topic of ['a', 'b']) {
      const { packetId, ...message } = await again.expect(PacketType.Publish)
      assert.deepEqual([message.topic, message.dup], [topic, true])
      again.send(answer(PacketType.Pubrec, packetId))
      await again.expect(PacketType.Pubrel)
      again.send(answer(PacketType.Pubcomp, packetId))
    }
    await Promise.all(all)
  })

  it('does not repeat its subscriptions', async () => {
    const { client, peer } = await stage.join(KEPT)
    const subscribing = client.subscribe('a/#', { qos: 1 })
    const { properties } = await peer.grant()
    const subscription = await subscribing
    peer.drop()
    const again = await resumed()
    again.publish('a/b', 'still', { properties: { subscriptionIdentifiers: properties.subscriptionIdentifiers! } })
    assert.equal((await subscription.next()).topic, 'a/b')
    assert.ok(again.idle)
  })

  it('repeats a SUBSCRIBE that was not answered', async () => {
    const { client, peer } = await stage.join(KEPT)
    const subscribing = client.subscribe('a')
    await peer.expect(PacketType.Subscribe)
    peer.drop()
    const again = await resumed()
    await again.grant()
    await subscribing
  })

  it('delivers a QoS 2 message once, though it comes twice [MQTT-4.3.3-10]', async () => {
    const { client, peer } = await stage.join(KEPT)
    const subscribing = client.subscribe('a', { qos: 2 })
    await peer.grant()
    const subscription = await subscribing
    peer.publish('a', 'once', { qos: 2, packetId: 9 })
    await peer.expect(PacketType.Pubrec)
    peer.drop()
    const again = await resumed()
    again.publish('a', 'once', { qos: 2, packetId: 9, dup: true })
    assert.equal((await again.expect(PacketType.Pubrec)).packetId, 9)
    again.send(answer(PacketType.Pubrel, 9))
    assert.equal((await again.expect(PacketType.Pubcomp)).reasonCode, ReasonCode.Success)
    again.publish('a', 'another', { qos: 2, packetId: 9 })
    await again.expect(PacketType.Pubrec)
    assert.equal(subscription.buffered, 2)
  })

  it('acknowledges a QoS 2 message that the application held over the loss, when it lets go', async () => {
    const { client, peer } = await stage.join(KEPT)
    const subscribing = client.subscribe('a', { qos: 2, ack: 'manual' })
    await peer.grant()
    const subscription = await subscribing
    peer.publish('a', 'held', { qos: 2, packetId: 4 })
    const message = await subscription.next()
    peer.drop()
    const again = await resumed()
    again.publish('a', 'held', { qos: 2, packetId: 4, dup: true })
    await settle()
    assert.ok(again.idle)
    message.ack()
    assert.equal((await again.expect(PacketType.Pubrec)).packetId, 4)
    assert.equal(subscription.buffered, 0)
  })

  it('answers a PUBREL for what it does not know [MQTT-4.3.3-11]', async () => {
    const { peer } = await stage.join(KEPT)
    peer.send(answer(PacketType.Pubrel, 77))
    assert.equal((await peer.expect(PacketType.Pubcomp)).reasonCode, ReasonCode.PacketIdentifierNotFound)
  })
})

describe('a Session that the broker has forgotten [MQTT-3.2.2-5]', () => {
  it('QoS 1 is published anew; QoS 2 is rejected, before PUBREC and after it: only PUBCOMP says that it is done', async () => {
    const { client, peer } = await stage.join(KEPT)
    const once = client.publish('a', '', { qos: 1 })
    const sent = ['b', 'c', 'd'].map((topic) => client.publish(topic, '', { qos: 2 }))
    const [a, b, c, d] = [
      await peer.expect(PacketType.Publish),
      await peer.expect(PacketType.Publish),
      await peer.expect(PacketType.Publish),
      await peer.expect(PacketType.Publish),
    ]
    assert.deepEqual([a.topic, b.topic, c.topic, d.topic], ['a', 'b', 'c', 'd'])
    for (const { packetId } of [c, d]) {
      peer.send(answer(PacketType.Pubrec, packetId))
      await peer.expect(PacketType.Pubrel)
    }
    peer.send(answer(PacketType.Pubcomp, d.packetId))
    await sent[2]
    peer.drop()
    const again = await stage.broker.welcome()
    const first = await again.acknowledge()
    assert.deepEqual([first.topic, first.dup], ['a', false])
    await once
    for (const promise of sent.slice(0, 2)) await assert.rejects(promise, { code: 'ERR_SESSION_LOST' })
    assert.ok(again.idle)
  })

  it('subscriptions are restored once each, however many have the same filter', async () => {
    const { client, peer } = await stage.join()
    const options = { qos: 1, noLocal: true } as const
    const subscribing = client.subscribe('same/#', options)
    await peer.grant()
    const more = client.subscribe('same/#', options)
    await peer.grant()
    const other = client.subscribe('other', { retained: 'skip' })
    await peer.grant()
    const ended = client.subscribe('ended')
    await peer.grant()
    const leaving = (await ended).unsubscribe()
    const { packetId } = await peer.expect(PacketType.Unsubscribe)
    peer.send({ type: PacketType.Unsuback, packetId, reasonCodes: [0], properties: {} })
    await leaving
    peer.drop()
    const again = await stage.broker.welcome()
    const restored = [await again.grant(), await again.grant()].flatMap(({ subscriptions }) => [...subscriptions])
    assert.deepEqual(
      restored.map(({ filter, qos, noLocal, retainHandling }) => [filter, qos, noLocal, retainHandling]),
      [
        ['same/#', 1, true, 0],
        ['other', 0, false, 2],
      ],
    )
    await settle()
    assert.ok(again.idle)
    again.publish('same/x', 'both')
    for (const subscription of [await subscribing, await more])
      assert.equal((await subscription.next()).topic, 'same/x')
    assert.equal((await other).buffered, 0)
  })

  it('a subscription that the broker will not restore ends with the reason', async () => {
    const { client, peer } = await stage.join()
    const subscribing = client.subscribe('a')
    await peer.grant()
    const subscription = await subscribing
    peer.drop()
    const again = await stage.broker.welcome()
    const { packetId } = await again.expect(PacketType.Subscribe)
    again.send({ type: PacketType.Suback, packetId, reasonCodes: [ReasonCode.NotAuthorized], properties: {} })
    await assert.rejects(subscription.next(), { code: 'ERR_DENIED' })
    assert.equal(client.stats().subscriptions, 0)
  })
})

describe('a message that ends the connection', () => {
  for (const [how, end] of [
    [
      'by a DISCONNECT',
      (peer: Peer) => peer.send({ type: PacketType.Disconnect, reasonCode: ReasonCode.PacketTooLarge, properties: {} }),
    ],
    ['without a word', (peer: Peer) => peer.end()],
    ['by a reset', (peer: Peer) => peer.reset()],
  ] as const) {
    it(`twice, ${how}, is put aside`, async () => {
      const { client, peer } = await stage.join(PUT_ASIDE)
      const poison = assert.rejects(client.publish('poison', 'x', { qos: 1 }), (error: MqttError) => {
        assert.equal(error.code, 'ERR_POISON')
        assert.match(error.message, /'poison' \(1 bytes, QoS 1\) ended the connection 2 times and was put aside/)
        return true
      })
      await peer.expect(PacketType.Publish)
      end(peer)
      const second = await resumed()
      await second.expect(PacketType.Publish)
      end(second)
      await poison
      const third = await resumed()
      const next = client.publish('next', '', { qos: 1 })
      assert.equal((await third.acknowledge()).topic, 'next')
      await next
    })
  }

  it('is sent again for ever, unless the program wants it otherwise', async () => {
    const { client, peer } = await stage.join(KEPT)
    const published = client.publish('a', '', { qos: 1 })
    let current = peer
    for (let i = 0; i < 5; i++) {
      await current.expect(PacketType.Publish)
      current.end()
      current = await resumed()
    }
    await current.acknowledge()
    await published
  })

  it('among others is found by sending those that were there each time one by one', async () => {
    const { client, peer } = await stage.join(PUT_ASIDE)
    const poison = assert.rejects(client.publish('poison', 'x', { qos: 1 }), { code: 'ERR_POISON' })
    const innocent = client.publish('innocent', '', { qos: 1 })
    await peer.expect(PacketType.Publish)
    await peer.expect(PacketType.Publish)
    peer.end()
    const second = await resumed()
    const later = client.publish('later', '', { qos: 1 })
    for (const topic of ['poison', 'innocent', 'later'])
      assert.equal((await second.expect(PacketType.Publish)).topic, topic)
    second.end()
    const third = await resumed()
    await third.expect(PacketType.Publish)
    await settle()
    assert.ok(third.idle, 'a suspect goes alone')
    third.end()
    await poison
    const fourth = await resumed()
    for (const topic of ['innocent', 'later']) assert.equal((await fourth.acknowledge()).topic, topic)
    await Promise.all([innocent, later])
  })

  it('in a Session that is not kept is put aside too', async () => {
    const { client, peer } = await stage.join({ poison: 'put-aside' })
    const poison = assert.rejects(client.publish('poison', 'x', { qos: 1 }), { code: 'ERR_POISON' })
    await peer.expect(PacketType.Publish)
    peer.end()
    const second = await stage.broker.welcome()
    await second.expect(PacketType.Publish)
    second.end()
    await poison
    const third = await stage.broker.welcome()
    const next = client.publish('next', '', { qos: 1 })
    assert.equal((await third.acknowledge()).topic, 'next')
    await next
  })

  it('is not blamed for a broker that shuts down', async () => {
    const { client, peer } = await stage.join(PUT_ASIDE)
    const published = client.publish('a', '', { qos: 1 })
    let current = peer
    for (let i = 0; i < 4; i++) {
      await current.expect(PacketType.Publish)
      current.send({ type: PacketType.Disconnect, reasonCode: ReasonCode.ServerShuttingDown, properties: {} })
      current = await resumed()
    }
    await current.acknowledge()
    await published
  })

  it('of QoS 2 has its identifier released', async () => {
    const { client, peer } = await stage.join(PUT_ASIDE)
    const poison = assert.rejects(client.publish('poison', '', { qos: 2 }), { code: 'ERR_POISON' })
    const { packetId } = await peer.expect(PacketType.Publish)
    peer.end()
    const second = await resumed()
    await second.expect(PacketType.Publish)
    second.end()
    await poison
    const third = await resumed()
    assert.equal((await third.expect(PacketType.Pubrel)).packetId, packetId)
    third.send(answer(PacketType.Pubcomp, packetId))
    await settle()
    assert.equal(client.stats().inFlight, 0)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { json, ReasonCode, text } from '../../../src/client/index.ts'
import { PacketType, type Properties } from '../../../src/protocol/index.ts'
import { settle } from './support/fake-clock.ts'
import type { Peer } from './support/scripted-broker.ts'
import { subscribe } from './support/subscribe.ts'
import { scene } from './support/with-broker.ts'

const stage = scene()

describe('a message', () => {
  it('has what was sent, and is decoded when it is read', async () => {
    const { client, peer } = await stage.join()
    const { subscription, properties } = await subscribe(client, peer, 'home/{room}', {
      qos: 1,
      codec: json<{ t: number }>(),
    })
    const more: Properties = { ...properties, contentType: 'c', userProperties: [['k', 'v']] }
    peer.publish('home/kitchen', '{"t":21}', { qos: 1, packetId: 5, retain: true, properties: more })
    peer.publish('home/hall', 'nonsense', { properties })
    const message = await subscription.next()
    const room: string = message.params.room
    assert.deepEqual([room, message.payload.t, message.topic], ['kitchen', 21, 'home/kitchen'])
    assert.deepEqual([message.qos, message.retain, message.dup, message.packetId], [1, true, false, 5])
    assert.deepEqual(message.properties, { contentType: 'c', userProperties: [['k', 'v']] })
    const second = await subscription.next()
    assert.throws(() => second.payload, { code: 'ERR_PAYLOAD' })
    assert.equal(text.decode(second.bytes), 'nonsense')
    assert.deepEqual(second.properties, {})
  })

  it('keeps its bytes when others come after it', async () => {
    const { client, peer } = await stage.join()
    const { subscription, properties } = await subscribe(client, peer, 'a', { codec: text })
    for (let i = 0; i < 100; i++) peer.publish('a', `message ${i} ${'x'.repeat(i)}`, { properties })
    const messages = []
    for (let i = 0; i < 100; i++) messages.push(await subscription.next())
    messages.forEach((message, i) => {
      assert.equal(message.payload, `message ${i} ${'x'.repeat(i)}`)
    })
  })

  it('goes to those whose Subscription Identifier it has, once each', async () => {
    const { client, peer } = await stage.join()
    const one = await subscribe(client, peer, 'a/#')
    const two = await subscribe(client, peer, ['a/+', 'a/b'])
    peer.publish('a/b', 'both', {
      properties: {
        subscriptionIdentifiers: [
          ...one.properties.subscriptionIdentifiers!,
          ...two.properties.subscriptionIdentifiers!,
        ],
      },
    })
    peer.publish('a/b', 'one', { properties: one.properties })
    await settle()
    assert.deepEqual([one.subscription.buffered, two.subscription.buffered], [2, 1])
  })

  it('goes to those whose filter matches where there are no identifiers', async () => {
    const { client, peer } = await stage.join({}, { properties: { subscriptionIdentifiersAvailable: false } })
    const one = await subscribe(client, peer, 'a/#')
    const two = await subscribe(client, peer, 'a/*')
    assert.deepEqual(one.properties, {})
    peer.publish('a/b', '')
    peer.publish('a/b/c', '')
    peer.publish('other', '')
    await settle()
    assert.deepEqual([one.subscription.buffered, two.subscription.buffered], [2, 1])
    assert.equal(client.stats().unclaimed, 1)
  })

  it('may have a Topic Alias in place of its topic [MQTT-3.1.2-26]', async () => {
    const { client, peer } = await stage.join({ topicAliasMaximum: 2 })
    assert.equal(peer.connect?.properties.topicAliasMaximum, 2)
    const { subscription } = await subscribe(client, peer, '#')
    peer.publish('first', '', { properties: { topicAlias: 1 } })
    peer.publish('', '', { properties: { topicAlias: 1 } })
    peer.publish('second', '', { properties: { topicAlias: 1 } })
    peer.publish('', '', { properties: { topicAlias: 1 } })
    const topics = []
    for (let i = 0; i < 4; i++) topics.push((await subscription.next()).topic)
    assert.deepEqual(topics, ['first', 'first', 'second', 'second'])
  })

  for (const [what, topicAlias, reasonCode] of [
    ['above what was allowed', 3, ReasonCode.TopicAliasInvalid],
    ['that stands for nothing', 2, ReasonCode.ProtocolError],
  ] as const) {
    it(`with a Topic Alias ${what} ends the connection`, async () => {
      const { peer } = await stage.join({ topicAliasMaximum: 2 })
      peer.publish('', '', { properties: { topicAlias } })
      assert.equal((await peer.expect(PacketType.Disconnect)).reasonCode, reasonCode)
    })
  }

  it('larger than was allowed ends the connection with the reason', async () => {
    const { peer } = await stage.join({ maximumPacketSize: 50 })
    peer.publish('a', 'x'.repeat(50))
    assert.equal((await peer.expect(PacketType.Disconnect)).reasonCode, ReasonCode.PacketTooLarge)
  })

  it('retained does not go to a subscription that skips them, though another of the same filter asks', async () => {
    const { client, peer } = await stage.join()
    const skips = await subscribe(client, peer, 'a', { retained: 'skip' })
    const wants = await subscribe(client, peer, 'a')
    peer.publish('a', 'old', { retain: true, properties: wants.properties })
    peer.publish('a', 'new', { properties: wants.properties })
    assert.equal(text.decode((await skips.subscription.next()).bytes), 'new')
    assert.equal(wants.subscription.buffered, 2)
  })
})

describe('acknowledgements', () => {
  it('are given on receipt by default, in the order of the messages', async () => {
    const { client, peer } = await stage.join()
    await subscribe(client, peer, 'a', { qos: 2 })
    peer.publish('a', '', { qos: 1, packetId: 1 })
    peer.publish('a', '', { qos: 2, packetId: 2 })
    assert.equal((await peer.expect(PacketType.Puback)).packetId, 1)
    assert.equal((await peer.expect(PacketType.Pubrec)).packetId, 2)
  })

  it('wait for the application to ask for more', async () => {
    const { client, peer } = await stage.join()
    const { subscription } = await subscribe(client, peer, 'a', { qos: 1, ack: 'on-next' })
    for (const packetId of [1, 2]) peer.publish('a', '', { qos: 1, packetId })
    const messages = subscription[Symbol.asyncIterator]()
    await messages.next()
    await settle()
    assert.ok(peer.idle)
    await messages.next()
    assert.equal((await peer.expect(PacketType.Puback)).packetId, 1)
    await messages.return?.()
    assert.equal((await peer.expect(PacketType.Puback)).packetId, 2)
  })

  it('go out in the order of the messages, whatever the order of ack() [MQTT-4.6.0-2] [MQTT-4.6.0-3]', async () => {
    const { client, peer } = await stage.join()
    const { subscription } = await subscribe(client, peer, 'a', { qos: 2, ack: 'manual' })
    for (const packetId of [1, 2, 3]) peer.publish('a', '', { qos: packetId === 2 ? 2 : 1, packetId })
    const [one, two, three] = [await subscription.next(), await subscription.next(), await subscription.next()]
    three.ack()
    two.ack()
    three.ack()
    await settle()
    assert.ok(peer.idle)
    one.ack(ReasonCode.QuotaExceeded)
    const first = await peer.expect(PacketType.Puback)
    assert.deepEqual([first.packetId, first.reasonCode], [1, ReasonCode.QuotaExceeded])
    assert.equal((await peer.expect(PacketType.Pubrec)).packetId, 2)
    assert.equal((await peer.expect(PacketType.Puback)).packetId, 3)
  })

  it('wait for all who hold the message', async () => {
    const { client, peer } = await stage.join()
    const one = await subscribe(client, peer, 'a', { qos: 1, ack: 'manual' })
    const two = await subscribe(client, peer, 'a', { qos: 1, ack: 'manual' })
    peer.publish('a', '', { qos: 1, packetId: 1, properties: two.properties })
    ;(await one.subscription.next()).ack()
    await settle()
    assert.ok(peer.idle)
    ;(await two.subscription.next()).ack()
    await peer.expect(PacketType.Puback)
  })

  it('a refused QoS 2 message is a new one when it comes again [MQTT-4.3.3-9]', async () => {
    const { client, peer } = await stage.join()
    const { subscription } = await subscribe(client, peer, 'a', { qos: 2, ack: 'manual' })
    for (let i = 0; i < 2; i++) {
      peer.publish('a', '', { qos: 2, packetId: 1 })
      ;(await subscription.next()).ack(0x80)
      assert.equal((await peer.expect(PacketType.Pubrec)).reasonCode, 0x80)
    }
  })

  it('more messages than Receive Maximum without one end the connection', async () => {
    const { client, peer } = await stage.join({ receiveMaximum: 2 })
    await subscribe(client, peer, 'a', { qos: 1, ack: 'manual' })
    for (const packetId of [1, 2, 3]) peer.publish('a', '', { qos: 1, packetId })
    assert.equal((await peer.expect(PacketType.Disconnect)).reasonCode, ReasonCode.ReceiveMaximumExceeded)
  })

  it('of an earlier connection are not given on a later one', async () => {
    const { client, peer } = await stage.join()
    const { subscription } = await subscribe(client, peer, 'a', { qos: 1, ack: 'manual' })
    peer.publish('a', '', { qos: 1, packetId: 1 })
    const message = await subscription.next()
    peer.drop()
    const again = await stage.broker.welcome()
    await again.grant()
    message.ack()
    await settle()
    assert.ok(again.idle)
  })

  it('are given for what nobody asked for', async () => {
    const { peer } = await stage.join()
    peer.publish('who/knows', '', { qos: 1, packetId: 1 })
    await peer.expect(PacketType.Puback)
  })
})

describe('a full buffer', () => {
  const publishMany = (peer: Peer, count: number, properties: Properties, qos: 0 | 1 = 0) => {
    for (let i = 1; i <= count; i++) peer.publish('a', `${i}`, { properties, qos, packetId: qos === 0 ? 0 : i })
  }

  it('stops reading, and goes on when there is room: nothing is lost', async () => {
    const { client, peer } = await stage.join()
    const { subscription, properties } = await subscribe(client, peer, 'a', { buffer: 4, codec: text })
    for (let i = 1; i <= 200; i++) peer.publish('a', `${i} ${'x'.repeat(10_000)}`, { properties })
    await settle(100)
    assert.ok(subscription.buffered < 100, `${subscription.buffered} were read`)
    for (let i = 1; i <= 200; i++) assert.equal((await subscription.next()).payload.split(' ')[0], `${i}`)
    assert.equal(subscription.dropped, 0)
  })

  it('holds acknowledgements back', async () => {
    const { client, peer } = await stage.join()
    const { subscription, properties } = await subscribe(client, peer, 'a', { buffer: 2, qos: 1 })
    publishMany(peer, 4, properties, 1)
    for (const packetId of [1, 2]) assert.equal((await peer.expect(PacketType.Puback)).packetId, packetId)
    await settle()
    assert.ok(peer.idle)
    await subscription.next()
    await subscription.next()
    await subscription.next()
    assert.equal((await peer.expect(PacketType.Puback)).packetId, 3)
  })

  it('does not keep an answer from being read that the application waits for', async () => {
    const { client, peer } = await stage.join()
    const { subscription, properties } = await subscribe(client, peer, 'a', { buffer: 1 })
    publishMany(peer, 5, properties)
    await settle()
    const published = client.publish('b', '', { qos: 1 })
    const { packetId } = await peer.expect(PacketType.Publish)
    for (let i = 0; i < 50; i++) peer.publish('a', 'x'.repeat(10_000), { properties })
    peer.send({ type: PacketType.Puback, packetId, reasonCode: 0, properties: {} })
    await published
    assert.deepEqual([subscription.buffered, subscription.dropped], [55, 0])
  })

  it('drops the oldest, counts them, and tells once', async () => {
    const { client, peer } = await stage.join()
    const { subscription, properties } = await subscribe(client, peer, 'a', {
      buffer: 2,
      overflow: 'drop-oldest',
      codec: text,
    })
    const events = client.events()[Symbol.asyncIterator]()
    publishMany(peer, 5, properties)
    assert.deepEqual((await events.next()).value, { type: 'overflow', filters: ['a'] })
    await settle()
    assert.deepEqual([subscription.dropped, subscription.buffered], [3, 2])
    assert.equal((await subscription.next()).payload, '4')
    assert.equal(client.stats().dropped, 3)
  })

  it('ends the subscription, after what is in it', async () => {
    const { client, peer } = await stage.join()
    const { subscription, properties } = await subscribe(client, peer, 'a', { buffer: 2, overflow: 'error' })
    publishMany(peer, 3, properties)
    await peer.expect(PacketType.Unsubscribe)
    await subscription.next()
    await subscription.next()
    await assert.rejects(subscription.next(), {
      code: 'ERR_OVERFLOW',
      message: /The buffer of a is full \(2 messages\)/,
    })
  })
})

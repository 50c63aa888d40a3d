import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type Client,
  json,
  type MqttError,
  ReasonCode,
  type SubscribeOptions,
  text,
} from '../../../src/client/index.ts'
import { PacketType, type Properties } from '../../../src/protocol/index.ts'
import { FakeClock, settle } from './support/fake-clock.ts'
import type { Peer } from './support/scripted-broker.ts'
import { scene } from './support/with-broker.ts'

const stage = scene()

/** Subscribes, and has it granted; `identifiers` are what the broker puts on messages for it. */
async function subscribe<F extends string, T = Uint8Array>(
  client: Client,
  peer: Peer,
  filter: F | readonly F[],
  options?: SubscribeOptions<T>,
) {
  const subscribing = client.subscribe<F, T>(filter, options)
  const packets = []
  for (let i = 0; i < (typeof filter === 'string' ? 1 : filter.length); i++) packets.push(await peer.grant())
  const identifiers = packets.flatMap(({ properties }) => properties.subscriptionIdentifiers ?? [])
  const properties: Properties = identifiers.length === 0 ? {} : { subscriptionIdentifiers: identifiers }
  return { subscription: await subscribing, properties, packets }
}

describe('SUBSCRIBE', () => {
  it('carries the options, and named levels as wildcards', async () => {
    const { client, peer } = await stage.join()
    const options = { qos: 2, noLocal: true, retainAsPublished: true, retained: 'if-new' } as const
    const { packets, subscription } = await subscribe(client, peer, 'home/{room}/temp', options)
    const { filter, qos, noLocal, retainAsPublished, retainHandling } = packets[0]!.subscriptions[0]!
    assert.deepEqual([filter, qos, noLocal, retainAsPublished, retainHandling], ['home/+/temp', 2, true, true, 1])
    assert.equal(subscription.granted, 2)
    assert.deepEqual(subscription.filters, ['home/+/temp'])
  })

  it('asks for a share of a group', async () => {
    const { client, peer } = await stage.join({ protocol: 4 })
    const { packets, subscription } = await subscribe(client, peer, 'jobs/{id}', { share: 'workers' })
    assert.equal(packets[0]!.subscriptions[0]!.filter, '$share/workers/jobs/+')
    peer.publish('jobs/7', 'x')
    assert.deepEqual((await subscription.next()).params, { id: '7' })
  })

  it('of many filters goes in few packets where it can', async () => {
    const { client, peer } = await stage.join({ protocol: 4 })
    const filters = Array.from({ length: 250 }, (_, i) => `f/${i}`)
    const subscribing = client.subscribe(filters, { qos: 1 })
    const sizes = [await peer.grant(), await peer.grant(), await peer.grant()].map(
      ({ subscriptions }) => subscriptions.length,
    )
    assert.deepEqual(sizes, [100, 100, 50])
    assert.equal((await subscribing).granted, 1)
  })

  it('of thousands of filters is asked for bit by bit', async () => {
    const { client, peer } = await stage.join()
    const filters = Array.from({ length: 2000 }, (_, i) => `f/${i}`)
    const subscribing = client.subscribe(filters)
    for (let i = 0; i < 2000; i++) await peer.grant()
    assert.equal((await subscribing).filters.length, 2000)
  })

  const invalid: [string, string | string[], SubscribeOptions, string][] = [
    ['a filter that cannot be', 'a/#/b', {}, 'ERR_TOPIC'],
    ['an empty filter', '', {}, 'ERR_TOPIC'],
    ['no filter', [], {}, 'ERR_OPTION'],
    ['a filter that is too long', 'x'.repeat(66_000), {}, 'ERR_TOPIC'],
    ['a buffer of nothing', 'a', { buffer: 0 }, 'ERR_OPTION'],
    ["a share without others' messages", 'a', { share: 'g', noLocal: true }, 'ERR_OPTION'],
    ['a User Property that cannot be', 'a', { userProperties: [['k', 'v'.repeat(70_000)]] }, 'ERR_OPTION'],
    ['a signal that has fired', 'a', { signal: AbortSignal.abort() }, 'ERR_ABORTED'],
  ]
  for (const [what, filter, options, code] of invalid) {
    it(`is refused here with ${what}`, async () => {
      const { client, peer } = await stage.join()
      await assert.rejects(client.subscribe(filter, options), { code })
      assert.equal(client.stats().subscriptions, 0)
      await client.publish('next', '')
      await peer.expect(PacketType.Publish)
    })
  }

  it('is refused here if the broker has said that it would not take it', async () => {
    const { client } = await stage.join(
      {},
      { properties: { wildcardSubscriptionAvailable: false, sharedSubscriptionAvailable: false } },
    )
    await assert.rejects(client.subscribe('a/#'), { code: 'ERR_UNSUPPORTED', reasonCode: 0xa2 })
    await assert.rejects(client.subscribe('a', { share: 'g' }), { code: 'ERR_UNSUPPORTED', reasonCode: 0x9e })
  })

  it('that the broker refuses rejects with its reason, and leaves nothing behind', async () => {
    const { client, peer } = await stage.join()
    const rejected = assert.rejects(client.subscribe(['a', 'b']), (error: MqttError) => {
      assert.match(error.message, /refused the subscription to 'b': not authorized \(0x87\): rule 3/)
      return error.code === 'ERR_DENIED' && error.reasonString === 'rule 3'
    })
    await peer.grant()
    const { packetId } = await peer.expect(PacketType.Subscribe)
    const properties = { reasonString: 'rule 3' }
    peer.send({ type: PacketType.Suback, packetId, reasonCodes: [ReasonCode.NotAuthorized], properties })
    await rejected
    const gone = await peer.expect(PacketType.Unsubscribe)
    assert.deepEqual(gone.filters, ['a'])
  })

  it('may be refused in part, if that is asked for', async () => {
    const { client, peer } = await stage.join({ protocol: 4 })
    const subscribing = client.subscribe(['a', 'b'], { partial: true, qos: 1 })
    const { packetId } = await peer.expect(PacketType.Subscribe)
    peer.send({ type: PacketType.Suback, packetId, reasonCodes: [0x80, 1], properties: {} })
    const subscription = await subscribing
    assert.equal(subscription.granted, 1)
    assert.deepEqual(
      subscription.refused.map(({ filter, error }) => [filter, error.code]),
      [['a', 'ERR_REJECTED']],
    )
    assert.equal(client.stats().subscriptions, 1)
  })

  it('can be given up while it is not answered', async () => {
    const { client, peer } = await stage.join()
    const stop = new AbortController()
    const rejected = assert.rejects(client.subscribe('a', { signal: stop.signal }), { code: 'ERR_ABORTED' })
    await settle()
    stop.abort()
    await rejected
    await peer.grant()
    assert.deepEqual((await peer.expect(PacketType.Unsubscribe)).filters, ['a'])
  })

  it('rejects when the client is closed before the answer', async () => {
    const { client, peer } = await stage.join()
    const rejected = assert.rejects(client.subscribe('a'), { code: 'ERR_CLOSED' })
    await peer.expect(PacketType.Subscribe)
    await client.close()
    await rejected
  })
})

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
    assert.equal(subscription.buffered + subscription.dropped, 55)
    assert.equal(subscription.buffered, 16, 'even then there is a limit for QoS 0')
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
    await assert.rejects(subscription.next(), { code: 'ERR_OVERFLOW', message: /2 messages wait in the buffer of a/ })
  })
})

describe('the end of a subscription', () => {
  it('comes with the end of its loop, and the broker is told', async () => {
    const { client, peer } = await stage.join()
    const { subscription, properties } = await subscribe(client, peer, 'a')
    peer.publish('a', '', { properties })
    const loop = (async () => {
      for await (const message of subscription) if (message.topic === 'a') break
    })()
    const { packetId } = await peer.expect(PacketType.Unsubscribe)
    peer.send({ type: PacketType.Unsuback, packetId, reasonCodes: [0], properties: {} })
    await loop
    await settle()
    assert.equal(client.stats().subscriptions, 0)
    await assert.rejects(subscription.next(), { code: 'ERR_CLOSED' })
  })

  it('comes with its signal, and ends its loop', async () => {
    const { client, peer } = await stage.join()
    const stop = new AbortController()
    const { subscription } = await subscribe(client, peer, 'a', { signal: stop.signal })
    const loop = (async () => {
      for await (const message of subscription) assert.fail(message.topic)
    })()
    await settle()
    stop.abort()
    await loop
    await peer.expect(PacketType.Unsubscribe)
  })

  it('tells the broker only when nobody else has the filter', async () => {
    const { client, peer } = await stage.join()
    const one = await subscribe(client, peer, 'a')
    const two = await subscribe(client, peer, 'a')
    await one.subscription.unsubscribe()
    await settle()
    assert.ok(peer.idle)
    peer.publish('a', '', { properties: two.properties })
    await two.subscription.next()
    void two.subscription.unsubscribe()
    await peer.expect(PacketType.Unsubscribe)
  })

  it('does not wait for a broker that is away, which learns of it later', async () => {
    const { client, peer } = await stage.join({ sessionExpiry: 100 })
    const { subscription } = await subscribe(client, peer, 'a')
    peer.drop()
    await settle()
    await subscription.unsubscribe()
    const again = await stage.broker.welcome({ sessionPresent: true })
    assert.deepEqual((await again.expect(PacketType.Unsubscribe)).filters, ['a'])
  })

  it('next() gives up after its timeout and with its signal, and loses no message by that', async () => {
    const clock = new FakeClock()
    const { client, peer } = await stage.join({ clock })
    const { subscription, properties } = await subscribe(client, peer, 'a')
    const late = assert.rejects(subscription.next({ timeout: 50 }), { code: 'ERR_TIMEOUT' })
    clock.advance(50)
    await late
    const stop = new AbortController()
    const given = assert.rejects(subscription.next({ signal: stop.signal }), { code: 'ERR_ABORTED' })
    stop.abort()
    await given
    peer.publish('a', '', { properties })
    await subscription.next({ signal: new AbortController().signal, timeout: 50 })
  })
})

describe('a Session of an earlier process', () => {
  const options = { clientId: 'kept', sessionExpiry: 100 }

  it('has its messages wait for the subscription, unacknowledged', async () => {
    const { client, peer } = await stage.join(options, { sessionPresent: true })
    assert.equal(client.sessionPresent, true)
    // Its identifier was that of another filter then.
    const properties = { subscriptionIdentifiers: [1] }
    for (const packetId of [1, 2]) peer.publish('old/a', `${packetId}`, { qos: 1, packetId, properties })
    await settle()
    assert.ok(peer.idle)
    const other = await subscribe(client, peer, 'other', { qos: 1 })
    const subscribing = client.subscribe('old/#', { qos: 1, codec: text })
    for (const packetId of [1, 2]) assert.equal((await peer.expect(PacketType.Puback)).packetId, packetId)
    await peer.grant()
    const subscription = await subscribing
    assert.deepEqual([(await subscription.next()).payload, (await subscription.next()).payload], ['1', '2'])
    peer.publish('old/a', '3', { properties })
    assert.equal((await subscription.next()).payload, '3')
    assert.equal(other.subscription.buffered, 0)
  })

  it('has them acknowledged after a while if nobody comes', async () => {
    const clock = new FakeClock()
    const { peer } = await stage.join({ ...options, clock }, { sessionPresent: true })
    peer.publish('old/a', '', { qos: 1, packetId: 1 })
    await settle()
    assert.ok(peer.idle)
    clock.advance(10_000)
    await peer.expect(PacketType.Puback)
  })
})

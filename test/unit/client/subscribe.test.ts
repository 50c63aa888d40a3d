import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type MqttError, ReasonCode, type SubscribeOptions } from '../../../src/client/index.ts'
import { PacketType } from '../../../src/protocol/index.ts'
import { FakeClock, settle } from './support/fake-clock.ts'
import { subscribe } from './support/subscribe.ts'
import { scene } from './support/with-broker.ts'

const stage = scene()

describe('SUBSCRIBE', () => {
  it('carries the options, and named levels as wildcards', async () => {
    const { client, peer } = await stage.join()
    const options = { qos: 2, noLocal: true, retainAsPublished: true, retained: 'if-new' } as const
    const { packets, subscription } = await subscribe(client, peer, 'home/{room}/temp', options)
    const { filter, qos, noLocal, retainAsPublished, retainHandling } = [...packets[0]!.subscriptions][0]!
    assert.deepEqual([filter, qos, noLocal, retainAsPublished, retainHandling], ['home/+/temp', 2, true, true, 1])
    assert.equal(subscription.granted, 2)
    assert.deepEqual(subscription.filters, ['home/+/temp'])
  })

  it('asks for a share of a group', async () => {
    const { client, peer } = await stage.join({ protocol: 4 })
    const { packets, subscription } = await subscribe(client, peer, 'jobs/{id}', { share: 'workers' })
    assert.equal([...packets[0]!.subscriptions][0]!.filter, '$share/workers/jobs/+')
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

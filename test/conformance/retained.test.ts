import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType, type QoS } from '../../src/protocol/index.ts'
import { useBroker } from '../support/broker.ts'
import { publish, subscribe, subscription } from '../support/packets.ts'
import type { RawClient } from '../support/raw-client.ts'
import { versions } from '../support/versions.ts'

const broker = await useBroker()
const publisher = await broker.client()

/** topic: payload of the next `count` messages, which come in any order. */
async function collect(client: RawClient, count: number): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (let i = 0; i < count; i++) {
    const message = await client.take()
    assert.equal(message.retain, true)
    found[message.topic] = message.payload
  }
  await client.quiet()
  return found
}

for (const { version, name } of versions) {
  describe(`retained messages in ${name}`, () => {
    const topic = `retained/${version}`

    it('[MQTT-3.3.1-5] [MQTT-3.3.1-9] one is kept for those who subscribe later, and replaces the one before', async () => {
      const early = await broker.client({ version })
      await early.publish(`${topic}/set`, 'old', { retain: true })
      await early.publish(`${topic}/set`, 'new', { retain: true, qos: 1 })
      const late = await broker.client({ version })
      await late.subscribe(`${topic}/set`, { qos: 2 })
      const message = await late.take()
      assert.deepEqual([message.payload, message.retain, message.qos, message.dup], ['new', true, 1, false])
      await late.quiet()
    })

    it('[MQTT-3.3.1-6] [MQTT-3.3.1-7] an empty payload clears it, and is delivered as any other', async () => {
      const early = await broker.client({ version })
      await early.publish(`${topic}/clear`, 'x', { retain: true })
      const watcher = await broker.client({ version })
      await watcher.subscribe(`${topic}/clear`)
      assert.equal((await watcher.receive()).payload, 'x')
      await early.publish(`${topic}/clear`, '', { retain: true })
      const cleared = await watcher.receive()
      assert.deepEqual([cleared.payload, cleared.retain], ['', false])
      const late = await broker.client({ version })
      await late.subscribe(`${topic}/clear`)
      await late.quiet()
    })

    it('[MQTT-3.3.1-8] a message without RETAIN neither becomes one nor touches one', async () => {
      const early = await broker.client({ version })
      await early.publish(`${topic}/kept`, 'kept', { retain: true })
      await early.publish(`${topic}/kept`, 'passing')
      await early.publish(`${topic}/kept`, '')
      await early.publish(`${topic}/passing`, 'passing')
      const late = await broker.client({ version })
      await late.subscribe(`${topic}/passing`)
      await late.subscribe(`${topic}/kept`)
      assert.deepEqual(await collect(late, 1), { [`${topic}/kept`]: 'kept' })
    })

    it('[MQTT-3.3.1-12] who is subscribed already gets it without RETAIN', async () => {
      const early = await broker.client({ version })
      await early.subscribe(`${topic}/now`)
      await publisher.publish(`${topic}/now`, 'x', { retain: true })
      assert.equal((await early.receive()).retain, false)
    })

    it('wildcards find all that match, and each once', async () => {
      const base = `${topic}/wild`
      const ends = ['', '/a', '/a/b', '/a/c', '/b/b', '/$x']
      for (const end of ends) await publisher.publish(base + end, `at ${end}`, { retain: true })
      const found: Record<string, string[]> = {
        [`${base}/#`]: ['', '/a', '/a/b', '/a/c', '/b/b', '/$x'],
        [`${base}/+`]: ['/a', '/$x'],
        [`${base}/+/b`]: ['/a/b', '/b/b'],
        [`${base}/a/#`]: ['/a', '/a/b', '/a/c'],
        [`${base}/+/+`]: ['/a/b', '/a/c', '/b/b'],
        [`${base}/none/#`]: [],
      }
      for (const [filter, matching] of Object.entries(found)) {
        const late = await broker.client({ version })
        await late.subscribe(filter, { qos: 1 })
        assert.deepEqual(
          await collect(late, matching.length),
          Object.fromEntries(matching.map((end) => [base + end, `at ${end}`])),
        )
      }
    })

    it('comes again with each SUBSCRIBE, after its SUBACK', async () => {
      await publisher.publish(`${topic}/again`, 'x', { retain: true })
      const client = await broker.client({ version })
      for (let i = 0; i < 3; i++) {
        await client.subscribe(`${topic}/again`)
        assert.equal((await client.receive()).retain, true)
      }
      await client.quiet()
    })

    it('[MQTT-3.8.4-8] comes with the lower QoS of both', async () => {
      for (const published of [0, 1, 2] as const) {
        await publisher.publish(`${topic}/qos/${published}`, 'x', { retain: true, qos: published })
        for (const granted of [0, 1, 2] as const) {
          const client = await broker.client({ version })
          await client.subscribe(`${topic}/qos/${published}`, { qos: granted })
          assert.equal((await client.take()).qos, Math.min(published, granted))
        }
      }
    })
  })
}

describe('Retain Handling', () => {
  const handled = async (client: RawClient, retainHandling: 0 | 1 | 2, filter: string, qos: QoS = 0): Promise<void> => {
    await client.subscribe(filter, { retainHandling, qos })
  }

  it('[MQTT-3.3.1-9] [MQTT-3.8.4-4] 0: with each SUBSCRIBE', async () => {
    await publisher.publish('handling/0', 'x', { retain: true })
    const client = await broker.client()
    for (let i = 0; i < 2; i++) {
      await handled(client, 0, 'handling/0')
      assert.equal((await client.receive()).payload, 'x')
    }
  })

  it('[MQTT-3.3.1-10] 1: only if the subscription is new', async () => {
    await publisher.publish('handling/1', 'x', { retain: true })
    const client = await broker.client()
    await handled(client, 1, 'handling/1')
    assert.equal((await client.receive()).payload, 'x')
    await handled(client, 1, 'handling/1', 1)
    await client.quiet()
    await handled(client, 1, 'handling/+')
    assert.equal((await client.receive()).payload, 'x')
  })

  it('[MQTT-3.3.1-11] 2: never', async () => {
    await publisher.publish('handling/2', 'x', { retain: true })
    const client = await broker.client()
    await handled(client, 2, 'handling/2')
    await client.quiet()
    await publisher.publish('handling/2', 'y', { retain: true })
    assert.equal((await client.receive()).payload, 'y')
  })

  it('3 breaks the protocol', async () => {
    const client = await broker.client()
    client.send("82 07 0001 00 0001 'a' 30")
    await client.expectDisconnect(0x82)
  })

  it('is asked of each filter of a SUBSCRIBE by itself', async () => {
    await publisher.publish('handling/a', 'a', { retain: true })
    await publisher.publish('handling/b', 'b', { retain: true })
    const client = await broker.client()
    const filters = [subscription('handling/a', { retainHandling: 2 }), subscription('handling/b')]
    client.send(subscribe(1, filters))
    await client.expect(PacketType.Suback)
    assert.deepEqual(await collect(client, 1), { 'handling/b': 'b' })
  })
})

describe('Retain As Published', () => {
  it('[MQTT-3.3.1-13] [MQTT-3.3.1-12] on: RETAIN is as the publisher set it; off: never', async () => {
    const on = await broker.client()
    await on.subscribe('as-published', { retainAsPublished: true, qos: 1 })
    const off = await broker.client()
    await off.subscribe('as-published', { qos: 1 })
    for (const qos of [0, 1] as const) {
      for (const retain of [true, false]) {
        await publisher.publish('as-published', 'x', { retain, qos })
        assert.equal((await on.take()).retain, retain)
        assert.equal((await off.take()).retain, false)
      }
    }
  })
})

describe('a retained message', () => {
  it('does not answer a shared subscription', async () => {
    await publisher.publish('retained/shared', 'x', { retain: true })
    const client = await broker.client()
    await client.subscribe('$share/group/retained/shared')
    await client.quiet()
  })

  it('does not come back to its publisher through No Local', async () => {
    const client = await broker.client()
    await client.publish('retained/local', 'x', { retain: true })
    await client.subscribe('retained/local', { noLocal: true })
    await client.quiet()
    const other = await broker.client()
    await other.subscribe('retained/local', { noLocal: true })
    assert.equal((await other.receive()).payload, 'x')
  })

  it("outlives its publisher and its publisher's session", async () => {
    const client = await broker.client()
    await client.publish('retained/outlives', 'x', { retain: true })
    client.kill()
    const other = await broker.client()
    await other.subscribe('retained/outlives')
    assert.equal((await other.receive()).payload, 'x')
  })

  it('is not found by a wildcard if its topic begins with $ [MQTT-4.7.2-1]', async () => {
    await publisher.publish('$retained/dollar', 'x', { retain: true })
    const client = await broker.client()
    await client.subscribe('+/dollar')
    await client.quiet()
    await client.subscribe('$retained/+')
    assert.equal((await client.receive()).topic, '$retained/dollar')
  })

  it('that was replaced while it waited to be sent is not sent', async () => {
    const client = await broker.client({ properties: { receiveMaximum: 1 } })
    for (const n of ['1', '2']) await publisher.publish(`retained/replaced/${n}`, 'old', { retain: true, qos: 1 })
    await client.subscribe('retained/replaced/+', { qos: 1 })
    const first = await client.receive()
    const other = first.topic.endsWith('1') ? 'retained/replaced/2' : 'retained/replaced/1'
    publisher.send(publish(other, 'new', { retain: true, qos: 1, packetId: 500 }))
    await publisher.expect(PacketType.Puback)
    client.send({ type: PacketType.Puback, packetId: first.packetId, reasonCode: 0, properties: {} })
    const second = await client.take()
    assert.deepEqual([second.topic, second.payload], [other, 'new'])
    await client.quiet()
  })
})

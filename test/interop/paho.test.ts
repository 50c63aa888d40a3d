import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { useBroker } from '../support/broker.ts'
import { Paho } from '../support/paho.ts'
import { missingPaho } from '../support/programs.ts'

const skip = missingPaho()
const broker = await useBroker()
const VERSIONS = [
  { version: 3, name: 'MQTT 3.1' },
  { version: 4, name: 'MQTT 3.1.1' },
  { version: 5, name: 'MQTT 5.0' },
] as const
const COUNT = 300
const NUMBERS = Array.from({ length: COUNT }, (_, i) => String(i))

let clients = 0

function client(): Paho {
  return new Paho(broker.port)
}

/** A client that is connected; its id is new. */
async function connected(version: number, options: Record<string, unknown> = {}): Promise<Paho> {
  const paho = client()
  const connack = await paho.connect({ version, id: `paho-${++clients}`, ...options })
  assert.equal(connack['code'], 0)
  return paho
}

async function sameNumbers(subscriber: Paho, qos: number): Promise<void> {
  const messages = await subscriber.messages(COUNT)
  assert.deepEqual(
    messages.map(({ payload }) => payload),
    NUMBERS,
  )
  assert.ok(messages.every((message) => message.qos === qos && !message.retain))
}

for (const { version, name } of VERSIONS) {
  describe(`paho-mqtt with ${name}`, { skip, concurrency: 4 }, () => {
    for (const qos of [0, 1, 2]) {
      it(`${COUNT} messages of QoS ${qos} come once each, in order`, async () => {
        const topic = `loop/${version}/${qos}`
        const subscriber = await connected(version)
        assert.deepEqual(await subscriber.subscribe([topic, qos]), [qos])
        const publisher = await connected(version)
        await publisher.publish(topic, { count: COUNT, qos })
        await publisher.publish(topic, { payload: 'end', qos })
        await sameNumbers(subscriber, qos)
        assert.equal((await subscriber.message()).payload, 'end')
        await publisher.disconnect()
        await subscriber.disconnect()
      })
    }

    it('a retained message is there for who comes later, until an empty one clears it', async () => {
      const topic = `retained/${version}`
      const publisher = await connected(version)
      await publisher.publish(topic, { payload: 'kept', qos: 1, retain: true })
      const subscriber = await connected(version)
      await subscriber.subscribe([topic, 1])
      const message = await subscriber.message()
      assert.deepEqual([message.payload, message.retain], ['kept', true])
      await publisher.publish(topic, { payload: '', qos: 1, retain: true })
      assert.equal((await subscriber.message()).payload, '')
      const later = await connected(version)
      await later.subscribe([topic, 1])
      await publisher.publish(topic, { payload: 'live', qos: 1 })
      assert.equal((await later.message()).payload, 'live')
    })

    it('kill -9 of the process brings its will at once', async () => {
      const topic = `will/killed/${version}`
      const watcher = await connected(version)
      await watcher.subscribe([topic, 2])
      const victim = await connected(version, { will: { topic, payload: 'gone', qos: 2 }, keepAlive: 60 })
      await victim.running.stop('SIGKILL')
      const message = await watcher.message()
      assert.deepEqual([message.payload, message.qos, message.retain], ['gone', 2, false])
    })

    it('a process that is stopped (SIGSTOP) has its will published, too', async () => {
      const topic = `will/stopped/${version}`
      const watcher = await connected(version)
      await watcher.subscribe([topic, 1])
      const victim = await connected(version, { will: { topic, payload: 'silent', qos: 1 }, keepAlive: 2 })
      victim.running.process.kill('SIGSTOP')
      const stopped = performance.now()
      assert.equal((await watcher.message()).payload, 'silent')
      const took = performance.now() - stopped
      assert.ok(took > 2000, `${took} ms`)
      victim.running.process.kill('SIGCONT')
    })

    it('a client that only pings stays connected', async () => {
      // So that a machine that is busy for a second does not make it late.
      const watcher = await connected(version, { keepAlive: 2 })
      await watcher.subscribe([`ping/${version}`, 0])
      await new Promise((resolve) => setTimeout(resolve, 4500))
      const publisher = await connected(version)
      await publisher.publish(`ping/${version}`, { payload: 'still here' })
      assert.equal((await watcher.message()).payload, 'still here')
    })

    it('with clean_session=False it finds its subscriptions and what came meanwhile', async () => {
      const topic = `kept/${version}`
      const kept = { id: `kept-${version}`, clean: false, properties: { SessionExpiryInterval: 600 } }
      const before = await connected(version, kept)
      await before.subscribe([topic, 2])
      await before.disconnect()
      const publisher = await connected(version)
      await publisher.publish(topic, { count: COUNT, qos: 2 })
      const again = client()
      const connack = await again.connect({ version, ...kept })
      // MQTT 3.1 has no session present flag.
      assert.equal(connack['present'], version > 3)
      await sameNumbers(again, 2)
      await again.disconnect()
    })

    it('a connection that breaks in the middle loses no QoS 2 message and brings none twice', async () => {
      const topic = `broken/${version}`
      const kept = { clean: false, properties: { SessionExpiryInterval: 600 } }
      const subscriber = await connected(version, kept)
      await subscriber.subscribe([topic, 2])
      const publisher = await connected(version, kept)
      publisher.order('publish', { topic, count: COUNT, qos: 2 })
      const first = await subscriber.messages(30)
      subscriber.order('drop', {})
      publisher.order('drop', {})
      assert.equal((await subscriber.event('connect'))['code'], 0)
      const rest = await subscriber.messages(COUNT - 30)
      const came = [...first, ...rest].map(({ payload }) => payload)
      assert.deepEqual(new Set(came), new Set(NUMBERS))
      await publisher.event('published')
      await publisher.publish(topic, { payload: 'end', qos: 2 })
      assert.equal((await subscriber.message()).payload, 'end')
    })
  })
}

describe('paho-mqtt with the properties of MQTT 5.0', { skip, concurrency: 4 }, () => {
  it('they come as they were sent', async () => {
    const properties = {
      PayloadFormatIndicator: 1,
      ContentType: 'text/plain',
      ResponseTopic: 'answers',
      CorrelationData: 'seven',
      UserProperty: [
        ['a', '1'],
        ['a', '2'],
      ],
    }
    const subscriber = await connected(5)
    await subscriber.subscribe(['properties', 1])
    await (await connected(5)).publish('properties', { payload: 'x', qos: 1, properties })
    assert.deepEqual((await subscriber.message()).properties, properties)
  })

  it('a subscription identifier comes with its messages', async () => {
    const subscriber = await connected(5)
    subscriber.order('subscribe', {
      filters: [['identified']],
      options: { qos: 1, noLocal: true },
      properties: { SubscriptionIdentifier: 7 },
    })
    await subscriber.event('subscribe')
    await subscriber.publish('identified', { payload: 'my own', qos: 1 })
    await (await connected(5)).publish('identified', { payload: 'of others', qos: 1 })
    const message = await subscriber.message()
    assert.equal(message.payload, 'of others')
    assert.deepEqual(message.properties, { SubscriptionIdentifier: [7] })
  })

  it('a client without an id is given one', async () => {
    const connack = await client().connect({ version: 5 })
    const { AssignedClientIdentifier, TopicAliasMaximum } = connack['properties'] as Record<string, unknown>
    assert.match(String(AssignedClientIdentifier), /^auto-[0-9a-f-]{36}$/)
    assert.equal(TopicAliasMaximum, 10)
  })

  it('a Receive Maximum of 1 has messages one after the other', async () => {
    const subscriber = await connected(5, { properties: { ReceiveMaximum: 1 } })
    await subscriber.subscribe(['narrow', 2])
    await (await connected(5)).publish('narrow', { count: COUNT, qos: 2 })
    await sameNumbers(subscriber, 2)
  })

  it('a session that is taken over is told so', async () => {
    const first = await connected(5, { id: 'twin' })
    await connected(5, { id: 'twin' })
    assert.equal((await first.event('disconnect'))['code'], 0x8e)
    // Now paho comes back by itself, and the two would go on for ever.
    await first.running.stop('SIGKILL')
  })
})

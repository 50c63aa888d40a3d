import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectSocket, createServer } from 'node:net'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { connect as connectClient } from '../../../src/client/index.ts'
import { type BrokerEvent, createBroker, describeEvent, type EmbeddedBroker } from '../../../src/index.ts'
import { connect, subscribe, subscription, textOf } from '../../support/packets.ts'
import { PATIENCE_MS } from '../../support/patience.ts'
import { RawClient } from '../../support/raw-client.ts'
import { run } from '../../support/running.ts'

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url))

async function client(broker: EmbeddedBroker, clientId = 'c'): Promise<RawClient> {
  const raw = await RawClient.open(broker.port!, 5)
  raw.send(connect({ clientId }))
  assert.equal((await raw.connack()).reasonCode, 0)
  return raw
}

async function refused(port: number): Promise<boolean> {
  const socket = connectSocket({ port, host: '127.0.0.1' })
  const [error] = await once(socket, 'error')
  return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED'
}

describe('a broker in the process', () => {
  it('on port 0 takes a free port, and says which', async () => {
    const broker = await createBroker({ port: 0, host: '127.0.0.1' })
    assert.ok(broker.port! > 0)
    const subscriber = await client(broker)
    await subscriber.subscribe('x')
    await (await client(broker, 'd')).publish('x', 'over TCP')
    assert.equal((await subscriber.receive()).payload, 'over TCP')
    await broker.close()
    assert.ok(await refused(broker.port!))
  })

  it('without a port listens nowhere, and is reached in memory', async () => {
    const broker = await createBroker()
    assert.equal(broker.port, null)
    const join = () => connectClient('mqtt://in-process', { transport: () => broker.transport() })
    const [subscriber, publisher] = await Promise.all([join(), join()])
    const messages = await subscriber.subscribe('x', { qos: 2 })
    await publisher.publish('x', 'in memory', { qos: 2 })
    assert.equal(textOf((await messages.next()).bytes), 'in memory')
    await Promise.all([subscriber.close(), publisher.close()])
    await broker.close()
  })

  it('goes on whatever onEvent throws, and warns once', async () => {
    const warnings: string[] = []
    const note = ({ message }: Error): void => void warnings.push(message)
    process.on('warning', note)
    let told = 0
    const onEvent = (): unknown => {
      if (++told === 1) throw new Error('planted')
      return Promise.reject(new Error('planted, later'))
    }
    const broker = await createBroker({ port: 0, host: '127.0.0.1', onEvent })
    const subscriber = await client(broker)
    await subscriber.subscribe('x')
    await (await client(broker, 'd')).publish('x', 'all the same')
    assert.equal((await subscriber.receive()).payload, 'all the same')
    await broker.close()
    process.off('warning', note)
    assert.ok(told >= 2)
    assert.deepEqual(warnings, ['onEvent of createBroker failed: planted'])
  })

  it('publish() reaches subscribers, says whether there was one, and takes text or bytes', async () => {
    const broker = await createBroker({ port: 0, host: '127.0.0.1' })
    assert.equal(broker.publish('x', 'nobody'), false)
    const subscriber = await client(broker)
    await subscriber.subscribe('x/#', { qos: 2 })
    assert.equal(broker.publish('x/1', '21 °C', { qos: 1, properties: { contentType: 'text/plain' } }), true)
    assert.equal(broker.publish('x/2', Uint8Array.of(0x30), { qos: 2 }), true)
    assert.equal(broker.publish('x/3', ''), true)
    const first = await subscriber.take()
    assert.deepEqual(
      [first.topic, first.payload, first.qos, first.properties.contentType],
      ['x/1', '21 °C', 1, 'text/plain'],
    )
    assert.deepEqual(await subscriber.takeAll(2), ['0', ''])
    for (const topic of ['', 'a/+', 'a/#', 'a\0'])
      assert.throws(() => broker.publish(topic, 'x'), { code: 'ERR_TOPIC' })
    await subscriber.quiet()
    await broker.close()
  })

  it('publish() with retain keeps the message, until an empty one', async () => {
    const broker = await createBroker({ port: 0, host: '127.0.0.1' })
    broker.publish('x', 'kept', { retain: true })
    const subscriber = await client(broker)
    await subscriber.subscribe('x')
    assert.equal((await subscriber.receive()).payload, 'kept')
    broker.publish('x', '', { retain: true })
    await subscriber.receive()
    await subscriber.subscribe('x')
    await subscriber.quiet()
    await broker.close()
  })

  it('tells what happens', async () => {
    const events: BrokerEvent[] = []
    const broker = await createBroker({ port: 0, host: '127.0.0.1', onEvent: (event) => events.push(event) })
    const raw = await client(broker, 'lamp')
    raw.send(subscribe(1, [subscription('a/#/b')]))
    await raw.next()
    raw.kill()
    const end = Date.now() + PATIENCE_MS
    while (events.length < 3 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.deepEqual(
      events.map(({ id }) => id),
      ['clientConnected', 'subscriptionRefused', 'clientDisconnected'],
    )
    assert.ok(events.every((event) => event.client === 'lamp' && event.address === `127.0.0.1:${raw.localPort}`))
    assert.match(describeEvent(events[1]!), /^Refused the subscription of lamp to a\/#\/b: .*\(topic filter invalid\)$/)
    await broker.close()
  })

  it('keeps to its settings, and to who may come in', async () => {
    const strict = await createBroker({ port: 0, host: '127.0.0.1', settings: { retainAvailable: false } })
    const raw = await RawClient.open(strict.port!, 5)
    raw.send(connect({}))
    assert.equal((await raw.connack()).properties.retainAvailable, false)
    await strict.close()
    const closed = await createBroker({ port: 0, host: '127.0.0.1', anonymous: 'nobody' })
    const stranger = await RawClient.open(closed.port!, 5)
    stranger.send(connect({}))
    assert.equal((await stranger.connack()).reasonCode, 0x87)
    await closed.close()
  })

  it('close() tells its clients, and may be called twice', async () => {
    const broker = await createBroker({ port: 0, host: '127.0.0.1' })
    const raw = await client(broker)
    const closing = broker.close()
    await raw.expectDisconnect(0x8b)
    await closing
    await broker.close()
  })

  it('rejects with the system error if it cannot listen', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    await assert.rejects(createBroker({ port, host: '127.0.0.1' }), { code: 'EADDRINUSE' })
    other.close()
  })

  it('two of them know nothing of each other', async () => {
    const brokers = await Promise.all([0, 0].map((port) => createBroker({ port, host: '127.0.0.1' })))
    const clients = await Promise.all(brokers.map((broker) => client(broker, 'same id')))
    for (const each of clients) await each.subscribe('x', { qos: 1 })
    for (const [i, broker] of brokers.entries()) broker.publish('x', `of ${i}`, { qos: 1, retain: true })
    for (const [i, each] of clients.entries()) {
      assert.equal((await each.take()).payload, `of ${i}`)
      await each.quiet()
    }
    await brokers[0]!.close()
    await clients[1]!.quiet()
    await brokers[1]!.close()
  })

  it('is closed at the end of its block by `await using`', async () => {
    let port = 0
    {
      await using broker = await createBroker({ port: 0, host: '127.0.0.1' })
      port = broker.port!
      await (await client(broker)).quiet()
    }
    assert.ok(await refused(port))
  })
})

describe('a program with a broker in it', () => {
  for (const how of ['tcp', 'memory', 'failed'] as const) {
    it(`ends by itself when the broker is closed (${how})`, async () => {
      const { code, stdout, stderr } = await run(process.execPath, [CHILD, how])
      assert.deepEqual([code, stdout, stderr], [0, 'closed\n', ''])
    })
  }
})

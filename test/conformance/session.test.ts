import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Properties } from '../../src/protocol/index.ts'
import { type BrokerProcess, useBroker, useBrokerWithStoppedClock } from '../support/broker.ts'
import { type ConnectOptions, connect, disconnect, newClientId } from '../support/packets.ts'
import type { RawClient } from '../support/raw-client.ts'
import { versions } from '../support/versions.ts'

const broker = await useBroker()
const stopped = await useBrokerWithStoppedClock()
const publisher = await broker.client()

/** A client with a session that is kept, in any version. */
function kept(version: 3 | 4 | 5, clientId: string): ConnectOptions {
  return { version, clientId, cleanStart: false, properties: version === 5 ? { sessionExpiryInterval: 600 } : {} }
}

/** Ends the connection by DISCONNECT and waits until the broker has acted on it. */
async function leave(client: RawClient, properties: Properties = {}): Promise<void> {
  client.send(disconnect(0, properties))
  await client.expectClosed()
}

/** Connects and tells whether there was a session. */
async function present(options: ConnectOptions, at: BrokerProcess = broker): Promise<boolean> {
  const client = await at.open(options.version ?? 5)
  client.send(connect(options))
  const { sessionPresent } = await client.connack()
  await at.breakOff(client)
  return sessionPresent
}

for (const { version, name } of versions) {
  describe(`a session that is kept in ${name}`, () => {
    it('[MQTT-3.1.2-5] [MQTT-3.1.2-6] [MQTT-3.1.2-23] is there when the client comes back', async () => {
      const options = kept(version, newClientId())
      assert.equal(await present(options), false)
      // MQTT 3.1 has no way to tell.
      assert.equal(await present(options), version !== 3)
      assert.equal(await present(options), version !== 3)
    })

    it('[MQTT-3.1.2-4] is gone after Clean Start, and after a session that ends', async () => {
      const options = kept(version, newClientId())
      await leave(await broker.client(options))
      assert.equal(await present({ ...options, cleanStart: true, properties: {} }), false)
      assert.equal(await present(options), false)
    })

    it('[MQTT-4.5.0-1] has its subscriptions and what was published meanwhile, in order', async () => {
      const topic = `session/${version}/meanwhile`
      const options = kept(version, newClientId())
      const client = await broker.client(options)
      await client.subscribe(`${topic}/+`, { qos: 2 })
      await leave(client)
      for (const qos of [1, 2, 1, 2, 0] as const) await publisher.publish(`${topic}/${qos}`, String(qos), { qos })
      const again = await broker.client(options)
      assert.deepEqual(await again.takeAll(4), ['1', '2', '1', '2'])
      await again.quiet()
      await publisher.publish(`${topic}/0`, 'now', { qos: 0 })
      assert.equal((await again.receive()).payload, 'now')
    })

    it('remembers the QoS 2 messages that it took and did not release', async () => {
      const topic = `session/${version}/inbound`
      const watcher = await broker.client()
      await watcher.subscribe(topic, { qos: 2 })
      const options = kept(version, newClientId())
      const client = await broker.client(options)
      client.send(
        `34 ${version === 5 ? '16' : '15'} 0011 'session/${version}/inbound' 0042 ${version === 5 ? '00' : ''}`,
      )
      await client.expectBytes('50 02 0042')
      await broker.breakOff(client)
      const again = await broker.client(options)
      again.send(
        `3c ${version === 5 ? '16' : '15'} 0011 'session/${version}/inbound' 0042 ${version === 5 ? '00' : ''}`,
      )
      await again.expectBytes('50 02 0042')
      again.send('62 02 0042')
      await again.expectBytes('70 02 0042')
      await watcher.take()
      await watcher.quiet()
    })

    it('forgets the subscriptions that were taken back', async () => {
      const topic = `session/${version}/unsubscribed`
      const options = kept(version, newClientId())
      const client = await broker.client(options)
      await client.subscribe(topic, { qos: 1 })
      await client.subscribe(`${topic}/kept`, { qos: 1 })
      client.send({ type: 10, packetId: 77, filters: [topic], properties: {} })
      await client.next()
      await leave(client)
      await publisher.publish(topic, 'not', { qos: 1 })
      await publisher.publish(`${topic}/kept`, 'kept', { qos: 1 })
      const again = await broker.client(options)
      assert.equal((await again.take()).payload, 'kept')
      await again.quiet()
    })
  })
}

describe('a session that is kept', () => {
  for (const [before, after] of [
    [4, 5],
    [5, 4],
    [3, 5],
    [5, 3],
  ] as const) {
    it(`may go on in another version: ${before} then ${after}`, async () => {
      const clientId = newClientId()
      const client = await broker.client(kept(before, clientId))
      await client.subscribe(`session/other/${before}${after}`, { qos: 1 })
      await publisher.publish(`session/other/${before}${after}`, 'in flight', { qos: 1 })
      const sent = await client.receive()
      await broker.breakOff(client)
      await publisher.publish(`session/other/${before}${after}`, 'queued', {
        qos: 1,
        properties: { userProperties: [['a', 'b']] },
      })
      const again = await broker.client(kept(after, clientId))
      const first = await again.take()
      assert.deepEqual([first.payload, first.dup, first.packetId], ['in flight', true, sent.packetId])
      const second = await again.take()
      assert.deepEqual(second.properties, after === 5 ? { userProperties: [['a', 'b']] } : {})
    })
  }

  it('[MQTT-4.1.0-1] is not dropped while its client is connected, however short its expiry', async () => {
    const options = { clientId: newClientId(), cleanStart: false, properties: { sessionExpiryInterval: 1 } }
    const client = await stopped.client(options)
    await client.subscribe('session/connected')
    await stopped.pass(600_000)
    const publisher = await stopped.client()
    await publisher.publish('session/connected', 'x')
    assert.equal((await client.receive()).payload, 'x')
  })
})

describe('Session Expiry Interval', () => {
  const session = (sessionExpiryInterval: number, cleanStart = false): ConnectOptions => ({
    clientId: newClientId(),
    cleanStart,
    properties: { sessionExpiryInterval },
  })

  it('[MQTT-4.1.0-2] ends the session when it has passed', async () => {
    const options = session(1)
    await leave(await broker.client(options))
    await broker.logged(new RegExp(`session of ${options.clientId} expired after 1 s`))
    assert.equal(await present(options), false)
  })

  it('of 0, or none, ends it with the connection', async () => {
    const options = session(0)
    await leave(await broker.client(options))
    assert.equal(await present(options), false)
    assert.equal(await present({ ...options, properties: {} }), false)
    assert.equal(await present(options), false)
  })

  it('runs from the end of each connection', async () => {
    const options = session(600)
    await leave(await stopped.client(options))
    await stopped.pass(400_000)
    assert.equal(await present(options, stopped), true)
    await stopped.pass(400_000)
    assert.equal(await present(options, stopped), true)
    await stopped.pass(601_000)
    assert.equal(await present(options, stopped), false)
  })

  it('may be changed by DISCONNECT: sooner', async () => {
    const options = session(600)
    await leave(await broker.client(options), { sessionExpiryInterval: 0 })
    assert.equal(await present(options), false)
  })

  it('may be changed by DISCONNECT: later', async () => {
    const options = session(1)
    await leave(await stopped.client(options), { sessionExpiryInterval: 600 })
    await stopped.pass(599_000)
    assert.equal(await present(options, stopped), true)
  })

  it('may be changed by DISCONNECT: never', async () => {
    const options = session(1)
    await leave(await stopped.client(options), { sessionExpiryInterval: 0xffff_ffff })
    await stopped.pass(1_000_000_000)
    assert.equal(await present(options, stopped), true)
  })

  it('may not be raised from 0 by DISCONNECT: 0x82, and the will is published', async () => {
    const watcher = await broker.client()
    await watcher.subscribe('session/raised')
    const client = await broker.client({
      ...session(0),
      will: { topic: 'session/raised', payload: Uint8Array.of(0x78), qos: 0, retain: false, properties: {} },
    })
    client.send(disconnect(0, { sessionExpiryInterval: 1 }))
    await client.expectDisconnect(0x82)
    assert.equal((await watcher.receive()).payload, 'x')
  })

  it('is cut by persistent_client_expiration only if it would never end', async () => {
    const strict = await useBroker('persistent_client_expiration 1s')
    const never = { clientId: newClientId(), cleanStart: false, properties: { sessionExpiryInterval: 0xffff_ffff } }
    await leave(await strict.client(never))
    const old: ConnectOptions = { version: 4, clientId: newClientId(), cleanStart: false }
    await leave(await strict.client(old))
    const longer = { clientId: newClientId(), cleanStart: false, properties: { sessionExpiryInterval: 60 } }
    await leave(await strict.client(longer))
    for (const { clientId } of [never, old]) await strict.logged(new RegExp(`session of ${clientId} expired after 1 s`))
    const client = await strict.open()
    client.send(connect(longer))
    assert.equal((await client.connack()).sessionPresent, true)
  })
})

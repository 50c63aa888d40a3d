import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startBroker, useBroker } from '../support/broker.ts'
import { connect, publish, will } from '../support/packets.ts'
import { versions } from '../support/versions.ts'

// What the tests of other brokers taught: see docs/internals/judges.md.

const broker = await useBroker('max_packet_size 2000000', 'receive_maximum 20', 'message_size_limit 100')
const RESERVED = ['$SYS/broker/uptime', '$SYS/broker/connection/bridge', '$CONTROL/dynamic-security/v1', '$share/a/b']

describe('CONNACK', () => {
  it('has its properties in the order in which mosquitto has them', async () => {
    const client = await broker.open()
    client.send(connect())
    await client.expectBytes('20 0e 00 00 0b 22000a 27001e8480 210014')
  })

  it('[MQTT-3.2.2-16] gives a client id of the form that mosquitto gives', async () => {
    const client = await broker.open()
    client.send(connect({ clientId: '' }))
    const { assignedClientIdentifier } = (await client.connack()).properties
    assert.match(assignedClientIdentifier!, /^auto-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  })
})

describe('PUBACK', () => {
  for (const retain of [false, true]) {
    it(`says that nobody has subscribed to a message that is ${retain ? '' : 'not '}retained`, async () => {
      const client = await broker.client()
      assert.equal(await client.publish(`nobody/${retain}`, 'x', { qos: 1, retain }), 0x10)
      const subscriber = await broker.client()
      await subscriber.subscribe(`nobody/${retain}`)
      assert.equal(await client.publish(`nobody/${retain}`, 'x', { qos: 1, retain }), 0)
    })
  }
})

describe('topics with another use', () => {
  for (const topic of RESERVED) {
    it(`take no message and no Will from a client: ${topic}`, async () => {
      const client = await broker.client()
      assert.equal(await client.publish(topic, 'x', { qos: 1 }), 0x87)
      const other = await broker.open()
      other.send(connect({ will: will(topic, 'x') }))
      assert.equal((await other.connack()).reasonCode, 0x90)
      await other.expectClosed()
    })
  }

  for (const { version, name } of versions) {
    it(`a bridge may report there whether it is connected, in ${name}`, async () => {
      const state = `$SYS/broker/connection/bridge${version}/state`
      const watcher = await broker.client({ version })
      await watcher.subscribe(state)
      const bridge = await broker.client({ version, will: will(state, '0', { retain: true }) })
      bridge.send(publish(state, '1', { retain: true }))
      assert.equal((await watcher.take()).payload, '1')
      bridge.kill()
      assert.equal((await watcher.take()).payload, '0')
      const late = await broker.client({ version })
      await late.subscribe(state)
      assert.equal((await late.take()).payload, '0')
    })
  }
})

describe('message_size_limit', () => {
  for (const { version, name } of versions) {
    it(`holds for Wills in ${name}`, async () => {
      const client = await broker.open(version)
      client.send(connect({ version, will: will('will/size', 'x'.repeat(101)) }))
      assert.equal((await client.connack()).reasonCode, version === 5 ? 0x95 : 5)
      await client.expectClosed()
      const allowed = await broker.open(version)
      allowed.send(connect({ version, will: will('will/size', 'x'.repeat(100)) }))
      assert.equal((await allowed.connack()).reasonCode, 0)
    })
  }
})

describe('max_connections', () => {
  it('has room for those who come at the moment when others leave', async () => {
    const small = await startBroker('max_connections 5')
    try {
      for (let round = 0; round < 20; round++) {
        const clients = await Promise.all(Array.from({ length: 5 }, () => small.client()))
        const sixth = await small.open()
        await sixth.expectClosed()
        for (const client of clients) client.kill()
      }
    } finally {
      await small.stop()
    }
  })
})

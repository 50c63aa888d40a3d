import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { useBroker } from '../support/broker.ts'
import { disconnect, newClientId } from '../support/packets.ts'
import type { RawClient } from '../support/raw-client.ts'

const broker = await useBroker('sys_interval 1')

/** Topics that mosquitto 2.1 has, and what their values look like. */
const NUMBER = /^\d+$/
const LOAD = /^\d+\.\d\d$/
const EXPECTED: Record<string, RegExp> = {
  version: /^nightjar version \d+\.\d+\.\d+$/,
  uptime: /^\d+ seconds$/,
  'clients/total': NUMBER,
  'clients/connected': NUMBER,
  'clients/active': NUMBER,
  'clients/disconnected': NUMBER,
  'clients/inactive': NUMBER,
  'clients/expired': NUMBER,
  'clients/maximum': NUMBER,
  'bytes/received': NUMBER,
  'bytes/sent': NUMBER,
  'messages/received': NUMBER,
  'messages/sent': NUMBER,
  'messages/stored': NUMBER,
  'store/messages/count': NUMBER,
  'store/messages/bytes': NUMBER,
  'publish/messages/received': NUMBER,
  'publish/messages/sent': NUMBER,
  'publish/messages/dropped': NUMBER,
  'publish/bytes/received': NUMBER,
  'publish/bytes/sent': NUMBER,
  'retained messages/count': NUMBER,
  'subscriptions/count': NUMBER,
  'shared_subscriptions/count': NUMBER,
  'heap/current': NUMBER,
  'heap/maximum': NUMBER,
}
for (const load of [
  'messages/received',
  'messages/sent',
  'publish/received',
  'publish/sent',
  'publish/dropped',
  'bytes/received',
  'bytes/sent',
  'sockets',
  'connections',
]) {
  for (const minutes of ['1min', '5min', '15min']) EXPECTED[`load/${load}/${minutes}`] = LOAD
}

/** Takes messages below $SYS/broker until all that are asked for have a value that suits. */
async function until(client: RawClient, suits: Record<string, (value: string) => boolean>): Promise<void> {
  const missing = new Set(Object.keys(suits))
  while (missing.size > 0) {
    const message = await client.receive(12_000)
    const topic = message.topic.slice('$SYS/broker/'.length)
    if (suits[topic]?.(message.payload) === true) missing.delete(topic)
  }
}

describe('$SYS', () => {
  it('has the topics of mosquitto, each with its unit, retained', async () => {
    const client = await broker.client()
    await client.subscribe('$SYS/#')
    const missing = new Set(Object.keys(EXPECTED))
    while (missing.size > 0) {
      const { topic, payload, qos } = await client.receive(12_000)
      assert.ok(topic.startsWith('$SYS/broker/'), topic)
      const expected = EXPECTED[topic.slice('$SYS/broker/'.length)]
      if (expected !== undefined) assert.match(payload, expected, topic)
      missing.delete(topic.slice('$SYS/broker/'.length))
      assert.equal(qos, 0)
    }
  })

  it('comes at once to who subscribes late, as it is retained', async () => {
    const client = await broker.client()
    await client.subscribe('$SYS/broker/version')
    const { retain, payload } = await client.receive()
    assert.equal(retain, true)
    assert.match(payload, EXPECTED['version']!)
  })

  it('counts clients, subscriptions, retained messages and what is stored', async () => {
    const counted = await useBroker('sys_interval 1')
    const away = { version: 4 as const, clientId: newClientId(), cleanStart: false }
    const gone = await counted.client(away)
    await gone.subscribe('count/queued', { qos: 1 })
    await gone.subscribe('$share/g/count/shared')
    gone.send(disconnect())
    await gone.expectClosed()
    const publisher = await counted.client()
    await publisher.publish('count/queued', 'x'.repeat(100), { qos: 1 })
    await publisher.publish('count/retained', 'x'.repeat(1000), { retain: true })
    const client = await counted.client()
    await client.subscribe('$SYS/broker/#')
    await until(client, {
      'clients/total': (value) => value === '3',
      'clients/connected': (value) => value === '2',
      'clients/disconnected': (value) => value === '1',
      'clients/maximum': (value) => value === '2',
      'subscriptions/count': (value) => value === '3',
      'shared_subscriptions/count': (value) => value === '1',
      'publish/messages/received': (value) => value === '2',
      'publish/bytes/received': (value) => value === '1100',
      'store/messages/bytes': (value) => Number(value) >= 1100,
      'heap/current': (value) => Number(value) > 10_000_000,
    })
  })

  it('moves on every sys_interval seconds', async () => {
    const client = await broker.client()
    await client.subscribe('$SYS/broker/uptime')
    const uptimes: number[] = []
    for (let i = 0; i < 3; i++) uptimes.push(Number((await client.receive(12_000)).payload.split(' ')[0]))
    assert.ok(uptimes[2]! - uptimes[0]! >= 2 && uptimes[2]! - uptimes[0]! <= 4, uptimes.join(' '))
  })

  it('[MQTT-4.7.2-1] is not found by # or +', async () => {
    const client = await broker.client()
    await client.subscribe('#')
    await client.subscribe('+/broker/uptime')
    await client.quiet()
    const marker = await broker.client()
    await marker.subscribe('$SYS/broker/uptime', { retainHandling: 2 })
    await marker.receive(12_000)
    await client.quiet()
  })

  it('belongs to the broker: clients may not publish there', async () => {
    const watcher = await broker.client()
    await watcher.subscribe('$SYS/mine')
    const client = await broker.client()
    assert.equal(await client.publish('$SYS/mine', 'x', { qos: 1 }), 0x87)
    assert.equal(await client.publish('$SYS/mine', 'x', { qos: 2 }), 0x87)
    await client.publish('$SYS/mine', 'x', { retain: true })
    const old = await broker.client({ version: 4 })
    await old.publish('$SYS/mine', 'x', { qos: 1 })
    await old.publish('$SYS/mine', 'x', { qos: 2 })
    await watcher.quiet()
    await watcher.subscribe('$SYS/mine')
    await watcher.quiet()
    await broker.logged(/Refused a message from client\d+ to \$SYS\/mine/)
  })

  it('is not there with sys_interval 0', async () => {
    const without = await useBroker('sys_interval 0')
    const client = await without.client()
    await client.subscribe('$SYS/#')
    const marker = await broker.client()
    await marker.subscribe('$SYS/broker/uptime', { retainHandling: 2 })
    await marker.receive(12_000)
    await client.quiet()
  })
})

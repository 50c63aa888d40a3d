import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType, type QoS } from '../../src/protocol/index.ts'
import { type BrokerProcess, useBroker } from '../support/broker.ts'
import { acknowledgement, disconnect, newClientId, publish } from '../support/packets.ts'
import type { RawClient } from '../support/raw-client.ts'

const small = await useBroker('max_inflight_messages 3', 'max_queued_messages 5')
const publisher = await small.client()
const { Puback } = PacketType

function kept() {
  return { clientId: newClientId(), cleanStart: false, properties: { sessionExpiryInterval: 600 } }
}

async function leave(client: RawClient): Promise<void> {
  client.send(disconnect())
  await client.expectClosed()
}

/** A client that subscribed and left, and what it finds when it comes back. */
async function whileAway(broker: BrokerProcess, topic: string, publishAll: (sender: RawClient) => Promise<void>) {
  const options = kept()
  const client = await broker.client(options)
  await client.subscribe(topic, { qos: 2 })
  await leave(client)
  await publishAll(await broker.client())
  return broker.client(options)
}

function range(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => String(from + i))
}

describe('max_queued_messages', () => {
  it('holds back that many for a client that is away; the later ones are dropped', async () => {
    const client = await whileAway(small, 'queue/away', async (sender) => {
      for (const n of range(0, 9)) await sender.publish('queue/away', n, { qos: 1 })
    })
    assert.deepEqual(await client.takeAll(5), range(0, 5))
    await client.quiet()
  })

  it('holds back that many beyond those in flight for a client that is here', async () => {
    const client = await small.client()
    await client.subscribe('queue/here', { qos: 1 })
    for (const n of range(0, 20)) await publisher.publish('queue/here', n, { qos: 1 })
    assert.deepEqual(await client.takeAll(8), range(0, 8))
    await client.quiet()
    await publisher.publish('queue/here', 'again', { qos: 1 })
    assert.equal((await client.take()).payload, 'again')
  })

  it('is told in the log when it begins to drop, once, and how many when there is room again', async () => {
    const clientId = newClientId()
    const client = await small.client({ clientId })
    await client.subscribe('queue/log', { qos: 1 })
    const since = small.log.length
    for (const n of range(0, 12)) await publisher.publish('queue/log', n, { qos: 1 })
    await small.logged(new RegExp(`queue of ${clientId} is full.*max_queued_messages 5`), since)
    await client.takeAll(8)
    await small.logged(new RegExp(`queue of ${clientId} has room again: 4 messages`), since)
    assert.equal(small.log.slice(since).filter((line) => line.includes(`queue of ${clientId} is full`)).length, 1)
  })

  it('does not hold for QoS 0 to a client that is here', async () => {
    const client = await small.client()
    await client.subscribe('queue/zero')
    publisher.send(...range(0, 100).map((n) => publish('queue/zero', n)))
    assert.deepEqual(await client.takeAll(100), range(0, 100))
  })

  it('of 0 is no limit', async () => {
    const unlimited = await useBroker('max_queued_messages 0')
    const client = await whileAway(unlimited, 'queue/all', async (sender) => {
      for (const n of range(0, 3000)) await sender.publish('queue/all', n, { qos: 1 })
    })
    assert.deepEqual(await client.takeAll(3000), range(0, 3000))
  })

  it('is 1,000 by default', async () => {
    const plain = await useBroker()
    const client = await whileAway(plain, 'queue/default', async (sender) => {
      for (const n of range(0, 1010)) await sender.publish('queue/default', n, { qos: 1 })
    })
    assert.deepEqual(await client.takeAll(1000), range(0, 1000))
    await client.quiet()
  })
})

describe('max_queued_bytes', () => {
  it('drops what would go beyond it, and takes what still fits', async () => {
    const broker = await useBroker('max_queued_bytes 100', 'max_queued_messages 0')
    const client = await whileAway(broker, 'bytes', async (sender) => {
      for (const length of [60, 41, 40, 1]) await sender.publish('bytes', 'x'.repeat(length), { qos: 1 })
    })
    assert.deepEqual(
      (await client.takeAll(2)).map((payload) => payload.length),
      [60, 40],
    )
    await client.quiet()
  })

  it('counts what waits now, not what has gone', async () => {
    const broker = await useBroker('max_queued_bytes 100', 'max_queued_messages 0', 'max_inflight_messages 1')
    const client = await broker.client()
    await client.subscribe('bytes', { qos: 1 })
    const sender = await broker.client()
    for (let round = 0; round < 3; round++) {
      for (const length of [500, 60, 41, 40]) await sender.publish('bytes', 'x'.repeat(length), { qos: 1 })
      assert.deepEqual(
        (await client.takeAll(3)).map((payload) => payload.length),
        [500, 60, 40],
      )
      await client.quiet()
    }
  })
})

describe('max_inflight_messages', () => {
  const windowOf = async (broker: BrokerProcess, version: 4 | 5, most: number): Promise<void> => {
    const client = await broker.client({ version })
    await client.subscribe('window', { qos: 1 })
    const sender = await broker.client()
    for (const n of range(0, most + 2)) await sender.publish('window', n, { qos: 1 })
    const ids: number[] = []
    for (let i = 0; i < most; i++) ids.push((await client.receive()).packetId)
    await client.quiet()
    client.send(acknowledgement(Puback, ids[0]!))
    assert.equal((await client.receive()).payload, String(most))
    await client.quiet()
  }

  for (const version of [4, 5] as const) {
    it(`bounds what is in flight to a client of version ${version}`, () => windowOf(small, version, 3))
  }

  it('is 20 by default', async () => windowOf(await useBroker(), 4, 20))

  it('of 1 sends one after the other', async () => windowOf(await useBroker('max_inflight_messages 1'), 4, 1))

  it('of 0 is no limit', async () => {
    const broker = await useBroker('max_inflight_messages 0')
    const client = await broker.client({ version: 4 })
    await client.subscribe('window', { qos: 1 })
    const sender = await broker.client()
    for (const n of range(0, 500)) await sender.publish('window', n, { qos: 1 })
    for (const n of range(0, 500)) assert.equal((await client.receive()).payload, n)
  })

  it('max_inflight_bytes bounds their payloads too, but one message always goes', async () => {
    const broker = await useBroker('max_inflight_bytes 100')
    const client = await broker.client()
    await client.subscribe('window', { qos: 1 })
    const sender = await broker.client()
    for (const length of [60, 60, 500, 10]) await sender.publish('window', 'x'.repeat(length), { qos: 1 })
    const first = await client.receive()
    const second = await client.receive()
    await client.quiet()
    client.send(acknowledgement(Puback, first.packetId))
    const third = await client.receive()
    assert.deepEqual([second.payload.length, third.payload.length], [60, 500])
    await client.quiet()
    for (const { packetId } of [second, third]) client.send(acknowledgement(Puback, packetId))
    assert.equal((await client.take()).payload.length, 10)
  })
})

describe('queue_qos0_messages', () => {
  const qos0 = async (broker: BrokerProcess): Promise<string[]> => {
    const client = await whileAway(broker, 'zero', async (sender) => {
      for (const [n, qos] of ([0, 1, 0, 2] as QoS[]).entries()) await sender.publish('zero', String(n), { qos })
    })
    const found: string[] = []
    for (;;) {
      const message = await client.take()
      found.push(message.payload)
      if (message.payload === '3') break
    }
    await client.quiet()
    return found
  }

  it('is off by default: QoS 0 does not wait for who is away', async () => {
    assert.deepEqual(await qos0(small), ['1', '3'])
  })

  it('on: QoS 0 waits with the others, in order', async () => {
    assert.deepEqual(await qos0(await useBroker('queue_qos0_messages true')), ['0', '1', '2', '3'])
  })

  it('[MQTT-4.6.0-5] on: what comes later does not overtake what waits', async () => {
    const broker = await useBroker('queue_qos0_messages true', 'max_inflight_messages 1')
    const client = await whileAway(broker, 'zero', async (sender) => {
      await sender.publish('zero', 'one', { qos: 1 })
      await sender.publish('zero', 'two', { qos: 1 })
      await sender.publish('zero', 'early', { qos: 0 })
    })
    const one = await client.receive()
    await client.quiet()
    const sender = await broker.client()
    await sender.publish('zero', 'late', { qos: 0 })
    await client.quiet()
    client.send(acknowledgement(Puback, one.packetId))
    assert.deepEqual(await client.takeAll(3), ['two', 'early', 'late'])
  })
})

describe('message_size_limit', () => {
  it('refuses the message and keeps its sender', async () => {
    const broker = await useBroker('message_size_limit 10')
    const watcher = await broker.client()
    await watcher.subscribe('limit', { qos: 2 })
    const sender = await broker.client()
    assert.equal(await sender.publish('limit', 'x'.repeat(10), { qos: 1 }), 0)
    assert.equal(await sender.publish('limit', 'y'.repeat(11), { qos: 1 }), 0x97)
    assert.equal(await sender.publish('limit', 'y'.repeat(11), { qos: 2 }), 0x97)
    await sender.publish('limit', 'y'.repeat(11), { qos: 0, retain: true })
    const old = await broker.client({ version: 4 })
    await old.publish('limit', 'y'.repeat(11), { qos: 1 })
    await old.publish('limit', 'y'.repeat(11), { qos: 2 })
    await watcher.take()
    await watcher.quiet()
    await broker.logged(/message_size_limit/)
  })
})

describe('upgrade_outgoing_qos', () => {
  it('delivers with the QoS of the subscription', async () => {
    const broker = await useBroker('upgrade_outgoing_qos true')
    const client = await broker.client()
    await client.subscribe('up', { qos: 2 })
    const sender = await broker.client()
    await sender.publish('up', 'x', { qos: 0 })
    assert.equal((await client.take()).qos, 2)
    await client.subscribe('up', { qos: 0 })
    await sender.publish('up', 'x', { qos: 2 })
    assert.equal((await client.take()).qos, 0)
  })
})

describe('max_connections', () => {
  it('closes what is one too many, and takes others later', async () => {
    const broker = await useBroker('max_connections 2')
    const one = await broker.client()
    await broker.client()
    const third = await broker.open()
    await third.expectClosed()
    await broker.logged(/Closed .*: listener 127\.0\.0\.1:\d+ is full \(max_connections 2\)/)
    await broker.breakOff(one)
    await broker.client()
  })
})

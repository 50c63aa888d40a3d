import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType } from '../../src/protocol/index.ts'
import { useBroker } from '../support/broker.ts'
import {
  acknowledgement,
  connect,
  disconnect,
  newClientId,
  publish,
  subscribe,
  subscription,
} from '../support/packets.ts'
import { versions } from '../support/versions.ts'

const COUNT = 5000
const broker = await useBroker('max_queued_messages 10', 'max_inflight_messages 5')

const publisher = await broker.client({ version: 4 })
for (const qos of [0, 1] as const) {
  for (let start = 0; start < COUNT; start += 500) {
    const numbers = Array.from({ length: 500 }, (_, i) => start + i)
    const large = 'x'.repeat(2000)
    publisher.send(
      ...numbers.map((n) => publish(`many/${qos}/${n}`, `${n} ${large}`, { qos, retain: true, packetId: n + 1 })),
    )
    if (qos === 1) for (const _ of numbers) await publisher.expect(PacketType.Puback)
  }
}
await publisher.quiet()

describe('5,000 retained messages with max_queued_messages 10', () => {
  for (const { version, name } of versions) {
    for (const qos of [0, 1] as const) {
      it(`${name}, QoS ${qos}: all of them answer a subscription`, async () => {
        const client = await broker.client({ version })
        await client.subscribe(`many/${qos}/+`, { qos })
        const topics = new Set<string>()
        for (let i = 0; i < COUNT; i++) {
          const message = await client.take()
          assert.deepEqual([message.retain, message.qos, message.dup], [true, qos, false])
          topics.add(message.topic)
        }
        assert.equal(topics.size, COUNT)
        await client.quiet()
      })
    }
  }

  it('reach a client that begins to read late, and are not dropped as it is slow', async () => {
    const client = await broker.client({ version: 4 })
    client.pause()
    client.send(subscribe(1, [subscription('many/0/+')]))
    for (let i = 0; i < 20; i++) await publisher.publish('many/other', 'x', { qos: 1 })
    client.resume()
    await client.expect(PacketType.Suback)
    for (let i = 0; i < COUNT; i++) await client.receive()
    await client.quiet()
  })

  it('go on where they stopped when the client comes back', async () => {
    const clientId = newClientId()
    const client = await broker.client({ version: 4, clientId, cleanStart: false })
    await client.subscribe('many/1/+', { qos: 1 })
    const topics = new Set<string>()
    for (let i = 0; i < 100; i++) topics.add((await client.take()).topic)
    client.send(disconnect())
    const again = await broker.open(4)
    again.send(connect({ version: 4, clientId, cleanStart: false }))
    assert.equal((await again.connack()).sessionPresent, true)
    while (topics.size < COUNT) topics.add((await again.take()).topic)
    await again.quiet()
  })

  it('end when the client unsubscribes', async () => {
    const client = await broker.client({ version: 5, properties: { receiveMaximum: 1 } })
    await client.subscribe('many/1/+', { qos: 1 })
    const first = await client.receive()
    client.send({ type: PacketType.Unsubscribe, packetId: 9, filters: ['many/1/+'], properties: {} })
    assert.deepEqual((await client.expect(PacketType.Unsuback)).reasonCodes, [0])
    client.send(acknowledgement(PacketType.Puback, first.packetId))
    await client.quiet()
  })

  it('live messages get through meanwhile', async () => {
    const client = await broker.client({ version: 4 })
    await client.subscribe('live', { qos: 1 })
    await client.subscribe('many/1/+', { qos: 1 })
    let live = 0
    for (let i = 0; i < COUNT + 11; i++) {
      if (i % 500 === 0) await publisher.publish('live', String(i), { qos: 1 })
      if ((await client.take()).topic === 'live') live++
    }
    assert.equal(live, 11)
    await client.quiet()
  })
})

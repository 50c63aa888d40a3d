import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType } from '../../src/protocol/index.ts'
import { useBrokerWithStoppedClock } from '../support/broker.ts'
import {
  acknowledgement,
  type ConnectOptions,
  connect,
  disconnect,
  newClientId,
  subscribe,
  subscription,
  unsubscribe,
} from '../support/packets.ts'
import type { RawClient } from '../support/raw-client.ts'

const broker = await useBrokerWithStoppedClock('max_inflight_messages 3')
const publisher = await broker.client()

const ends: Record<string, (client: RawClient) => Promise<unknown>> = {
  'says goodbye': (client) => {
    client.send(disconnect())
    return client.expectClosed()
  },
  'breaks off': (client) => broker.breakOff(client),
  'breaks the protocol': (client) => {
    client.send(connect())
    return client.expectDisconnect(0x82)
  },
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => String(from + i))
}

async function publishAll(topic: string, payloads: readonly string[], qos: 1 | 2 = 1): Promise<void> {
  for (const payload of payloads) await publisher.publish(topic, payload, { qos })
}

/** A member that takes nothing, and another that takes all of what comes later. */
async function members(filter: string, qos: 1 | 2, options: ConnectOptions = {}): Promise<[RawClient, RawClient]> {
  const one = await broker.client(options)
  await one.subscribe(filter, { qos })
  const other = await broker.client()
  return [one, other]
}

describe('a member of a shared subscription whose session ends', () => {
  for (const [what, end] of Object.entries(ends)) {
    it(`and ${what}: what it did not acknowledge with QoS 1, and what waited, goes to another`, async () => {
      const topic = `ended/${what.replaceAll(' ', '-')}`
      const [one, other] = await members(`$share/g/${topic}`, 1)
      await publishAll(topic, numbers(1, 6))
      const first = await one.receive()
      one.send(acknowledgement(PacketType.Puback, first.packetId))
      for (let i = 0; i < 3; i++) await one.receive()
      await other.subscribe(`$share/g/${topic}`, { qos: 1 })
      await end(one)
      assert.deepEqual(await other.takeAll(5), numbers(2, 6))
      await other.quiet()
    })
  }

  it('with QoS 2: what waited goes to another, once, and what was sent does not', async () => {
    const [one, other] = await members('$share/g/ended/twice', 2)
    await publishAll('ended/twice', numbers(1, 5), 2)
    for (let i = 0; i < 3; i++) await one.receive()
    await other.subscribe('$share/g/ended/twice', { qos: 2 })
    one.send(disconnect())
    assert.deepEqual(await other.takeAll(2), ['4', '5'])
    await other.quiet()
  })

  it('shares it fairly among those who are left', async () => {
    const [one, other] = await members('$share/g/ended/fair', 1, { properties: { receiveMaximum: 1 } })
    const third = await broker.client()
    await publishAll('ended/fair', numbers(1, 6))
    await one.receive()
    for (const client of [other, third]) await client.subscribe('$share/g/ended/fair', { qos: 1 })
    await ends['says goodbye']!(one)
    const taken = [...(await other.takeAll(3)), ...(await third.takeAll(3))]
    assert.deepEqual(taken.sort(), numbers(1, 6))
    for (const client of [other, third]) await client.quiet()
  })

  it('each gets it with its own QoS, Subscription Identifier, and name for the group', async () => {
    const [one, other] = await members('$share/g/ended/+', 1)
    await publishAll('ended/own', ['x'], 2)
    await one.receive()
    await other.subscribe('$share/g/ended/*', { qos: 2 }, { subscriptionIdentifiers: [7] })
    await ends['breaks off']!(one)
    const { qos, dup, retain, properties } = await other.take()
    assert.deepEqual([qos, dup, retain, properties.subscriptionIdentifiers], [2, false, false, [7]])
  })

  it('nobody is left: nothing is kept for who comes later', async () => {
    const [one, other] = await members('$share/g/ended/alone', 1)
    await publishAll('ended/alone', ['x'])
    await one.receive()
    await ends['breaks off']!(one)
    await other.subscribe('$share/g/ended/alone', { qos: 1 })
    await other.quiet()
  })

  it('what came by an ordinary subscription, or another group, goes to nobody', async () => {
    const [one, other] = await members('ended/ordinary', 1)
    await one.subscribe('$share/a/ended/ordinary', { qos: 1 })
    await publishAll('ended/ordinary', ['x'])
    await one.receive()
    await one.receive()
    await other.subscribe('$share/b/ended/ordinary', { qos: 1 })
    await ends['breaks off']!(one)
    await other.quiet()
  })

  it('had given the subscription up before: what it was owed all the same goes to another', async () => {
    const [one, other] = await members('$share/g/ended/given-up', 1)
    await publishAll('ended/given-up', ['x'])
    await one.receive()
    one.send(unsubscribe(9, ['$share/g/ended/given-up']))
    await one.expect(PacketType.Unsuback)
    await other.subscribe('$share/g/ended/given-up', { qos: 1 })
    await ends['breaks off']!(one)
    assert.equal((await other.take()).payload, 'x')
  })

  it('waited for a session that was kept, and ends by Clean Start', async () => {
    const options = { clientId: newClientId(), cleanStart: false, properties: { sessionExpiryInterval: 600 } }
    const [one, other] = await members('$share/g/ended/kept', 1, options)
    await publishAll('ended/kept', numbers(1, 5))
    await one.receive()
    await broker.breakOff(one)
    await other.subscribe('$share/g/ended/kept', { qos: 1 })
    await other.quiet()
    await broker.client({ ...options, cleanStart: true })
    assert.deepEqual(await other.takeAll(5), numbers(1, 5))
  })

  it('is kept for a member that is away, if nobody else is left', async () => {
    const options = { clientId: newClientId(), cleanStart: false, properties: { sessionExpiryInterval: 600 } }
    const away = await broker.client(options)
    await away.subscribe('$share/g/ended/away', { qos: 1 })
    await broker.breakOff(away)
    const [one] = await members('$share/g/ended/away', 1)
    await publishAll('ended/away', numbers(1, 2))
    await one.receive()
    await ends['breaks off']!(one)
    const back = await broker.client(options)
    assert.deepEqual(await back.takeAll(2), numbers(1, 2))
  })

  it('does not take along what has expired', async () => {
    const [one, other] = await members('$share/g/ended/expired', 1)
    const properties = { messageExpiryInterval: 1 }
    await publisher.publish('ended/expired', 'old', { qos: 1, properties })
    await publisher.publish('ended/expired', 'lasting', { qos: 1, properties: { messageExpiryInterval: 100 } })
    const sent = await one.receive()
    await one.receive()
    assert.equal(sent.payload, 'old')
    await other.subscribe('$share/g/ended/expired', { qos: 1 })
    await broker.pass(1100)
    await ends['breaks off']!(one)
    const { payload, properties: left } = await other.take()
    assert.equal(payload, 'lasting')
    assert.ok(left.messageExpiryInterval! <= 99)
    await other.quiet()
  })

  it('[MQTT-4.8.2-6] had refused it: it goes to nobody', async () => {
    const [one, other] = await members('$share/g/ended/refused', 1)
    await publishAll('ended/refused', ['x'])
    one.send(acknowledgement(PacketType.Puback, (await one.receive()).packetId, 0x97))
    await one.quiet()
    other.send(subscribe(1, [subscription('$share/g/ended/refused', { qos: 1 })]))
    await other.expect(PacketType.Suback)
    await ends['breaks off']!(one)
    await other.quiet()
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType, type QoS } from '../../src/protocol/index.ts'
import { useBroker } from '../support/broker.ts'
import { acknowledgement, disconnect, newClientId, subscribe, subscription, unsubscribe } from '../support/packets.ts'
import type { RawClient } from '../support/raw-client.ts'
import { versions } from '../support/versions.ts'

const broker = await useBroker('sys_interval 1')
const publisher = await broker.client()

/** How many messages are there for each client, after all has been acted on. */
async function counts(clients: readonly RawClient[]): Promise<number[]> {
  return Promise.all(
    clients.map(async (client) => {
      client.send('c0 00')
      for (let count = 0; ; count++) {
        const packet = await client.next()
        if (packet[0] === 0xd0) return count
        if (packet[0]! & 2) client.send(acknowledgement(PacketType.Puback, idOf(packet)))
      }
    }),
  )
}

/** The Packet Identifier of a PUBLISH that is shorter than 128 bytes. */
function idOf(packet: Uint8Array): number {
  const at = 4 + ((packet[2]! << 8) | packet[3]!)
  return (packet[at]! << 8) | packet[at + 1]!
}

for (const { version, name } of versions) {
  describe(`a shared subscription in ${name}`, () => {
    it('[MQTT-4.8.2-1] gives each message to one member of the group, and to all in turn', async () => {
      for (const qos of [0, 1] as const) {
        const filter = `$share/group/shared/${version}/${qos}`
        const members = [1, 2, 3].map(() => broker.client({ version }))
        const clients = await Promise.all(members)
        for (const client of clients) await client.subscribe(filter, { qos })
        for (let i = 0; i < 30; i++) await publisher.publish(`shared/${version}/${qos}`, 'x', { qos })
        assert.deepEqual(await counts(clients), [10, 10, 10])
      }
    })

    it('each group gets each message, and so does who subscribes without a group', async () => {
      const topic = `shared/${version}/groups`
      const [one, two, alone] = [
        await broker.client({ version }),
        await broker.client({ version }),
        await broker.client({ version }),
      ]
      await one.subscribe(`$share/one/${topic}`)
      await two.subscribe(`$share/two/${topic}`)
      await alone.subscribe(topic)
      await publisher.publish(topic, 'x')
      assert.deepEqual(await counts([one, two, alone]), [1, 1, 1])
    })

    it('one client in a group and alone gets both copies', async () => {
      const topic = `shared/${version}/both`
      const client = await broker.client({ version })
      await client.subscribe(`$share/one/${topic}`)
      await client.subscribe(topic)
      await publisher.publish(topic, 'x')
      assert.deepEqual(await counts([client]), [2])
    })

    it('who unsubscribes, or leaves, gets no more', async () => {
      const filter = `$share/group/shared/${version}/leave`
      const clients = [
        await broker.client({ version }),
        await broker.client({ version }),
        await broker.client({ version }),
      ]
      for (const client of clients) await client.subscribe(filter)
      clients[0]!.send(unsubscribe(9, [filter]))
      await clients[0]!.expect(PacketType.Unsuback)
      clients[1]!.send(disconnect())
      await clients[1]!.expectClosed()
      for (let i = 0; i < 4; i++) await publisher.publish(`shared/${version}/leave`, 'x')
      assert.deepEqual(await counts([clients[0]!, clients[2]!]), [0, 4])
      clients[2]!.kill()
      await publisher.publish(`shared/${version}/leave`, 'x')
    })
  })
}

describe('a shared subscription', () => {
  for (const [published, granted] of [
    [0, 2],
    [1, 1],
    [2, 1],
    [2, 2],
  ] as const) {
    it(`[MQTT-4.8.2-3] [MQTT-3.8.4-8] published with ${published}, granted ${granted}: the lower of both`, async () => {
      const client = await broker.client()
      const topic = `shared/qos/${published}${granted}`
      await client.subscribe(`$share/q/${topic}`, { qos: granted })
      await publisher.publish(topic, 'x', { qos: published })
      assert.equal((await client.take()).qos, Math.min(published, granted))
    })
  }

  it('each member has its own QoS, Subscription Identifier and filter', async () => {
    const members: [RawClient, QoS, number][] = []
    for (const [i, qos] of ([0, 1, 2] as const).entries()) {
      const client = await broker.client()
      await client.subscribe('$share/mixed/shared/mixed/+', { qos }, { subscriptionIdentifiers: [i + 1] })
      members.push([client, qos, i + 1])
    }
    for (let i = 0; i < 3; i++) await publisher.publish('shared/mixed/x', 'x', { qos: 2 })
    for (const [client, qos, identifier] of members) {
      const message = await client.take()
      assert.deepEqual([message.qos, message.properties.subscriptionIdentifiers], [qos, [identifier]])
    }
  })

  it('who is away is passed over, and finds nothing later', async () => {
    const options = { clientId: newClientId(), cleanStart: false, properties: { sessionExpiryInterval: 600 } }
    const away = await broker.client(options)
    await away.subscribe('$share/g/shared/away', { qos: 1 })
    const here = await broker.client()
    await here.subscribe('$share/g/shared/away', { qos: 1 })
    away.send(disconnect())
    await away.expectClosed()
    for (let i = 0; i < 4; i++) await publisher.publish('shared/away', 'x', { qos: 1 })
    assert.deepEqual(await counts([here]), [4])
    const back = await broker.client(options)
    await back.quiet()
  })

  it('if all are away, messages wait for one of them', async () => {
    const options = { clientId: newClientId(), cleanStart: false, properties: { sessionExpiryInterval: 600 } }
    const away = await broker.client(options)
    await away.subscribe('$share/g/shared/all-away', { qos: 1 })
    away.send(disconnect())
    await away.expectClosed()
    assert.equal(await publisher.publish('shared/all-away', 'x', { qos: 1 }), 0)
    const back = await broker.client(options)
    assert.equal((await back.take()).payload, 'x')
  })

  it('[MQTT-4.8.2-4] what was sent to a member that broke off waits for it', async () => {
    const options = { clientId: newClientId(), cleanStart: false, properties: { sessionExpiryInterval: 600 } }
    const one = await broker.client(options)
    await one.subscribe('$share/g/shared/started', { qos: 2 })
    await publisher.publish('shared/started', 'x', { qos: 2 })
    await one.receive()
    const other = await broker.client()
    await other.subscribe('$share/g/shared/started', { qos: 2 })
    one.kill()
    await other.quiet()
    const back = await broker.client(options)
    const message = await back.take()
    assert.deepEqual([message.payload, message.dup], ['x', true])
    await other.quiet()
  })

  it('[MQTT-4.8.2-5] what was sent with QoS 2 to a member whose session ends goes to nobody else', async () => {
    const one = await broker.client()
    await one.subscribe('$share/g/shared/ended', { qos: 2 })
    await publisher.publish('shared/ended', '1', { qos: 2 })
    await publisher.publish('shared/ended', '2', { qos: 2 })
    await one.receive()
    one.send(acknowledgement(PacketType.Pubrec, (await one.receive()).packetId))
    await one.expect(PacketType.Pubrel)
    const other = await broker.client()
    await other.subscribe('$share/g/shared/ended', { qos: 2 })
    one.send(disconnect())
    await one.expectClosed()
    await other.quiet()
  })

  it('[MQTT-4.8.2-6] what a member refuses goes to nobody else', async () => {
    const one = await broker.client()
    await one.subscribe('$share/g/shared/refused', { qos: 2 })
    await publisher.publish('shared/refused', '1', { qos: 1 })
    await publisher.publish('shared/refused', '2', { qos: 2 })
    const other = await broker.client()
    await other.subscribe('$share/g/shared/refused', { qos: 2 })
    one.send(acknowledgement(PacketType.Puback, (await one.receive()).packetId, 0x97))
    one.send(acknowledgement(PacketType.Pubrec, (await one.receive()).packetId, 0x97))
    await one.quiet()
    await other.quiet()
  })

  it('a member whose window is full is passed over', async () => {
    const full = await broker.client({ properties: { receiveMaximum: 1 } })
    await full.subscribe('$share/g/shared/full', { qos: 1 })
    const free = await broker.client()
    await free.subscribe('$share/g/shared/full', { qos: 1 })
    for (let i = 0; i < 9; i++) await publisher.publish('shared/full', 'x', { qos: 1 })
    await full.receive()
    await full.quiet()
    assert.deepEqual(await counts([free]), [8])
  })

  for (const filter of [
    '$share//a',
    '$share/g',
    '$share/g/',
    '$share/a+b/c',
    '$share/a#/c',
    '$share/+/c',
    '$share/g/a/#/b',
    '$share',
  ]) {
    it(`[MQTT-4.8.2-2] ${filter} ${filter === '$share' ? 'is a filter like any other' : 'is no filter: 0x8F'}`, async () => {
      const client = await broker.client()
      assert.equal(await client.subscribe(filter), filter === '$share' ? 0 : 0x8f)
      await client.quiet()
    })
  }

  it('[MQTT-3.8.3-4] with No Local breaks the protocol', async () => {
    const client = await broker.client()
    client.send(subscribe(1, [subscription('$share/g/a', { noLocal: true })]))
    await client.expectDisconnect(0x82)
  })

  it('$shares/g/a is not shared', async () => {
    const [one, two] = [await broker.client(), await broker.client()]
    for (const client of [one, two]) await client.subscribe('$shares/g/a')
    await publisher.publish('$shares/g/a', 'x')
    assert.deepEqual(await counts([one, two]), [1, 1])
  })

  it('$SYS can be shared', async () => {
    const client = await broker.client()
    await client.subscribe('$share/g/$SYS/broker/uptime')
    assert.match((await client.receive(12_000)).payload, /^\d+ seconds$/)
  })
})

describe('a shared subscription beside one that is not', () => {
  it('[MQTT-3.3.4-5] brings a copy of its own, each with the identifier of its subscription', async () => {
    const client = await broker.client()
    await client.subscribe('$share/beside/shared/beside', {}, { subscriptionIdentifiers: [1] })
    await client.subscribe('shared/+', {}, { subscriptionIdentifiers: [2] })
    await (await broker.client()).publish('shared/beside', 'x')
    const identifiers = [await client.receive(), await client.receive()].map(
      (copy) => copy.properties.subscriptionIdentifiers,
    )
    assert.deepEqual(identifiers.flat().sort(), [1, 2])
    assert.deepEqual(
      identifiers.map((list) => list?.length),
      [1, 1],
    )
    await client.quiet()
  })
})

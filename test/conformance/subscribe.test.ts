import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType } from '../../src/protocol/index.ts'
import { useBroker } from '../support/broker.ts'
import { publish, subscribe, subscription, unsubscribe } from '../support/packets.ts'
import { versions } from '../support/versions.ts'

const broker = await useBroker()
const publisher = await broker.client()

for (const { version, name } of versions) {
  describe(`SUBSCRIBE in ${name}`, () => {
    it('[MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-2.2.1-6] [MQTT-3.8.4-7] is answered with SUBACK', async () => {
      const client = await broker.client({ version })
      client.send(subscribe(0xabcd, [subscription('a/b', { qos: 1 })]))
      await client.expectBytes(version === 5 ? '90 04 abcd 00 01' : '90 03 abcd 01')
    })

    it('[MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.9.3-1] [MQTT-3.9.3-2] has a reason code for each filter, in order', async () => {
      const client = await broker.client({ version })
      const filters = [
        subscription('a', { qos: 2 }),
        subscription('a/#/b'),
        subscription('b', { qos: 0 }),
        subscription('a+'),
        subscription('c/+', { qos: 1 }),
        subscription('', { qos: 1 }),
      ]
      client.send(subscribe(1, filters))
      const wrong = version === 5 ? 0x8f : 0x80
      assert.deepEqual((await client.expect(PacketType.Suback)).reasonCodes, [2, wrong, 0, wrong, 1, wrong])
      await publisher.publish('c/x', 'x', { qos: 1 })
      assert.equal((await client.take()).topic, 'c/x')
    })

    it('[MQTT-3.8.4-3] again with the same filter replaces the subscription', async () => {
      const client = await broker.client({ version })
      await client.subscribe(`replace/${version}`, { qos: 0 })
      await client.subscribe(`replace/${version}`, { qos: 2 })
      await publisher.publish(`replace/${version}`, 'x', { qos: 2 })
      assert.equal((await client.take()).qos, 2)
      await client.quiet()
      await client.subscribe(`replace/${version}`, { qos: 1 })
      await publisher.publish(`replace/${version}`, 'x', { qos: 2 })
      assert.equal((await client.take()).qos, 1)
      await client.quiet()
    })

    it('[MQTT-3.3.4-2] filters that overlap: one copy with the highest QoS of them', async () => {
      const client = await broker.client({ version })
      await client.subscribe(`overlap/${version}/#`, { qos: 0 })
      await client.subscribe(`overlap/${version}/+`, { qos: 2 })
      await client.subscribe(`overlap/${version}/a`, { qos: 1 })
      await publisher.publish(`overlap/${version}/a`, 'x', { qos: 2 })
      assert.equal((await client.take()).qos, 2)
      await client.quiet()
    })

    it('[MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6] [MQTT-3.11.3-1] [MQTT-3.11.3-2] UNSUBSCRIBE is answered', async () => {
      const client = await broker.client({ version })
      await client.subscribe('un/a')
      await client.subscribe('un/+')
      client.send(unsubscribe(0x1234, ['un/a', 'un/b', 'un/+', 'un/a']))
      await client.expectBytes(version === 5 ? 'b0 07 1234 00 00 11 00 11' : 'b0 02 1234')
      await publisher.publish('un/a', 'x')
      await client.quiet()
    })

    it('[MQTT-3.10.4-1] UNSUBSCRIBE means the filter letter by letter', async () => {
      const client = await broker.client({ version })
      await client.subscribe(`letters/${version}/+`)
      client.send(unsubscribe(1, [`letters/${version}/a`, `letters/${version}/#`, `LETTERS/${version}/+`]))
      await client.expect(PacketType.Unsuback)
      await publisher.publish(`letters/${version}/a`, 'x')
      assert.equal((await client.receive()).payload, 'x')
    })

    it('[MQTT-3.10.4-2] [MQTT-3.10.4-3] UNSUBSCRIBE ends it, and what is in flight is brought to its end', async () => {
      const client = await broker.client({ version })
      await client.subscribe(`end/${version}`, { qos: 2 })
      await publisher.publish(`end/${version}`, '1', { qos: 2 })
      const message = await client.receive()
      client.send(unsubscribe(1, [`end/${version}`]))
      await client.expect(PacketType.Unsuback)
      await publisher.publish(`end/${version}`, '2', { qos: 2 })
      client.send({ type: PacketType.Pubrec, packetId: message.packetId, reasonCode: 0, properties: {} })
      assert.equal((await client.expect(PacketType.Pubrel)).packetId, message.packetId)
      client.send({ type: PacketType.Pubcomp, packetId: message.packetId, reasonCode: 0, properties: {} })
      await client.quiet()
    })

    it('ends with its session', async () => {
      const client = await broker.client({ version })
      await client.subscribe(`gone/${version}`)
      assert.equal(await publisher.publish(`gone/${version}`, 'x', { qos: 1 }), 0)
      await client.receive()
      client.send('e0 00')
      await client.expectClosed()
      assert.equal(await publisher.publish(`gone/${version}`, 'x', { qos: 1 }), 0x10)
    })

    it('a client gets its own messages', async () => {
      const client = await broker.client({ version })
      await client.subscribe(`own/${version}`)
      client.send(publish(`own/${version}`, 'x'))
      assert.equal((await client.receive()).payload, 'x')
    })
  })
}

describe('Topic Filters', () => {
  // [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.2-1] [MQTT-4.7.3-4]
  const table: [filter: string, matching: string[], others: string[]][] = [
    ['m/a/#', ['m/a', 'm/a/', 'm/a/b', 'm/a/b/c'], ['m/ab', 'm', 'M/a']],
    ['m/+', ['m/a', 'm/', 'm/$a'], ['m', 'm/a/b', 'm/a/']],
    ['m/+/c', ['m/b/c', 'm//c'], ['m/c', 'm/b/b/c']],
    ['+/+/n', ['m/a/n', '//n'], ['m/n', '$m/a/n']],
    ['#', ['m', '/', 'm/a'], ['$m', '$m/a', '$SYS/broker/x']],
    ['$m/#', ['$m', '$m/a'], ['m/a']],
    ['/', ['/'], ['//']],
    ['m/a b', ['m/a b'], ['m/a%20b', 'm/a  b']],
    ['m/\u00e9', ['m/\u00e9'], ['m/e\u0301']],
    ['\ufeffm', ['\ufeffm'], ['m']],
  ]
  for (const [filter, matching, others] of table) {
    it(`[MQTT-3.3.2-3] [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.2-1] [MQTT-4.7.3-4] ${JSON.stringify(filter)} matches what it has to`, async () => {
      const client = await broker.client()
      await client.subscribe(filter)
      for (const topic of [...others, ...matching]) await publisher.publish(topic, 'x')
      for (const topic of matching) {
        let message = await client.receive()
        while (message.topic.startsWith('$SYS/')) message = await client.receive()
        assert.equal(message.topic, topic)
      }
      await client.quiet()
    })
  }

  it('[MQTT-4.7.3-3] may have 65,535 bytes', async () => {
    const topic = 'long/' + 'x'.repeat(65_530)
    const client = await broker.client()
    await client.subscribe(topic, { qos: 1 })
    await publisher.publish(topic, 'x', { qos: 1 })
    assert.equal((await client.take()).topic, topic)
  })
})

describe('options of MQTT 5.0', () => {
  it('[MQTT-3.8.3-3] No Local: not what the client itself publishes', async () => {
    const client = await broker.client()
    await client.subscribe('local/+', { noLocal: true, qos: 1 })
    await client.publish('local/a', 'own', { qos: 1 })
    await publisher.publish('local/a', 'other', { qos: 1 })
    assert.equal((await client.take()).payload, 'other')
    await client.quiet()
  })

  it('[MQTT-3.8.3-3] No Local is asked of each subscription, where they overlap', async () => {
    const client = await broker.client()
    await client.subscribe('locals/+', { noLocal: true, qos: 2 }, { subscriptionIdentifiers: [1] })
    await client.subscribe('locals/a', { qos: 1 }, { subscriptionIdentifiers: [2] })
    client.send(publish('locals/a', 'own', { qos: 0 }))
    const own = await client.receive()
    assert.deepEqual(own.properties.subscriptionIdentifiers, [2])
    await publisher.publish('locals/a', 'other')
    assert.deepEqual((await client.receive()).properties.subscriptionIdentifiers?.sort(), [1, 2])
    await client.quiet()
  })

  it('[MQTT-3.8.3-5] reserved bits are malformed', async () => {
    const wrong: [version: 3 | 4 | 5, bytes: string][] = [
      [5, "82 07 0001 00 0001 'a' 40"],
      [5, "82 07 0001 00 0001 'a' 80"],
      [4, "82 06 0001 0001 'a' 04"],
      [4, "82 06 0001 0001 'a' 10"],
      [4, "82 06 0001 0001 'a' 03"],
    ]
    for (const [version, bytes] of wrong) {
      const client = await broker.client({ version })
      client.send(bytes)
      await client.expectDisconnect(0x81)
    }
  })

  it('[MQTT-3.3.4-3] [MQTT-3.3.4-4] Subscription Identifiers come with each message: of all that match', async () => {
    const client = await broker.client()
    await client.subscribe('identifiers/#', {}, { subscriptionIdentifiers: [1] })
    await client.subscribe('identifiers/+', {}, { subscriptionIdentifiers: [268_435_455] })
    await client.subscribe('identifiers/a')
    await publisher.publish('identifiers/a', 'x')
    assert.deepEqual((await client.receive()).properties.subscriptionIdentifiers?.sort(), [1, 268_435_455])
    await publisher.publish('identifiers/a/b', 'x')
    assert.deepEqual((await client.receive()).properties, { subscriptionIdentifiers: [1] })
    await client.quiet()
  })

  it('a SUBSCRIBE without a Subscription Identifier takes it away again', async () => {
    const client = await broker.client()
    await client.subscribe('identifiers/away', {}, { subscriptionIdentifiers: [5] })
    await client.subscribe('identifiers/away', {})
    await publisher.publish('identifiers/away', 'x')
    assert.deepEqual((await client.receive()).properties, {})
  })

  it('a Subscription Identifier comes with retained messages too', async () => {
    await publisher.publish('identifiers/retained', 'x', { retain: true })
    const client = await broker.client()
    await client.subscribe('identifiers/retained', {}, { subscriptionIdentifiers: [9] })
    assert.deepEqual((await client.receive()).properties.subscriptionIdentifiers, [9])
  })

  it('a Subscription Identifier of 0 breaks the protocol', async () => {
    const client = await broker.client()
    client.send("82 09 0001 02 0b00 0001 'a' 00")
    await client.expectDisconnect(0x82)
  })

  it('[MQTT-3.3.4-6] a Subscription Identifier from a client breaks the protocol', async () => {
    const client = await broker.client()
    client.send("30 06 0001 'a' 02 0b01")
    await client.expectDisconnect(0x82)
  })
})

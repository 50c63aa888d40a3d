import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType } from '../../src/protocol/index.ts'
import { useBroker } from '../support/broker.ts'
import { acknowledgement, newClientId, publish, will } from '../support/packets.ts'

const broker = await useBroker()
const alias = (topicAlias: number) => ({ properties: { topicAlias } })

describe('Topic Aliases of a client', () => {
  it('[MQTT-3.3.2-12] all up to Topic Alias Maximum stand for their topics', async () => {
    const watcher = await broker.client()
    await watcher.subscribe('alias/+')
    const client = await broker.client()
    for (let n = 1; n <= 10; n++) client.send(publish(`alias/${n}`, 'set', alias(n)))
    for (let n = 10; n >= 1; n--) client.send(publish('', `used ${n}`, alias(n)))
    for (let n = 1; n <= 10; n++) assert.equal((await watcher.receive()).topic, `alias/${n}`)
    for (let n = 10; n >= 1; n--) {
      const message = await watcher.receive()
      assert.deepEqual([message.topic, message.payload, message.properties], [`alias/${n}`, `used ${n}`, {}])
    }
  })

  it('may be given another topic, and are not passed on', async () => {
    const watcher = await broker.client()
    await watcher.subscribe('again/+', { qos: 2 })
    const client = await broker.client()
    for (const topic of ['again/a', '', 'again/b', '']) await client.publish(topic, 'x', { qos: 2, ...alias(3) })
    const topics: string[] = []
    for (let i = 0; i < 4; i++) {
      const message = await watcher.take()
      assert.deepEqual(message.properties, {})
      topics.push(message.topic)
    }
    assert.deepEqual(topics, ['again/a', 'again/a', 'again/b', 'again/b'])
  })

  it('work with retained messages and other properties', async () => {
    const client = await broker.client()
    const properties = { topicAlias: 1, userProperties: [['a', 'b']] as [string, string][] }
    await client.publish('alias/retained', 'first', { properties })
    await client.publish('', 'kept', { retain: true, properties })
    const watcher = await broker.client()
    await watcher.subscribe('alias/retained')
    const message = await watcher.receive()
    assert.deepEqual([message.topic, message.payload], ['alias/retained', 'kept'])
    assert.deepEqual(message.properties, { userProperties: [['a', 'b']] })
  })

  it('[MQTT-3.3.2-8] 0 ends the connection with 0x94', async () => {
    const client = await broker.client()
    client.send("30 07 0001 'a' 03 23 0000")
    await client.expectDisconnect(0x94)
  })

  it('[MQTT-3.3.2-9] [MQTT-3.2.2-17] more than Topic Alias Maximum ends the connection with 0x94', async () => {
    const client = await broker.client()
    client.send(publish('a', 'x', alias(11)))
    await client.expectDisconnect(0x94)
  })

  it('one that was never set ends the connection with 0x82', async () => {
    const client = await broker.client()
    client.send(publish('', 'x', alias(1)))
    await client.expectDisconnect(0x82)
  })

  it('[MQTT-3.3.2-7] end with the connection, though the session goes on', async () => {
    const options = { clientId: newClientId(), properties: { sessionExpiryInterval: 60 } }
    const client = await broker.client(options)
    await client.publish('alias/ends', 'x', alias(1))
    const again = await broker.client({ ...options, cleanStart: false })
    again.send(publish('', 'x', alias(1)))
    await again.expectDisconnect(0x82)
  })

  it('an empty topic without one ends the connection', async () => {
    const client = await broker.client()
    client.send("30 04 0000 00 'x'")
    await client.expectDisconnect(0x82)
  })
})

describe('Topic Aliases of the broker', () => {
  it('[MQTT-3.1.2-26] [MQTT-3.3.2-11] the first topics get one each, as many as the client allows', async () => {
    const client = await broker.client({ properties: { topicAliasMaximum: 2 } })
    await client.subscribe('theirs/+', { qos: 1 })
    const publisher = await broker.client()
    const seen: [string, number | undefined][] = []
    for (const topic of ['a', 'b', 'a', 'c', 'b', 'c', 'a']) {
      await publisher.publish(`theirs/${topic}`, topic, { qos: topic === 'b' ? 1 : 0 })
      const message = await client.take()
      assert.equal(message.payload, topic)
      seen.push([message.topic, message.properties.topicAlias])
    }
    assert.deepEqual(seen, [
      ['theirs/a', 1],
      ['theirs/b', 2],
      ['', 1],
      ['theirs/c', undefined],
      ['', 2],
      ['theirs/c', undefined],
      ['', 1],
    ])
  })

  it('[MQTT-3.1.2-27] there are none unless the client allows some', async () => {
    const publisher = await broker.client()
    for (const properties of [{}, { topicAliasMaximum: 0 }]) {
      const client = await broker.client({ properties })
      await client.subscribe('theirs/none')
      for (let i = 0; i < 3; i++) {
        await publisher.publish('theirs/none', 'x')
        const message = await client.receive()
        assert.deepEqual([message.topic, message.properties], ['theirs/none', {}])
      }
    }
  })

  it('are no more than max_topic_alias_broker, 10 by default', async () => {
    const client = await broker.client({ properties: { topicAliasMaximum: 65_535 } })
    await client.subscribe('theirs/ten/+')
    const publisher = await broker.client()
    for (let n = 1; n <= 12; n++) {
      await publisher.publish(`theirs/ten/${n}`, 'x')
      assert.equal((await client.receive()).properties.topicAlias, n <= 10 ? n : undefined)
    }
  })

  it('are none with max_topic_alias_broker 0', async () => {
    const without = await useBroker('max_topic_alias_broker 0')
    const client = await without.client({ properties: { topicAliasMaximum: 5 } })
    await client.subscribe('a')
    client.send(publish('a', 'x'))
    assert.deepEqual((await client.receive()).properties, {})
  })

  it('[MQTT-3.3.2-7] begin anew on the next connection, for what is sent again too', async () => {
    const options = { clientId: newClientId(), properties: { topicAliasMaximum: 5, sessionExpiryInterval: 60 } }
    const client = await broker.client(options)
    await client.subscribe('theirs/anew', { qos: 1 })
    const publisher = await broker.client()
    for (const payload of ['1', '2']) await publisher.publish('theirs/anew', payload, { qos: 1 })
    assert.equal((await client.receive()).topic, 'theirs/anew')
    assert.equal((await client.receive()).topic, '')
    await broker.breakOff(client)
    const again = await broker.client({ ...options, cleanStart: false })
    const first = await again.receive()
    const second = await again.receive()
    assert.deepEqual([first.topic, first.payload, first.properties.topicAlias], ['theirs/anew', '1', 1])
    assert.deepEqual([second.topic, second.payload, second.properties.topicAlias], ['', '2', 1])
    again.send(acknowledgement(PacketType.Puback, first.packetId), acknowledgement(PacketType.Puback, second.packetId))
    await again.quiet()
  })

  it('stand for topics of retained messages and wills too', async () => {
    const publisher = await broker.client({ will: will('theirs/all', 'will') })
    await publisher.publish('theirs/all', 'retained', { retain: true })
    const client = await broker.client({ properties: { topicAliasMaximum: 5 } })
    await client.subscribe('theirs/all')
    assert.deepEqual((await client.receive()).properties, { topicAlias: 1 })
    publisher.kill()
    const message = await client.receive()
    assert.deepEqual([message.topic, message.payload, message.properties], ['', 'will', { topicAlias: 1 }])
  })
})

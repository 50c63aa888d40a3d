import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType } from '../../src/protocol/index.ts'
import { startBroker, useBroker } from '../support/broker.ts'
import {
  acknowledgement,
  connect,
  newClientId,
  publish,
  subscribe,
  subscription,
  unsubscribe,
} from '../support/packets.ts'
import { versions } from '../support/versions.ts'

const plain = await useBroker('response_topic_prefix answers/here', 'max_packet_size_mqtt3 40')
const bare = await useBroker(
  'wildcard_subscriptions_available false',
  'shared_subscriptions_available false',
  'subscription_identifiers_available false',
)

describe('what the broker is told not to have', () => {
  it('is announced in CONNACK', async () => {
    const client = await bare.open()
    client.send(connect())
    const { properties } = await client.connack()
    assert.equal(properties.wildcardSubscriptionAvailable, false)
    assert.equal(properties.sharedSubscriptionAvailable, false)
    assert.equal(properties.subscriptionIdentifiersAvailable, false)
  })

  for (const [filter, reasonCode, option] of [
    ['a/+', 0xa2, 'wildcard_subscriptions_available'],
    ['a/*', 0xa2, 'wildcard_subscriptions_available'],
    ['#', 0xa2, 'wildcard_subscriptions_available'],
    ['$share/g/a', 0x9e, 'shared_subscriptions_available'],
  ] as const) {
    it(`${filter} ends the connection with 0x${reasonCode.toString(16)} in MQTT 5.0, which was told so`, async () => {
      const client = await bare.client()
      client.send(subscribe(1, [subscription(filter)]))
      const { reasonString } = await client.expectDisconnect(reasonCode)
      assert.match(reasonString!, new RegExp(option))
    })

    it(`${filter} is refused in MQTT 3, and what stands beside it is granted`, async () => {
      for (const version of [3, 4] as const) {
        const client = await bare.client({ version })
        client.send(subscribe(1, [subscription('b'), subscription(filter), subscription('c')]))
        assert.deepEqual((await client.expect(PacketType.Suback)).reasonCodes, [0, 0x80, 0])
        await client.publish('a/b', 'x')
        await client.quiet()
      }
      await bare.logged(new RegExp(option))
    })
  }

  it('a Subscription Identifier ends the connection with 0xA1', async () => {
    const client = await bare.client()
    client.send(subscribe(1, [subscription('a')], { subscriptionIdentifiers: [1] }))
    await client.expectDisconnect(0xa1)
  })

  it('what is left works', async () => {
    const client = await bare.client()
    assert.equal(await client.subscribe('a/b', { qos: 1 }), 1)
    client.send(publish('a/b', 'x'))
    assert.equal((await client.take()).payload, 'x')
  })
})

describe('Response Information', () => {
  const asked = { requestResponseInformation: true }

  it('[MQTT-3.1.2-28] is told to who asks for it, where there is response_topic_prefix', async () => {
    const clientId = newClientId()
    for (const [properties, expected] of [
      [asked, `answers/here/${clientId}`],
      [{ requestResponseInformation: false }, undefined],
      [{}, undefined],
    ] as const) {
      const client = await plain.open()
      client.send(connect({ clientId, properties }))
      assert.equal((await client.connack()).properties.responseInformation, expected)
    }
  })

  it('is left out where the client identifier makes no topic of it, or too long a one', async () => {
    for (const clientId of ['a+b', 'a#', 'x'.repeat(65_533)]) {
      const client = await plain.open()
      client.send(connect({ clientId, properties: asked }))
      assert.equal((await client.connack()).properties.responseInformation, undefined)
    }
  })

  it('has the client identifier that was assigned', async () => {
    const client = await plain.open()
    client.send(connect({ clientId: '', properties: asked }))
    const { responseInformation, assignedClientIdentifier } = (await client.connack()).properties
    assert.equal(responseInformation, `answers/here/${assignedClientIdentifier}`)
  })
})

describe('server_reference', () => {
  for (const { version, name } of versions) {
    it(`is where clients of ${name} are sent to when the broker stops${version === 5 ? ': 0x9C' : ': not at all'}`, async () => {
      const broker = await startBroker('server_reference other.example:1883')
      const client = await broker.client({ version })
      const stopped = broker.stop()
      const { serverReference } = await client.expectDisconnect(0x9c)
      assert.equal(serverReference, version === 5 ? 'other.example:1883' : undefined)
      await stopped
    })
  }
})

describe('Reason Strings on answers', () => {
  it('[MQTT-3.1.2-29] are there unless the client does not want them', async () => {
    for (const requestProblemInformation of [undefined, true, false]) {
      const properties = requestProblemInformation === undefined ? {} : { requestProblemInformation }
      const client = await plain.client({ properties })
      const told = (words: RegExp, reasonString: string | undefined): void => {
        if (requestProblemInformation === false) assert.equal(reasonString, undefined)
        else assert.match(reasonString!, words)
      }
      client.send(publish('$SYS/x', 'x', { qos: 1, packetId: 1 }))
      const puback = await client.expect(PacketType.Puback)
      assert.equal(puback.reasonCode, 0x87)
      told(/belong to the broker/, puback.properties.reasonString)
      client.send(publish('$SYS/x', 'x', { qos: 2, packetId: 2 }))
      told(/belong to the broker/, (await client.expect(PacketType.Pubrec)).properties.reasonString)
      client.send(subscribe(3, [subscription('a'), subscription('a+'), subscription('#b')]))
      const suback = await client.expect(PacketType.Suback)
      assert.deepEqual(suback.reasonCodes, [0, 0x8f, 0x8f])
      told(/^a\+: /, suback.properties.reasonString)
      client.send(unsubscribe(4, ['nothing']))
      await client.expectBytes('b0 04 0004 00 11')
      client.send(acknowledgement(PacketType.Pubrel, 99))
      await client.expectBytes('70 03 0063 92')
    }
  })

  it('[MQTT-3.1.2-29] are on DISCONNECT even then', async () => {
    const client = await plain.client({ properties: { requestProblemInformation: false } })
    client.send(connect())
    assert.match((await client.expectDisconnect(0x82)).reasonString!, /second CONNECT/)
  })

  it('[MQTT-3.4.2-2] [MQTT-3.5.2-2] [MQTT-3.9.2-1] are left out where the packet would be too large with them', async () => {
    const client = await plain.client({ properties: { maximumPacketSize: 40 } })
    client.send(publish('$SYS/x', 'x', { qos: 1, packetId: 1 }))
    await client.expectBytes('40 03 0001 87')
    client.send(publish('$SYS/x', 'x', { qos: 2, packetId: 2 }))
    await client.expectBytes('50 03 0002 87')
    client.send(subscribe(3, [subscription('a+')]))
    await client.expectBytes('90 04 0003 00 8f')
  })

  it('name a long topic by its beginning', async () => {
    const client = await plain.client()
    client.send(subscribe(1, [subscription(`${'\u{1f600}'.repeat(16_000)}+`)]))
    const { reasonString } = (await client.expect(PacketType.Suback)).properties
    assert.ok(reasonString!.length < 300)
    client.send(subscribe(2, [subscription(`$share/g/${'x'.repeat(65_000)}`, { noLocal: true })]))
    await client.expectDisconnect(0x82)
  })

  it('[MQTT-3.1.2-24] an answer that is too large even without one ends the connection with 0x95', async () => {
    const client = await plain.client({ properties: { maximumPacketSize: 40 } })
    client.send(
      subscribe(
        1,
        Array.from({ length: 40 }, (_, i) => subscription(`a/${i}`)),
      ),
    )
    await client.expectDisconnect(0x95)
    const tiny = await plain.open()
    tiny.send(connect({ properties: { maximumPacketSize: 8 } }))
    await tiny.expectClosed()
  })
})

describe('max_packet_size_mqtt3', () => {
  for (const { version, name } of versions) {
    it(`${version === 5 ? 'does not concern' : 'limits what is sent to'} a client of ${name}`, async () => {
      const since = plain.log.length
      const topic = `large/${version}`
      const publisher = await plain.client()
      await publisher.publish(topic, 'x'.repeat(50), { retain: true })
      const client = await plain.client({ version })
      await client.subscribe(topic, { qos: 1 })
      for (const qos of [0, 1] as const) await publisher.publish(topic, 'x'.repeat(50), { qos })
      await publisher.publish(topic, 'small', { qos: 1 })
      const payloads = await client.takeAll(version === 5 ? 4 : 1)
      assert.equal(payloads.at(-1), 'small')
      if (version !== 5) {
        const line = await plain.logged(/was not sent to/, since)
        assert.match(line, new RegExp(`${topic} .* 6\\d bytes exceed the max_packet_size_mqtt3 of 40`))
      }
      await client.quiet()
    })
  }
})

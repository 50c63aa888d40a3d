import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Properties } from '../../src/protocol/index.ts'
import { useBroker, useBrokerWithStoppedClock } from '../support/broker.ts'
import { disconnect, newClientId, publish } from '../support/packets.ts'

const broker = await useBroker()
const publisher = await broker.client()

const FORWARDED: [what: string, properties: Properties][] = [
  ['[MQTT-3.3.2-4] Payload Format Indicator 1', { payloadFormatIndicator: 1 }],
  ['[MQTT-3.3.2-4] Payload Format Indicator 0', { payloadFormatIndicator: 0 }],
  ['[MQTT-3.3.2-20] Content Type', { contentType: 'text/plain; charset=utf-8' }],
  ['[MQTT-3.3.2-15] Response Topic', { responseTopic: 'answers/to/me' }],
  ['[MQTT-3.3.2-16] Correlation Data', { correlationData: Uint8Array.of(0, 255, 0, 1) }],
  [
    '[MQTT-3.3.2-17] [MQTT-3.3.2-18] User Properties, in their order, and the same name twice',
    {
      userProperties: [
        ['z', '1'],
        ['a', ''],
        ['z', '0'],
        ['', 'x'],
        ['ä', '🌙'],
      ],
    },
  ],
]

describe('properties are passed on unaltered', () => {
  const all = Object.assign({}, ...FORWARDED.map(([, properties]) => properties)) as Properties
  for (const [what, properties] of [...FORWARDED, ['all of them together', all] as const]) {
    for (const qos of [0, 1, 2] as const) {
      it(`${what}, QoS ${qos}`, async () => {
        const client = await broker.client()
        await client.subscribe('properties/now', { qos })
        await publisher.publish('properties/now', 'x', { qos, properties })
        assert.deepEqual((await client.take()).properties, properties)
      })
    }
  }

  it('through the queue of a client that is away', async () => {
    const options = { clientId: newClientId(), cleanStart: false, properties: { sessionExpiryInterval: 60 } }
    const client = await broker.client(options)
    await client.subscribe('properties/queued', { qos: 1 })
    client.send(disconnect())
    await client.expectClosed()
    await publisher.publish('properties/queued', 'x', { qos: 1, properties: all })
    assert.deepEqual((await (await broker.client(options)).take()).properties, all)
  })

  it('with a retained message', async () => {
    await publisher.publish('properties/retained', 'x', { retain: true, properties: all })
    const client = await broker.client()
    await client.subscribe('properties/retained')
    assert.deepEqual((await client.receive()).properties, all)
  })

  it('beside what the broker adds: expiry and Subscription Identifiers', async () => {
    const client = await broker.client()
    await client.subscribe('properties/added', {}, { subscriptionIdentifiers: [300] })
    await publisher.publish('properties/added', 'x', { properties: { ...all, messageExpiryInterval: 50 } })
    const { properties } = await client.receive()
    assert.deepEqual(properties, { ...all, messageExpiryInterval: 50, subscriptionIdentifiers: [300] })
  })

  for (const version of [3, 4] as const) {
    it(`[MQTT-2.2.2-1] but not to version ${version}, nor do any come from it`, async () => {
      const old = await broker.client({ version })
      await old.subscribe(`properties/${version}`, { qos: 1 })
      await publisher.publish(`properties/${version}`, 'to old', {
        qos: 1,
        properties: { ...all, messageExpiryInterval: 9 },
      })
      const message = await old.take()
      assert.deepEqual([message.payload, message.properties], ['to old', {}])
      const young = await broker.client()
      await young.subscribe(`properties/${version}/back`)
      await old.publish(`properties/${version}/back`, 'x')
      assert.equal((await young.next()).length, 2 + 2 + 17 + 1 + 1)
    })
  }
})

describe('properties that are wrong end the connection', () => {
  const wrong: [what: string, bytes: string, code: number][] = [
    ['[MQTT-3.3.2-14] a Response Topic with a wildcard', "30 0a 0001 'a' 06 08 0003 'b/+'", 0x82],
    ['[MQTT-3.3.2-13] a Response Topic that is not UTF-8', "30 09 0001 'a' 05 08 0002 c328", 0x81],
    ['[MQTT-3.3.2-19] a Content Type that is not UTF-8', "30 09 0001 'a' 05 03 0002 c328", 0x81],
    ['[MQTT-1.5.7-1] a User Property that is not UTF-8', "30 0b 0001 'a' 07 26 0001 'x' 0001 ff", 0x81],
    ['[MQTT-1.5.4-2] a User Property with U+0000', "30 0b 0001 'a' 07 26 0001 'x' 0001 00", 0x81],
    ['a property twice', "30 08 0001 'a' 04 0100 0101", 0x82],
    ['a Payload Format Indicator of 2', "30 06 0001 'a' 02 0102", 0x82],
    ['a property of another packet', "30 09 0001 'a' 05 11 00000001", 0x81],
    ['a property that does not exist', "30 06 0001 'a' 02 7f00", 0x81],
    ['[MQTT-1.5.5-1] a Property Length in too many bytes', "30 06 0001 'a' 8000 00", 0x81],
    ['properties that end in the middle', "30 08 0001 'a' 04 03 0005 'x'", 0x81],
    ['a Property Length beyond the packet', "30 06 0001 'a' 20 0101", 0x81],
  ]
  for (const [what, bytes, code] of wrong) {
    it(what, async () => {
      const client = await broker.client()
      client.send(bytes)
      await client.expectDisconnect(code)
    })
  }

  it('more than 1,000 of them: 0x97', async () => {
    const client = await broker.client()
    const userProperties = Array.from({ length: 1001 }, (_, i) => [String(i), ''] as [string, string])
    await client.publish('properties/many', 'x', { properties: { userProperties: userProperties.slice(1) } })
    client.send(publish('properties/many', 'x', { properties: { userProperties } }))
    await client.expectDisconnect(0x97)
  })
})

describe('Message Expiry Interval', async () => {
  const broker = await useBrokerWithStoppedClock()
  const kept = () => ({ clientId: newClientId(), cleanStart: false, properties: { sessionExpiryInterval: 60 } })
  const expires = (messageExpiryInterval: number) => ({ qos: 1 as const, properties: { messageExpiryInterval } })
  const second = () => broker.pass(1200)

  it('[MQTT-3.3.2-6] is counted down while the message waits', async () => {
    const options = kept()
    const client = await broker.client(options)
    await client.subscribe('expiry/waits', { qos: 1 })
    const sender = await broker.client()
    await sender.publish('expiry/waits', 'now', expires(100))
    assert.equal((await client.take()).properties.messageExpiryInterval, 100)
    client.send(disconnect())
    await client.expectClosed()
    await sender.publish('expiry/waits', 'later', expires(100))
    await second()
    const { properties } = await (await broker.client(options)).take()
    assert.ok(properties.messageExpiryInterval! >= 97 && properties.messageExpiryInterval! <= 99)
  })

  it('[MQTT-3.3.2-5] drops what was not sent before it passed', async () => {
    const options = kept()
    const client = await broker.client(options)
    await client.subscribe('expiry/passes', { qos: 1 })
    client.send(disconnect())
    await client.expectClosed()
    const sender = await broker.client()
    await sender.publish('expiry/passes', 'short', expires(1))
    await sender.publish('expiry/passes', 'long', expires(100))
    await sender.publish('expiry/passes', 'ever', { qos: 1 })
    await second()
    const again = await broker.client(options)
    assert.deepEqual(await again.takeAll(2), ['long', 'ever'])
    await again.quiet()
  })

  it('[MQTT-3.3.2-5] drops what waits for a window that is full', async () => {
    const client = await broker.client({ properties: { receiveMaximum: 1 } })
    await client.subscribe('expiry/window', { qos: 1 })
    const sender = await broker.client()
    await sender.publish('expiry/window', '1', { qos: 1 })
    await sender.publish('expiry/window', '2', expires(1))
    await sender.publish('expiry/window', '3', { qos: 1 })
    await second()
    assert.deepEqual(await client.takeAll(2), ['1', '3'])
    await client.quiet()
  })

  it('[MQTT-4.3.3-7] does not keep what was sent once from being sent again', async () => {
    const options = kept()
    const client = await broker.client(options)
    await client.subscribe('expiry/sent', { qos: 2 })
    const sender = await broker.client()
    await sender.publish('expiry/sent', 'x', { ...expires(1), qos: 2 })
    await client.receive()
    await second()
    await broker.breakOff(client)
    const message = await (await broker.client(options)).take()
    assert.deepEqual([message.payload, message.dup], ['x', true])
  })

  it('[MQTT-4.3.3-13] of the publisher does not cut its handshake short', async () => {
    const sender = await broker.client()
    sender.send(publish('expiry/handshake', 'x', { qos: 2, packetId: 3, properties: { messageExpiryInterval: 1 } }))
    await sender.expectBytes('50 03 0003 10')
    await second()
    sender.send('62 02 0003')
    await sender.expectBytes('70 02 0003')
  })

  it('[MQTT-3.3.2-6] of a retained message is counted down, and ends it', async () => {
    const sender = await broker.client()
    const properties = { messageExpiryInterval: 2 }
    await sender.publish('expiry/retained', 'x', { retain: true, properties })
    const early = await broker.client()
    await early.subscribe('expiry/retained')
    assert.equal((await early.receive()).properties.messageExpiryInterval, 2)
    await second()
    await early.subscribe('expiry/retained')
    assert.equal((await early.receive()).properties.messageExpiryInterval, 1)
    await second()
    await early.subscribe('expiry/retained')
    await early.quiet()
  })

  it('[MQTT-3.3.2-6] of 0 goes to those who are here, and is passed on as 0', async () => {
    const sender = await broker.client()
    for (const qos of [0, 1, 2] as const) {
      const client = await broker.client()
      await client.subscribe(`expiry/at-once/${qos}`, { qos })
      await sender.publish(`expiry/at-once/${qos}`, 'x', { qos, properties: { messageExpiryInterval: 0 } })
      assert.equal((await client.take()).properties.messageExpiryInterval, 0)
    }
  })

  it('[MQTT-3.3.2-5] of 0 waits for nobody: neither who is away nor whose window is full', async () => {
    const options = kept()
    const away = await broker.client(options)
    await away.subscribe('expiry/nobody', { qos: 1 })
    away.send(disconnect())
    await away.expectClosed()
    const busy = await broker.client({ properties: { receiveMaximum: 1 } })
    await busy.subscribe('expiry/nobody', { qos: 1 })
    const sender = await broker.client()
    await sender.publish('expiry/nobody', '1', { qos: 1 })
    const since = broker.log.length
    await sender.publish('expiry/nobody', '2', expires(0))
    await broker.logged(new RegExp(`expiry/nobody expired before ${options.clientId}`), since)
    await sender.publish('expiry/nobody', '3', { qos: 1 })
    for (const client of [busy, await broker.client(options)]) {
      assert.deepEqual(await client.takeAll(2), ['1', '3'])
      await client.quiet()
    }
  })

  it('[MQTT-3.3.2-5] of 0 on a retained message takes the place of the one before, and nobody finds it later', async () => {
    const sender = await broker.client()
    const client = await broker.client()
    await client.subscribe('expiry/cleared')
    await sender.publish('expiry/cleared', 'before', { retain: true })
    await sender.publish('expiry/cleared', 'x', { retain: true, properties: { messageExpiryInterval: 0 } })
    assert.deepEqual(await client.takeAll(2), ['before', 'x'])
    await client.subscribe('expiry/cleared')
    await client.quiet()
  })

  it('holds for clients of MQTT 3 too, which do not see it', async () => {
    const options = { version: 4 as const, clientId: newClientId(), cleanStart: false }
    const client = await broker.client(options)
    await client.subscribe('expiry/old', { qos: 1 })
    client.send(disconnect())
    await client.expectClosed()
    const sender = await broker.client()
    await sender.publish('expiry/old', 'short', expires(1))
    await sender.publish('expiry/old', 'long', expires(100))
    await second()
    const again = await broker.client(options)
    assert.equal((await again.take()).payload, 'long')
    await again.quiet()
  })
})

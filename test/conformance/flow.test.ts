import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType } from '../../src/protocol/index.ts'
import { useBroker } from '../support/broker.ts'
import { acknowledgement, connect, newClientId, publish, subscribe, subscription } from '../support/packets.ts'

const broker = await useBroker()
const publisher = await broker.client()
const { Puback, Pubrec, Pubrel, Pubcomp, Suback } = PacketType

describe('Receive Maximum of a client', () => {
  it('[MQTT-3.3.4-9] [MQTT-4.9.0-1] [MQTT-4.9.0-2] bounds what is in flight to it', async () => {
    const client = await broker.client({ properties: { receiveMaximum: 3 } })
    await client.subscribe('flow/bounded', { qos: 2 })
    for (let n = 0; n < 6; n++) await publisher.publish('flow/bounded', String(n), { qos: n % 2 === 0 ? 1 : 2 })
    const window = [await client.receive(), await client.receive(), await client.receive()]
    await client.quiet()
    client.send(acknowledgement(Puback, window[0]!.packetId))
    assert.equal((await client.receive()).payload, '3')
    await client.quiet()
    client.send(acknowledgement(Pubrec, window[1]!.packetId))
    await client.expect(Pubrel)
    await client.quiet()
    client.send(acknowledgement(Pubcomp, window[1]!.packetId))
    assert.equal((await client.receive()).payload, '4')
    client.send(acknowledgement(Puback, window[2]!.packetId))
    assert.equal((await client.receive()).payload, '5')
    await client.quiet()
  })

  it('[MQTT-3.3.4-10] [MQTT-4.9.0-3] holds back neither QoS 0 nor any answer', async () => {
    const client = await broker.client({ properties: { receiveMaximum: 1 } })
    await client.subscribe('flow/others', { qos: 1 })
    for (const payload of ['1', '2']) await publisher.publish('flow/others', payload, { qos: 1 })
    const first = await client.receive()
    await publisher.publish('flow/others', '0', { qos: 0 })
    assert.equal((await client.receive()).payload, '0')
    client.send(subscribe(9, [subscription('flow/x')]))
    await client.expect(Suback)
    client.send(publish('flow/y', 'x', { qos: 1, packetId: 10 }))
    await client.expect(Puback)
    client.send(publish('flow/y', 'x', { qos: 2, packetId: 11 }))
    await client.expect(Pubrec)
    client.send(acknowledgement(Pubrel, 11))
    await client.expect(Pubcomp)
    client.send(acknowledgement(Puback, first.packetId))
    assert.equal((await client.receive()).payload, '2')
  })

  it('of 0 is refused', async () => {
    const client = await broker.open()
    client.send("10 11 0004 'MQTT' 05 02 0000 03 21 0000 0001 'a'")
    await client.expectClosed()
  })

  it('does not let the client that acknowledges only some go without bound', async () => {
    const client = await broker.client({ properties: { receiveMaximum: 2 } })
    await client.subscribe('flow/some', { qos: 1 })
    await publisher.publish('flow/some', 'never', { qos: 1 })
    await client.receive()
    for (let n = 0; n < 900; n++) {
      await publisher.publish('flow/some', String(n), { qos: 1 })
      assert.equal((await client.take()).payload, String(n))
    }
    await client.quiet()
  })
})

describe('Receive Maximum of the broker', () => {
  it('is not announced, and 5,000 messages of QoS 2 may be open, unless receive_maximum says otherwise', async () => {
    const client = await broker.open()
    client.send(connect())
    assert.equal((await client.connack()).properties.receiveMaximum, undefined)
    const ids = Array.from({ length: 5000 }, (_, i) => i + 1)
    client.send(...ids.map((packetId) => publish('flow/many', 'x', { qos: 2, packetId })))
    for (const packetId of ids) assert.equal((await client.expect(Pubrec)).packetId, packetId)
    // Each of them is known, and taken for the message of before [MQTT-4.3.3-10], until it is released.
    client.send(...ids.map((packetId) => publish('flow/many', 'x', { qos: 2, packetId, dup: true })))
    for (const packetId of ids) assert.equal((await client.expect(Pubrec)).reasonCode, 0, String(packetId))
    client.send(...ids.map((packetId) => acknowledgement(Pubrel, packetId)))
    for (const packetId of ids) assert.deepEqual((await client.expect(Pubcomp)).packetId, packetId)
  })

  it('[MQTT-3.3.4-7] of 20: 20 messages of QoS 2 may be open, one more ends the connection with 0x93', async () => {
    const small = await useBroker('receive_maximum 20')
    const client = await small.client()
    for (let packetId = 1; packetId <= 20; packetId++) client.send(publish('flow/in', 'x', { qos: 2, packetId }))
    for (let packetId = 1; packetId <= 20; packetId++) assert.equal((await client.expect(Pubrec)).packetId, packetId)
    client.send(acknowledgement(Pubrel, 5))
    await client.expect(Pubcomp)
    client.send(publish('flow/in', 'x', { qos: 2, packetId: 21 }))
    await client.expect(Pubrec)
    client.send(publish('flow/in', 'x', { qos: 1, packetId: 22 }))
    await client.expect(Puback)
    client.send(publish('flow/in', 'x', { qos: 2, packetId: 23 }))
    await client.expectDisconnect(0x93)
  })

  it('does not hold for MQTT 3, which does not know it', async () => {
    const client = await broker.client({ version: 4 })
    for (let packetId = 1; packetId <= 100; packetId++) client.send(publish('flow/in', 'x', { qos: 2, packetId }))
    for (let packetId = 1; packetId <= 100; packetId++) await client.expect(Pubrec)
    for (let packetId = 1; packetId <= 100; packetId++) client.send(acknowledgement(Pubrel, packetId))
    for (let packetId = 1; packetId <= 100; packetId++) assert.equal((await client.expect(Pubcomp)).packetId, packetId)
  })
})

describe('Maximum Packet Size of a client', () => {
  for (const qos of [0, 1, 2] as const) {
    it(`[MQTT-3.1.2-24] [MQTT-3.1.2-25] QoS ${qos}: what is larger is dropped for it alone, to the byte`, async () => {
      const topic = `size/${qos}`
      const overhead = 2 + 2 + topic.length + (qos > 0 ? 2 : 0) + 1
      const client = await broker.client({ properties: { maximumPacketSize: 100 } })
      const other = await broker.client()
      for (const each of [client, other]) await each.subscribe(topic, { qos })
      const payloads = ['x'.repeat(101 - overhead), 'y'.repeat(100 - overhead), 'z'.repeat(5000), 'small']
      for (const payload of payloads) await publisher.publish(topic, payload, { qos })
      assert.deepEqual(await other.takeAll(4), payloads)
      assert.deepEqual(await client.takeAll(2), [payloads[1], payloads[3]])
      await client.quiet()
    })
  }

  it('counts properties, expiry and Subscription Identifiers in', async () => {
    const client = await broker.client({ properties: { maximumPacketSize: 50 } })
    await client.subscribe('size/all', {}, { subscriptionIdentifiers: [200] })
    const overhead = 2 + 2 + 8 + 1 + 5 + 3
    const properties = { messageExpiryInterval: 100 }
    await publisher.publish('size/all', 'x'.repeat(51 - overhead), { properties })
    await publisher.publish('size/all', 'y'.repeat(50 - overhead), { properties })
    assert.match((await client.receive()).payload, /^y+$/)
    await client.quiet()
  })

  it('holds for retained messages and for those that waited', async () => {
    await publisher.publish('size/retained', 'x'.repeat(200), { retain: true, qos: 1 })
    const properties = { maximumPacketSize: 100, sessionExpiryInterval: 60 }
    const options = { clientId: newClientId(), cleanStart: false, properties }
    const client = await broker.client(options)
    await client.subscribe('size/retained', { qos: 1 })
    await client.quiet()
    await broker.breakOff(client)
    await publisher.publish('size/retained', 'y'.repeat(200), { qos: 1 })
    await publisher.publish('size/retained', 'small', { qos: 1 })
    const again = await broker.client(options)
    assert.equal((await again.take()).payload, 'small')
    await again.quiet()
  })

  it('is told in the log, with the size and the limit', async () => {
    const client = await broker.client({ properties: { maximumPacketSize: 30 } })
    await client.subscribe('size/log')
    await publisher.publish('size/log', 'x'.repeat(100))
    await broker.logged(/size\/log was not sent to client\d+: 113 bytes exceed its Maximum Packet Size of 30/)
  })

  it('[MQTT-3.1.2-24] smaller than the answer that the client waits for: 0x95', async () => {
    const client = await broker.client({ properties: { maximumPacketSize: 30 } })
    const filters = Array.from({ length: 26 }, (_, n) => subscription(`size/${n}`))
    client.send(subscribe(1, filters.slice(1)))
    await client.expect(Suback)
    client.send(subscribe(2, filters))
    await client.expectDisconnect(0x95)
  })

  it('[MQTT-3.1.2-24] smaller than any CONNACK: the connection ends without one', async () => {
    const client = await broker.open()
    client.send(connect({ properties: { maximumPacketSize: 4 } }))
    await client.expectClosed()
  })

  it('of 0 is refused', async () => {
    const client = await broker.open()
    client.send("10 13 0004 'MQTT' 05 02 0000 05 27 00000000 0001 'a'")
    await client.expectClosed()
  })

  it('[MQTT-3.14.2-3] [MQTT-3.14.2-4] [MQTT-3.14.2-1] [MQTT-3.14.2-2] leaves no room for a Reason String', async () => {
    // 2 for the fixed header, the reason code, the Property Length, 3 for the property, and the text.
    const length = 2 + 1 + 1 + 3 + 'a second CONNECT'.length
    for (const [maximumPacketSize, properties] of [
      [length - 1, {}],
      [length, { reasonString: 'a second CONNECT' }],
    ] as const) {
      const client = await broker.client({ properties: { maximumPacketSize } })
      client.send(connect())
      assert.deepEqual(await client.expectDisconnect(0x82), properties)
    }
  })

  const answers =
    '[MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] ' +
    '[MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2]'
  it(`[MQTT-3.1.2-29] ${answers} answers carry neither Reason String nor User Properties to who wants none, or has no room`, async () => {
    for (const properties of [{ requestProblemInformation: false }, { maximumPacketSize: 20 }]) {
      const client = await broker.client({ properties })
      client.send(publish('$SYS/x', 'x', { qos: 1, packetId: 1 }))
      await client.expectBytes('40 03 0001 87')
      client.send(publish('$SYS/x', 'x', { qos: 2, packetId: 2 }))
      await client.expectBytes('50 03 0002 87')
      client.send(subscribe(3, [subscription('a+')]))
      await client.expectBytes('90 04 0003 00 8f')
      client.send("a2 06 0004 00 0001 'q'")
      await client.expectBytes('b0 04 0004 00 11')
    }
  })
})

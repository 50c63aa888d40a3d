import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType, type ProtocolVersion } from '../../src/protocol/index.ts'
import { useBroker } from '../support/broker.ts'
import { acknowledgement, type ConnectOptions, disconnect, newClientId } from '../support/packets.ts'
import { versions } from '../support/versions.ts'

const broker = await useBroker('max_inflight_messages 5')
const publisher = await broker.client()
const { Puback, Pubrec, Pubrel, Pubcomp } = PacketType

function kept(version: ProtocolVersion, clientId: string = newClientId()): ConnectOptions {
  return { version, clientId, cleanStart: false, properties: version === 5 ? { sessionExpiryInterval: 600 } : {} }
}

for (const { version, name } of versions) {
  describe(`what was in flight in ${name}`, () => {
    for (const qos of [1, 2] as const) {
      it(`[MQTT-4.4.0-1] [MQTT-3.3.1-1] [MQTT-4.6.0-1] QoS ${qos}: comes again with DUP, the same ids and in order`, async () => {
        const topic = `resume/${version}/${qos}`
        const options = kept(version)
        const client = await broker.client(options)
        await client.subscribe(topic, { qos })
        for (const payload of ['1', '2', '3']) await publisher.publish(topic, payload, { qos })
        const first = [await client.receive(), await client.receive(), await client.receive()]
        assert.ok(first.every(({ dup }) => !dup))
        await broker.breakOff(client)
        await publisher.publish(topic, 'new', { qos })
        const again = await broker.client(options)
        for (const { packetId, payload } of first) {
          const message = await again.take()
          assert.deepEqual([message.packetId, message.payload, message.dup], [packetId, payload, true])
        }
        const fresh = await again.take()
        assert.deepEqual([fresh.payload, fresh.dup], ['new', false])
        await again.quiet()
      })
    }

    it('[MQTT-4.4.0-1] [MQTT-4.3.3-6] after PUBREC it is PUBREL that comes again, not PUBLISH', async () => {
      const topic = `resume/${version}/pubrel`
      const options = kept(version)
      const client = await broker.client(options)
      await client.subscribe(topic, { qos: 2 })
      for (const payload of ['1', '2', '3']) await publisher.publish(topic, payload, { qos: 2 })
      const ids = []
      for (let i = 0; i < 3; i++) ids.push((await client.receive()).packetId)
      client.send(acknowledgement(Pubrec, ids[0]!), acknowledgement(Pubrec, ids[1]!))
      for (let i = 0; i < 2; i++) assert.equal((await client.expect(Pubrel)).packetId, ids[i])
      client.send(acknowledgement(Pubcomp, ids[1]!))
      await client.quiet()
      await broker.breakOff(client)
      const again = await broker.client(options)
      assert.equal((await again.expect(Pubrel)).packetId, ids[0])
      const third = await again.receive()
      assert.deepEqual([third.packetId, third.dup, third.payload], [ids[2], true, '3'])
      again.send(acknowledgement(Pubcomp, ids[0]!), acknowledgement(Pubrec, ids[2]!))
      await again.expect(Pubrel)
      again.send(acknowledgement(Pubcomp, ids[2]!))
      await again.quiet()
    })

    it('what was acknowledged out of order does not come again', async () => {
      const topic = `resume/${version}/holes`
      const options = kept(version)
      const client = await broker.client(options)
      await client.subscribe(topic, { qos: 1 })
      for (const payload of ['1', '2', '3', '4']) await publisher.publish(topic, payload, { qos: 1 })
      const ids = []
      for (let i = 0; i < 4; i++) ids.push((await client.receive()).packetId)
      client.send(acknowledgement(Puback, ids[1]!), acknowledgement(Puback, ids[3]!))
      await client.quiet()
      await broker.breakOff(client)
      const again = await broker.client(options)
      assert.deepEqual(await again.takeAll(2), ['1', '3'])
      await again.quiet()
      await publisher.publish(topic, '5', { qos: 1 })
      assert.equal((await again.take()).payload, '5')
    })

    it('[MQTT-4.4.0-1] nothing is sent again as long as the connection lasts', async () => {
      const topic = `resume/${version}/patient`
      const client = await broker.client(kept(version))
      await client.subscribe(topic, { qos: 1 })
      await publisher.publish(topic, '1', { qos: 1 })
      await client.receive()
      for (let i = 0; i < 5; i++) {
        await publisher.publish(topic, 'x', { qos: 0 })
        assert.equal((await client.receive()).qos, 0)
      }
      await client.quiet()
    })

    it('in flight and waiting come in order through many reconnections', async () => {
      const topic = `resume/${version}/many`
      const options = kept(version)
      const client = await broker.client(options)
      await client.subscribe(topic, { qos: 1 })
      await broker.breakOff(client)
      for (let n = 0; n < 40; n++) await publisher.publish(topic, String(n), { qos: 1 })
      const done: string[] = []
      while (done.length < 40) {
        const again = await broker.client(options)
        const window = []
        for (let i = 0; i < 5; i++) window.push(await again.receive())
        const expected = window.map((_, i) => String(done.length + i))
        assert.deepEqual(
          window.map(({ payload }) => payload),
          expected,
        )
        const [one, two] = window
        again.send(acknowledgement(Puback, one!.packetId), acknowledgement(Puback, two!.packetId), disconnect())
        done.push(one!.payload, two!.payload)
        if (done.length > 34) {
          const last = await broker.client(options)
          while (done.length < 40) done.push((await last.take()).payload)
          await last.quiet()
        }
      }
      assert.deepEqual(
        done,
        Array.from({ length: 40 }, (_, i) => String(i)),
      )
    })
  })
}

describe('what was in flight', () => {
  it('keeps its Subscription Identifier and RETAIN', async () => {
    const options = kept(5)
    const client = await broker.client(options)
    await client.subscribe('resume/options', { qos: 1, retainAsPublished: true }, { subscriptionIdentifiers: [7] })
    await publisher.publish('resume/options', 'x', { qos: 1, retain: true })
    const first = await client.receive()
    await broker.breakOff(client)
    const again = await broker.client(options)
    const second = await again.take()
    assert.deepEqual({ ...second, dup: false }, first)
    assert.deepEqual([second.retain, second.properties.subscriptionIdentifiers], [true, [7]])
  })

  it('counts against a smaller Receive Maximum too', async () => {
    const options = kept(5)
    const client = await broker.client(options)
    await client.subscribe('resume/smaller', { qos: 1 })
    for (const payload of ['1', '2', '3']) await publisher.publish('resume/smaller', payload, { qos: 1 })
    for (let i = 0; i < 3; i++) await client.receive()
    await broker.breakOff(client)
    const again = await broker.client({ ...options, properties: { sessionExpiryInterval: 600, receiveMaximum: 1 } })
    for (const payload of ['1', '2', '3']) {
      const message = await again.receive()
      await again.quiet()
      assert.deepEqual([message.payload, message.dup], [payload, true])
      again.send(acknowledgement(Puback, message.packetId))
    }
    await again.quiet()
  })

  it('[MQTT-4.4.0-1] [MQTT-4.9.0-2] [MQTT-4.9.0-3] a PUBREL does not wait for a smaller Receive Maximum', async () => {
    const options = kept(5)
    const client = await broker.client(options)
    await client.subscribe('resume/release', { qos: 2 })
    for (const payload of ['1', '2', '3', '4']) await publisher.publish('resume/release', payload, { qos: 2 })
    for (let id = 1; id <= 4; id++) assert.equal((await client.receive()).packetId, id)
    client.send('50 02 0003', '50 02 0004')
    await client.expectBytes('62 02 0003')
    await client.expectBytes('62 02 0004')
    await broker.breakOff(client)
    const again = await broker.client({ ...options, properties: { sessionExpiryInterval: 600, receiveMaximum: 1 } })
    // In the order of the PUBRECs; what they release counts against the quota until PUBCOMP.
    await again.expectBytes('62 02 0003')
    await again.expectBytes('62 02 0004')
    again.send('70 02 0003')
    await again.quiet()
    again.send('70 02 0004')
    for (const [packetId, payload] of [
      [1, '1'],
      [2, '2'],
    ] as const) {
      const message = await again.receive()
      await again.quiet()
      assert.deepEqual([message.packetId, message.payload, message.dup], [packetId, payload, true])
      again.send(acknowledgement(Pubrec, packetId))
      await again.expect(Pubrel)
      again.send(acknowledgement(Pubcomp, packetId))
    }
    await again.quiet()
  })

  it('[MQTT-3.1.2-24] is dropped if it is larger than the client now takes', async () => {
    const options = kept(5)
    const client = await broker.client(options)
    await client.subscribe('resume/large', { qos: 1 })
    await publisher.publish('resume/large', 'x'.repeat(500), { qos: 1 })
    await publisher.publish('resume/large', 'small', { qos: 1 })
    await client.receive()
    await client.receive()
    await broker.breakOff(client)
    const again = await broker.client({
      ...options,
      properties: { sessionExpiryInterval: 600, maximumPacketSize: 100 },
    })
    assert.equal((await again.take()).payload, 'small')
    await again.quiet()
  })

  it('is not sent again to a session that was begun anew', async () => {
    const options = kept(4)
    const client = await broker.client(options)
    await client.subscribe('resume/anew', { qos: 1 })
    await publisher.publish('resume/anew', 'x', { qos: 1 })
    await client.receive()
    await broker.breakOff(client)
    const again = await broker.client({ ...options, cleanStart: true })
    await again.quiet()
  })
})

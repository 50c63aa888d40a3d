import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType, type QoS } from '../../src/protocol/index.ts'
import { useBroker } from '../support/broker.ts'
import { acknowledgement, publish } from '../support/packets.ts'
import { versions } from '../support/versions.ts'

const broker = await useBroker()
const { Puback, Pubrec, Pubrel, Pubcomp } = PacketType
const LEVELS: readonly QoS[] = [0, 1, 2]

for (const { version, name } of versions) {
  describe(`QoS in ${name}`, () => {
    for (const published of LEVELS) {
      for (const granted of LEVELS) {
        const least = Math.min(published, granted)
        it(`[MQTT-3.8.4-8] [MQTT-3.3.4-1] published with ${published}, subscribed with ${granted}: comes with ${least}`, async () => {
          const topic = `qos/${version}/${published}/${granted}`
          const subscriber = await broker.client({ version })
          assert.equal(await subscriber.subscribe(topic, { qos: granted }), granted)
          const publisher = await broker.client({ version })
          assert.equal(await publisher.publish(topic, 'x', { qos: published }), 0)
          const message = await subscriber.take()
          assert.deepEqual(message, { ...publish(topic, ''), payload: 'x', qos: least, packetId: message.packetId })
          assert.equal(message.packetId > 0, least > 0)
          await subscriber.quiet()
        })
      }
    }

    it('[MQTT-4.3.2-4] [MQTT-2.2.1-5] [MQTT-3.4.2-1] PUBACK is byte for byte what the standard has', async () => {
      const client = await broker.client({ version })
      client.send(publish(`qos/${version}/none`, 'x', { qos: 1, packetId: 0x1234 }))
      await client.expectBytes(version === 5 ? '40 03 1234 10' : '40 02 1234')
      const subscriber = await broker.client({ version })
      await subscriber.subscribe(`qos/${version}/some`)
      client.send(publish(`qos/${version}/some`, 'x', { qos: 1, packetId: 0xffff }))
      await client.expectBytes('40 02 ffff')
    })

    it('[MQTT-4.3.3-8] [MQTT-4.3.3-11] [MQTT-3.5.2-1] [MQTT-3.7.2-1] PUBREC and PUBCOMP too', async () => {
      const client = await broker.client({ version })
      client.send(publish(`qos/${version}/none`, 'x', { qos: 2, packetId: 7 }))
      await client.expectBytes(version === 5 ? '50 03 0007 10' : '50 02 0007')
      client.send('62 02 0007')
      await client.expectBytes('70 02 0007')
    })

    it('[MQTT-4.3.3-10] a QoS 2 message that comes again before PUBREL is acknowledged and not delivered again', async () => {
      const topic = `qos/${version}/twice`
      const subscriber = await broker.client({ version })
      await subscriber.subscribe(topic, { qos: 2 })
      const publisher = await broker.client({ version })
      publisher.send(publish(topic, 'once', { qos: 2, packetId: 9 }))
      await publisher.expect(Pubrec)
      publisher.send(publish(topic, 'once', { qos: 2, packetId: 9, dup: true }))
      await publisher.expectBytes('50 02 0009')
      publisher.send(publish(topic, 'once', { qos: 2, packetId: 9 }))
      await publisher.expectBytes('50 02 0009')
      assert.equal((await subscriber.take()).payload, 'once')
      await subscriber.quiet()
    })

    it('[MQTT-4.3.3-12] after PUBCOMP the same Packet Identifier brings a new message', async () => {
      const topic = `qos/${version}/again`
      const subscriber = await broker.client({ version })
      await subscriber.subscribe(topic, { qos: 2 })
      const publisher = await broker.client({ version })
      for (const payload of ['one', 'two']) {
        await publisher.publish(topic, payload, { qos: 2, packetId: 9 })
        assert.equal((await subscriber.take()).payload, payload)
      }
    })

    it('[MQTT-4.3.2-5] a QoS 1 message is new each time, DUP or not', async () => {
      const topic = `qos/${version}/each`
      const subscriber = await broker.client({ version })
      await subscriber.subscribe(topic, { qos: 1 })
      const publisher = await broker.client({ version })
      await publisher.publish(topic, 'x', { qos: 1, packetId: 9 })
      await publisher.publish(topic, 'x', { qos: 1, packetId: 9, dup: true })
      assert.deepEqual(await subscriber.takeAll(2), ['x', 'x'])
      await subscriber.quiet()
    })

    it('[MQTT-3.3.1-3] [MQTT-4.3.2-2] [MQTT-4.3.3-2] [MQTT-4.3.1-1] DUP of the publisher is not passed on', async () => {
      const topic = `qos/${version}/dup`
      const subscriber = await broker.client({ version })
      await subscriber.subscribe(topic, { qos: 2 })
      const publisher = await broker.client({ version })
      for (const qos of [1, 2] as const) {
        await publisher.publish(topic, 'x', { qos, dup: true })
        assert.equal((await subscriber.take()).dup, false)
      }
    })

    it('[MQTT-3.7.2-2] [MQTT-3.7.2-3] a PUBREL for what is not there is answered with PUBCOMP, without properties', async () => {
      const client = await broker.client({ version })
      client.send('62 02 0101')
      await client.expectBytes(version === 5 ? '70 03 0101 92' : '70 02 0101')
    })

    it('[MQTT-3.6.2-2] [MQTT-3.6.2-3] a PUBREC for what is not there is answered with PUBREL, without properties', async () => {
      const client = await broker.client({ version })
      client.send('50 02 0101')
      await client.expectBytes(version === 5 ? '62 03 0101 92' : '62 02 0101')
    })

    it('[MQTT-2.2.1-2] a QoS 0 message is byte for byte what the standard has', async () => {
      const client = await broker.client({ version })
      await client.subscribe('q')
      client.send(version === 5 ? "30 05 0001 'q' 00 'x'" : "30 04 0001 'q' 'x'")
      await client.expectBytes(version === 5 ? "30 05 0001 'q' 00 'x'" : "30 04 0001 'q' 'x'")
    })

    it('packets that come in single bytes count as any other', async () => {
      const client = await broker.client({ version })
      const none = version === 5 ? '00' : ''
      const length = version === 5 ? ['07', '07'] : ['06', '06']
      const packets = `82 ${length[0]} 0001 ${none} 0001 71 01 34 ${length[1]} 0001 71 0002 ${none} 78 62 02 0002 c0 00`
      for (const byte of packets.replaceAll(' ', '').match(/../g)!) {
        client.send(byte)
        await client.sent()
      }
      const types: number[] = []
      for (let last = 0; last !== 0xd0; types.push(last)) last = (await client.next())[0]!
      assert.deepEqual(
        types.sort((a, b) => a - b),
        [0x32, 0x50, 0x70, 0x90, 0xd0],
      )
    })

    it('a PUBACK or a PUBCOMP for what is not there changes nothing', async () => {
      const client = await broker.client({ version })
      client.send('40 02 0101 70 02 0101')
      await client.quiet()
    })

    it('[MQTT-4.2-1] [MQTT-4.6.0-5] [MQTT-4.6.0-6] [MQTT-4.6.0-2] [MQTT-4.6.0-3] [MQTT-4.6.0-4] keeps the order', async () => {
      const subscriber = await broker.client({ version })
      const publisher = await broker.client({ version })
      const numbers = Array.from({ length: 100 }, (_, i) => String(i))
      for (const qos of LEVELS) {
        const topic = `qos/${version}/order/${qos}`
        await subscriber.subscribe(topic, { qos })
        for (let start = 0; start < 100; start += 20) {
          const part = numbers.slice(start, start + 20)
          publisher.send(...part.map((n) => publish(topic, n, { qos, packetId: Number(n) + 1 })))
          for (const n of part) {
            if (qos === 0) continue
            const answer = await publisher.expect(qos === 1 ? Puback : Pubrec)
            assert.equal(answer.packetId, Number(n) + 1)
            if (qos === 2) publisher.send(acknowledgement(Pubrel, answer.packetId))
          }
          if (qos === 2) for (const _ of part) await publisher.expect(Pubcomp)
        }
        // PUBRECs of a window come between the messages, so each is taken to its end.
        const got: string[] = []
        while (got.length < 100) got.push(...(await receiveWindow(subscriber, qos, 20)))
        assert.deepEqual(got, numbers)
      }
    })
  })
}

/** Receives `count` messages, then acknowledges all of them in the order in which they came. */
async function receiveWindow(
  client: Awaited<ReturnType<typeof broker.client>>,
  qos: QoS,
  count: number,
): Promise<string[]> {
  const messages = []
  for (let i = 0; i < count; i++) messages.push(await client.receive())
  const ids = messages.map(({ packetId }) => packetId)
  if (qos === 1) client.send(...ids.map((id) => acknowledgement(Puback, id)))
  if (qos === 2) {
    client.send(...ids.map((id) => acknowledgement(Pubrec, id)))
    for (const id of ids) assert.equal((await client.expect(Pubrel)).packetId, id)
    client.send(...ids.map((id) => acknowledgement(Pubcomp, id)))
  }
  return messages.map(({ payload }) => payload)
}

describe('reason codes of MQTT 5.0', () => {
  it('0x10 says that nobody subscribes', async () => {
    const client = await broker.client()
    assert.equal(await client.publish('codes/none', 'x', { qos: 1 }), 0x10)
    assert.equal(await client.publish('codes/none', 'x', { qos: 2 }), 0x10)
    await client.subscribe('codes/+')
    client.send(publish('codes/some', 'x', { qos: 1, packetId: 3 }))
    const codes: number[] = []
    for (let i = 0; i < 2; i++) {
      const packet = await client.next()
      if (packet[0] === 0x40) codes.push(packet.length)
    }
    assert.deepEqual(codes, [4])
  })

  it('[MQTT-4.4.0-2] [MQTT-4.3.3-4] a message that the client refuses is over', async () => {
    const client = await broker.client({ properties: { receiveMaximum: 1 } })
    await client.subscribe('codes/refused', { qos: 2 })
    const publisher = await broker.client()
    for (const payload of ['1', '2', '3'])
      await publisher.publish('codes/refused', payload, { qos: payload === '1' ? 1 : 2 })
    client.send(acknowledgement(Puback, (await client.receive()).packetId, 0x80))
    client.send(acknowledgement(Pubrec, (await client.receive()).packetId, 0x97))
    const third = await client.receive()
    assert.equal(third.payload, '3')
    await client.quiet()
  })

  it('[MQTT-4.3.3-9] a QoS 2 message that was refused leaves its Packet Identifier free', async () => {
    const client = await broker.client()
    assert.equal(await client.publish('$SYS/mine', 'x', { qos: 2, packetId: 5 }), 0x87)
    client.send('62 02 0005')
    await client.expectBytes('70 03 0005 92')
  })

  it('[MQTT-2.2.1-3] a Packet Identifier of 0 ends the connection', async () => {
    for (const version of [4, 5] as const) {
      const client = await broker.client({ version })
      client.send(version === 5 ? "32 06 0001 'a' 0000 00" : "32 05 0001 'a' 0000")
      await client.expectDisconnect(0x82)
    }
  })
})

describe('Packet Identifiers of the broker', () => {
  it('[MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1] are not 0, and not in use', async () => {
    const subscriber = await broker.client()
    await subscriber.subscribe('ids', { qos: 2 })
    const publisher = await broker.client()
    const ids = new Set<number>()
    for (let i = 0; i < 20; i++) {
      await publisher.publish('ids', 'x', { qos: i % 2 === 0 ? 1 : 2 })
      ids.add((await subscriber.receive()).packetId)
    }
    assert.equal(ids.size, 20)
    assert.ok(!ids.has(0))
  })

  it('[MQTT-4.3.3-5] [MQTT-4.3.3-3] [MQTT-4.3.2-3] stay in use until PUBACK or PUBCOMP', async () => {
    const subscriber = await broker.client({ properties: { receiveMaximum: 1 } })
    await subscriber.subscribe('in-use', { qos: 2 })
    const publisher = await broker.client()
    for (const payload of ['1', '2']) await publisher.publish('in-use', payload, { qos: 2 })
    const first = await subscriber.receive()
    await subscriber.quiet()
    subscriber.send(acknowledgement(Pubrec, first.packetId))
    await subscriber.expect(Pubrel)
    await subscriber.quiet()
    subscriber.send(acknowledgement(Pubcomp, first.packetId))
    assert.equal((await subscriber.receive()).payload, '2')
  })

  it('wrap after 65,535 messages without loss', async () => {
    const subscriber = await broker.client({ version: 4 })
    await subscriber.subscribe('wrap', { qos: 1 })
    const publisher = await broker.client({ version: 4 })
    const count = 66_000
    const publishing = (async () => {
      const batch = Array.from({ length: 20 }, (_, i) => publish('wrap', 'x', { qos: 1, packetId: i + 1 }))
      for (let sent = 0; sent < count; sent += batch.length) {
        publisher.send(...batch)
        for (const _ of batch) await publisher.next()
      }
    })()
    let before = 0
    for (let i = 0; i < count; i++) {
      const { packetId } = await subscriber.take()
      assert.equal(packetId, before === 65_535 ? 1 : before + 1)
      before = packetId
    }
    await publishing
    await subscriber.quiet()
  })
})

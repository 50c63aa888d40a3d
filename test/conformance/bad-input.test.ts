import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType } from '../../src/protocol/index.ts'
import { useBroker } from '../support/broker.ts'
import {
  bytesOf,
  connect,
  newClientId,
  publish,
  subscribe,
  subscription,
  unsubscribe,
  will,
} from '../support/packets.ts'
import { encodeToBytes } from '../unit/protocol/support.ts'
import { unnoticed } from './bystanders.ts'

const broker = await useBroker('connect_timeout 1', 'max_topic_levels 0')
const MIB = 1024 * 1024

/** The same bytes in each run. */
function noise(seed: number, length: number): Uint8Array {
  let state = seed
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state >>> 24
  })
}

describe('bad input, while others go on', () => {
  it('garbage instead of CONNECT: the connection ends, at the latest after connect_timeout', () =>
    unnoticed(broker, async () => {
      const garbage = Array.from({ length: 100 }, (_, i) => noise(i, 10 + i * 20))
      garbage.push(bytesOf('GET / HTTP/1.1\r\nHost: example.org\r\nUser-Agent: a browser that guessed wrong\r\n\r\n'))
      garbage.push(Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3))
      await Promise.all(
        garbage.map(async (bytes) => {
          const client = await broker.open(4)
          client.send(bytes)
          for (;;) {
            const answer = await client.next().catch(() => null)
            if (answer === null) return
            assert.deepEqual([...answer], [0x20, 2, 0, 1])
          }
        }),
      )
    }))

  it('garbage after CONNECT: the connection ends', () =>
    unnoticed(broker, async () => {
      await Promise.all(
        Array.from({ length: 100 }, async (_, i) => {
          const client = await broker.client({ version: i % 2 === 0 ? 4 : 5, keepAlive: 1 })
          // Packet type 0 does not exist: whatever the noise means, it does not go on for ever.
          client.send(noise(1000 + i, 50 + i * 20), new Uint8Array(70_000))
          for (let open = true; open; )
            open = await client.next().then(
              () => true,
              () => false,
            )
        }),
      )
    }))

  it('[MQTT-3.1.0-2] a second CONNECT: 0x82, and the will', () =>
    unnoticed(broker, async () => {
      const watcher = await broker.client()
      await watcher.subscribe('bad/second')
      const client = await broker.client({ will: will('bad/second', 'x') })
      client.send(connect({ clientId: newClientId() }))
      await client.expectDisconnect(0x82)
      assert.equal((await watcher.receive()).payload, 'x')
      await broker.logged(/broke the protocol: a second CONNECT/)
    }))

  it('[MQTT-3.1.0-1] a packet before CONNECT: the connection ends without a word', () =>
    unnoticed(broker, async () => {
      const client = await broker.open()
      const since = broker.log.length
      client.send(publish('bystanders/x', 'intruder'), connect())
      await client.expectClosed()
      await broker.logged(/PUBLISH came before CONNECT/, since)
    }))

  it('[MQTT-1.5.5-1] an overlong Remaining Length: 0x81', () =>
    unnoticed(broker, async () => {
      for (const bytes of ['30 ff ff ff ff 01', '30 80 80 80 80 80', '82 81 80 80 80 00']) {
        const client = await broker.client()
        client.send(bytes)
        await client.expectDisconnect(0x81)
        const before = await broker.open()
        before.send(bytes)
        await before.expectClosed()
      }
    }))

  it('packets that break off anywhere: nothing of them counts, and the will is published', () =>
    unnoticed(broker, async () => {
      const watcher = await broker.client()
      await watcher.subscribe('bad/broken/#')
      const whole = encodeToBytes(publish('bad/broken/message', 'x'.repeat(20), { qos: 1 }), 5)
      for (let length = 1; length < whole.length; length++) {
        const client = await broker.client({ will: will('bad/broken/will', String(length)) })
        client.send(whole.subarray(0, length))
        await client.sent()
        client.kill()
        const message = await watcher.receive()
        assert.deepEqual([message.topic, message.payload], ['bad/broken/will', String(length)])
      }
      const hello = encodeToBytes(connect({ clientId: 'half', will: will('bad/broken/half', 'x') }), 5)
      for (let length = 1; length < hello.length; length++) {
        const client = await broker.open()
        client.send(hello.subarray(0, length))
        await client.sent()
        client.kill()
      }
      await watcher.quiet()
    }))

  it('a client that opens and says nothing: connect_timeout', () =>
    unnoticed(broker, async () => {
      const since = broker.log.length
      const start = performance.now()
      const silent = await Promise.all(Array.from({ length: 50 }, () => broker.open()))
      await Promise.all(silent.map((client) => client.expectClosed()))
      const took = performance.now() - start
      assert.ok(took > 900, `${took} ms`)
      await broker.logged(new RegExp(`Closed 127.0.0.1:${silent[0]!.localPort}: no CONNECT within 1 s`), since)
    }))

  it('10,000 subscriptions in one packet: all of them count', () =>
    unnoticed(broker, async () => {
      for (const filterOf of [(n: number) => `bad/many/${n}`, (n: number) => `bad/+/many/${n}/#`]) {
        const filters = Array.from({ length: 10_000 }, (_, n) => filterOf(n))
        const client = await broker.client()
        client.send(
          subscribe(
            1,
            filters.map((filter) => subscription(filter, { qos: 1 })),
          ),
        )
        const { reasonCodes } = await client.expect(PacketType.Suback)
        assert.equal(reasonCodes.length, 10_000)
        assert.ok(reasonCodes.every((code) => code === 1))
        const other = await broker.client()
        for (const n of [0, 4711, 9999]) {
          const topic = filterOf(n).replace('/+/', '/x/').replace('/#', '/y')
          assert.equal(await other.publish(topic, 'x', { qos: 1 }), 0)
          assert.equal((await client.take()).topic, topic)
        }
        client.send(unsubscribe(2, filters))
        assert.ok((await client.expect(PacketType.Unsuback)).reasonCodes.every((code) => code === 0))
        assert.equal(await other.publish('bad/many/4711', 'x', { qos: 1 }), 0x10)
      }
    }))

  it('more than 65,536 subscriptions in one packet: 0x97', () =>
    unnoticed(broker, async () => {
      const client = await broker.client()
      client.send(
        subscribe(
          1,
          Array.from({ length: 65_537 }, () => subscription('a')),
        ),
      )
      await client.expectDisconnect(0x97)
    }))

  for (const levels of [200, 32_768]) {
    it(`a topic and filters of ${levels} levels: they match as any other`, () =>
      unnoticed(broker, async () => {
        const topic = ['bad', ...Array.from({ length: levels - 1 }, (_, i) => (i % 2 === 0 ? 'x' : ''))].join('/')
        const filters = [topic, topic.replaceAll('x', '+'), topic.replace(/[^/]*$/, '#'), 'bad/#']
        const publisher = await broker.client()
        for (const filter of filters) {
          const client = await broker.client()
          await client.subscribe(filter)
          await publisher.publish(topic, 'x')
          assert.equal((await client.receive()).topic, topic)
          await client.quiet()
          client.kill()
        }
        await publisher.publish(topic, 'kept', { retain: true })
        for (const filter of filters) {
          const client = await broker.client()
          await client.subscribe(filter)
          assert.equal((await client.receive()).payload, 'kept')
        }
        await publisher.publish(topic, '', { retain: true })
      }))
  }

  it('a claim of 256 MB: 0x95 at once, and no memory for it', () =>
    unnoticed(broker, async () => {
      const before = broker.residentBytes()
      for (let i = 0; i < 50; i++) {
        const client = await broker.client({ version: i % 2 === 0 ? 5 : 4 })
        client.send('30 ff ff ff 7f', new Uint8Array(1000))
        await client.expectDisconnect(0x95)
        const unknown = await broker.open()
        unknown.send('10 ff ff ff 7f', new Uint8Array(1000))
        await unknown.expectClosed()
      }
      await broker.logged(/too large: .*268435460 bytes.*max_packet_size \(10485760 bytes\)/)
      const grown = broker.residentBytes() - before
      assert.ok(grown < 24 * MIB, `${grown / MIB} MiB more`)
    }))

  it('claims of 10 MB that never come true cost no memory', () =>
    unnoticed(broker, async () => {
      const before = broker.residentBytes()
      const clients = await Promise.all(Array.from({ length: 100 }, () => broker.client({ version: 4 })))
      for (const client of clients) client.send('30 80 80 80 04', new Uint8Array(2000))
      const marker = await broker.client()
      await marker.quiet()
      const grown = broker.residentBytes() - before
      assert.ok(grown < 24 * MIB, `${grown / MIB} MiB more`)
      for (const client of clients) client.kill()
    }))

  it('three takeovers of one client id within a minute: a line with both addresses', () =>
    unnoticed(broker, async () => {
      const clientId = newClientId()
      const since = broker.log.length
      const clients = [await broker.client({ clientId })]
      for (let i = 0; i < 3; i++) {
        clients.push(await broker.client({ clientId }))
        await clients[i]!.expectDisconnect(0x8e)
      }
      const line = await broker.logged(/two clients seem to share one client id/, since)
      for (const client of clients.slice(2)) assert.ok(line.includes(`127.0.0.1:${client.localPort}`), line)
      assert.ok(line.includes(`${clientId} was taken over 3 times within a minute`), line)
      await clients[3]!.quiet()
    }))
})

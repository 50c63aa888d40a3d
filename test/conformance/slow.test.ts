import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType } from '../../src/protocol/index.ts'
import { useBroker } from '../support/broker.ts'
import { newClientId, publish, subscribe, subscription } from '../support/packets.ts'
import { unnoticed } from './bystanders.ts'

const broker = await useBroker('max_queued_messages 50', 'max_packet_size 1000000')
const MIB = 1024 * 1024
/** What the broker may need beyond max_outgoing_bytes for one client, with room for the garbage of a busy moment. */
const BOUND = 64 * MIB

describe('a client that never reads, while others go on', () => {
  it('QoS 0: what goes beyond max_outgoing_bytes is dropped for it alone, and told; memory has a bound', () =>
    unnoticed(broker, async () => {
      const clientId = newClientId()
      const slow = await broker.client({ version: 4, clientId })
      const quick = await broker.client()
      for (const client of [slow, quick]) await client.subscribe('slow/zero')
      slow.pause()
      const publisher = await broker.client()
      const before = broker.residentBytes()
      const since = broker.log.length
      let most = 0
      const payload = 'x'.repeat(100_000)
      const COUNT = 1500
      for (let n = 0; n < COUNT; n++) {
        await publisher.publish('slow/zero', `${n} ${payload}`)
        assert.ok((await quick.receive()).payload.startsWith(`${n} `))
        if (n % 100 === 0) most = Math.max(most, broker.residentBytes() - before)
      }
      await broker.logged(new RegExp(`${clientId} .* reads too slowly.*max_outgoing_bytes 1048576`), since)
      assert.ok(most < BOUND, `${most / MIB} MiB more`)
      slow.resume()
      const line = await broker.logged(new RegExp(`${clientId} .* keeps up again: \\d+ messages`), since)
      const dropped = Number(/(\d+) messages/.exec(line)![1])
      let last = -1
      for (let i = 0; i < COUNT - dropped; i++) {
        const n = Number.parseInt((await slow.receive()).payload, 10)
        assert.ok(n > last, `${n} after ${last}`)
        last = n
      }
      await slow.quiet()
      await publisher.publish('slow/zero', 'again')
      assert.equal((await slow.receive()).payload, 'again')
    }))

  it('QoS 1: what is in flight and max_queued_messages more wait, and come in order', () =>
    unnoticed(broker, async () => {
      const slow = await broker.client({ version: 4 })
      await slow.subscribe('slow/one', { qos: 1 })
      slow.pause()
      const publisher = await broker.client()
      const payload = 'x'.repeat(1000)
      for (let n = 0; n < 200; n++) await publisher.publish('slow/one', `${n} ${payload}`, { qos: 1 })
      slow.resume()
      for (let n = 0; n < 70; n++) assert.equal(Number.parseInt((await slow.take()).payload, 10), n)
      await slow.quiet()
    }))

  it('is a member of a shared group like any other, and is passed over while it is slow', () =>
    unnoticed(broker, async () => {
      const slow = await broker.client({ version: 4 })
      const quick = await broker.client({ version: 4 })
      for (const client of [slow, quick]) await client.subscribe('$share/g/slow/shared')
      slow.pause()
      const publisher = await broker.client()
      const payload = 'x'.repeat(500_000)
      for (let n = 0; n < 100; n++) await publisher.publish('slow/shared', `${n} ${payload}`)
      slow.resume()
      const seen = new Set<number>()
      for (const client of [slow, quick]) {
        client.send('c0 00')
        for (let bytes = await client.next(); bytes[0] !== 0xd0; bytes = await client.next()) {
          seen.add(Number.parseInt(Buffer.from(bytes.subarray(17, 25)).toString(), 10))
        }
      }
      assert.equal(seen.size, 100)
    }))

  it('and sends without end what has to be answered: it is closed before the answers fill the memory', () =>
    unnoticed(broker, async () => {
      const clientId = newClientId()
      const deaf = await broker.client({ version: 4, clientId })
      deaf.pause()
      const before = broker.residentBytes()
      const since = broker.log.length
      let most = 0
      const pings = new Uint8Array(MIB).map((_, i) => (i % 2 === 0 ? 0xc0 : 0))
      for (let n = 0; n < 64; n++) {
        deaf.send(pings)
        await Promise.race([deaf.sent(), broker.logged(new RegExp(`${clientId} disconnected`), since)])
        most = Math.max(most, broker.residentBytes() - before)
      }
      await broker.logged(new RegExp(`${clientId} .*keeps sending but does not read`), since)
      assert.ok(most < BOUND, `${most / MIB} MiB more`)
    }))

  it('it is gone at the end of its keep alive, however much waits for it', () =>
    unnoticed(broker, async () => {
      const clientId = newClientId()
      const slow = await broker.client({ version: 4, clientId, keepAlive: 1 })
      await slow.subscribe('slow/gone')
      slow.pause()
      const publisher = await broker.client()
      const payload = 'x'.repeat(900_000)
      for (let n = 0; n < 30; n++) await publisher.publish('slow/gone', payload)
      const since = broker.log.length
      await broker.logged(new RegExp(`${clientId} disconnected`), since)
      assert.equal(await publisher.publish('slow/gone', 'x', { qos: 1 }), 0x10)
    }))
})

describe('a burst is not slowness', () => {
  it('30 publishers at once, more than max_outgoing_bytes in a turn: a client that reads gets all', async () => {
    const client = await broker.client({ version: 4 })
    await client.subscribe('burst/+')
    const publishers = await Promise.all(Array.from({ length: 30 }, () => broker.client({ version: 4 })))
    const payload = 'x'.repeat(5000)
    for (let round = 0; round < 5; round++) {
      broker.freeze()
      for (const [i, publisher] of publishers.entries()) {
        publisher.send(...Array.from({ length: 20 }, (_, n) => publish(`burst/${i}`, `${n} ${payload}`)))
      }
      await Promise.all(publishers.map((publisher) => publisher.sent()))
      broker.thaw()
      const next = new Map<string, number>()
      for (let n = 0; n < 600; n++) {
        const message = await client.receive()
        const expected = next.get(message.topic) ?? 0
        assert.equal(Number.parseInt(message.payload, 10), expected)
        next.set(message.topic, expected + 1)
      }
    }
    await client.quiet()
  })

  it('one message of many MB reaches a client in one piece', async () => {
    const large = await useBroker()
    const client = await large.client()
    await client.subscribe('large', { qos: 2 })
    const publisher = await large.client()
    const payload = 'x'.repeat(10 * MIB - 100)
    for (const qos of [0, 1, 2] as const) {
      await publisher.publish('large', payload, { qos })
      assert.equal((await client.take()).payload.length, payload.length)
    }
    publisher.send(publish('large', 'x'.repeat(10 * MIB)))
    await publisher.expectDisconnect(0x95)
  })
})

describe('subscriptions of a client that never reads', () => {
  it('cost what they are, and no more', () =>
    unnoticed(broker, async () => {
      const deaf = await broker.client({ version: 4 })
      const publisher = await broker.client()
      for (let n = 0; n < 100; n++) await publisher.publish(`slow/retained/${n}`, 'x'.repeat(10_000), { retain: true })
      deaf.pause()
      const before = broker.residentBytes()
      for (let n = 0; n < 200; n++) deaf.send(subscribe(n + 1, [subscription('slow/retained/+')]))
      await publisher.quiet()
      await publisher.quiet()
      const grown = broker.residentBytes() - before
      assert.ok(grown < BOUND, `${grown / MIB} MiB more`)
      deaf.resume()
      let messages = 0
      for (let answers = 0; answers < 200; ) {
        const packet = await deaf.next()
        if (packet[0] === PacketType.Suback << 4) answers++
        else messages++
      }
      assert.ok(messages < 200 * 100)
    }))
})

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { PacketType } from '../../src/protocol/index.ts'
import { type BrokerProcess, startBrokerWith } from '../support/broker.ts'
import { connect, publish, subscribe, subscription, unsubscribe, will } from '../support/packets.ts'
import { PATIENCE_MS } from '../support/patience.ts'
import type { RawClient } from '../support/raw-client.ts'

const MIB = 2 ** 20
const LONG = 'x'.repeat(60_000)
/** What an attack may cost while it lasts, beside payload that is under way. */
const DURING = 64 * MIB
/** What may be left of it, after it was done twice: caches that have been filled, and V8's own reserve. */
const AFTERWARDS = 48 * MIB
/** glibc returns what is freed to the system at once, and keeps none for later: this is about what the broker holds. */
const GIVES_BACK = { MALLOC_MMAP_THRESHOLD_: '32768', MALLOC_TRIM_THRESHOLD_: '65536' }

const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))
const numbered = (i: number): string => String(i).padStart(5, '0')
const many = <T>(count: number, make: (i: number) => Promise<T>): Promise<T[]> => Promise.all(times(count, make))

/** What strangers may do. Returns who goes on holding something, when the broker has acted on all of it. */
const attacks: Record<string, (broker: BrokerProcess) => Promise<RawClient[]>> = {
  'CONNECT packets that claim 10 MiB': async (broker) => {
    const clients = await many(60, () => broker.open())
    for (const client of clients) client.send(Uint8Array.of(0x10, 0xf0, 0xff, 0xff, 0x04), new Uint8Array(9 * MIB))
    for (const client of clients) await client.expectClosed()
    return clients
  },

  'identifiers of many filters that overlap': async (broker) => {
    const client = await broker.client({ properties: { maximumPacketSize: 1000 } })
    // 512 filters match each of the topics.
    for (let i = 0; i < 512; i++) {
      const levels = times(9, (bit) => ((i >> bit) & 1 ? '+' : 'a'))
      await client.subscribe(`${levels.join('/')}/+`, {}, { subscriptionIdentifiers: [i + 1] })
    }
    const publisher = await broker.client()
    for (let i = 0; i < 3000; i++) publisher.send(publish(`a/a/a/a/a/a/a/a/a/${i}`, ''))
    await publisher.quiet()
    return [client, publisher]
  },

  'shared groups': async (broker) => {
    const client = await broker.client()
    client.send(
      subscribe(
        1,
        times(20_000, (i) => subscription(`$share/${i}/#`)),
      ),
    )
    await client.expect(PacketType.Suback)
    const publisher = await broker.client()
    for (let i = 0; i < 200; i++) publisher.send(publish(`shared/${i}`, ''))
    await publisher.quiet()
    return [client, publisher]
  },

  'long names of levels': async (broker) => {
    const client = await broker.client()
    for (let i = 0; i < 500; i++) {
      client.send(publish(`${i}${LONG}`, ''))
      client.send(subscribe(1, [subscription(`${i}${LONG}/s`)]), unsubscribe(1, [`${i}${LONG}/s`]))
      await client.expect(PacketType.Suback)
      await client.expect(PacketType.Unsuback)
    }
    return [client]
  },

  'Topic Aliases of long topics': async (broker) => {
    const clients = await many(30, () => broker.client())
    for (const [i, client] of clients.entries()) {
      for (let topicAlias = 1; topicAlias <= 10; topicAlias++) {
        client.send(publish(`${i}/${topicAlias}${LONG}`, '', { properties: { topicAlias } }))
      }
      await client.quiet()
    }
    return clients
  },

  'Authentication Methods of 60 KB': async (broker) => {
    for (let i = 0; i < 500; i++) {
      const client = await broker.open()
      client.send(connect({ properties: { authenticationMethod: `${i}${LONG}` } }))
      assert.equal((await client.connack()).reasonCode, 0x8c)
      client.kill()
    }
    return []
  },

  'retained messages that replace each other while replays wait': async (broker) => {
    const publisher = await broker.client()
    for (let i = 0; i < 10; i++) await publisher.publish(`r/${i}`, 'first', { qos: 1, retain: true })
    const clients = await many(20, () => broker.client({ properties: { receiveMaximum: 1 } }))
    for (const client of clients) await client.subscribe('r/+', { qos: 1 })
    for (const client of clients) client.pause()
    for (let i = 0; i < 200; i++) await publisher.publish('r/0', LONG.repeat(10), { qos: 0, retain: true })
    return [publisher, ...clients]
  },

  'a payload of 9 MiB for 100 that do not read': async (broker) => {
    const clients = await many(100, () => broker.client())
    for (const client of clients) await client.subscribe('large')
    for (const client of clients) client.pause()
    const publisher = await broker.client()
    await publisher.publish('large', new Uint8Array(9 * MIB), { qos: 1 })
    return [publisher, ...clients]
  },

  '65,536 filters in one SUBSCRIBE': async (broker) => {
    const client = await broker.client()
    client.send(
      subscribe(
        1,
        times(65_536, (i) => subscription(`many/${numbered(i)}/+`)),
      ),
    )
    await client.expect(PacketType.Suback)
    return [client]
  },

  'QoS 2 messages that are never released': async (broker) => {
    const clients = await many(5, () => broker.client())
    for (const client of clients) {
      client.send(...times(10_000, (i) => publish('q', 'x', { qos: 2, packetId: i + 1 })))
      for (let i = 0; i < 10_000; i++) {
        // Beyond the broker's Receive Maximum it ends the connection.
        const packet = await client.next()
        if (packet[0] !== 0x50) break
      }
    }
    return clients
  },

  'Wills of 60 KB': async (broker) =>
    many(300, (i) => broker.client({ will: will(`will/${i}`, LONG, { properties: { willDelayInterval: 0 } }) })),
}

/** Waits until the broker has no more memory than this, garbage apart; returns what it has then, or when patience ends. */
async function settles(broker: BrokerProcess, bytes: number): Promise<number> {
  for (const end = Date.now() + PATIENCE_MS; ; await sleep(300)) {
    await broker.collectGarbage()
    const resident = broker.residentBytes()
    if (resident <= bytes || Date.now() > end) return resident
  }
}

const skip = existsSync('/proc/self/status') ? false : 'there is no /proc to read the memory of a process from'

describe('with the default configuration, the memory that strangers can take has a bound', { skip }, () => {
  for (const [title, attack] of Object.entries(attacks)) {
    it(title, async (t) => {
      const broker = await startBrokerWith(GIVES_BACK)
      try {
        await broker.collectGarbage()
        const before = broker.residentBytes()
        let during = 0
        for (let round = 0; round < 2; round++) {
          const clients = await attack(broker)
          during = Math.max(during, (await settles(broker, before + DURING)) - before)
          for (const client of clients) client.kill()
        }
        const left = (await settles(broker, before + AFTERWARDS)) - before
        t.diagnostic(`${(during / MIB).toFixed(0)} MiB while it lasts, ${(left / MIB).toFixed(0)} MiB afterwards`)
        assert.ok(during <= DURING, `it takes ${(during / MIB).toFixed(0)} MiB`)
        assert.ok(left <= AFTERWARDS, `${(left / MIB).toFixed(0)} MiB do not come back`)
      } finally {
        await broker.stop()
      }
    })
  }
})

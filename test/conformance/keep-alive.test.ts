import { describe, it } from 'node:test'
import { startBroker, useBrokerWithStoppedClock } from '../support/broker.ts'
import { publish, subscribe, subscription, will } from '../support/packets.ts'
import { versions } from '../support/versions.ts'

const broker = await useBrokerWithStoppedClock()
const bounded = await useBrokerWithStoppedClock('max_keepalive 100')

/** Milliseconds within which the broker notices what is due: the width of a slot of its timers, and to spare. */
const SLOT_MS = 100

describe('keep alive', () => {
  for (const { version, name } of versions) {
    it(`[MQTT-3.1.2-22] ${name}: silence ends the connection after one and a half times`, async () => {
      const client = await broker.client({ version, keepAlive: 100 })
      const since = broker.log.length
      await broker.pass(150_000 - SLOT_MS)
      client.stillOpen()
      await broker.pass(2 * SLOT_MS)
      await client.expectDisconnect(0x8d)
      await broker.logged(/silent for more than 1\.5 times its keep alive of 100 s/, since)
    })
  }

  it('[MQTT-3.1.2-22] brings the will within one and a half times', async () => {
    const watcher = await broker.client()
    await watcher.subscribe('keep-alive/will')
    await broker.client({ version: 4, keepAlive: 200, will: will('keep-alive/will', 'gone') })
    await broker.pass(300_000 - SLOT_MS)
    await watcher.quiet()
    await broker.pass(2 * SLOT_MS)
    await watcher.receive()
  })

  it('[MQTT-3.1.2-20] any packet counts, not only PINGREQ', async () => {
    const client = await broker.client({ keepAlive: 100 })
    const packets = [publish('keep-alive/x', 'x', { qos: 1, packetId: 1 }), subscribe(1, [subscription('y')]), 'c0 00']
    for (const packet of packets) {
      await broker.pass(100_000)
      client.send(packet)
      await client.next()
    }
    await broker.pass(150_000 - SLOT_MS)
    client.stillOpen()
    await broker.pass(2 * SLOT_MS)
    await client.expectDisconnect(0x8d)
  })

  it('a keep alive of 0 is none', async () => {
    const silent = await broker.client({ keepAlive: 0 })
    await broker.pass(1_000_000)
    await silent.quiet()
  })

  it('[MQTT-3.1.2-21] the Server Keep Alive counts, not what the client asked for', async () => {
    const client = await bounded.client({ keepAlive: 0 })
    await bounded.pass(150_000 + SLOT_MS)
    await client.expectDisconnect(0x8d)
  })

  it('who is not heard because the process stood still is not silent', async () => {
    const own = await startBroker()
    const client = await own.client({ keepAlive: 2 })
    own.freeze()
    client.send('c0 00')
    await client.sent()
    await new Promise((resolve) => setTimeout(resolve, 4000))
    own.thaw()
    await client.expectBytes('d0 00')
    // And from then on it is, if it says nothing more.
    await client.expectDisconnect(0x8d)
    await own.stop()
  })

  it('what the broker sends does not count', async () => {
    const client = await broker.client({ keepAlive: 100 })
    await client.subscribe('keep-alive/to')
    const publisher = await broker.client()
    for (let i = 0; i < 3; i++) {
      await broker.pass(50_000 - SLOT_MS)
      await publisher.publish('keep-alive/to', String(i))
      await client.receive()
    }
    await broker.pass(4 * SLOT_MS)
    await client.expectDisconnect(0x8d)
  })
})

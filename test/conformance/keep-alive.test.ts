import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { useBroker } from '../support/broker.ts'
import { publish, subscribe, subscription, will } from '../support/packets.ts'
import { versions } from '../support/versions.ts'

const broker = await useBroker()
const bounded = await useBroker('max_keepalive 1')

/** Milliseconds; the broker looks at the time every 100 ms. */
const LATE = 600

async function timeUntil(end: Promise<unknown>): Promise<number> {
  const start = performance.now()
  await end
  return performance.now() - start
}

describe('keep alive', { concurrency: true }, () => {
  for (const { version, name } of versions) {
    it(`[MQTT-3.1.2-22] ${name}: silence ends the connection after one and a half times`, async () => {
      const client = await broker.client({ version, keepAlive: 1 })
      const took = await timeUntil(client.expectDisconnect(0x8d))
      assert.ok(took > 1400 && took < 1500 + LATE, `${took} ms`)
      await broker.logged(/silent for more than 1\.5 times its keep alive of 1 s/)
    })
  }

  it('[MQTT-3.1.2-22] brings the will within one and a half times', async () => {
    const watcher = await broker.client()
    await watcher.subscribe('keep-alive/will')
    await broker.client({ version: 4, keepAlive: 2, will: will('keep-alive/will', 'gone') })
    const took = await timeUntil(watcher.receive())
    assert.ok(took > 2900 && took < 3000 + LATE, `${took} ms`)
  })

  it('[MQTT-3.1.2-20] any packet counts, not only PINGREQ', async () => {
    const client = await broker.client({ keepAlive: 1 })
    const start = performance.now()
    const packets = [publish('keep-alive/x', 'x'), subscribe(1, [subscription('keep-alive/y')]), 'c0 00']
    for (const packet of packets) {
      await new Promise((resolve) => setTimeout(resolve, 1000))
      client.send(packet)
    }
    await client.next()
    await client.expectBytes('d0 00')
    const answered = performance.now() - start
    await client.expectDisconnect(0x8d)
    const closed = performance.now() - start
    assert.ok(answered > 2900 && closed - answered > 1400, `${answered} ms, ${closed} ms`)
  })

  it('a keep alive of 0 is none', async () => {
    const silent = await broker.client({ keepAlive: 0 })
    const marker = await broker.client({ keepAlive: 2 })
    await marker.expectDisconnect(0x8d)
    await silent.quiet()
  })

  it('[MQTT-3.1.2-21] the Server Keep Alive counts, not what the client asked for', async () => {
    const client = await bounded.client({ keepAlive: 0 })
    const took = await timeUntil(client.expectDisconnect(0x8d))
    assert.ok(took < 1500 + LATE, `${took} ms`)
  })

  it('what the broker sends does not count', async () => {
    const client = await broker.client({ keepAlive: 1 })
    await client.subscribe('keep-alive/to')
    const publisher = await broker.client()
    const start = performance.now()
    let sent = 0
    const sending = setInterval(() => publisher.send(publish('keep-alive/to', String(sent++))), 100)
    for (let i = 0; i < 10; i++) assert.equal((await client.receive()).payload, String(i))
    for (let last = await client.next(); last[0] !== 0xe0; last = await client.next());
    clearInterval(sending)
    assert.ok(performance.now() - start < 1500 + LATE)
    await client.expectClosed()
  })
})

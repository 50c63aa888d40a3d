import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startBroker } from '../support/broker.ts'
import { will } from '../support/packets.ts'
import { PATIENCE_MS } from '../support/patience.ts'
import { RawClient } from '../support/raw-client.ts'

describe('a broker that is told to stop', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`${signal}: tells its clients, takes no more, and ends with exit code 0`, async () => {
      const broker = await startBroker()
      const young = await broker.client()
      const old = await broker.client({ version: 4 })
      const silent = await broker.open()
      const stopped = broker.stop(signal)
      await young.expectDisconnect(0x8b)
      await old.expectClosed()
      await silent.expectClosed()
      assert.equal(await stopped, 0)
      assert.match(broker.log.join('\n'), new RegExp(`${signal}: stopping(.|\n)*has stopped`))
      await assert.rejects(broker.open(), /ECONNREFUSED/)
    })
  }

  it('sends what it had to send before it ends', async () => {
    const broker = await startBroker()
    const client = await broker.client()
    await client.subscribe('stop/#')
    const publisher = await broker.client()
    for (let n = 0; n < 50; n++) await publisher.publish('stop/x', `${n} ${'x'.repeat(50_000)}`)
    const stopped = broker.stop()
    for (let n = 0; n < 50; n++) assert.equal(Number.parseInt((await client.receive()).payload, 10), n)
    await client.expectDisconnect(0x8b)
    assert.equal(await stopped, 0)
  })

  it('does not wait for a client that does not read', async () => {
    const broker = await startBroker()
    const deaf = await broker.client({ version: 4, will: will('w', 'x') })
    await deaf.subscribe('stop/#')
    deaf.pause()
    const publisher = await broker.client()
    for (let n = 0; n < 30; n++) await publisher.publish('stop/x', 'x'.repeat(900_000))
    const start = performance.now()
    assert.equal(await broker.stop(), 0)
    assert.ok(performance.now() - start < PATIENCE_MS)
  })
})

describe('without a word on where to listen', () => {
  it('the broker is there for this machine: on 127.0.0.1 and on ::1', async () => {
    const broker = await startBroker()
    const line = await broker.logged(/Listening on port \d+ of ::1/)
    const client = await RawClient.open(Number(/port (\d+)/.exec(line)![1]), 4, '::1')
    client.send("10 0d 0004 'MQTT' 04 02 0000 0001 'a'")
    await client.expectBytes('20 02 00 00')
    await broker.logged(/a connected from \[::1\]:\d+/)
    await broker.stop()
  })
})

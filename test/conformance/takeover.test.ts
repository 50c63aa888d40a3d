import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { useBroker } from '../support/broker.ts'
import { connect, disconnect, newClientId, publish, will } from '../support/packets.ts'
import { versions } from '../support/versions.ts'

const broker = await useBroker()

describe('a client id that comes a second time', () => {
  for (const { version: older, name: olderName } of versions) {
    for (const { version: newer, name: newerName } of versions) {
      it(`[MQTT-3.1.4-3] ends the connection that had it: ${olderName} by ${newerName}`, async () => {
        const clientId = newClientId()
        const old = await broker.client({ version: older, clientId })
        const since = broker.log.length
        const young = await broker.client({ version: newer, clientId })
        await old.expectDisconnect(0x8e)
        await young.quiet()
        const line = await broker.logged(new RegExp(`${clientId} .*taken over`), since)
        assert.ok(line.includes(`:${old.localPort} `) && line.endsWith(`:${young.localPort}`), line)
      })
    }
  }

  it('[MQTT-3.1.2-5] takes the session with it, and what waits in it', async () => {
    const clientId = newClientId()
    const properties = { sessionExpiryInterval: 60 }
    const old = await broker.client({ clientId, properties })
    await old.subscribe('takeover/kept', { qos: 1 })
    const publisher = await broker.client()
    await publisher.publish('takeover/kept', 'one', { qos: 1 })
    assert.equal((await old.receive()).dup, false)
    const young = await broker.open()
    young.send(connect({ clientId, cleanStart: false, properties }))
    assert.equal((await young.connack()).sessionPresent, true)
    const again = await young.take()
    assert.deepEqual([again.payload, again.dup], ['one', true])
    await old.expectDisconnect(0x8e)
  })

  it('[MQTT-3.1.2-4] [MQTT-3.2.2-2] [MQTT-3.1.4-4] drops the session with Clean Start', async () => {
    const clientId = newClientId()
    const properties = { sessionExpiryInterval: 60 }
    const old = await broker.client({ clientId, properties })
    await old.subscribe('takeover/dropped', { qos: 1 })
    const young = await broker.open()
    young.send(connect({ clientId, cleanStart: true, properties }))
    assert.equal((await young.connack()).sessionPresent, false)
    const publisher = await broker.client()
    await publisher.publish('takeover/dropped', 'one', { qos: 1 })
    await young.quiet()
  })

  it('finds no session if that of the first was to end with its connection', async () => {
    const clientId = newClientId()
    await broker.client({ clientId })
    const young = await broker.open()
    young.send(connect({ clientId, cleanStart: false }))
    assert.equal((await young.connack()).sessionPresent, false)
  })

  it('[MQTT-3.14.4-1] nothing comes after the DISCONNECT', async () => {
    const clientId = newClientId()
    const old = await broker.client({ clientId })
    await old.subscribe('takeover/#')
    const publisher = await broker.client()
    broker.freeze()
    publisher.send(...Array.from({ length: 50 }, (_, n) => publish('takeover/x', String(n))))
    const young = await broker.open()
    young.send(connect({ clientId }))
    publisher.send(...Array.from({ length: 50 }, (_, n) => publish('takeover/x', String(n))))
    broker.thaw()
    await young.connack()
    for (let packet = await old.next(); packet[0] !== 0xe0; packet = await old.next());
    await old.expectClosed()
  })

  it('tells of two clients that share one id once in a minute, not each time', async () => {
    const clientId = newClientId()
    const since = broker.log.length
    for (let i = 0; i < 10; i++) await broker.client({ clientId })
    await broker.logged(new RegExp(`${clientId} .*share one client id`), since)
    const told = broker.log.slice(since).filter((line) => line.includes('share one client id'))
    assert.equal(told.length, 1)
  })

  it('brings the will of the first, which has no delay', async () => {
    const clientId = newClientId()
    const watcher = await broker.client()
    await watcher.subscribe('takeover/will')
    await broker.client({ clientId, will: will('takeover/will', 'taken over') })
    await broker.client({ clientId })
    assert.equal((await watcher.receive()).payload, 'taken over')
  })

  it('[MQTT-3.1.3-9] does not bring a will with a delay, if the session goes on', async () => {
    const clientId = newClientId()
    const watcher = await broker.client()
    await watcher.subscribe('takeover/delayed')
    const properties = { sessionExpiryInterval: 60 }
    const delayed = will('takeover/delayed', 'taken over', { properties: { willDelayInterval: 30 } })
    await broker.client({ clientId, properties, will: delayed })
    const young = await broker.client({ clientId, cleanStart: false, properties })
    await watcher.quiet()
    young.send(disconnect())
    await young.expectClosed()
    await watcher.quiet()
  })

  it('[MQTT-3.1.2-8] brings a will with a delay, if Clean Start ends the session', async () => {
    const clientId = newClientId()
    const watcher = await broker.client()
    await watcher.subscribe('takeover/ended')
    const delayed = will('takeover/ended', 'session ended', { properties: { willDelayInterval: 30 } })
    await broker.client({ clientId, properties: { sessionExpiryInterval: 60 }, will: delayed })
    await broker.client({ clientId, cleanStart: true })
    assert.equal((await watcher.receive()).payload, 'session ended')
  })
})

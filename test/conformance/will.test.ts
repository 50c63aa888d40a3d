import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { useBroker, useBrokerWithStoppedClock } from '../support/broker.ts'
import { type ConnectOptions, disconnect, newClientId, will } from '../support/packets.ts'
import { versions } from '../support/versions.ts'

const broker = await useBroker()
const stopped = await useBrokerWithStoppedClock()

for (const { version, name } of versions) {
  describe(`a will in ${name}`, () => {
    for (const qos of [0, 1, 2] as const) {
      for (const retain of [false, true]) {
        const kind = retain ? '[MQTT-3.1.2-15] retained' : '[MQTT-3.1.2-14] not retained'
        it(`[MQTT-3.1.2-7] [MQTT-3.1.2-8] [MQTT-3.1.2-12] QoS ${qos}, ${kind}: is published when the connection breaks`, async () => {
          const topic = `will/${version}/${qos}/${retain}`
          const watcher = await broker.client({ version })
          await watcher.subscribe(topic, { qos: 2, retainAsPublished: true })
          const client = await broker.client({ version, will: will(topic, 'gone', { qos, retain }) })
          await watcher.quiet()
          client.kill()
          const message = await watcher.take()
          const asPublished = version === 5 && retain
          assert.deepEqual([message.payload, message.qos, message.retain], ['gone', qos, asPublished])
          const late = await broker.client({ version })
          await late.subscribe(topic)
          if (retain) assert.equal((await late.receive()).payload, 'gone')
          await late.quiet()
        })
      }
    }

    it('[MQTT-3.14.4-3] [MQTT-3.1.2-10] is not published after DISCONNECT', async () => {
      const topic = `will/${version}/goodbye`
      const watcher = await broker.client({ version })
      await watcher.subscribe(topic)
      for (const cleanStart of [true, false]) {
        const client = await broker.client({ version, cleanStart, will: will(topic, 'gone') })
        client.send(disconnect())
        await client.expectClosed()
        await watcher.quiet()
      }
    })

    it('is published when the client breaks the protocol', async () => {
      const topic = `will/${version}/broken`
      const watcher = await broker.client({ version })
      await watcher.subscribe(topic)
      const client = await broker.client({ version, will: will(topic, 'gone') })
      client.send('30 03 00 01')
      client.send('00')
      assert.equal((await watcher.receive()).payload, 'gone')
    })

    it('[MQTT-3.1.2-10] is published once, and belongs to the connection that brought it', async () => {
      const topic = `will/${version}/once`
      const watcher = await broker.client({ version })
      await watcher.subscribe(topic)
      const clientId = newClientId()
      const kept: ConnectOptions = { version, clientId, cleanStart: false, properties: { sessionExpiryInterval: 60 } }
      const first = await broker.client({ ...kept, will: will(topic, 'first') })
      first.kill()
      assert.equal((await watcher.receive()).payload, 'first')
      const second = await broker.client(kept)
      second.kill()
      const third = await broker.client({ ...kept, will: will(topic, 'third') })
      await watcher.quiet()
      third.kill()
      assert.equal((await watcher.receive()).payload, 'third')
      await watcher.quiet()
    })

    it('has an empty payload if it likes, which clears a retained message', async () => {
      const topic = `will/${version}/empty`
      const client = await broker.client({ version, will: will(topic, '', { retain: true }) })
      await client.publish(topic, 'online', { retain: true })
      const watcher = await broker.client({ version })
      await watcher.subscribe(topic)
      assert.equal((await watcher.receive()).payload, 'online')
      client.kill()
      assert.equal((await watcher.receive()).payload, '')
      const late = await broker.client({ version })
      await late.subscribe(topic)
      await late.quiet()
    })
  })
}

describe('a will in MQTT 5.0', () => {
  it('is published after DISCONNECT with reason 0x04, and with any error', async () => {
    const watcher = await broker.client()
    await watcher.subscribe('will/reason')
    for (const reasonCode of [0x04, 0x80, 0x98]) {
      const client = await broker.client({ will: will('will/reason', String(reasonCode)) })
      client.send(disconnect(reasonCode))
      await client.expectClosed()
      assert.equal((await watcher.receive()).payload, String(reasonCode))
    }
  })

  it('[MQTT-3.1.3-10] [MQTT-3.3.2-4] carries its properties, but not its delay', async () => {
    const watcher = await broker.client()
    await watcher.subscribe('will/properties')
    const properties = {
      payloadFormatIndicator: 1,
      messageExpiryInterval: 100,
      contentType: 'text/plain',
      responseTopic: 'answer',
      correlationData: Uint8Array.of(1, 2, 0),
      userProperties: [
        ['b', '1'],
        ['a', '2'],
        ['b', '0'],
      ] as [string, string][],
    }
    const options = { properties: { ...properties, willDelayInterval: 0 } }
    const client = await broker.client({ will: will('will/properties', 'x', options) })
    client.kill()
    const message = await watcher.receive()
    assert.deepEqual(message.properties, properties)
  })

  it('has a Message Expiry Interval that runs from its publication', async () => {
    const options = { retain: true, properties: { messageExpiryInterval: 1 } }
    const client = await stopped.client({ will: will('will/expiry', 'x', options) })
    await stopped.pass(100_000)
    client.kill()
    const watcher = await stopped.client()
    await stopped.logged(/Published the will of .* to will\/expiry/)
    await watcher.subscribe('will/expiry')
    assert.equal((await watcher.receive()).properties.messageExpiryInterval, 1)
  })

  it('with a Message Expiry Interval of 0 is for those who are here', async () => {
    const watcher = await broker.client()
    await watcher.subscribe('will/at-once')
    const options = { retain: true, properties: { messageExpiryInterval: 0 } }
    const client = await broker.client({ will: will('will/at-once', 'x', options) })
    client.kill()
    const { payload, properties } = await watcher.receive()
    assert.deepEqual([payload, properties.messageExpiryInterval], ['x', 0])
    await watcher.subscribe('will/at-once')
    await watcher.quiet()
  })

  it('does not go to its own session, as a member of a shared group, when that ends', async () => {
    const options = { clientId: newClientId(), cleanStart: false, properties: { sessionExpiryInterval: 60 } }
    const client = await broker.client({ will: will('will/group', 'x', { qos: 1 }) })
    await client.subscribe('$share/g/will/group', { qos: 1 })
    const away = await broker.client(options)
    await away.subscribe('$share/g/will/group', { qos: 1 })
    away.send(disconnect())
    await away.expectClosed()
    await broker.breakOff(client)
    assert.equal((await (await broker.client(options)).take()).payload, 'x')
  })

  it('is published to all but those with No Local of the same client', async () => {
    const clientId = newClientId()
    const properties = { sessionExpiryInterval: 60 }
    const watcher = await broker.client()
    await watcher.subscribe('will/local', { noLocal: true, qos: 1 })
    const client = await broker.client({ clientId, properties, will: will('will/local', 'x', { qos: 1 }) })
    await client.subscribe('will/local', { noLocal: true, qos: 1 })
    client.kill()
    assert.equal((await watcher.take()).payload, 'x')
    const again = await broker.client({ clientId, cleanStart: false, properties })
    await again.quiet()
  })
})

describe('a delayed will', () => {
  const delayed = (topic: string, seconds: number) =>
    will(topic, 'late', { properties: { willDelayInterval: seconds } })

  it('[MQTT-3.1.2-8] is published when its delay has passed', async () => {
    const watcher = await stopped.client()
    await watcher.subscribe('delayed/passed')
    const properties = { sessionExpiryInterval: 600 }
    const client = await stopped.client({ properties, will: delayed('delayed/passed', 100) })
    await stopped.breakOff(client)
    await stopped.pass(99_900)
    await watcher.quiet()
    await stopped.pass(200)
    assert.equal((await watcher.receive()).payload, 'late')
  })

  it('[MQTT-3.1.2-8] is published when the session ends, if that is sooner', async () => {
    const watcher = await stopped.client()
    await watcher.subscribe('delayed/ends/#')
    const at = await stopped.client({ will: delayed('delayed/ends/at-once', 600) })
    const soon = await stopped.client({
      properties: { sessionExpiryInterval: 100 },
      will: delayed('delayed/ends/soon', 600),
    })
    await stopped.breakOff(soon)
    at.kill()
    assert.equal((await watcher.receive()).topic, 'delayed/ends/at-once')
    await stopped.pass(99_900)
    await watcher.quiet()
    await stopped.pass(200)
    assert.equal((await watcher.receive()).topic, 'delayed/ends/soon')
  })

  it('[MQTT-3.1.3-9] is not published if the client comes back before', async () => {
    const watcher = await stopped.client()
    await watcher.subscribe('delayed/back/#')
    const clientId = newClientId()
    const properties = { sessionExpiryInterval: 600 }
    const client = await stopped.client({ clientId, properties, will: delayed('delayed/back/cancelled', 100) })
    await stopped.breakOff(client)
    await stopped.pass(99_000)
    const back = await stopped.client({ clientId, cleanStart: false, properties })
    await stopped.pass(200_000)
    await watcher.quiet()
    back.send(disconnect(0x04, { sessionExpiryInterval: 0 }))
    await back.expectClosed()
    await watcher.quiet()
  })

  it('is published if the client comes back with Clean Start, as that ends the session', async () => {
    const watcher = await broker.client()
    await watcher.subscribe('delayed/clean')
    const clientId = newClientId()
    const client = await broker.client({
      clientId,
      properties: { sessionExpiryInterval: 60 },
      will: delayed('delayed/clean', 60),
    })
    client.kill()
    await broker.client({ clientId, cleanStart: true })
    assert.equal((await watcher.receive()).payload, 'late')
  })

  it('is published if DISCONNECT with 0x04 ends the session', async () => {
    const watcher = await broker.client()
    await watcher.subscribe('delayed/goodbye')
    const client = await broker.client({
      properties: { sessionExpiryInterval: 60 },
      will: delayed('delayed/goodbye', 60),
    })
    client.send(disconnect(0x04, { sessionExpiryInterval: 0 }))
    assert.equal((await watcher.receive()).payload, 'late')
  })
})

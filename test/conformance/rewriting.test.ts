import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType } from '../../src/protocol/index.ts'
import { useBroker } from '../support/broker.ts'
import { newClientId, unsubscribe } from '../support/packets.ts'
import { versions } from '../support/versions.ts'

const broker = await useBroker('sys_interval 1')
const letter = await useBroker('sys_interval 1', 'star_wildcard false', 'sys_alias false')
const publisher = await broker.client()

for (const { version, name } of versions) {
  describe(`* and $sys in ${name}`, () => {
    it('* as a whole level matches any level, like +', async () => {
      const client = await broker.client({ version })
      await client.subscribe('home/sensor1/*/*')
      await publisher.publish('home/sensor1/temp/33', 'x')
      assert.equal((await client.receive()).topic, 'home/sensor1/temp/33')
      for (const topic of ['home/sensor1/temp', 'home/sensor1/a/b/c']) await publisher.publish(topic, 'x')
      await client.quiet()
    })

    it('$sys/... finds what stands below $SYS', async () => {
      const client = await broker.client({ version })
      for (const filter of ['$sys/broker/version', '$Sys/broker/version']) {
        await client.subscribe(filter)
        const message = await client.receive()
        assert.deepEqual([message.topic, message.retain], ['$SYS/broker/version', true])
      }
    })
  })
}

describe('*', () => {
  it('inside a level is itself, and in a topic name too', async () => {
    const client = await broker.client()
    await client.subscribe('star/a*')
    await client.subscribe('star/**')
    for (const topic of ['star/ab', 'star/xx', 'star/a*', 'star/**']) await publisher.publish(topic, 'x')
    assert.equal((await client.receive()).topic, 'star/a*')
    assert.equal((await client.receive()).topic, 'star/**')
    await client.quiet()
    await client.subscribe('star/+')
    await publisher.publish('star/*', 'x')
    assert.equal((await client.receive()).topic, 'star/*')
  })

  it('stands with # and at each end', async () => {
    const client = await broker.client()
    await client.subscribe('*/end/#')
    for (const topic of ['start/end', 'start/end/x/y', '$start/end']) await publisher.publish(topic, 'x')
    assert.deepEqual([(await client.receive()).topic, (await client.receive()).topic], ['start/end', 'start/end/x/y'])
    await client.quiet()
  })

  it('is unsubscribed as it was written', async () => {
    const client = await broker.client()
    await client.subscribe('un/*')
    client.send(unsubscribe(1, ['un/+']))
    assert.deepEqual((await client.expect(PacketType.Unsuback)).reasonCodes, [0x11])
    client.send(unsubscribe(2, ['un/*']))
    assert.deepEqual((await client.expect(PacketType.Unsuback)).reasonCodes, [0])
    await publisher.publish('un/x', 'x')
    await client.quiet()
  })

  it('and + together bring one copy', async () => {
    const client = await broker.client()
    await client.subscribe('one/*')
    await client.subscribe('one/+')
    await publisher.publish('one/x', 'x')
    await client.receive()
    await client.quiet()
  })

  it('works in a shared subscription, and for retained messages', async () => {
    await publisher.publish('kept/a/b', 'x', { retain: true })
    const client = await broker.client()
    await client.subscribe('$share/g/shared-star/*')
    await publisher.publish('shared-star/x', 'x')
    assert.equal((await client.receive()).topic, 'shared-star/x')
    await client.subscribe('kept/*/b')
    assert.equal((await client.receive()).topic, 'kept/a/b')
  })

  it('survives with its session', async () => {
    const options = { clientId: newClientId(), cleanStart: false, properties: { sessionExpiryInterval: 60 } }
    const client = await broker.client(options)
    await client.subscribe('session/*', { qos: 1 })
    await broker.breakOff(client)
    await publisher.publish('session/x', 'x', { qos: 1 })
    assert.equal((await (await broker.client(options)).take()).topic, 'session/x')
  })

  it('is told in the log once for each client', async () => {
    const clientId = newClientId()
    const since = broker.log.length
    const client = await broker.client({ clientId })
    for (const filter of ['log/*', 'log/*/*', '$sys/log/*']) await client.subscribe(filter)
    await broker.logged(
      new RegExp(`${clientId} subscribed to log/\\*, which here means log/\\+ .*star_wildcard`),
      since,
    )
    client.send('e0 00')
    await broker.logged(new RegExp(`${clientId} disconnected`), since)
    assert.equal(broker.log.slice(since).filter((line) => line.includes('which here means')).length, 1)
  })
})

describe('[MQTT-4.7.3-4] star_wildcard false and sys_alias false: the letter of the standard', () => {
  it('* is itself', async () => {
    const client = await letter.client()
    await client.subscribe('a/*')
    await client.publish('a/b', 'x')
    client.send('30 07 0003 612f2a 00 78')
    assert.equal((await client.receive()).topic, 'a/*')
  })

  it('$sys is not $SYS', async () => {
    const client = await letter.client()
    await client.subscribe('$SYS/broker/uptime')
    await client.receive(12_000)
    client.send(unsubscribe(1, ['$SYS/broker/uptime']))
    for (let packet = await client.next(); packet[0] !== 0xb0; packet = await client.next());
    await client.subscribe('$sys/#')
    await client.quiet()
    const other = await letter.client()
    await other.publish('$sys/a', 'x')
    assert.equal((await client.receive()).topic, '$sys/a')
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType } from '../../src/protocol/index.ts'
import { useBroker } from '../support/broker.ts'
import {
  acknowledgement,
  connect,
  disconnect,
  newClientId,
  publish,
  subscribe,
  subscription,
  will,
} from '../support/packets.ts'
import { versions } from '../support/versions.ts'

const broker = await useBroker('connect_timeout 1')

describe('CONNECT', () => {
  for (const { version, name } of versions) {
    it(`[MQTT-3.1.4-5] [MQTT-3.2.0-1] ${name}: is answered with CONNACK and success`, async () => {
      const client = await broker.open(version)
      client.send(connect({ version }), 'c0 00')
      assert.deepEqual(
        { ...(await client.connack()), properties: {} },
        { type: PacketType.Connack, sessionPresent: false, reasonCode: 0, properties: {} },
      )
      await client.expectBytes('d0 00')
    })

    it(`[MQTT-3.2.0-2] [MQTT-3.1.0-2] ${name}: a second one ends the connection`, async () => {
      const client = await broker.client({ version })
      client.send(connect({ version }))
      await client.expectDisconnect(0x82)
    })

    it(`[MQTT-3.1.0-1] [MQTT-3.14.0-1] ${name}: nothing may come before it, and nothing is answered`, async () => {
      const before = [
        publish('a', 'x'),
        subscribe(1, [subscription('a')]),
        disconnect(),
        acknowledgement(PacketType.Puback, 1),
        'c0 00',
      ]
      for (const packet of before) {
        const client = await broker.open(version)
        client.send(packet, connect({ version }))
        await client.expectClosed()
      }
    })
  }

  it('[MQTT-3.1.0-1] one that never comes ends the connection after connect_timeout', async () => {
    const client = await broker.open()
    const since = broker.log.length
    await client.expectClosed()
    await broker.logged(new RegExp(`127\\.0\\.0\\.1:${client.localPort}.*connect_timeout`), since)
  })

  it('one that comes in drops of a byte is no reason to wait longer than connect_timeout', async () => {
    const client = await broker.open()
    client.send("10 7f 0004 'MQTT'")
    const drops = setInterval(() => client.send('00'), 100)
    await client.expectClosed()
    clearInterval(drops)
  })

  it('comes in single bytes, and counts', async () => {
    const client = await broker.open()
    for (const digit of '10 0e 0004 4d515454 05 02 0000 00 0001 41'.replaceAll(' ', '').match(/../g)!) {
      client.send(digit)
      await client.sent()
    }
    assert.equal((await client.connack()).reasonCode, 0)
  })

  it('[MQTT-3.1.4-6] PUBLISH may follow it at once, without waiting for CONNACK', async () => {
    const subscriber = await broker.client()
    await subscriber.subscribe('at/once')
    const client = await broker.open()
    client.send(connect(), publish('at/once', 'x', { qos: 1 }))
    await client.connack()
    await client.expect(PacketType.Puback)
    assert.equal((await subscriber.receive()).payload, 'x')
  })
})

describe('a CONNECT that the broker does not take', () => {
  const malformed: [what: string, bytes: string][] = [
    ['[MQTT-3.1.2-3] the reserved flag set', "10 0e 0004 'MQTT' 04 03 0000 0001 'a' 00"],
    ['[MQTT-3.1.4-1] [MQTT-3.1.3-3] no client id at all', "10 0a 0004 'MQTT' 04 02 0000"],
    ['[MQTT-3.1.2-11] a Will QoS without a Will', "10 0d 0004 'MQTT' 04 0a 0000 0001 'a'"],
    ['[MQTT-3.1.2-13] a Will Retain without a Will', "10 0d 0004 'MQTT' 04 22 0000 0001 'a'"],
    ['[MQTT-3.1.2-12] a Will QoS of 3', "10 13 0004 'MQTT' 04 1e 0000 0001 'a' 0001 'w' 0001 'x'"],
    ['[MQTT-3.1.2-9] [MQTT-3.1.3-1] a Will without its topic and payload', "10 0d 0004 'MQTT' 04 06 0000 0001 'a'"],
    ['[MQTT-3.1.2-17] a user name that is announced and missing', "10 0d 0004 'MQTT' 04 82 0000 0001 'a'"],
    ['[MQTT-3.1.2-16] a user name that is not announced', "10 10 0004 'MQTT' 04 02 0000 0001 'a' 0001 'u'"],
    ['[MQTT-3.1.2-19] a password that is announced and missing', "10 10 0004 'MQTT' 04 c2 0000 0001 'a' 0001 'u'"],
    ['[MQTT-3.1.2-18] a password that is not announced', "10 13 0004 'MQTT' 04 82 0000 0001 'a' 0001 'u' 0001 'p'"],
    ['[MQTT-3.1.3-4] a client id that is not UTF-8', "10 0e 0004 'MQTT' 04 02 0000 0002 c328"],
    ['[MQTT-3.1.3-11] a will topic that is not UTF-8', "10 14 0004 'MQTT' 04 06 0000 0001 'a' 0002 c328 0001 'x'"],
    ['[MQTT-3.1.3-12] a user name that is not UTF-8', "10 11 0004 'MQTT' 04 82 0000 0001 'a' 0002 c328"],
    ['[MQTT-2.1.3-1] reserved bits in its fixed header', "11 0d 0004 'MQTT' 04 02 0000 0001 'a'"],
    ['[MQTT-3.1.2-1] another protocol name', "10 0d 0004 'MQTP' 04 02 0000 0001 'a'"],
  ]
  for (const [what, bytes] of malformed) {
    it(`${what}: the connection ends without success`, async () => {
      const client = await broker.open(4)
      client.send(bytes, 'c0 00')
      if (what.includes('protocol name')) await client.expectBytes('20 02 00 01')
      await client.expectClosed()
    })
  }

  for (const level of ['01', '02', '06', '7f']) {
    it(`[MQTT-3.1.2-2] protocol version 0x${level}: is told so, and the connection ends`, async () => {
      const client = await broker.open(4)
      client.send(`10 0d 0004 'MQTT' ${level} 02 0000 0001 'a'`)
      await client.expectBytes('20 02 00 01')
      await client.expectClosed()
    })
  }

  it('[MQTT-4.12.0-1] [MQTT-3.2.2-7] [MQTT-3.1.4-2] an authentication method that is not there: 0x8C', async () => {
    const client = await broker.open()
    client.send(connect({ properties: { authenticationMethod: 'SCRAM-SHA-1' } }))
    const connack = await client.connack()
    assert.deepEqual([connack.reasonCode, connack.sessionPresent], [0x8c, false])
    await client.expectClosed()
  })

  it('[MQTT-3.2.2-6] [MQTT-3.2.2-8] a will below $SYS: refused, though there is a session', async () => {
    const clientId = newClientId()
    const kept = await broker.client({ version: 4, clientId, cleanStart: false })
    kept.send(disconnect())
    await kept.expectClosed()
    const client = await broker.open(4)
    client.send(connect({ version: 4, clientId, cleanStart: false, will: will('$SYS/x', 'x') }))
    const connack = await client.connack()
    assert.deepEqual([connack.reasonCode, connack.sessionPresent], [5, false])
    await client.expectClosed()
  })

  it('[MQTT-3.1.4-6] what follows a CONNECT that was refused is not looked at', async () => {
    const subscriber = await broker.client()
    await subscriber.subscribe('refused/#')
    const client = await broker.open()
    client.send(connect({ properties: { authenticationMethod: 'x' } }), publish('refused/a', 'x', { retain: true }))
    assert.equal((await client.connack()).reasonCode, 0x8c)
    await client.expectClosed()
    await subscriber.quiet()
  })

  it('[MQTT-4.12.0-7] an AUTH without a method breaks the protocol', async () => {
    const client = await broker.client()
    client.send('f0 02 19 00')
    await client.expectDisconnect(0x82)
  })

  it('[MQTT-3.15.1-1] an AUTH with reserved bits is malformed', async () => {
    const client = await broker.client()
    client.send('f1 02 19 00')
    await client.expectDisconnect(0x81)
  })
})

describe('a client id', () => {
  it('[MQTT-3.1.3-5] has the letters and digits of the standard, up to 23', async () => {
    for (const clientId of ['0123456789abcdefghijklm', 'nopqrstuvwxyzABCDEFGHIJ', 'KLMNOPQRSTUVWXYZ', 'A']) {
      for (const { version } of versions) await broker.client({ version, clientId })
    }
  })

  it('may be long, and have any character', async () => {
    await broker.client({ clientId: 'ä/+#$ 🌙'.repeat(1000) })
  })

  it('[MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16] is given if it is empty: MQTT 5.0 is told which', async () => {
    const ids: string[] = []
    for (let i = 0; i < 2; i++) {
      const client = await broker.open()
      client.send(connect({ clientId: '' }))
      ids.push((await client.connack()).properties.assignedClientIdentifier!)
    }
    assert.match(ids[0]!, /^auto-/)
    assert.notEqual(ids[0], ids[1])
    const first = await broker.open()
    first.send(connect({ clientId: ids[0]! }))
    assert.equal((await first.connack()).properties.assignedClientIdentifier, undefined)
  })

  it('[MQTT-3.1.3-7] that was given names a session like any other', async () => {
    const client = await broker.open()
    client.send(connect({ clientId: '', properties: { sessionExpiryInterval: 60 } }))
    const clientId = (await client.connack()).properties.assignedClientIdentifier!
    client.send(disconnect())
    await client.expectClosed()
    const again = await broker.open()
    again.send(connect({ clientId, cleanStart: false }))
    assert.equal((await again.connack()).sessionPresent, true)
  })

  it('may be empty in MQTT 3.1.1 for a clean session', async () => {
    const client = await broker.open(4)
    client.send("10 0c 0004 'MQTT' 04 02 0000 0000")
    await client.expectBytes('20 02 00 00')
    await client.quiet()
  })

  it('[MQTT-3.1.3-8] may not be empty in MQTT 3.1.1 for a session that is kept: return code 2', async () => {
    const client = await broker.open(4)
    client.send("10 0c 0004 'MQTT' 04 00 0000 0000")
    await client.expectBytes('20 02 00 02')
    await client.expectClosed()
  })

  it('may not be empty in MQTT 3.1: return code 2', async () => {
    const client = await broker.open(3)
    client.send("10 0e 0006 'MQIsdp' 03 02 0000 0000")
    await client.expectBytes('20 02 00 02')
    await client.expectClosed()
  })

  it('[MQTT-3.1.3-2] names one session: others have theirs', async () => {
    const one = await broker.client({ clientId: newClientId() })
    const other = await broker.client({ clientId: newClientId() })
    await one.subscribe('names/one')
    await other.publish('names/one', 'x')
    assert.equal((await one.receive()).payload, 'x')
    await other.quiet()
  })
})

describe('DISCONNECT', () => {
  for (const { version, name } of versions) {
    it(`[MQTT-3.14.4-2] ${name}: the broker closes its side too`, async () => {
      const client = await broker.client({ version })
      client.send(disconnect(), publish('after/disconnect', 'x', { qos: 1 }))
      await client.expectClosed()
    })
  }

  it('[MQTT-3.14.1-1] with reserved bits is malformed', async () => {
    const client = await broker.client()
    client.send('e1 00')
    await client.expectDisconnect(0x81)
  })

  it('PINGREQ is answered with PINGRESP [MQTT-3.12.4-1]', async () => {
    const client = await broker.client()
    client.send('c0 00 c0 00')
    await client.expectBytes('d0 00')
    await client.expectBytes('d0 00')
  })
})

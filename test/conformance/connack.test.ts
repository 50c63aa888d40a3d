import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ConnackPacket, PacketType } from '../../src/protocol/index.ts'
import { type BrokerProcess, useBroker } from '../support/broker.ts'
import {
  type ConnectOptions,
  connect,
  newClientId,
  publish,
  subscribe,
  subscription,
  will,
} from '../support/packets.ts'

const plain = await useBroker()
const strict = await useBroker(
  'max_keepalive 60',
  'max_qos 1',
  'retain_available false',
  'max_topic_alias 0',
  'max_packet_size 1000',
  'receive_maximum 7',
  'allow_zero_length_clientid false',
  'persistent_client_expiration 1h',
)
const locked = await useBroker('allow_anonymous false')
const named = await useBroker('auto_id_prefix house-')

async function answer(broker: BrokerProcess, options: ConnectOptions = {}): Promise<ConnackPacket> {
  const client = await broker.open(options.version ?? 5)
  client.send(connect(options))
  const connack = await client.connack()
  if (connack.reasonCode >= 0x80 || (options.version ?? 5) < 5) {
    if (connack.reasonCode > 0) await client.expectClosed()
  }
  return connack
}

describe('CONNACK tells MQTT 5.0 clients', () => {
  it('only what is not the default of the standard', async () => {
    const { properties } = await answer(plain)
    assert.deepEqual(properties, { topicAliasMaximum: 10, maximumPacketSize: 10_485_760 })
  })

  it('[MQTT-3.2.2-9] [MQTT-3.2.2-22] what its configuration limits', async () => {
    const { properties } = await answer(strict, { keepAlive: 60 })
    assert.deepEqual(properties, {
      receiveMaximum: 7,
      maximumQoS: 1,
      retainAvailable: false,
      maximumPacketSize: 1000,
    })
  })

  it('[MQTT-3.2.2-21] [MQTT-3.1.2-21] a Server Keep Alive, if the client asks for more than max_keepalive or for none', async () => {
    for (const keepAlive of [61, 65_535, 0]) {
      assert.equal((await answer(strict, { keepAlive })).properties.serverKeepAlive, 60)
    }
    assert.equal((await answer(strict, { keepAlive: 59 })).properties.serverKeepAlive, undefined)
  })

  it('the Session Expiry Interval, if it is not what the client asked for', async () => {
    const asked = (sessionExpiryInterval: number) => ({ keepAlive: 1, properties: { sessionExpiryInterval } })
    assert.equal((await answer(strict, asked(0xffff_ffff))).properties.sessionExpiryInterval, 3600)
    assert.equal((await answer(strict, asked(100))).properties.sessionExpiryInterval, undefined)
    assert.equal((await answer(plain, asked(0xffff_ffff))).properties.sessionExpiryInterval, undefined)
  })

  it('[MQTT-3.1.2-28] [MQTT-4.12.0-6] no Response Information and no Authentication Method', async () => {
    for (const requestResponseInformation of [false, true]) {
      const { properties } = await answer(plain, { properties: { requestResponseInformation } })
      assert.equal(properties.responseInformation, undefined)
      assert.equal(properties.authenticationMethod, undefined)
    }
  })

  it('the id that it was given, which begins with auto_id_prefix', async () => {
    const { properties } = await answer(named, { clientId: '' })
    assert.match(properties.assignedClientIdentifier!, /^house-/)
  })
})

describe('CONNACK refuses', () => {
  it('[MQTT-3.1.3-8] an empty client id, where allow_zero_length_clientid is false', async () => {
    assert.equal((await answer(strict, { clientId: '', keepAlive: 1 })).reasonCode, 0x85)
    assert.equal((await answer(strict, { version: 4, clientId: '', keepAlive: 1 })).reasonCode, 2)
  })

  it('[MQTT-3.2.2-12] a will of more than max_qos', async () => {
    const options = { keepAlive: 1, will: will('w', 'x', { qos: 2 }) }
    assert.equal((await answer(strict, options)).reasonCode, 0x9b)
    assert.equal((await answer(strict, { ...options, version: 4 })).reasonCode, 5)
    assert.equal((await answer(strict, { keepAlive: 1, will: will('w', 'x', { qos: 1 }) })).reasonCode, 0)
  })

  it('[MQTT-3.2.2-13] a retained will, where retain_available is false', async () => {
    const options = { keepAlive: 1, will: will('w', 'x', { retain: true }) }
    assert.equal((await answer(strict, options)).reasonCode, 0x9a)
    assert.equal((await answer(strict, { ...options, version: 4 })).reasonCode, 5)
  })

  it('everybody, where allow_anonymous is false: 0x87 in MQTT 5.0, return code 5 before', async () => {
    assert.equal((await answer(locked)).reasonCode, 0x87)
    assert.equal((await answer(locked, { version: 4 })).reasonCode, 5)
    assert.equal((await answer(locked, { version: 3 })).reasonCode, 5)
    await locked.logged(/allow_anonymous/)
  })

  it('a keep alive beyond max_keepalive in MQTT 3, which cannot be told of another: return code 2', async () => {
    assert.equal((await answer(strict, { version: 4, keepAlive: 61 })).reasonCode, 2)
    assert.equal((await answer(strict, { version: 4, keepAlive: 0 })).reasonCode, 2)
    assert.equal((await answer(strict, { version: 4, keepAlive: 60 })).reasonCode, 0)
  })

  it('[MQTT-3.2.2-19] [MQTT-3.2.2-20] says in MQTT 5.0 why, if the client has room for it', async () => {
    const options = { clientId: '', keepAlive: 1 }
    assert.match((await answer(strict, options)).properties.reasonString!, /client id/)
    const small = await answer(strict, { ...options, properties: { maximumPacketSize: 20 } })
    assert.deepEqual(small.properties, {})
  })
})

describe('what CONNACK announced', () => {
  it('[MQTT-3.2.2-11] a PUBLISH of more than Maximum QoS ends the connection with 0x9B', async () => {
    const client = await strict.client({ keepAlive: 1 })
    client.send(publish('a', 'x', { qos: 2 }))
    await client.expectDisconnect(0x9b)
  })

  it('[MQTT-3.2.2-10] a SUBSCRIBE with more than Maximum QoS is granted that QoS', async () => {
    const client = await strict.client({ keepAlive: 1 })
    client.send(subscribe(1, [subscription('a', { qos: 2 }), subscription('b', { qos: 1 }), subscription('c')]))
    assert.deepEqual((await client.expect(PacketType.Suback)).reasonCodes, [1, 1, 0])
  })

  it('[MQTT-3.2.2-14] a retained PUBLISH ends the connection with 0x9A', async () => {
    const client = await strict.client({ keepAlive: 1 })
    client.send(publish('a', 'x', { retain: true }))
    await client.expectDisconnect(0x9a)
  })

  it('[MQTT-3.2.2-15] a packet beyond Maximum Packet Size ends the connection with 0x95', async () => {
    const client = await strict.client({ keepAlive: 1 })
    assert.equal(await client.publish('z', 'x'.repeat(1000 - 9), { qos: 1 }), 0x10)
    client.send(publish('z', 'x'.repeat(1000 - 8), { qos: 1 }))
    await client.expectDisconnect(0x95)
    await strict.logged(/max_packet_size/)
  })

  it('[MQTT-3.2.2-18] a Topic Alias where there are none ends the connection with 0x94', async () => {
    const client = await strict.client({ keepAlive: 1 })
    client.send(publish('a', 'x', { properties: { topicAlias: 1 } }))
    await client.expectDisconnect(0x94)
  })

  it('[MQTT-3.2.2-2] [MQTT-3.2.2-3] [MQTT-3.2.2-1] Session Present is the only flag', async () => {
    const clientId = newClientId()
    const connects = [
      [true, '20 02 00 00'],
      [false, '20 02 00 00'],
      [false, '20 02 01 00'],
      [true, '20 02 00 00'],
    ] as const
    for (const [cleanStart, bytes] of connects) {
      const client = await plain.open(4)
      client.send(connect({ version: 4, clientId, cleanStart }))
      await client.expectBytes(bytes)
      client.send('e0 00')
      await client.expectClosed()
    }
  })

  it('MQTT 3.1 knows no Session Present', async () => {
    const clientId = newClientId()
    for (let i = 0; i < 2; i++) {
      const client = await plain.open(3)
      client.send(connect({ version: 3, clientId, cleanStart: false }))
      await client.expectBytes('20 02 00 00')
      client.send('e0 00')
      await client.expectClosed()
    }
  })
})

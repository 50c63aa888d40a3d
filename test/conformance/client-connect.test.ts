import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ConnectOptions, connect } from '../../src/client/index.ts'
import { PacketType } from '../../src/protocol/index.ts'
import { bytesOf } from '../support/packets.ts'
import { acknowledged, nothingFrom, stage } from '../support/scripted-server.ts'
import { versions } from '../support/versions.ts'
import { hex, wire } from '../unit/protocol/support.ts'

/** CONNECT as the client must send it, for options, from the Connect Flags on, without what the version has before. */
const WHOLE: [what: string, ConnectOptions, v4: string, v5: string][] = [
  ['[MQTT-3.1.2-11] [MQTT-3.1.2-13] no Will', {}, "02 003c 0001 'c'", "02 003c PP 0001 'c'"],
  [
    '[MQTT-3.1.2-9] [MQTT-3.1.2-12] a Will',
    { will: { topic: 'w', payload: 'gone', qos: 2, retain: true } },
    "36 003c 0001 'c' 0001 'w' 0004 'gone'",
    "36 003c PP 0001 'c' 00 0001 'w' 0004 'gone'",
  ],
  [
    '[MQTT-3.1.2-12] a Will at QoS 1, without a payload',
    { will: { topic: 'w', qos: 1 } },
    "0e 003c 0001 'c' 0001 'w' 0000",
    "0e 003c PP 0001 'c' 00 0001 'w' 0000",
  ],
  [
    '[MQTT-3.1.2-16] [MQTT-3.1.2-18] no name and no password',
    { keepAlive: 0 },
    "02 0000 0001 'c'",
    "02 0000 PP 0001 'c'",
  ],
  [
    '[MQTT-3.1.2-17] [MQTT-3.1.2-19] name and password',
    { credentials: { username: 'ä', password: Uint8Array.of(0, 255) } },
    "c2 003c 0001 'c' 0002 c3a4 0002 00ff",
    "c2 003c PP 0001 'c' 0002 c3a4 0002 00ff",
  ],
  [
    '[MQTT-3.1.3-1] [MQTT-3.1.3-3] [MQTT-3.1.3-12] all fields, in their order',
    { credentials: { username: 'u', password: 'p' }, will: { topic: 'w', payload: 'x' } },
    "c6 003c 0001 'c' 0001 'w' 0001 'x' 0001 'u' 0001 'p'",
    "c6 003c PP 0001 'c' 00 0001 'w' 0001 'x' 0001 'u' 0001 'p'",
  ],
]

/** What our client says of itself in MQTT 5.0 if no option tells it otherwise: Receive Maximum and Topic Alias Maximum. */
const PROPERTIES = '06 21 03e8 22 0020'
const HEADS = { 3: "0006 'MQIsdp' 03", 4: "0004 'MQTT' 04", 5: "0004 'MQTT' 05" }

for (const { version, name } of versions) {
  describe(`CONNECT of the client, ${name}`, () => {
    const scene = stage(version)

    for (const [what, options, v4, v5] of WHOLE) {
      it(`${what} [MQTT-3.1.0-1] [MQTT-3.1.2-1] [MQTT-2.1.3-1]`, async () => {
        const joined = await scene.join({ clientId: 'c', ...options })
        const rest = wire(`${HEADS[version]} ${version === 5 ? v5.replace('PP', PROPERTIES) : v4}`)
        assert.equal(hex(joined.connect), hex(Uint8Array.of(0x10, rest.length, ...rest)))
        await nothingFrom(joined)
      })
    }

    it('[MQTT-4.2-1] the same in whatever portions the answer comes', async () => {
      const connecting = connect(scene.server.url, { protocol: version, reconnect: false })
      const peer = await scene.server.accept()
      await peer.next()
      for (const byte of version === 5 ? [0x20, 0x03, 0x00, 0x00, 0x00] : [0x20, 0x02, 0x00, 0x00]) {
        peer.send(Uint8Array.of(byte))
        await peer.sent()
      }
      const client = await connecting
      await nothingFrom({ client, peer })
      await client.close()
    })
  })
}

describe('CONNECT of the client', () => {
  const scene = stage()

  for (const [what, options] of [
    ['[MQTT-3.1.3-4] a Client Identifier', { clientId: '\ud800' }],
    ['[MQTT-3.1.3-11] a Will Topic', { will: { topic: '\udfff' } }],
    ['[MQTT-3.1.3-12] a User Name', { credentials: { username: 'a\ud800b' } }],
    ['[MQTT-1.5.7-1] a User Property', { userProperties: [['a', '\ud800']] }],
    ['[MQTT-1.5.4-2] a User Property', { userProperties: [['a\0', '']] }],
    ['[MQTT-1.5.4-2] a Client Identifier', { clientId: 'a\0b' }],
  ] as [string, ConnectOptions][]) {
    it(`${what} that cannot be text is refused before anything is sent`, async () => {
      await assert.rejects(connect(scene.server.url, { reconnect: false, connectTimeout: 2000, ...options }), {
        code: 'ERR_OPTION',
      })
    })
  }

  it('[MQTT-3.1.3-2] has the same Client Identifier on each connection', async () => {
    const { peer, connect } = await scene.join({ clientId: 'me' })
    peer.kill()
    const again = await scene.back()
    assert.equal(hex(connect.subarray(-2)), hex(bytesOf('me')))
    assert.equal(hex(again.connect.subarray(-2)), hex(bytesOf('me')))
  })

  it('[MQTT-3.1.2-30] [MQTT-4.12.0-5] nothing but AUTH comes before CONNACK, and each names the method', async () => {
    const authentication = { method: 'M', begin: () => bytesOf('1'), respond: () => bytesOf('2') }
    const connecting = connect(scene.server.url, { reconnect: false, authentication })
    const early = connecting.then((client) => client.publish('later', ''))
    const peer = await scene.server.accept()
    assert.deepEqual((await peer.expect(PacketType.Connect)).properties.authenticationMethod, 'M')
    peer.send("f0 09 18 07 15 0001 'M' 16 0000")
    await peer.expectBytes("f0 0a 18 08 15 0001 'M' 16 0001 '2'")
    peer.send("20 07 00 00 04 15 0001 'M'")
    assert.equal((await peer.receive()).topic, 'later')
    await early
    await (await connecting).close()
  })

  it('[MQTT-4.12.1-1] [MQTT-3.15.2-1] asks to prove itself again with 0x19 and the same method', async () => {
    const authentication = { method: 'M', begin: () => bytesOf('1'), respond: () => bytesOf('2') }
    const { client, peer } = await scene.join({ authentication }, { authenticationMethod: 'M' })
    const proved = client.authenticate()
    await peer.expectBytes("f0 0a 19 08 15 0001 'M' 16 0001 '1'")
    peer.send("f0 06 00 04 15 0001 'M'")
    await proved
  })

  it('[MQTT-3.15.2-2] [MQTT-3.15.2-3] its AUTH has no words in it that could make it too large', async () => {
    const authentication = { method: 'M', begin: () => bytesOf('1'), respond: () => bytesOf('2') }
    const { client, peer } = await scene.join({ authentication }, { authenticationMethod: 'M', maximumPacketSize: 12 })
    const proved = client.authenticate()
    const auth = await peer.expect(PacketType.Auth)
    assert.deepEqual(Object.keys(auth.properties), ['authenticationMethod', 'authenticationData'])
    peer.send("f0 06 00 04 15 0001 'M'")
    await proved
  })

  it('[MQTT-4.12.0-7] sends no AUTH where it named no method, whatever the server sends', async () => {
    const { peer } = await scene.join()
    peer.send("f0 06 18 04 15 0001 'M'")
    await peer.expectDisconnect(0x82)
  })

  it('[MQTT-3.15.1-1] [MQTT-4.13.2-1] an AUTH with flags ends the connection', async () => {
    const { peer } = await scene.join({
      authentication: { method: 'M', begin: () => undefined, respond: () => undefined },
    })
    peer.send("f1 06 18 04 15 0001 'M'")
    await peer.expectDisconnect(0x81)
  })

  it('[MQTT-4.12.1-2] leaves when the server cannot prove itself on the way', async () => {
    const respond = (): never => {
      throw new Error('that is not it')
    }
    const authentication = { method: 'M', begin: () => bytesOf('1'), respond }
    const { client, peer } = await scene.join({ authentication }, { authenticationMethod: 'M' })
    const proved = assert.rejects(client.authenticate())
    await peer.expect(PacketType.Auth)
    peer.send("f0 06 18 04 15 0001 'M'")
    await proved
    await peer.expectDisconnect(0x80)
  })

  it('[MQTT-3.1.2-4] begins a new Session with Clean Start: what was in flight is not sent on it', async () => {
    const { client, peer } = await scene.join({ sessionExpiry: 0 })
    const lost = assert.rejects(client.publish('old', '', { qos: 2 }))
    await peer.receive()
    peer.kill()
    const again = await scene.back()
    assert.equal(again.connect[9]! & 2, 2, 'Clean Start')
    await lost
    await nothingFrom({ client, peer: again.peer })
  })

  it('[MQTT-3.1.2-23] [MQTT-4.1.0-1] keeps its Session over the loss of a connection if it has an expiry', async () => {
    const { client, peer } = await scene.join({ sessionExpiry: 100 })
    const published = client.publish('old', 'x', { qos: 1 })
    const { packetId } = await peer.receive()
    peer.kill()
    const again = await scene.back({}, true)
    assert.equal(await acknowledged(again.peer), packetId)
    await published
  })

  it('[MQTT-3.14.1-1] [MQTT-3.14.2-1] [MQTT-3.14.4-1] [MQTT-3.14.4-2] says goodbye once, and closes', async () => {
    const { client, peer } = await scene.join()
    void client.publish('first', '')
    const closed = client.close({ reason: 'done', withWill: true })
    void client.publish('late', '').catch(() => {})
    assert.equal((await peer.receive()).topic, 'first')
    await peer.expectBytes("e0 09 04 07 1f 0004 'done'")
    await peer.expectClosed()
    await closed
  })

  it('[MQTT-3.14.2-3] [MQTT-3.14.2-4] words that would make DISCONNECT too large are left out', async () => {
    const { client, peer } = await scene.join({}, { maximumPacketSize: 20 })
    const closed = client.close({ reason: 'a reason of many words', userProperties: [['name', 'a long value']] })
    const goodbye = await peer.next()
    assert.ok(goodbye.length <= 20, hex(goodbye))
    await peer.expectClosed()
    await closed
  })

  it('[MQTT-3.14.1-1] a DISCONNECT with flags is malformed', async () => {
    const { peer } = await scene.join()
    peer.send('e1 00')
    await peer.expectDisconnect(0x81)
  })
})

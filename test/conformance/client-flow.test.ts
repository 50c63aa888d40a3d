import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Client, Subscription } from '../../src/client/index.ts'
import { PacketType } from '../../src/protocol/index.ts'
import { acknowledgement, publish, textOf } from '../support/packets.ts'
import { PATIENCE_MS } from '../support/patience.ts'
import type { RawClient } from '../support/raw-client.ts'
import { acknowledged, granted, nothingFrom, stage } from '../support/scripted-server.ts'
import { versions } from '../support/versions.ts'
import { FakeClock, settle } from '../unit/client/support/fake-clock.ts'

const { Puback, Pubrec, Pubrel, Pubcomp } = PacketType
const KEPT = { sessionExpiry: 600, cleanStart: false }

/** A subscription that stands, to everything. */
async function subscribed(client: Client, peer: RawClient, ack: 'on-receive' | 'manual' = 'on-receive') {
  const subscribing = client.subscribe('#', { qos: 2, ack })
  await granted(peer)
  return subscribing
}

async function texts(subscription: Subscription, count: number): Promise<string[]> {
  const found: string[] = []
  for (let i = 0; i < count; i++) found.push(textOf((await subscription.next({ timeout: PATIENCE_MS })).payload))
  return found
}

for (const { version, name } of versions) {
  describe(`what the client publishes, ${name}`, () => {
    const scene = stage(version)

    // CONNACK of MQTT 3.1 cannot say that there is a Session, so the client begins anew.
    const resumed = version === 3 ? [] : [true]

    for (const present of resumed) {
      it('[MQTT-4.3.2-3] [MQTT-3.3.1-1] at QoS 1 waits for PUBACK, over a lost connection, with DUP', async () => {
        const { client, peer } = await scene.join(KEPT)
        const published = client.publish('a', 'x', { qos: 1 })
        const first = await peer.receive()
        assert.equal(first.dup, false)
        peer.kill()
        const again = (await scene.back({}, present)).peer
        const second = await again.receive()
        assert.deepEqual([second.dup, second.packetId, second.payload], [true, first.packetId, 'x'])
        again.send(acknowledgement(Puback, first.packetId))
        await published
        again.kill()
        await nothingFrom({ client, peer: (await scene.back({}, present)).peer })
      })

      it('[MQTT-4.3.3-3] [MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT-4.3.3-6] [MQTT-3.6.1-1] at QoS 2 ends in PUBREL and PUBCOMP', async () => {
        const { client, peer } = await scene.join(KEPT)
        const published = client.publish('a', 'x', { qos: 2 })
        const { packetId } = await peer.receive()
        peer.kill()
        const second = (await scene.back({}, present)).peer
        const again = await second.receive()
        assert.deepEqual([again.dup, again.packetId], [true, packetId])
        second.send(acknowledgement(Pubrec, packetId))
        await second.expectBytes('62 02 0001')
        second.kill()
        const third = (await scene.back({}, present)).peer
        await third.expectBytes('62 02 0001')
        third.send(acknowledgement(Pubcomp, packetId))
        await published
        await nothingFrom({ client, peer: third })
      })
    }

    it('[MQTT-4.6.0-4] PUBRELs go out in the order of the PUBRECs', async () => {
      const { client, peer } = await scene.join()
      const all = [1, 2, 3].map(() => client.publish('a', '', { qos: 2 }))
      const ids: number[] = []
      for (let i = 0; i < 3; i++) ids.push((await peer.receive()).packetId)
      const order = [ids[1]!, ids[2]!, ids[0]!]
      peer.send(...order.map((packetId) => acknowledgement(Pubrec, packetId)))
      for (const packetId of order) assert.equal((await peer.expect(Pubrel)).packetId, packetId)
      peer.send(...order.map((packetId) => acknowledgement(Pubcomp, packetId)))
      await Promise.all(all)
    })

    it('[MQTT-4.9.0-1] [MQTT-4.9.0-2] [MQTT-4.9.0-3] waits at quota 0, and nothing else does', async () => {
      const { client, peer } = await scene.join({ maximumInFlight: 2 }, version === 5 ? { receiveMaximum: 2 } : {})
      const all = [1, 2, 3].map(() => client.publish('a', '', { qos: 1 }))
      const ids = [(await peer.receive()).packetId, (await peer.receive()).packetId]
      peer.send(publish('b', '', { qos: 2, packetId: 9 }))
      await peer.expectBytes('50 02 0009')
      peer.send(acknowledgement(Pubrel, 9))
      await peer.expectBytes('70 02 0009')
      peer.send(acknowledgement(Puback, ids[0]!))
      await acknowledged(peer)
      peer.send(acknowledgement(Puback, ids[1]!))
      await Promise.all(all)
    })
  })

  describe(`what the client receives, ${name}`, () => {
    const scene = stage(version)

    it('[MQTT-3.3.4-1] [MQTT-4.3.2-4] [MQTT-4.3.3-8] [MQTT-2.2.1-5] is answered by its QoS, with its identifier', async () => {
      const joined = await scene.join()
      const { client, peer } = joined
      const subscription = await subscribed(client, peer)
      peer.send(publish('a', '0'), publish('a', '1', { qos: 1, packetId: 65_535 }))
      await peer.expectBytes('40 02 ffff')
      peer.send(publish('a', '2', { qos: 2, packetId: 258 }))
      await peer.expectBytes('50 02 0102')
      peer.send(acknowledgement(Pubrel, 258))
      await peer.expectBytes('70 02 0102')
      assert.deepEqual(await texts(subscription, 3), ['0', '1', '2'])
      await nothingFrom(joined)
    })

    it('[MQTT-4.3.2-5] after PUBACK is a new message though it has the same identifier, and DUP', async () => {
      const { client, peer } = await scene.join()
      const subscription = await subscribed(client, peer)
      for (const payload of ['1', '2']) {
        peer.send(publish('a', payload, { qos: 1, packetId: 7, dup: payload === '2' }))
        await peer.expectBytes('40 02 0007')
      }
      assert.deepEqual(await texts(subscription, 2), ['1', '2'])
    })

    it('[MQTT-4.3.3-12] after PUBCOMP is a new message though it has the same identifier, and before not', async () => {
      const { client, peer } = await scene.join()
      const subscription = await subscribed(client, peer)
      for (const payload of ['1', '2']) {
        for (const dup of [false, true]) {
          peer.send(publish('a', payload, { qos: 2, packetId: 7, dup }))
          await peer.expectBytes('50 02 0007')
        }
        peer.send(acknowledgement(Pubrel, 7))
        await peer.expectBytes('70 02 0007')
      }
      peer.send(publish('a', 'end'))
      assert.deepEqual(await texts(subscription, 3), ['1', '2', 'end'])
    })

    it('[MQTT-4.5.0-2] is acknowledged though nobody wants it', async () => {
      const { client, peer } = await scene.join()
      const subscription = await subscribed(client, peer)
      const ended = subscription.unsubscribe()
      const { packetId } = await peer.expect(PacketType.Unsubscribe)
      peer.send(publish('a', '', { qos: 1, packetId: 1 }))
      await peer.expectBytes('40 02 0001')
      const reasonCodes = version === 5 ? [0] : []
      peer.send({ type: PacketType.Unsuback, packetId, reasonCodes, properties: {} })
      await ended
      peer.send(publish('a', '', { qos: 2, packetId: 2 }))
      await peer.expectBytes('50 02 0002')
    })
  })

  describe(`the keep-alive of the client, ${name}`, () => {
    const scene = stage(version)

    it('[MQTT-3.1.2-20] PINGREQ goes out when nothing else does', async () => {
      const clock = new FakeClock()
      const { peer } = await scene.join({ clock, keepAlive: 10 })
      clock.advance(10_000)
      await peer.expectBytes('c0 00')
    })
  })
}

describe('the flows of the client in MQTT 5.0', () => {
  const scene = stage()

  it('[MQTT-3.1.2-21] [MQTT-3.2.2-21] Server Keep Alive is kept to, shorter or longer', async () => {
    for (const [asked, given] of [
      [100, 5],
      [5, 100],
    ] as const) {
      const clock = new FakeClock()
      const { client, peer } = await scene.join({ clock, keepAlive: asked }, { serverKeepAlive: given })
      clock.advance(given * 1000 - 1000)
      await nothingFrom({ client, peer })
      clock.advance(given * 1000)
      await peer.expectBytes('c0 00')
    }
  })

  it('[MQTT-4.4.0-2] [MQTT-3.6.2-1] what was refused is not sent again', async () => {
    const { client, peer } = await scene.join(KEPT)
    for (const [qos, type] of [
      [1, Puback],
      [2, Pubrec],
    ] as const) {
      const published = assert.rejects(client.publish('a', '', { qos }))
      peer.send(acknowledgement(type, (await peer.receive()).packetId, 0x97))
      await published
    }
    peer.kill()
    await nothingFrom({ client, peer: (await scene.back({}, true)).peer })
  })

  it('[MQTT-4.3.3-7] what was sent at QoS 2 does not expire', async () => {
    const clock = new FakeClock()
    const { client, peer } = await scene.join({ ...KEPT, clock })
    const published = client.publish('a', '', { qos: 2, properties: { messageExpiryInterval: 1 } })
    const { packetId } = await peer.receive()
    clock.advance(5000)
    peer.kill()
    await settle()
    clock.advance(5000)
    const again = (await scene.back({}, true)).peer
    assert.equal((await again.receive()).packetId, packetId)
    again.send(acknowledgement(Pubrec, packetId))
    assert.equal((await again.expect(Pubrel)).packetId, packetId)
    again.send(acknowledgement(Pubcomp, packetId))
    await published
  })

  it('[MQTT-4.3.3-13] a QoS 2 message that has expired meanwhile is acknowledged to the end', async () => {
    const clock = new FakeClock()
    const { client, peer } = await scene.join({ clock })
    await subscribed(client, peer)
    peer.send(publish('a', '', { qos: 2, packetId: 3, properties: { messageExpiryInterval: 1 } }))
    await peer.expectBytes('50 02 0003')
    clock.advance(5000)
    peer.send(acknowledgement(Pubrel, 3))
    await peer.expectBytes('70 02 0003')
  })

  it('[MQTT-3.3.2-7] Topic Aliases are new on each connection, both ways', async () => {
    const { client, peer } = await scene.join({ ...KEPT, topicAliasMaximum: 5 }, { topicAliasMaximum: 5 })
    for (const topic of ['a', '']) {
      await client.publish('a', '')
      const sent = await peer.receive()
      assert.deepEqual([sent.topic, sent.properties.topicAlias], [topic, 1])
    }
    peer.send(publish('b', '', { properties: { topicAlias: 1 } }))
    await nothingFrom({ client, peer })
    peer.kill()
    const again = (await scene.back({ topicAliasMaximum: 5 }, true)).peer
    void client.publish('a', '', { qos: 1 }).catch(() => {})
    assert.equal((await again.receive()).topic, 'a')
    again.send(publish('', '', { properties: { topicAlias: 1 } }))
    assert.equal((await again.expect(PacketType.Disconnect)).reasonCode, 0x82)
    await again.expectClosed()
  })

  it('[MQTT-3.3.2-10] every Topic Alias that it allows is taken, and one more is not', async () => {
    const { client, peer } = await scene.join({ topicAliasMaximum: 3 })
    const subscription = await subscribed(client, peer)
    for (const topicAlias of [1, 2, 3]) peer.send(publish(`t${topicAlias}`, '', { properties: { topicAlias } }))
    for (const topicAlias of [3, 1, 2]) peer.send(publish('', String(topicAlias), { properties: { topicAlias } }))
    await texts(subscription, 3)
    for (const topicAlias of [3, 1, 2]) assert.equal((await subscription.next()).topic, `t${topicAlias}`)
    peer.send(publish('t4', '', { properties: { topicAlias: 4 } }))
    await peer.expectDisconnect(0x94)
  })

  it('[MQTT-3.4.2-1] [MQTT-3.5.2-1] refusals have the reason that the application gives', async () => {
    const { client, peer } = await scene.join()
    const subscription = await subscribed(client, peer, 'manual')
    peer.send(publish('a', '', { qos: 1, packetId: 1 }), publish('a', '', { qos: 2, packetId: 2 }))
    for (let i = 0; i < 2; i++) (await subscription.next()).ack(0x87)
    await peer.expectBytes('40 03 0001 87')
    await peer.expectBytes('50 03 0002 87')
  })

  it(
    '[MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-1] ' +
      '[MQTT-3.7.2-2] [MQTT-3.7.2-3] acknowledgements have no words in them that could make them too large',
    async () => {
      const { client, peer } = await scene.join({}, { maximumPacketSize: 11 })
      const subscription = await subscribed(client, peer, 'manual')
      peer.send(publish('a', '', { qos: 1, packetId: 1 }), publish('a', '', { qos: 2, packetId: 2 }))
      for (let i = 0; i < 2; i++) (await subscription.next()).ack()
      await peer.expectBytes('40 02 0001')
      await peer.expectBytes('50 02 0002')
      peer.send(acknowledgement(Pubrel, 2), acknowledgement(Pubrel, 77))
      await peer.expectBytes('70 02 0002')
      await peer.expectBytes('70 03 004d 92')
      peer.send(acknowledgement(Pubrec, 99))
      await peer.expectBytes('62 03 0063 92')
    },
  )
})

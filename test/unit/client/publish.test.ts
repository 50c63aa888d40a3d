import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ClientEvent, json, MqttError, type PublishOptions, ReasonCode, text } from '../../../src/client/index.ts'
import { type AcknowledgementPacket, PacketType, type QoS } from '../../../src/protocol/index.ts'
import { settle } from './support/fake-clock.ts'
import { AT_ONCE, scene } from './support/with-broker.ts'

const stage = scene()
const code = (expected: string) => (error: MqttError) => error instanceof MqttError && error.code === expected

function answer(type: AcknowledgementPacket['type'], packetId: number, reasonCode = 0): AcknowledgementPacket {
  return { type, packetId, reasonCode, properties: {} }
}

describe('publish', () => {
  it('at QoS 0 resolves when it is written', async () => {
    const { client, peer } = await stage.join()
    assert.deepEqual(await client.publish('a', 'text'), { reasonCode: 0, matched: true })
    await client.publish('b', Uint8Array.of(1, 2), { retain: true })
    const first = await peer.expect(PacketType.Publish)
    assert.deepEqual([first.topic, text.decode(first.payload), first.qos, first.retain], ['a', 'text', 0, false])
    const second = await peer.expect(PacketType.Publish)
    assert.deepEqual([second.topic, [...second.payload], second.retain], ['b', [1, 2], true])
  })

  it('at QoS 1 resolves at PUBACK, at QoS 2 at PUBCOMP', async () => {
    const { client, peer } = await stage.join()
    let done = ''
    const once = client.publish('a', '1', { qos: 1 }).then((result) => {
      done += '1'
      return result
    })
    const exactly = client.publish('a', '2', { qos: 2 }).then(() => {
      done += '2'
    })
    const { packetId } = await peer.expect(PacketType.Publish)
    const second = await peer.expect(PacketType.Publish)
    await settle()
    assert.equal(done, '')
    peer.send(answer(PacketType.Puback, packetId, ReasonCode.NoMatchingSubscribers))
    assert.deepEqual(await once, { reasonCode: 0x10, matched: false })
    peer.send(answer(PacketType.Pubrec, second.packetId))
    const release = await peer.expect(PacketType.Pubrel)
    assert.equal(release.packetId, second.packetId)
    assert.equal(done, '1')
    peer.send(answer(PacketType.Pubcomp, second.packetId))
    await exactly
  })

  it('carries properties, and those of its codec', async () => {
    const { client, peer } = await stage.join()
    const properties = { messageExpiryInterval: 60, userProperties: [['k', 'v']] as [string, string][] }
    await client.publish('a', { celsius: 21 }, { codec: json(), properties })
    const sent = await peer.expect(PacketType.Publish)
    assert.equal(text.decode(sent.payload), '{"celsius":21}')
    assert.deepEqual(sent.properties, { ...properties, contentType: 'application/json', payloadFormatIndicator: 1 })
  })

  it('carries none below MQTT 5.0', async () => {
    const { client, peer } = await stage.join({ protocol: 4 })
    await client.publish('a', { x: 1 }, { codec: json(), properties: { contentType: 'b' } })
    assert.deepEqual((await peer.expect(PacketType.Publish)).properties, {})
  })

  const refusals: [string, QoS, number, string, RegExp][] = [
    [
      'QoS 1, not authorized',
      1,
      ReasonCode.NotAuthorized,
      'ERR_DENIED',
      /refused the message to 'a'.*not authorized \(0x87\): rule 7/,
    ],
    ['QoS 1, quota', 1, ReasonCode.QuotaExceeded, 'ERR_REJECTED', /quota is exceeded/],
    ['QoS 2, not authorized', 2, ReasonCode.NotAuthorized, 'ERR_DENIED', /not authorized/],
  ]
  for (const [what, qos, reasonCode, expected, words] of refusals) {
    it(`that the broker refuses rejects (${what}), and is not sent again`, async () => {
      const { client, peer } = await stage.join()
      const published = assert.rejects(client.publish('a', 'b', { qos }), (error: MqttError) => {
        assert.match(error.message, words)
        return error.code === expected && error.reasonCode === reasonCode
      })
      await peer.acknowledge(reasonCode, { reasonString: 'rule 7' })
      await published
      assert.equal(client.stats().inFlight, 0)
      await client.publish('next', '')
      assert.equal((await peer.expect(PacketType.Publish)).topic, 'next')
    })
  }

  const invalid: [string, string, unknown, PublishOptions<never>, string][] = [
    ['an empty topic', '', 'x', {}, 'ERR_TOPIC'],
    ['a wildcard', 'a/#', 'x', {}, 'ERR_TOPIC'],
    ['a topic that is too long', 'x'.repeat(70_000), 'x', {}, 'ERR_TOPIC'],
    ['an unknown QoS', 'a', 'x', { qos: 3 as QoS }, 'ERR_OPTION'],
    ['a payload without a codec', 'a', { x: 1 }, {}, 'ERR_PAYLOAD'],
    ['no payload', 'a', undefined, {}, 'ERR_PAYLOAD'],
    ['a property that cannot be', 'a', 'x', { properties: { contentType: 'y'.repeat(70_000) } }, 'ERR_OPTION'],
    ['a signal that has fired', 'a', 'x', { signal: AbortSignal.abort() }, 'ERR_ABORTED'],
  ]
  for (const qos of [0, 1] as const) {
    for (const [what, topic, payload, options, expected] of invalid) {
      it(`at QoS ${qos} refuses ${what} at once, and the connection lives`, async () => {
        const { client, peer } = await stage.join({}, { properties: { topicAliasMaximum: 5 } })
        await assert.rejects(client.publish(topic, payload as string, { qos, ...options }), code(expected))
        await client.publish('next', 'x'.repeat(100))
        assert.equal((await peer.expect(PacketType.Publish)).topic, 'next')
        assert.equal(client.stats().inFlight, 0)
      })
    }
  }

  it('does not end the process when it fails and nobody looks', async () => {
    const { client } = await stage.join()
    const events = client.events()[Symbol.asyncIterator]()
    void client.publish('a/#', '')
    const { value } = await events.next()
    assert.deepEqual([value.type, value.error.code], ['unsent', 'ERR_TOPIC'])
  })

  it('can be taken back as long as it was not sent', async () => {
    const { client, peer } = await stage.join({}, { properties: { receiveMaximum: 1 } })
    const stop = new AbortController()
    const sent = assert.rejects(
      client.publish('sent', '', { qos: 1, signal: stop.signal }),
      /was sent and may still arrive/,
    )
    const waits = assert.rejects(client.publish('waits', '', { qos: 1, signal: stop.signal }), /was not sent/)
    const { packetId } = await peer.expect(PacketType.Publish)
    stop.abort()
    await Promise.all([sent, waits])
    peer.send(answer(PacketType.Puback, packetId))
    await settle()
    assert.equal(client.stats().queued, 0)
    assert.ok(peer.idle)
  })
})

describe('what the broker accepts is obeyed', () => {
  it('Receive Maximum: no more are in flight, and QoS 2 counts until PUBCOMP [MQTT-3.3.4-7]', async () => {
    const { client, peer } = await stage.join({}, { properties: { receiveMaximum: 2 } })
    const all = ['a', 'b', 'c', 'd'].map((topic, i) => client.publish(topic, '', { qos: i === 0 ? 2 : 1 }))
    const first = await peer.expect(PacketType.Publish)
    const second = await peer.expect(PacketType.Publish)
    await settle()
    assert.ok(peer.idle)
    assert.deepEqual([client.stats().inFlight, client.stats().queued], [2, 2])
    peer.send(answer(PacketType.Pubrec, first.packetId))
    await peer.expect(PacketType.Pubrel)
    await settle()
    assert.ok(peer.idle)
    peer.send(answer(PacketType.Puback, second.packetId))
    const third = await peer.expect(PacketType.Publish)
    assert.equal(third.topic, 'c')
    peer.send(answer(PacketType.Pubcomp, first.packetId), answer(PacketType.Puback, third.packetId))
    const fourth = await peer.expect(PacketType.Publish)
    peer.send(answer(PacketType.Puback, fourth.packetId))
    await Promise.all(all)
  })

  it('a SUBSCRIBE does not wait for the window [MQTT-3.3.4-8]', async () => {
    const { client, peer } = await stage.join({}, { properties: { receiveMaximum: 1 } })
    for (const topic of ['a', 'b', 'c']) void client.publish(topic, '', { qos: 1 })
    await peer.expect(PacketType.Publish)
    const subscribing = client.subscribe('x')
    await peer.grant()
    await subscribing
  })

  it('Maximum QoS, Retain Available and Maximum Packet Size [MQTT-3.2.2-11] [MQTT-3.2.2-14] [MQTT-3.2.2-15]', async () => {
    const limits = { maximumQoS: 1, retainAvailable: false, maximumPacketSize: 30 } as const
    const { client, peer } = await stage.join({}, { properties: limits })
    await assert.rejects(client.publish('a', '', { qos: 2 }), code('ERR_UNSUPPORTED'))
    await assert.rejects(client.publish('a', '', { retain: true }), code('ERR_UNSUPPORTED'))
    await assert.rejects(client.publish('a', 'x'.repeat(25)), /31 bytes as a packet, more than the 30/)
    await assert.rejects(client.publish('a', 'x'.repeat(23), { qos: 1 }), code('ERR_TOO_LARGE'))
    await assert.rejects(client.subscribe('x'.repeat(40)), code('ERR_TOO_LARGE'))
    await client.publish('a', 'x'.repeat(24))
    await peer.expect(PacketType.Publish)
  })

  it('Topic Alias Maximum: an alias stands for the topic from its second use on [MQTT-3.2.2-17]', async () => {
    const { client, peer } = await stage.join({}, { properties: { topicAliasMaximum: 2 } })
    const seen: [string, number | undefined][] = []
    for (const topic of ['a', 'b', 'c', 'a', 'b', 'c']) {
      await client.publish(topic, '')
      const sent = await peer.expect(PacketType.Publish)
      seen.push([sent.topic, sent.properties.topicAlias])
    }
    assert.deepEqual(seen, [
      ['a', 1],
      ['b', 2],
      ['c', undefined],
      ['', 1],
      ['', 2],
      ['c', undefined],
    ])
  })

  it('no alias is used that the broker does not offer, nor that we do not want [MQTT-3.2.2-18]', async () => {
    for (const [topicAliases, topicAliasMaximum] of [
      [5, 0],
      [0, 5],
    ] as const) {
      const { client, peer } = await stage.join({ topicAliases }, { properties: { topicAliasMaximum } })
      for (let i = 0; i < 2; i++) {
        await client.publish('a', '')
        assert.equal((await peer.expect(PacketType.Publish)).topic, 'a')
      }
    }
  })
})

describe('without a connection', () => {
  async function offline(options: Parameters<typeof stage.join>[0]) {
    const { client, peer } = await stage.join({ reconnect: { min: 60_000, max: 60_000, jitter: 0 }, ...options })
    peer.drop()
    const events = client.events()[Symbol.asyncIterator]()
    await events.next()
    return client
  }

  it('QoS 0 is rejected, and QoS 1 waits', async () => {
    const client = await offline({})
    await assert.rejects(client.publish('a', ''), code('ERR_OFFLINE'))
    const waiting = client.publish('b', '', { qos: 1 })
    assert.equal(client.state, 'offline')
    assert.deepEqual([client.stats().queued, client.stats().queuedBytes], [1, 1])
    const rejected = assert.rejects(waiting, code('ERR_CLOSED'))
    await client.close()
    await rejected
  })

  it('nothing hangs when the queue is full', async () => {
    const client = await offline({ queue: { messages: 2 } })
    const kept = [1, 2].map(() => client.publish('a', '', { qos: 1 }))
    await assert.rejects(client.publish('a', '', { qos: 1 }), code('ERR_QUEUE_FULL'))
    await client.close()
    for (const promise of kept) await assert.rejects(promise, code('ERR_CLOSED'))
  })

  it('the oldest are given up, and those who wait for them are told', async () => {
    const client = await offline({ queue: { messages: 1, whenFull: 'drop-oldest' } })
    const first = assert.rejects(client.publish('a', '', { qos: 1 }), code('ERR_DROPPED'))
    void client.publish('b', '', { qos: 1 })
    await first
    assert.equal(client.stats().unsent, 1)
  })

  it('what waited goes out in order when there is one, QoS 0 too if it is kept', async () => {
    const { client, peer } = await stage.join({ queue: { qos0: 'keep' } })
    const events = client.events()[Symbol.asyncIterator]()
    peer.drop()
    await events.next()
    const all = [client.publish('a', '', { qos: 1 }), client.publish('b', ''), client.publish('c', '', { qos: 2 })]
    const again = await stage.broker.welcome()
    const first = await again.acknowledge()
    const second = await again.expect(PacketType.Publish)
    const third = await again.acknowledge()
    assert.deepEqual([first.topic, second.topic, third.topic], ['a', 'b', 'c'])
    assert.deepEqual([first.dup, third.dup], [false, false])
    await again.expect(PacketType.Pubrel)
    again.send(answer(PacketType.Pubcomp, third.packetId))
    await Promise.all(all)
  })

  it('what has expired is not sent, and the rest says what is left of its time', async () => {
    const { FakeClock } = await import('./support/fake-clock.ts')
    const clock = new FakeClock()
    const { client, peer } = await stage.join({ clock, reconnect: { min: 7000, max: 7000, jitter: 0 } })
    const events: ClientEvent[] = []
    const told = (async () => {
      for await (const event of client.events()) {
        events.push(event)
        if (event.type === 'retry') return
      }
    })()
    peer.drop()
    await told
    const short = assert.rejects(
      client.publish('short', '', { qos: 1, properties: { messageExpiryInterval: 5 } }),
      code('ERR_EXPIRED'),
    )
    const long = client.publish('long', '', { qos: 1, properties: { messageExpiryInterval: 60 } })
    clock.advance(7000)
    const again = await stage.broker.welcome()
    const sent = await again.acknowledge()
    assert.deepEqual([sent.topic, sent.properties.messageExpiryInterval], ['long', 53])
    await Promise.all([short, long])
  })

  it('a broker that takes nothing more holds publishes back, and loses none', async () => {
    const { client, peer } = await stage.join({ reconnect: AT_ONCE, queue: { messages: 3000 } })
    const payload = new Uint8Array(10_000)
    let sent = 0
    for (; sent < 1000; sent++) void client.publish('a', payload)
    assert.equal(client.stats().unsent, 0)
    for (let i = 0; i < sent; i++) await peer.expect(PacketType.Publish)
    assert.equal(client.stats().messagesSent, 1000)
  })
})

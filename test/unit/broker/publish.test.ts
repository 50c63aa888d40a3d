import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fits } from '../../../src/broker/deliver/send.ts'
import { sysTopics } from '../../../src/broker/index.ts'
import { type Packet, PacketType, type Properties } from '../../../src/protocol/index.ts'
import { TestCore } from '../../support/core.ts'
import { acknowledgement } from '../../support/packets.ts'

const sys = (core: TestCore, topic: string): string =>
  sysTopics.find((each) => each.topic === topic)!.value(core.broker.core)

describe('a message from the program around the broker', () => {
  const refused: readonly [string, string, Uint8Array, { qos?: number; properties?: Properties }][] = [
    ['a topic of 65,536 bytes', 'x'.repeat(65_536), new Uint8Array(1), {}],
    ['a wildcard in its topic', 'a/#', new Uint8Array(1), {}],
    ['QoS 3', 'x', new Uint8Array(1), { qos: 3 }],
    ['a text where bytes belong', 'x', 'text' as unknown as Uint8Array, {}],
    ['a property that is too long', 'x', new Uint8Array(1), { properties: { contentType: 'x'.repeat(65_536) } }],
    ['an expiry below 0', 'x', new Uint8Array(1), { properties: { messageExpiryInterval: -1 } }],
    ['more than a packet holds', 'x', { length: 2 ** 28, __proto__: Uint8Array.prototype } as never, {}],
  ]
  for (const [what, topic, payload, options] of refused) {
    it(`is refused if it has ${what}`, () => {
      const core = new TestCore()
      assert.throws(() => core.turn((broker) => broker.publish(topic, payload, options as never)), RangeError)
    })
  }

  it('keeps what belongs to one hop to itself', () => {
    const core = new TestCore()
    const client = core.client()
    client.subscribe('x')
    const properties = { topicAlias: 3, subscriptionIdentifiers: [7], contentType: 'a/b' }
    core.turn((broker) => broker.publish('x', new Uint8Array(1), { properties }))
    assert.deepEqual(client.published()[0]?.properties, { contentType: 'a/b' })
  })
})

describe('a message as large as MQTT 3.1.1 allows', () => {
  it('is not sent to a client of MQTT 5.0, for whom it would be too large', () => {
    const core = new TestCore()
    const { connection } = core.client()
    const old = core.client({ version: 4 }).connection
    const bytes = new Uint8Array(10)
    const none = { topicBytes: bytes, bytes, topicStart: 0, topicEnd: 1, propertiesStart: 1, propertiesEnd: 1 }
    // In MQTT 3.1.1 topic and payload may take all of the 268,435,455 bytes but the topic's length.
    const content = { ...none, payloadStart: 1, payloadEnd: 268_435_453 }
    core.turn(({ core }) => {
      const { delivery } = core
      delivery.content = content
      assert.equal(fits(core, old, delivery), true)
      assert.equal(fits(core, connection, delivery), false)
      delivery.content = { ...content, payloadEnd: 268_435_452 }
      assert.equal(fits(core, connection, delivery), true)
    })
    assert.equal(core.count('messageTooLargeForClient'), 1)
  })
})

describe("the broker's status", () => {
  it('does not expire, and counts as nothing that is retained', () => {
    const core = new TestCore({ sysInterval: 1, retainExpiry: 5, maximumRetainedMessages: 1 })
    core.pass(1)
    core.client().publish('x', 'abc', { retain: true })
    assert.equal(sys(core, 'retained messages/count'), '1')
    assert.equal(sys(core, 'store/messages/count'), '1')
    assert.equal(sys(core, 'store/messages/bytes'), '3')
    core.pass(10)
    const client = core.client()
    client.subscribe('x')
    client.subscribe('$SYS/broker/version')
    assert.deepEqual(client.payloads(), ['nightjar'])
    assert.equal(sys(core, 'retained messages/count'), '0')
  })
})

describe('PUBREL with an identifier that is not known', () => {
  const answer = (packets: Packet[]): unknown =>
    packets.map((packet) => packet.type === PacketType.Pubcomp && packet.reasonCode)
  const kept = { clientId: 'c', cleanStart: false, properties: { sessionExpiryInterval: 60 } }

  it('is answered with 0x92 in a new Session', () => {
    const client = new TestCore().client(kept)
    client.send(acknowledgement(PacketType.Pubrel, 5))
    assert.deepEqual(answer(client.take()), [0x92])
  })

  it('is answered with success in a resumed one: its PUBCOMP was lost', () => {
    const core = new TestCore()
    core.client(kept).drop()
    const client = core.client(kept)
    client.send(acknowledgement(PacketType.Pubrel, 5))
    assert.deepEqual(answer(client.take()), [0])
  })
})

describe('a bridge, by the bit in CONNECT', () => {
  for (const version of [3, 4] as const) {
    it(`gets none of its own messages, and others with the retain flag that they had (version ${version})`, () => {
      const core = new TestCore()
      const bridge = core.client({ version, bridge: true, clientId: 'bridge', cleanStart: true })
      bridge.subscribe('#', { qos: 1 })
      bridge.take()
      bridge.publish('x', 'its own', { qos: 0 })
      core.client().publish('x', 'of another', { retain: true })
      core.client().publish('x', 'not retained')
      assert.deepEqual(
        bridge.published().map(({ payload, retain }) => [String.fromCharCode(...payload), retain]),
        [
          ['of another', true],
          ['not retained', false],
        ],
      )
    })
  }
})

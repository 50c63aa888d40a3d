import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defaultBounds } from '../../../src/broker/index.ts'
import { PacketType, type SubackPacket } from '../../../src/protocol/index.ts'
import { type TestClient, TestCore } from '../../support/core.ts'
import { acknowledgement, subscribe, subscription, unsubscribe } from '../../support/packets.ts'
import { encodeToBytes } from '../protocol/support.ts'

const KEPT = { cleanStart: false, properties: { sessionExpiryInterval: 3600 } }

/** A broker with `count` retained messages 'r/0', 'r/1' ... */
function withRetained(
  count: number,
  settings: ConstructorParameters<typeof TestCore>[0] = {},
  size = 1,
  qos: 1 | 2 = 1,
): TestCore {
  const core = new TestCore(settings)
  const publisher = core.client()
  for (let i = 0; i < count; i++) {
    publisher.publish(`r/${i}`, String(i).padEnd(size, '.'), { qos, retain: true, packetId: i + 1 })
  }
  return core
}

/** Acknowledges what came until nothing more comes; returns the topics. */
function takeAll(client: TestClient): string[] {
  const topics: string[] = []
  for (let came = client.published(); came.length > 0; came = client.published()) {
    topics.push(...came.map(({ topic }) => topic))
    client.send(
      ...came.filter(({ qos }) => qos > 0).map(({ packetId }) => acknowledgement(PacketType.Puback, packetId)),
    )
  }
  return topics
}

describe('retained messages that answer a subscription', () => {
  it('come as fast as they are acknowledged: never more than the window', () => {
    const core = withRetained(100, { maximumInFlight: 5, maximumQueuedMessages: 1 })
    const client = core.client()
    client.subscribe('r/#', { qos: 1 })
    const came = client.published()
    assert.equal(came.length, 5)
    client.send(acknowledgement(PacketType.Puback, came[0]!.packetId))
    const next = client.published()
    assert.equal(next.length, 1)
    client.send(...[...came.slice(1), ...next].map(({ packetId }) => acknowledgement(PacketType.Puback, packetId)))
    assert.equal(new Set(takeAll(client)).size, 94)
    assert.equal(client.connection.session?.replays, null)
  })

  it('one that was replaced meanwhile is left out: its successor came as it was published', () => {
    const core = withRetained(3, { maximumInFlight: 1 })
    const client = core.client()
    client.subscribe('r/#', { qos: 1 })
    const [first] = client.published()
    const waiting = ['r/0', 'r/1', 'r/2'].filter((topic) => topic !== first!.topic)
    core.client().publish(waiting[0]!, 'newer', { retain: true })
    core.client().publish(waiting[1]!, '', { retain: true })
    client.send(acknowledgement(PacketType.Puback, first!.packetId))
    assert.deepEqual(
      client.published().map(({ topic, payload, retain }) => [topic, payload.length, retain]),
      [
        [waiting[0], 5, false],
        [waiting[1], 0, false],
      ],
    )
    assert.equal(client.connection.session?.replays, null)
  })

  it('one that expired meanwhile is left out', () => {
    const core = withRetained(1, { maximumInFlight: 1 })
    const short = { messageExpiryInterval: 5 }
    core.client().publish('r/short', 'x', { qos: 1, retain: true, properties: short })
    const client = core.client()
    client.subscribe('r/0', { qos: 1 })
    client.subscribe('r/short', { qos: 1 })
    const [first] = client.published()
    core.pass(6)
    client.send(acknowledgement(PacketType.Puback, first!.packetId))
    assert.deepEqual(client.published(), [])
  })

  it('stop when the client unsubscribes', () => {
    const core = withRetained(10, { maximumInFlight: 2 })
    const client = core.client()
    client.subscribe('r/#', { qos: 1 })
    const came = client.published()
    client.send(unsubscribe(2, ['r/#']))
    client.send(...came.map(({ packetId }) => acknowledgement(PacketType.Puback, packetId)))
    assert.deepEqual(client.published(), [])
  })

  it('begin anew with a subscription in the place of the first one', () => {
    const core = withRetained(10, { maximumInFlight: 2 })
    const client = core.client()
    client.subscribe('r/#', { qos: 1 })
    const first = client.published()
    client.subscribe('r/#', { qos: 1 })
    client.send(...first.map(({ packetId }) => acknowledgement(PacketType.Puback, packetId)))
    assert.equal(new Set(takeAll(client)).size, 10)
  })

  for (const retainHandling of [1, 2] as const) {
    it(`[MQTT-3.8.4-4] go on for a subscription in the place of the first one, with Retain Handling ${retainHandling}`, () => {
      const core = withRetained(100, { maximumInFlight: 5 })
      const client = core.client()
      client.subscribe('r/#', { qos: 1 })
      const first = client.published()
      assert.equal(first.length, 5)
      client.subscribe('r/#', { qos: 0, retainHandling })
      client.send(...first.map(({ packetId }) => acknowledgement(PacketType.Puback, packetId)))
      const rest = client.published()
      assert.deepEqual([...new Set(rest.map(({ qos }) => qos))], [0], 'with the QoS of the new one')
      assert.equal(new Set([...first, ...rest].map(({ topic }) => topic)).size, 100)
      assert.equal(rest.length, 95, 'each once')
    })
  }

  it('come once for a filter that stands several times in one SUBSCRIBE, as the last of them asks', () => {
    const core = withRetained(10)
    const client = core.client()
    const requests = [1, 0, 1].map((qos) => subscription('r/#', { qos: qos as 0 | 1 }))
    client.send(subscribe(1, requests))
    const packets = client.take()
    const came = packets.filter((packet) => packet.type === PacketType.Publish)
    assert.deepEqual([came.length, new Set(came.map(({ qos }) => qos))], [10, new Set([1])])
    const suback = packets.find(({ type }) => type === PacketType.Suback) as SubackPacket
    assert.deepEqual(suback.reasonCodes, [1, 0, 1])
  })

  it('that are new on a topic, or come back to it, are delivered once: at once', () => {
    const core = withRetained(50, { maximumInFlight: 1 })
    const client = core.client()
    client.subscribe('r/#', { qos: 1 })
    const [first] = client.published()
    const waiting = Array.from({ length: 50 }, (_, i) => `r/${i}`).filter((topic) => topic !== first!.topic)
    const publisher = core.client()
    for (const topic of waiting.slice(0, 10)) publisher.publish(topic, '', { retain: true })
    for (const topic of [...waiting.slice(0, 20), 'r/new']) publisher.publish(topic, 'now', { retain: true })
    const live = client.published()
    assert.equal(live.length, 31)
    client.send(acknowledgement(PacketType.Puback, first!.packetId))
    assert.deepEqual(takeAll(client).sort(), waiting.slice(20).sort())
  })

  it('are walked along a little in each turn, and others are served in between', () => {
    const bounds = { ...defaultBounds, unitsRead: 1, unitsPerTurn: 8, unitsPerJob: 8 }
    const core = withRetained(100, { bounds })
    const client = core.client()
    const other = core.client()
    core.broker.began()
    const bytes = encodeToBytes(subscribe(1, [subscription('+/99')]), 5)
    client.connection.receive(bytes, 0, bytes.length)
    let turns = 1
    for (; core.broker.endTurn(); turns++) {
      core.broker.began()
      const ping = encodeToBytes({ type: PacketType.Pingreq }, 5)
      other.connection.receive(ping, 0, ping.length)
    }
    assert.deepEqual(
      client.published().map(({ topic }) => topic),
      ['r/99'],
    )
    assert.equal(other.take().length, turns - 1)
  })

  it('go on after the connection was lost, in a Session that is kept', () => {
    const core = withRetained(30, { maximumInFlight: 4 })
    const first = core.client({ clientId: 'kept', ...KEPT })
    first.subscribe('r/#', { qos: 1 })
    const came = first.published().map(({ topic }) => topic)
    first.drop()
    const again = core.client({ clientId: 'kept', ...KEPT })
    const rest = takeAll(again)
    assert.deepEqual(rest.slice(0, 4), came)
    assert.equal(rest.length, 30)
    assert.equal(new Set(rest).size, 30)
  })

  for (const qos of [0, 1] as const) {
    it(`QoS ${qos}: wait for a client that reads slowly, and are not dropped`, () => {
      const core = withRetained(400, { maximumOutgoingBytes: 65_536, maximumInFlight: 1000 }, 1000)
      const client = core.client()
      client.stall()
      client.subscribe('r/#', { qos })
      const first = client.published().length
      assert.ok(first < 200, `${first}`)
      core.pass(1)
      assert.ok(client.published().length === 0)
      let all = first
      for (let round = 0; round < 100 && all < 400; round++) {
        client.drain()
        all += client.published().length
      }
      assert.equal(all, 400)
      assert.equal(core.count('subscriberSlow'), 0)
    })
  }

  for (const qos of [0, 1] as const) {
    it(`QoS ${qos}: come without a pause to a client that reads at once, however many`, () => {
      const core = withRetained(400, { maximumOutgoingBytes: 65_536, maximumInFlight: 1000 }, 1000)
      const client = core.client()
      client.subscribe('r/#', { qos })
      assert.equal(client.published().length, 400)
      const kept = core.client({ clientId: 'kept', ...KEPT })
      kept.subscribe('r/#', { qos })
      assert.equal(kept.published().length, 400)
    })
  }

  it('follow each other, subscription by subscription', () => {
    const core = withRetained(20, { maximumInFlight: 3 })
    const client = core.client()
    client.subscribe('r/1', { qos: 1 })
    client.subscribe('r/+', { qos: 0 })
    client.subscribe('r/#', { qos: 1 })
    const topics = takeAll(client)
    assert.equal(topics[0], 'r/1')
    assert.equal(topics.length, 41)
    assert.equal(new Set(topics.slice(1, 21)).size, 20)
    assert.equal(new Set(topics.slice(21)).size, 20)
  })

  it('have the QoS of the subscription where upgrade_outgoing_qos says so', () => {
    const core = new TestCore({ upgradeOutgoingQoS: true })
    core.client().publish('r', 'x', { retain: true })
    const client = core.client()
    client.subscribe('r', { qos: 1 })
    assert.deepEqual(
      client.published().map(({ qos }) => qos),
      [1],
    )
  })
})

describe('retained messages that a kept Session is owed', () => {
  const kept = (core: TestCore, properties = {}): TestClient => {
    return core.client({ clientId: 'kept', ...KEPT, properties: { ...KEPT.properties, ...properties } })
  }

  it('come after a restart of the broker, all of them, with QoS 1', () => {
    const before = withRetained(200)
    const client = kept(before)
    client.subscribe('r/#', { qos: 1 })
    const came = client.published()
    assert.equal(came.length, 20)
    client.send(...came.slice(0, 10).map(({ packetId }) => acknowledgement(PacketType.Puback, packetId)))
    const core = before.restart()
    const again = kept(core)
    assert.equal(again.connack?.sessionPresent, true)
    assert.equal(new Set([...came.slice(0, 10).map(({ topic }) => topic), ...takeAll(again)]).size, 200)
    // When all have come, nothing is owed to it any more.
    assert.deepEqual(takeAll(kept(core.restart())), [])
  })

  it('come once each with QoS 2, however often the broker is started again', () => {
    let core = withRetained(60, {}, 1, 2)
    let client = kept(core, { receiveMaximum: 7 })
    client.subscribe('r/#', { qos: 2 })
    const topics: string[] = []
    for (let round = 0; round < 100 && topics.length < 60; round++) {
      const came = client.published()
      for (const { topic, packetId } of came) {
        // Even one with DUP is new to this client: it releases all that it gets.
        topics.push(topic)
        client.send(acknowledgement(PacketType.Pubrec, packetId))
        client.send(acknowledgement(PacketType.Pubcomp, packetId))
      }
      if (round % 3 === 1) {
        core = core.restart()
        client = kept(core, { receiveMaximum: 7 })
      }
    }
    assert.deepEqual([topics.length, new Set(topics).size], [60, 60])
  })

  it('are those of the time of the subscription: a later one was delivered, and does not come again', () => {
    const before = withRetained(40, { maximumInFlight: 2 })
    const client = kept(before)
    client.subscribe('r/#', { qos: 1 })
    const came = client.published().map(({ topic }) => topic)
    const waiting = Array.from({ length: 40 }, (_, i) => `r/${i}`).filter((topic) => !came.includes(topic))
    const publisher = before.client()
    publisher.publish(waiting[0]!, 'newer', { qos: 1, retain: true })
    publisher.publish('r/new', 'newer', { qos: 1, retain: true })
    publisher.publish(waiting[1]!, '', { qos: 1, retain: true })
    const core = before.restart()
    core.client().publish(waiting[2]!, 'newest', { qos: 1, retain: true })
    const topics = takeAll(kept(core))
    const times = (topic: string): number => topics.filter((each) => each === topic).length
    assert.deepEqual([waiting[0]!, 'r/new', waiting[1]!, waiting[2]!].map(times), [1, 1, 1, 1])
    assert.equal(new Set(topics).size, 41)
  })

  it('are not owed any more after UNSUBSCRIBE', () => {
    const before = withRetained(40, { maximumInFlight: 2 })
    const client = kept(before)
    client.subscribe('r/#', { qos: 1 })
    const came = client.published().map(({ topic }) => topic)
    client.send(unsubscribe(2, ['r/#']))
    assert.deepEqual(takeAll(kept(before.restart())), came)
  })
})

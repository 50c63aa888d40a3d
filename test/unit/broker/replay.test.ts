import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType } from '../../../src/protocol/index.ts'
import { type TestClient, TestCore } from '../../support/core.ts'
import { acknowledgement, unsubscribe } from '../../support/packets.ts'

const KEPT = { cleanStart: false, properties: { sessionExpiryInterval: 3600 } }

/** A broker with `count` retained messages 'r/0', 'r/1' ... */
function withRetained(count: number, settings: ConstructorParameters<typeof TestCore>[0] = {}, size = 1): TestCore {
  const core = new TestCore(settings)
  const publisher = core.client()
  for (let i = 0; i < count; i++) {
    publisher.publish(`r/${i}`, String(i).padEnd(size, '.'), { qos: 1, retain: true, packetId: i + 1 })
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

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { loadTopics, sysTopics } from '../../../src/broker/index.ts'
import { PacketType } from '../../../src/protocol/index.ts'
import { type TestClient, TestCore } from '../../support/core.ts'
import { acknowledgement, textOf } from '../../support/packets.ts'

const SYS = '$SYS/broker/'

/** The newest value of each status topic, as a subscriber sees them. */
function status(client: TestClient, seen: Map<string, string> = new Map()): Map<string, string> {
  for (const { topic, payload } of client.published()) seen.set(topic.slice(SYS.length), textOf(payload))
  return seen
}

const sysValue = (core: TestCore, name: string): string =>
  sysTopics.find(({ topic }) => topic === name)!.value(core.broker.core)

function watching(interval = 10): { core: TestCore; watcher: TestClient } {
  const core = new TestCore({ sysInterval: interval })
  const watcher = core.client()
  watcher.subscribe('$SYS/#')
  watcher.take()
  return { core, watcher }
}

describe('status topics', () => {
  it('are all there after the first interval, retained', () => {
    const { core } = watching()
    core.pass(10.2)
    const late = core.client()
    late.subscribe('$sys/#')
    const topics = new Set(late.published().map(({ topic, retain }) => (retain ? topic : '')))
    for (const { topic } of sysTopics) assert.ok(topics.has(SYS + topic), topic)
    for (const { topic } of loadTopics) {
      for (const minutes of [1, 5, 15]) assert.ok(topics.has(`${SYS}load/${topic}/${minutes}min`), topic)
    }
  })

  it('come every interval, and only those that changed', () => {
    const { core, watcher } = watching(5)
    core.pass(22)
    const came = watcher.published()
    const values = (topic: string) =>
      came.filter((each) => each.topic === SYS + topic).map(({ payload }) => textOf(payload))
    assert.deepEqual(values('uptime'), ['0 seconds', '5 seconds', '10 seconds', '15 seconds', '20 seconds'])
    assert.equal(values('version').length, 1)
    assert.equal(values('clients/connected').length, 1)
  })

  it('with an interval of 0 there are none', () => {
    const { core, watcher } = watching(0)
    core.pass(100)
    assert.deepEqual(watcher.published(), [])
  })

  it('are counts that are kept: nobody walks along all Sessions for them', () => {
    const { core, watcher } = watching()
    const { sessions } = core.broker.core
    const walks = (): never => assert.fail('it walks')
    const walk = { values: walks, keys: walks, entries: walks, forEach: walks, [Symbol.iterator]: walks }
    Object.assign(sessions, walk)
    core.pass(10.2)
    const seen = status(watcher)
    for (const { topic } of sysTopics) assert.ok(seen.has(topic), topic)
  })

  it('count what waits: as it is queued, sent, resumed, restored, and gone with its Session', () => {
    const { core, watcher } = watching()
    const kept = { clientId: 'away', cleanStart: false, properties: { sessionExpiryInterval: 60 } }
    const away = core.client(kept)
    away.subscribe('q', { qos: 1 })
    const publisher = core.client()
    const seen = new Map<string, string>()
    const waits = (): (string | undefined)[] => {
      core.pass(10.2)
      status(watcher, seen)
      return [seen.get('store/messages/count'), seen.get('store/messages/bytes')]
    }
    away.drop()
    for (let i = 0; i < 3; i++) publisher.publish('q', '12345', { qos: 1, packetId: 1 })
    assert.deepEqual(waits(), ['3', '15'])
    assert.deepEqual({ ...core.restart().broker.core.queues }, { messages: 3, bytes: 15 })
    // Sent, and not acknowledged: it waits again once the connection is gone, and the client is back.
    const back = core.client(kept)
    assert.deepEqual(waits(), ['0', '0'])
    back.drop()
    core.client({ ...kept, cleanStart: true, properties: {} })
    assert.deepEqual(waits(), ['0', '0'])
    assert.deepEqual({ ...core.broker.core.queues }, { messages: 0, bytes: 0 })
  })

  it('count what they say', () => {
    const { core, watcher } = watching()
    core.client({ clientId: 'away', cleanStart: false, properties: { sessionExpiryInterval: 60 } }).drop()
    const publisher = core.client()
    publisher.publish('r', 'four', { retain: true })
    for (let i = 0; i < 4; i++) publisher.publish('x', '12345')
    core.pass(10.2)
    const seen = status(watcher)
    const expected = {
      'clients/total': '3',
      'clients/connected': '2',
      'clients/disconnected': '1',
      'clients/maximum': '2',
      'publish/messages/received': '5',
      'publish/bytes/received': '24',
      'subscriptions/count': '1',
      uptime: '10 seconds',
    }
    for (const [topic, value] of Object.entries(expected)) assert.equal(seen.get(topic), value, topic)
  })

  it('count a message once, however many queues it waits in, and if it is retained, too', () => {
    const core = new TestCore({ queueFullPolicy: 'oldest', maximumQueuedMessages: 3 })
    const held = (): string => ['count', 'bytes'].map((what) => sysValue(core, `store/messages/${what}`)).join(', ')
    const kept = { cleanStart: false, properties: { sessionExpiryInterval: 60 } }
    const names = ['one', 'two', 'three']
    for (const clientId of names) {
      const client = core.client({ ...kept, clientId })
      client.subscribe('x', { qos: 1 })
      client.drop()
    }
    const publisher = core.client()
    publisher.publish('x', '12345', { qos: 1, packetId: 1 })
    assert.equal(held(), '1, 5')
    publisher.publish('x', '1234567', { qos: 1, packetId: 2, retain: true })
    assert.equal(held(), '2, 12')
    publisher.publish('x', '', { qos: 1, packetId: 3, retain: true })
    assert.equal(held(), '3, 12')
    // Full: the oldest leaves each queue.
    publisher.publish('x', '1', { qos: 1, packetId: 4, retain: true })
    assert.equal(held(), '3, 8')
    const ids = (client: TestClient): number[] => client.published().map(({ packetId }) => packetId)
    for (const clientId of names.slice(1)) {
      const client = core.client({ ...kept, clientId })
      for (const packetId of ids(client)) client.send(acknowledgement(PacketType.Puback, packetId))
      assert.equal(held(), '3, 8', `${clientId} has all`)
    }
    core.client({ clientId: 'one' })
    assert.equal(held(), '1, 1', 'what is retained')
    publisher.publish('x', '', { retain: true })
    assert.equal(held(), '0, 0')
  })

  it('nobody else may publish there', () => {
    const { core, watcher } = watching()
    core.client().publish('$SYS/broker/uptime', 'forged', { retain: true })
    assert.deepEqual(watcher.published(), [])
    assert.equal(core.count('publishRefused'), 1)
  })
})

describe('load averages', () => {
  it('come near a steady rate in a few times their own length, the shorter ones sooner', () => {
    const { core, watcher } = watching()
    const publisher = core.client()
    const seen = new Map<string, string>()
    // 5 a second is 300 a minute.
    const minutesPass = (minutes: number) => {
      for (let second = 0; second < minutes * 60; second++) {
        for (let i = 0; i < 5; i++) publisher.publish('x', 'x')
        core.pass(1)
      }
      status(watcher, seen)
    }
    const load = (minutes: number) => Number(seen.get(`load/publish/received/${minutes}min`))
    core.pass(0.2)
    minutesPass(1)
    // After its own length an average has come to 1 - 1/e of the rate.
    assert.ok(Math.abs(load(1) - 300 * (1 - Math.exp(-1))) < 15, `${load(1)}`)
    assert.ok(load(1) > load(5) && load(5) > load(15))
    minutesPass(4)
    assert.ok(Math.abs(load(5) - 300 * (1 - Math.exp(-1))) < 15, `${load(5)}`)
    assert.ok(Math.abs(load(1) - 300) < 5, `${load(1)}`)
    core.pass(300)
    status(watcher, seen)
    assert.ok(load(1) < 5 && load(5) > 50, `${load(1)} ${load(5)}`)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { QoS } from '../../../src/protocol/index.ts'
import { type TestClient, TestCore } from '../../support/core.ts'
import { publish } from '../../support/packets.ts'

interface Wanted {
  filter: string
  qos?: QoS
  noLocal?: boolean
  retainAsPublished?: boolean
  identifier?: number
}

/** The copies of one message, of QoS 2 and retained, that its receiver gets: what each says of itself. */
function copies(wanted: readonly Wanted[], by: 'itself' | 'another'): unknown[] {
  const core = new TestCore()
  const client: TestClient = core.client()
  for (const { filter, identifier = 0, ...options } of wanted) client.subscribe(filter, options, identifier)
  const publisher = by === 'itself' ? client : core.client()
  client.take()
  publisher.publish('a/b', 'x', { qos: 2, retain: true })
  return client.published().map(({ qos, retain, properties }) => {
    return [qos, retain, (properties.subscriptionIdentifiers ?? []).sort()]
  })
}

describe('subscriptions of one Session that overlap', () => {
  const table: Record<string, { wanted: readonly Wanted[]; another: unknown[]; itself: unknown[] }> = {
    '[MQTT-3.3.4-2] bring one copy with the highest QoS': {
      wanted: [
        { filter: 'a/b', qos: 0 },
        { filter: 'a/+', qos: 2 },
        { filter: '#', qos: 1 },
      ],
      another: [[2, false, []]],
      itself: [[2, false, []]],
    },
    '[MQTT-3.3.4-3] bring all their identifiers': {
      wanted: [
        { filter: 'a/b', identifier: 1 },
        { filter: 'a/+', identifier: 2 },
        { filter: '#' },
        { filter: 'a/#', identifier: 3 },
      ],
      another: [[0, false, [1, 2, 3]]],
      itself: [[0, false, [1, 2, 3]]],
    },
    'keep the mark of a retained message if one of them wants it': {
      wanted: [{ filter: 'a/b' }, { filter: '#', retainAsPublished: true }],
      another: [[0, true, []]],
      itself: [[0, true, []]],
    },
    'one alone: No Local is for its own messages': {
      wanted: [{ filter: 'a/b', qos: 1, noLocal: true }],
      another: [[1, false, []]],
      itself: [],
    },
    'all No Local: its own messages do not come': {
      wanted: [
        { filter: 'a/b', qos: 1, noLocal: true },
        { filter: '#', qos: 2, noLocal: true },
      ],
      another: [[2, false, []]],
      itself: [],
    },
    'No Local on some: its own messages come by the others alone': {
      wanted: [
        { filter: 'a/b', qos: 2, noLocal: true, retainAsPublished: true, identifier: 1 },
        { filter: '#', qos: 1, identifier: 2 },
        { filter: 'a/+', qos: 0, identifier: 3 },
      ],
      another: [[2, true, [1, 2, 3]]],
      itself: [[1, false, [2, 3]]],
    },
    'No Local on all but one: that one counts': {
      wanted: [
        { filter: 'a/b', qos: 2, noLocal: true },
        { filter: '+/b', qos: 2, noLocal: true },
        { filter: 'a/#', qos: 1, retainAsPublished: true },
      ],
      another: [[2, true, []]],
      itself: [[1, true, []]],
    },
    'the same filter anew takes the place of the old one': {
      wanted: [
        { filter: 'a/b', qos: 2, identifier: 1 },
        { filter: 'a/b', qos: 1, identifier: 2 },
      ],
      another: [[1, false, [2]]],
      itself: [[1, false, [2]]],
    },
  }
  for (const [name, { wanted, another, itself }] of Object.entries(table)) {
    it(name, () => {
      assert.deepEqual(copies(wanted, 'another'), another)
      assert.deepEqual(copies(wanted, 'itself'), itself)
    })
  }

  it('a shared one beside them brings its own copy', () => {
    const core = new TestCore()
    const client = core.client()
    client.subscribe('$share/g/a/b', { qos: 1 }, 4)
    client.subscribe('a/#', { qos: 0 }, 5)
    client.take()
    client.publish('a/b', 'x', { qos: 1 })
    const came = client.published().map(({ qos, properties }) => [qos, properties.subscriptionIdentifiers])
    assert.deepEqual(came.sort(), [
      [0, [5]],
      [1, [4]],
    ])
  })

  it('a route is made anew when a subscription comes or goes, of either kind', () => {
    const core = new TestCore()
    const client = core.client()
    const publisher = core.client()
    const count = () => {
      publisher.send(publish('a/b', 'x'))
      return client.published().length
    }
    assert.equal(count(), 0)
    client.subscribe('a/b')
    assert.equal(count(), 1)
    client.subscribe('+/b', { qos: 1 })
    assert.equal(count(), 1)
    client.send({ type: 10, packetId: 3, filters: ['a/b'], properties: {} })
    assert.equal(count(), 1)
    client.send({ type: 10, packetId: 4, filters: ['+/b'], properties: {} })
    assert.equal(count(), 0)
  })

  it('who is gone is in no route', () => {
    const core = new TestCore()
    const client = core.client()
    client.subscribe('a/b', { qos: 1 })
    const publisher = core.client()
    publisher.publish('a/b', 'x', { qos: 1 })
    client.drop()
    publisher.take()
    publisher.publish('a/b', 'x', { qos: 1, packetId: 2 })
    assert.deepEqual(
      publisher.take().map((packet) => 'reasonCode' in packet && packet.reasonCode),
      [0x10],
    )
  })
})

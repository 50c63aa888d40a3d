import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType, ReasonCode } from '../../../src/protocol/index.ts'
import { TestCore } from '../../support/core.ts'
import { connect, will } from '../../support/packets.ts'

const LIMITS = { queueFullPolicy: 'disconnect', maximumQueuedMessages: 1, maximumInFlight: 1 } as const
/** Enough to spend the stack if one ended within the end of the other. */
const MANY = 3000

const kept = (clientId: string) => ({ clientId, cleanStart: false, properties: { sessionExpiryInterval: 3600 } })

describe('a connection that ends because its queue is full', () => {
  it('ends after those before it, however many Wills fill however many queues', () => {
    const core = new TestCore({ ...LIMITS, connectionMessages: false })
    const clients = Array.from({ length: MANY }, (_, i) => {
      const client = core.client({ clientId: `c${i}`, will: will(`t/${i + 1}`, 'gone', { qos: 1 }) })
      client.subscribe(`t/${i}`, { qos: 1 })
      return client
    })
    const publisher = core.client()
    for (let i = 0; i < MANY; i++) {
      publisher.publish(`t/${i}`, 'in flight', { qos: 1 })
      publisher.publish(`t/${i}`, 'waits', { qos: 1 })
    }
    publisher.publish('t/0', 'one too many', { qos: 1 })
    assert.deepEqual(
      clients.map(({ ended }) => ended),
      clients.map(() => true),
    )
    assert.equal(core.count('willPublished'), MANY)
    assert.deepEqual(clients[7]!.payloads(), ['in flight'])
  })

  it('gets the acknowledgement of what it published itself, and then the reason', () => {
    const core = new TestCore(LIMITS)
    const client = core.client()
    client.subscribe('t', { qos: 1 })
    client.publish('t', 'in flight', { qos: 1, packetId: 1 })
    client.publish('t', 'waits', { qos: 1, packetId: 2 })
    client.take()
    client.publish('t', 'one too many', { qos: 1, packetId: 3 })
    const [puback, disconnect, ...rest] = client.take()
    assert.deepEqual([puback?.type, disconnect?.type, rest.length], [PacketType.Puback, PacketType.Disconnect, 0])
    assert.equal(disconnect?.type === PacketType.Disconnect && disconnect.reasonCode, ReasonCode.QuotaExceeded)
  })

  it('gets nothing more, nor is it read, and what its kept Session is owed from then on waits', () => {
    const core = new TestCore({ ...LIMITS, maximumQueuedMessages: 0, maximumQueuedBytes: 20 })
    const client = core.client(kept('c'))
    client.subscribe('#', { qos: 1 })
    const publisher = core.client()
    publisher.publish('t', 'in flight', { qos: 1 })
    publisher.publish('t', 'eighteen bytes....', { qos: 1 })
    client.take()
    core.turn(() => {
      publisher.publish('t', 'no room', { qos: 1 })
      publisher.publish('t', 'a', { qos: 1 })
      publisher.publish('t', 'b', { qos: 0 })
      client.publish('from the doomed', 'c', { qos: 1 })
      publisher.publish('t', 'd', { qos: 1 })
    })
    assert.deepEqual(
      client.take().map(({ type }) => type),
      [PacketType.Disconnect],
    )
    assert.ok(client.ended)
    const again = core.client({ ...kept('c'), properties: { sessionExpiryInterval: 3600, receiveMaximum: 10 } })
    assert.equal(again.connack?.sessionPresent, true)
    assert.deepEqual(core.broker.core.sessions.get('c')?.outbound.waiting, 3)
  })

  it('has ended when its client is back in the same turn: Will published, clean Session gone', () => {
    const core = new TestCore(LIMITS)
    const watcher = core.client()
    watcher.subscribe('will')
    const client = core.client({ clientId: 'c', will: will('will', 'gone') })
    client.subscribe('t', { qos: 1 })
    const publisher = core.client()
    publisher.publish('t', '1', { qos: 1 })
    publisher.publish('t', '2', { qos: 1 })
    const again = core.open()
    core.turn(() => {
      publisher.publish('t', '3', { qos: 1 })
      again.send(connect({ clientId: 'c', cleanStart: false }))
    })
    assert.deepEqual(watcher.payloads(), ['gone'])
    again.takeConnack()
    assert.equal(again.connack?.sessionPresent, false)
    assert.equal(core.broker.core.online, 3)
    assert.equal(core.broker.core.sessions.size, 3)
  })
})

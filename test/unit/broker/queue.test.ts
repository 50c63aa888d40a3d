import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType } from '../../../src/protocol/index.ts'
import { SimStore } from '../../simulation/store.ts'
import { TestCore } from '../../support/core.ts'
import { acknowledgement } from '../../support/packets.ts'

const A_DAY = 86_400
const kept = (clientId: string) => ({
  clientId,
  cleanStart: false,
  properties: { sessionExpiryInterval: A_DAY, receiveMaximum: 100 },
})
const expiring = (seconds: number) => ({ qos: 1, properties: { messageExpiryInterval: seconds } }) as const

function away(core: TestCore, ...filters: string[]): void {
  const client = core.client(kept('c'))
  for (const filter of filters) client.subscribe(filter, { qos: 1 })
  client.drop()
}

/** Has everything safe at once, until it is held. */
class SlowStore extends SimStore {
  held = false

  override commit(): void {
    super.commit()
    if (!this.held) this.syncAll()
  }

  syncAll(): void {
    if (this.unsynced > 0) this.synced(this.unsynced)
  }
}

describe('a full queue', () => {
  for (const queueFullPolicy of ['newest', 'oldest', 'disconnect'] as const) {
    it(`lets go what has expired first (${queueFullPolicy})`, () => {
      const core = new TestCore({ maximumQueuedMessages: 10, queueFullPolicy })
      away(core, 't')
      const publisher = core.client()
      for (let i = 0; i < 10; i++) publisher.publish('t', `old ${i}`, expiring(60))
      core.pass(61)
      for (let i = 0; i < 5; i++) publisher.publish('t', `new ${i}`, expiring(60))
      assert.deepEqual(
        core.client(kept('c')).payloads(),
        [0, 1, 2, 3, 4].map((i) => `new ${i}`),
      )
      assert.equal(core.count('queueFull'), 0)
      assert.equal(core.count('messageExpired') >= 5, true)
      assert.equal(core.broker.core.metrics.publishDropped, 0)
    })

    it(`is not emptied for what is larger than all of it, and nobody is disconnected (${queueFullPolicy})`, () => {
      const core = new TestCore({ maximumQueuedBytes: 20, maximumInFlight: 1, queueFullPolicy })
      const client = core.client(kept('c'))
      client.subscribe('t', { qos: 1 })
      const publisher = core.client()
      publisher.publish('t', 'in flight', { qos: 1 })
      publisher.publish('t', 'waits', { qos: 1 })
      publisher.publish('t', 'too large for any queue', { qos: 1 })
      assert.equal(client.ended, false)
      assert.equal(core.broker.core.sessions.get('c')?.queuedBytes, 'waits'.length)
      assert.equal(core.count('queueFull'), 1)
    })
  }

  it('sends nothing after what it dropped before that is safe: a restart would bring it back, too late', () => {
    const store = new SlowStore('sync')
    const core = new TestCore({ maximumInFlight: 1, maximumQueuedMessages: 1, queueFullPolicy: 'oldest' }, store)
    const client = core.client(kept('c'))
    client.subscribe('t', { qos: 1 })
    const publisher = core.client()
    for (const payload of ['in flight', 'oldest']) publisher.publish('t', payload, { qos: 1 })
    const [sent] = client.published()
    store.held = true
    publisher.publish('t', 'next', { qos: 1 })
    client.send(acknowledgement(PacketType.Puback, sent!.packetId))
    assert.deepEqual(client.payloads(), [])
    core.turn(() => store.syncAll())
    assert.deepEqual(client.payloads(), ['next'])
  })

  it('does not drop as the oldest what the same message just put there', () => {
    const core = new TestCore({ maximumQueuedMessages: 1, queueFullPolicy: 'oldest', maximumQueueMemory: 0 })
    away(core, 't', '$share/g/t')
    core.client().publish('t', 'once at least', { qos: 1 })
    const { sessions } = core.broker.core
    assert.equal(sessions.get('c')?.outbound.waiting, 1)
    assert.deepEqual(core.client(kept('c')).payloads(), ['once at least'])
    assert.equal(sessions.get('c')?.queuedBytes, 0)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryStore } from '../../../src/store/index.ts'
import { TestCore } from '../../support/core.ts'

/** A store whose disk stands still until it is told to go on. */
class Stuck extends MemoryStore {
  stuck = false

  override commit(): void {
    if (!this.stuck) super.commit()
  }
}

describe('max_queue_memory', () => {
  it('holds for clean Sessions too: beyond twice of it they drop, and say so', () => {
    const core = new TestCore({ maximumInFlight: 1, maximumQueueMemory: 100_000 })
    const client = core.client()
    client.subscribe('t', { qos: 1 })
    const publisher = core.client()
    const payload = 'x'.repeat(1000)
    for (let i = 0; i < 500; i++) publisher.publish('t', payload, { qos: 1 })
    const { keptBytes } = core.broker.core
    assert.ok(keptBytes >= 200_000 && keptBytes < 205_000, `${keptBytes} bytes`)
    assert.equal(core.events.find(({ id }) => id === 'queueFull')?.details['option'], 'max_queue_memory')
    client.drop()
    assert.equal(core.broker.core.keptBytes, 0)
  })

  it('counts a message once, for however many it waits', () => {
    const core = new TestCore({ maximumInFlight: 1 })
    const clients = Array.from({ length: 50 }, () => core.client())
    for (const client of clients) client.subscribe('t', { qos: 1 })
    const publisher = core.client()
    publisher.publish('t', 'in flight', { qos: 1 })
    publisher.publish('t', 'x'.repeat(100_000), { qos: 1 })
    assert.ok(core.broker.core.keptBytes < 110_000, `${core.broker.core.keptBytes} bytes`)
    for (const client of clients) client.drop()
    assert.equal(core.broker.core.keptBytes, 0)
  })

  it('leaves a clean Session some room, however much others take', () => {
    const core = new TestCore({ maximumInFlight: 1, maximumQueueMemory: 0 })
    const client = core.client()
    client.subscribe('t', { qos: 1 })
    const publisher = core.client()
    for (let i = 0; i < 10; i++) publisher.publish('t', 'x', { qos: 1 })
    assert.equal(core.count('queueFull'), 0)
  })
})

describe('small messages that wait for long', () => {
  it('hold no chunk that they share with others', () => {
    const core = new TestCore()
    const slow = core.client({ clientId: 'slow' })
    slow.subscribe('slow', { qos: 1 })
    const fast = core.client({ cleanStart: false, properties: { sessionExpiryInterval: 60 } })
    fast.subscribe('#', { qos: 1 })
    const publisher = core.client()
    for (let i = 0; i < 100; i++) publisher.publish('slow', 'x', { qos: 1 })
    const held = new Set<ArrayBufferLike>()
    const { outbound } = core.broker.core.sessions.get('slow')!
    outbound.forEach((entry) => {
      if (entry !== null) held.add(entry.message.bytes.buffer)
    })
    const bytes = [...held].reduce((sum, { byteLength }) => sum + byteLength, 0)
    assert.ok(bytes < 16_384, `${bytes} bytes`)
  })
})

describe('a client whose answers wait for the store', () => {
  it('is not read until they can go, and not ended', () => {
    const store = new Stuck()
    const core = new TestCore({ maximumOutgoingBytes: 100_000 }, store)
    const client = core.client({ cleanStart: false, properties: { sessionExpiryInterval: 60 } })
    store.stuck = true
    client.subscribe('x')
    const { reading } = client.connection
    for (let i = 0; i < 50_000 && !reading.paused; i++) client.publish('y', '', { qos: 1, packetId: (i % 65_535) + 1 })
    assert.ok(reading.paused)
    store.stuck = false
    core.turn(() => {})
    assert.equal(reading.paused, false)
    assert.equal(client.ended, false)
    assert.ok(client.take().length > 10_000)
  })
})

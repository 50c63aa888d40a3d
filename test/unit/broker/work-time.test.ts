import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defaultBounds } from '../../../src/broker/index.ts'
import { TestClock, TestCore } from '../../support/core.ts'
import { publish } from '../../support/packets.ts'
import { bytesOf, turns } from './turns.ts'

/** A machine on which every look at the clock finds it a millisecond on. */
class SlowClock extends TestClock {
  override now(): number {
    return this.time++
  }
}

describe('on a slow machine', () => {
  it('a turn ends when its time is over, however few units that was', () => {
    const bounds = { ...defaultBounds, unitsPerLook: 1, unitsPerJob: 10, readMs: 8, jobsMs: 6, writeMs: 4 }
    const core = new TestCore({ bounds }, undefined, new SlowClock())
    const watcher = core.client()
    watcher.subscribe('t')
    const publisher = core.client()
    const others = [core.client(), core.client()]
    const bytes = bytesOf(...Array.from({ length: 500 }, (_, i) => publish('t', String(i))))
    let before = 0
    let most = 0
    const taken = turns(
      core,
      () => {
        publisher.connection.receive(bytes, 0, bytes.length)
        for (const { connection } of others) connection.closed('the test broke it')
      },
      () => {
        const { publishReceived } = core.broker.core.metrics
        most = Math.max(most, publishReceived - before)
        before = publishReceived
      },
    )
    assert.ok(taken > 50 && most <= 10, `${taken} turns, ${most} messages in one`)
    assert.equal(watcher.payloads().length, 500)
    assert.equal(core.broker.core.sessions.size, 3)
  })

  it('writing to many is spread over turns', () => {
    const bounds = { ...defaultBounds, unitsPerLook: 1, writeMs: 4 }
    const core = new TestCore({ bounds }, undefined, new SlowClock())
    const subscribers = Array.from({ length: 100 }, () => core.client())
    for (const subscriber of subscribers) subscriber.subscribe('t')
    const publisher = core.client()
    const bytes = bytesOf(publish('t', 'x'))
    let most = 0
    const came = subscribers.map(() => 0)
    const taken = turns(
      core,
      () => publisher.connection.receive(bytes, 0, bytes.length),
      () => {
        let now = 0
        subscribers.forEach((subscriber, i) => {
          const here = subscriber.payloads().length
          if (here > 0) now++
          came[i]! += here
        })
        most = Math.max(most, now)
      },
    )
    assert.ok(taken > 8 && most <= 12, `${taken} turns, ${most} in one`)
    assert.deepEqual(new Set(came), new Set([1]))
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TakeoverWatch } from '../../../src/broker/connect/takeover-watch.ts'
import { defaultBounds } from '../../../src/broker/index.ts'

describe('takeovers', () => {
  it('are a clash when there are three within a minute, told once a minute', () => {
    const watch = new TakeoverWatch(defaultBounds)
    const told: number[] = []
    for (let at = 0; at <= 150_000; at += 10_000) if (watch.note('a', at) === 3) told.push(at)
    assert.deepEqual(told, [20_000, 80_000, 140_000])
  })

  it('that are far apart are none', () => {
    const watch = new TakeoverWatch(defaultBounds)
    for (let at = 0; at < 1_000_000; at += 30_001) assert.equal(watch.note('a', at), 0)
  })

  it('of different clients are not added up', () => {
    const watch = new TakeoverWatch(defaultBounds)
    for (let i = 0; i < 100; i++) assert.equal(watch.note(`client ${i % 50}`, i), 0)
  })

  it('are told at any number of them, of the clients that are watched', () => {
    for (const takeoversTold of [1, 2, 3]) {
      const watch = new TakeoverWatch({ ...defaultBounds, takeoversTold, takeoverClients: 1, takeoverIdLength: 2 })
      const told = [1, 2, 3, 4].filter((at) => watch.note('ab', at) === takeoversTold)
      assert.deepEqual(told, [takeoversTold])
      for (let at = 5; at < 9; at++) assert.equal(watch.note('abc', at), 0)
      watch.note('x', 10)
      assert.equal(watch.note('ab', 11), takeoversTold === 1 ? 1 : 0)
    }
  })

  it('of any number of clients need bounded memory: the oldest are forgotten', () => {
    const watch = new TakeoverWatch(defaultBounds)
    watch.note('first', 0)
    watch.note('first', 1)
    for (let i = 0; i < 1000; i++) watch.note(`client ${i}`, 2)
    assert.equal(watch.note('first', 3), 0)
    watch.note('client 999', 4)
    assert.equal(watch.note('client 999', 5), 3)
  })
})

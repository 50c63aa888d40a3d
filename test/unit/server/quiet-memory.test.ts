import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { QuietMemory } from '../../../src/server/quiet-memory.ts'

/** A broker that has so much to do in each second; returns after which of them its memory was collected. */
function collections(seconds: readonly number[]): number[] {
  let packets = 0
  const collected: number[] = []
  let second = 0
  const memory = new QuietMemory(
    () => ({ packets, connections: 0 }),
    () => collected.push(second),
  )
  for (const [i, more] of seconds.entries()) {
    second = i
    packets += more
    memory.look()
  }
  return collected
}

const quiet = (seconds: number): number[] => new Array<number>(seconds).fill(1)

describe('memory after a load', () => {
  it('is collected once, when it has been quiet for some seconds', () => {
    assert.deepEqual(collections([10_000, 20_000, ...quiet(600)]), [6])
  })

  it('is not collected while there is something to do', () => {
    assert.deepEqual(collections(new Array(100).fill(500)), [])
  })

  it('is not collected after next to nothing', () => {
    assert.deepEqual(collections([300, ...quiet(100)]), [])
  })

  it('is collected again after the next load', () => {
    assert.deepEqual(collections([10_000, ...quiet(20), 6000, ...quiet(20)]), [5, 26])
  })

  it('is collected after a load that came a little at a time', () => {
    const drops = Array.from({ length: 100 }, () => 200)
    assert.deepEqual(collections([...drops, ...quiet(20)]), [104])
  })

  it('is given back', async () => {
    let packets = 0
    const memory = new QuietMemory(() => ({ packets, connections: 0 }))
    let garbage: Uint8Array[] | null = Array.from({ length: 2000 }, () => new Uint8Array(50_000).fill(1))
    assert.equal(garbage.length, 2000)
    const before = process.memoryUsage().arrayBuffers
    garbage = null
    packets = 100_000
    for (let i = 0; i < 10; i++) memory.look()
    // V8 may free them in a thread of its own.
    while (process.memoryUsage().arrayBuffers > before - 90_000_000)
      await new Promise((resolve) => setTimeout(resolve, 5))
  })
})

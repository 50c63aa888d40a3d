import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { copyBytes, Output, type Slab, SlabPool } from '../../../src/protocol/index.ts'
import { fc } from '../../support/fast-check.ts'
import { hex, joined, written } from './support.ts'

const SMALL = 4096
const LARGE = 65_536

function pool(): SlabPool {
  return new SlabPool(new Uint8Array(4 * LARGE + 100), 100)
}

function write(out: Output, size: number, value: number): Uint8Array {
  out.reserve(size)
  assert.ok(out.end - out.at >= size)
  out.bytes.fill(value, out.at, out.at + size)
  out.at += size
  return new Uint8Array(size).fill(value)
}

describe('SlabPool', () => {
  test('hands out parts of its array that do not overlap and leave its beginning alone, then single ones', () => {
    const slabs = pool()
    const taken: Slab[] = []
    for (;;) {
      const slab = slabs.take(SMALL)
      if (slab.bytes !== slabs.arena) break
      taken.push(slab)
    }
    for (;;) {
      const slab = slabs.take(LARGE)
      if (slab.bytes !== slabs.arena) break
      taken.push(slab)
    }
    assert.equal(taken.length, 16 + 3)
    taken.sort((a, b) => a.start - b.start)
    assert.equal(taken[0]!.start, 100)
    for (let i = 1; i < taken.length; i++) assert.ok(taken[i]!.start >= taken[i - 1]!.end)
    assert.ok(taken.at(-1)!.end <= slabs.arena.length)
  })

  test('takes back what it gave, by size', () => {
    const slabs = pool()
    for (const size of [SMALL, LARGE]) {
      const slab = slabs.take(size)
      slabs.give(slab)
      assert.equal(slabs.take(size), slab)
    }
    const single = slabs.take(LARGE + 1)
    assert.equal(single.end - single.start, LARGE + 1)
    slabs.give(single)
    assert.notEqual(slabs.take(LARGE + 1), single)
  })
})

describe('Output', () => {
  test('tells its owner once between flushes that there is something to send', () => {
    let began = 0
    const out = new Output(pool(), { outputBegan: () => began++ })
    write(out, 1, 1)
    write(out, SMALL, 2)
    write(out, LARGE, 3)
    assert.equal(began, 1)
    out.clear()
    assert.equal(out.pending, 0)
    assert.equal(began, 1)
    write(out, 1, 1)
    assert.equal(began, 2)
  })

  test('keeps what was written in order through slabs of any size', () => {
    const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 150_000 })))
    fc.assert(
      fc.property(sizes, (all) => {
        const out = new Output(pool(), { outputBegan() {} })
        const expected = joined(all.map((size, i) => write(out, size, i + 1)))
        assert.equal(out.pending, expected.length)
        assert.ok(Buffer.from(written(out)).equals(expected))
      }),
      { numRuns: 200 },
    )
  })

  test('keeps a single byte that is followed by a whole slab', () => {
    const out = new Output(pool(), { outputBegan() {} })
    const expected = joined([write(out, 1, 1), write(out, LARGE, 2)])
    assert.ok(Buffer.from(written(out)).equals(expected))
  })

  test('gives the small slab back to the pool when it grows out of it', () => {
    const slabs = pool()
    const out = new Output(slabs, { outputBegan() {} })
    write(out, 10, 1)
    const small = out.slab!
    write(out, SMALL, 2)
    assert.notEqual(out.slab, small)
    assert.equal(slabs.take(SMALL), small)
  })

  test('reserving without writing leaves nothing to send', () => {
    const out = new Output(pool(), { outputBegan() {} })
    out.reserve(10)
    assert.equal(out.pending, 0)
    out.reserve(2 * LARGE)
    assert.equal(out.pending, 0)
    assert.equal(out.full, null)
  })
})

describe('copyBytes', () => {
  test('copies any number of bytes within one array and between two', () => {
    const source = Uint8Array.from({ length: 200 }, (_, i) => i)
    for (let length = 0; length < 100; length++) {
      const other = new Uint8Array(200)
      copyBytes(other, 7, source, 3, 3 + length)
      assert.equal(hex(other.subarray(7, 7 + length)), hex(source.subarray(3, 3 + length)))
      assert.ok(other.subarray(7 + length).every((byte) => byte === 0))
      const same = source.slice()
      copyBytes(same, 100, same, 0, length)
      assert.equal(hex(same.subarray(100, 100 + length)), hex(source.subarray(0, length)))
      assert.equal(hex(same.subarray(100 + length)), hex(source.subarray(100 + length)))
    }
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MatchCache } from '../../../src/topics/index.ts'
import { fc } from '../../support/fast-check.ts'
import { seeds } from './naive.ts'

const before = new TextEncoder().encode('PUBLISH ')

/** The topic as it lies in a read buffer: in the middle of something else. */
function lying(topic: string): [bytes: Uint8Array, start: number, end: number] {
  const bytes = new TextEncoder().encode(`PUBLISH ${topic} payload`)
  return [bytes, before.length, bytes.length - ' payload'.length]
}

describe('the match cache', () => {
  const step = fc.oneof(
    { weight: 20, arbitrary: fc.record({ do: fc.constant('set' as const), name: fc.nat(60), value: fc.nat(9) }) },
    { weight: 20, arbitrary: fc.record({ do: fc.constant('get' as const), name: fc.nat(60) }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('delete' as const), name: fc.nat(60) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const) }) },
  )

  it('forgets within 64 reviews what is not to be kept, and nothing else', () => {
    for (const topics of [10, 5000]) {
      const cache = new MatchCache<number>({ seed: { start: 7, end: 7 }, maxEntries: 8192, maxBytes: 1_000_000 })
      for (let i = 0; i < topics; i++) cache.set(...lying(`topic ${i}`), i)
      const before = cache.size
      for (let i = 0; i < 64; i++) cache.review((value) => value % 2 === 0)
      let kept = 0
      for (let i = 0; i < topics; i++) {
        const value = cache.get(...lying(`topic ${i}`))
        if (i % 2 === 1) assert.equal(value, undefined)
        else if (value !== undefined) kept++
      }
      assert.equal(cache.size, kept)
      assert.ok(before === topics ? kept === topics / 2 : kept > topics / 3)
    }
  })

  it('may forget, and is never wrong', () => {
    let hits = 0
    const limits = { seed: seeds, maxEntries: fc.integer({ min: 1, max: 100 }), maxBytes: fc.nat(600) }
    fc.assert(
      fc.property(
        fc.record(limits),
        fc.option(fc.nat(100), { nil: Number.POSITIVE_INFINITY }),
        fc.array(step, { minLength: 100, maxLength: 300 }),
        (options, maxWeight, steps) => {
          const cache = new MatchCache<number>({ ...options, maxWeight })
          const model = new Map<string, number>()
          for (const each of steps) {
            const topic = 'name' in each ? `t${'/'.repeat(each.name % 40)}${each.name}` : ''
            if (each.do === 'set') {
              cache.set(...lying(topic), each.value, each.value)
              model.set(topic, each.value)
            } else if (each.do === 'get') {
              const value = cache.get(...lying(topic))
              if (value !== undefined) hits++
              assert.ok(value === undefined || value === model.get(topic))
            } else if (each.do === 'delete') {
              const had = model.delete(topic)
              assert.ok(had || !cache.delete(...lying(topic)))
              cache.delete(...lying(topic))
              assert.equal(cache.get(...lying(topic)), undefined)
            } else {
              cache.clear()
              model.clear()
              assert.equal(cache.size, 0)
            }
            assert.ok(cache.size <= Math.min(options.maxEntries, model.size))
          }
          let kept = 0
          let weight = 0
          let bytes = 0
          for (const [topic, value] of model) {
            if (cache.get(...lying(topic)) === undefined) continue
            kept++
            weight += value
            bytes += topic.length
          }
          assert.equal(cache.size, kept)
          assert.ok(weight <= maxWeight && bytes <= options.maxBytes)
        },
      ),
      { numRuns: 1000 },
    )
    assert.ok(hits > 1000, `${hits} hits`)
  })

  it('tells once of every value that leaves, and keeps the others, however tiny it is', () => {
    const few = fc.integer({ min: 1, max: 3 })
    const power = fc.constantFrom(1, 2, 4)
    const bounds = {
      seed: seeds,
      maxEntries: few,
      maxBytes: fc.integer({ min: 1, max: 60 }),
      maxWeight: fc.nat(9),
    }
    const layout = { ways: power, slotsAtLeast: power, bytesAtLeast: few, reviewed: few }
    const act = fc.oneof(step, fc.record({ do: fc.constant('review' as const), keep: fc.nat(9) }))
    let left = 0
    fc.assert(
      fc.property(
        fc.record({ ...bounds, ...layout }),
        fc.array(act, { minLength: 50, maxLength: 100 }),
        (options, acts) => {
          const there = new Map<object, string>()
          const gone = (value: object): void => {
            assert.ok(there.delete(value), 'it was not there')
            left++
          }
          const cache = new MatchCache<object>({ ...options, gone })
          for (const each of acts) {
            const topic = 'name' in each ? `t${each.name % 7}` : ''
            if (each.do === 'set') {
              const value = {}
              there.set(value, topic)
              cache.set(...lying(topic), value, each.value)
            } else if (each.do === 'get') {
              cache.get(...lying(topic))
            } else if (each.do === 'delete') {
              cache.delete(...lying(topic))
            } else if (each.do === 'clear') {
              cache.clear()
            } else {
              cache.review((value) => there.get(value) !== `t${each.keep}`)
            }
            // What is there and was not told of is what the cache has: neither more nor less.
            assert.equal(cache.size, there.size)
            for (const [value, topic] of there) assert.equal(cache.get(...lying(topic)), value)
          }
        },
      ),
      { numRuns: 500 },
    )
    assert.ok(left > 1000, `${left} left`)
  })

  it('keeps all while there is room for a bucket to be unlucky', () => {
    const cache = new MatchCache<number>({ seed: { start: 2, end: 2 }, maxEntries: 4096, maxBytes: 1 << 20 })
    for (let i = 0; i < 1000; i++) cache.set(...lying(`home/dev${i}/temperature`), i)
    for (let i = 0; i < 1000; i++) assert.equal(cache.get(...lying(`home/dev${i}/temperature`)), i)
    assert.equal(cache.size, 1000)
  })

  it('keeps what is asked for within eight rounds of reviews, and forgets the rest', () => {
    const cache = new MatchCache<number>({ seed: { start: 7, end: 7 }, maxEntries: 1024, maxBytes: 10_000 })
    for (let i = 0; i < 100; i++) cache.set(...lying(`topic ${i}`), i)
    for (let review = 0; review < 1000; review++) {
      cache.review(() => true)
      if (review % 500 === 0) for (let i = 0; i < 20; i++) assert.equal(cache.get(...lying(`topic ${i}`)), i)
    }
    assert.equal(cache.size, 20)
  })

  it('tells topics apart that begin or end alike, or differ in length only', () => {
    const cache = new MatchCache<string>({ seed: { start: 9, end: 9 }, maxEntries: 256, maxBytes: 4096 })
    const names = ['', 'a', 'aa', 'aaa', 'aaaa', 'aaaaa', 'aaab', 'baaa', 'aaaa\u00ff', 'aaaab', 'a/aaa', 'aaa/a']
    for (const topic of names) cache.set(...lying(topic), topic)
    for (const topic of names) assert.equal(cache.get(...lying(topic)), topic)
    assert.equal(cache.get(...lying('aaba')), undefined)
  })

  it('keeps what is asked for again and again while others pass through', () => {
    const cache = new MatchCache<number>({ seed: { start: 3, end: 3 }, maxEntries: 1024, maxBytes: 1 << 20 })
    const hot = Array.from({ length: 100 }, (_, i) => `hot/${i}`)
    let forgotten = 0
    for (const topic of hot) cache.set(...lying(topic), 1)
    for (let i = 0; i < 20_000; i++) {
      cache.set(...lying(`once/${i}`), 2)
      if (i % 10 > 0) continue
      for (const topic of hot) {
        if (cache.get(...lying(topic)) !== undefined) continue
        forgotten++
        cache.set(...lying(topic), 1)
      }
    }
    assert.ok(forgotten < 400, `${forgotten} of 200,000 asked for were forgotten`)
    assert.ok(cache.size <= 1024 && cache.size > 900)
  })

  it('does not keep what is longer or heavier than it may hold in all, nor what that replaces', () => {
    const cache = new MatchCache<string>({ seed: { start: 3, end: 3 }, maxEntries: 64, maxBytes: 100, maxWeight: 10 })
    cache.set(...lying('a'.repeat(99)), 'long')
    assert.equal(cache.get(...lying('a'.repeat(99))), undefined)
    cache.set(...lying('a'.repeat(98)), 'fits')
    assert.equal(cache.get(...lying('a'.repeat(98))), 'fits')
    cache.set(...lying('b'), 'light', 10)
    assert.equal(cache.get(...lying('b')), 'light')
    cache.set(...lying('b'), 'heavy', 11)
    assert.equal(cache.get(...lying('b')), undefined)
  })

  it('gives up unused routes when their weight together is too much', () => {
    const cache = new MatchCache<number>({
      seed: { start: 3, end: 3 },
      maxEntries: 1024,
      maxBytes: 1 << 16,
      maxWeight: 1000,
    })
    for (let i = 0; i < 500; i++) {
      cache.set(...lying(`fan-out/${i}`), i, 100)
      assert.equal(cache.size, Math.min(i + 1, 10))
      assert.equal(cache.get(...lying(`fan-out/${i}`)), i)
    }
    cache.set(...lying('one'), 1, 1000)
    assert.equal(cache.get(...lying('one')), 1)
    assert.equal(cache.size, 1)
    cache.delete(...lying('one'))
    for (let i = 0; i < 10; i++) cache.set(...lying(`ten/${i}`), i, 100)
    assert.equal(cache.size, 10)
  })
})

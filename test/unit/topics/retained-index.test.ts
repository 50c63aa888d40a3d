import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RetainedIndex } from '../../../src/topics/index.ts'
import { fc } from '../../support/fast-check.ts'
import { filters, indexBounds, naiveMatch, seeds, topics } from './naive.ts'

function found(index: RetainedIndex<string>, filter: string): [string, string][] {
  const all: [string, string][] = []
  index.match(filter, (value, topic) => all.push([topic, value]))
  return all.sort()
}

describe('the retained index', () => {
  const change = fc.record({ topic: topics, value: fc.constantFrom('x', 'y', null) })

  it('agrees with a Map and the naive matcher, and is empty when all are gone', () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 80 }),
        fc.array(filters, { minLength: 5, maxLength: 20 }),
        seeds,
        indexBounds,
        (changes, sources, seed, bounds) => {
          const index = new RetainedIndex<string>(seed, bounds)
          const model = new Map<string, string>()
          for (const { topic, value } of changes) {
            const before = model.get(topic)
            assert.equal(index.get(topic), before)
            if (value === null) {
              assert.equal(index.delete(topic), before)
              model.delete(topic)
            } else {
              assert.equal(index.set(topic, value), before)
              model.set(topic, value)
            }
            assert.equal(index.size, model.size)
          }
          for (const filter of sources) {
            const expected = [...model].filter(([topic]) => naiveMatch(filter, topic)).sort()
            assert.deepEqual(found(index, filter), expected, filter)
          }
          for (const topic of model.keys()) index.delete(topic)
          assert.deepEqual([index.size, index.nodes], [0, 0])
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('lets a cursor find on while topics come and go: what stays is met once, with the value of then', () => {
    const steps = fc.array(fc.oneof(change, fc.constant('step' as const)), { maxLength: 60 })
    fc.assert(
      fc.property(fc.array(topics, { maxLength: 20 }), filters, steps, fc.integer(), (before, filter, acts, seed) => {
        const index = new RetainedIndex<string>({ start: seed, end: seed })
        const model = new Map<string, string>()
        const put = (topic: string, value: string | null): void => {
          if (value === null) index.delete(topic)
          else index.set(topic, value)
          if (value === null) model.delete(topic)
          else model.set(topic, value)
        }
        for (const topic of before) put(topic, 'old')
        const stays = new Set([...model.keys()].filter((topic) => naiveMatch(filter, topic)))
        const cursor = index.cursor(filter)
        const met: string[] = []
        const look = (): void => {
          const { value, topic } = cursor
          if (value === undefined) return
          assert.equal(value, model.get(topic))
          assert.ok(naiveMatch(filter, topic))
          met.push(topic)
        }
        look()
        let more = true
        for (const act of acts) {
          if (act !== 'step') {
            put(act.topic, act.value)
            if (act.value === null) stays.delete(act.topic)
          } else if (more) {
            more = cursor.step()
            look()
          }
        }
        const closes = acts.length % 5 === 0
        if (closes) cursor.close()
        else {
          while (cursor.step()) look()
          assert.equal(new Set(met).size, met.length, 'one was met twice')
          for (const topic of stays) assert.ok(met.includes(topic), `${topic} was not met`)
        }
        for (const topic of model.keys()) index.delete(topic)
        assert.deepEqual([index.size, index.nodes], [0, 0])
      }),
      { numRuns: 3000 },
    )
  })

  it('tells nothing of how names are hashed by the order in which a cursor meets them', () => {
    const order = (seed: number): string[] => {
      const index = new RetainedIndex<string>({ start: seed, end: seed })
      for (let i = 0; i < 100; i++) index.set(`a/${i}`, 'v')
      const met: string[] = []
      index.match('a/+', (_value, topic) => met.push(topic))
      return met
    }
    assert.deepEqual(order(1), order(2))
  })

  it('shows a cursor nothing that is set as a new topic beside it, so that it comes to its end', () => {
    const index = new RetainedIndex<string>()
    for (let i = 0; i < 50; i++) index.set(`a/${i}`, 'v')
    const cursor = index.cursor('a/#')
    let steps = 0
    while (cursor.step()) index.set(`a/new${steps++}`, 'v')
    assert.ok(steps <= 52, `${steps}`)
  })

  it('hides what starts with `$` from a wildcard in the first level, and only there [MQTT-4.7.2-1]', () => {
    const index = new RetainedIndex<string>()
    const names = ['$SYS/x', '$', '$a', 'a/$SYS', 'a']
    for (const topic of names) index.set(topic, 'v')
    for (let i = 0; i < 20; i++) index.set(`$other${i}`, 'v')
    assert.deepEqual(
      found(index, '#').map(([topic]) => topic),
      ['a', 'a/$SYS'],
    )
    assert.deepEqual(found(index, '+'), [['a', 'v']])
    assert.deepEqual(found(index, '+/+'), [['a/$SYS', 'v']])
    assert.deepEqual(found(index, '$SYS/#'), [['$SYS/x', 'v']])
  })

  it('asks of many branches only those that a filter can match', () => {
    const index = new RetainedIndex<string>({ start: 5, end: 5 })
    for (let i = 0; i < 5000; i++) for (const leaf of ['a', 'b']) index.set(`site/d${i}/${leaf}`, `${i}${leaf}`)
    assert.deepEqual(found(index, 'site/d77/+'), [
      ['site/d77/a', '77a'],
      ['site/d77/b', '77b'],
    ])
    assert.equal(found(index, 'site/+/b').length, 5000)
    assert.equal(found(index, 'site/#').length, 10_000)
    for (let i = 0; i < 5000; i++) {
      assert.equal(index.delete(`site/d${i}/a`), `${i}a`)
      assert.equal(index.get(`site/d${i}/b`), `${i}b`)
      assert.equal(index.delete(`site/d${i}/b`), `${i}b`)
    }
    assert.equal(index.nodes, 0)
  })

  it('takes a name of 65,535 slashes, and one of a single level that is as long', () => {
    const index = new RetainedIndex<string>()
    const names = ['/'.repeat(65_535), `a/${'\u00e9'.repeat(32_000)}`, 'x'.repeat(65_535)]
    for (const topic of names) index.set(topic, 'v')
    for (const topic of names) assert.equal(index.get(topic), 'v')
    assert.equal(found(index, '#').length, 3)
    assert.equal(found(index, `${'+/'.repeat(32_767)}#`).length, 1)
    for (const topic of names) assert.equal(index.delete(topic), 'v')
    assert.equal(index.nodes, 0)
  })
})

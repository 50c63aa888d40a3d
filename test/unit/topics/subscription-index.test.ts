import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type Matches,
  parseTopicFilter,
  SubscriptionIndex,
  type TopicFilter,
  topicMatches,
} from '../../../src/topics/index.ts'
import { fc } from '../../support/fast-check.ts'
import { filters, indexBounds, naiveMatch, seeds, topics } from './naive.ts'

function parsed(source: string): TopicFilter {
  const filter = parseTopicFilter(source, { starWildcard: true, sysAlias: true })
  assert.ok(!('error' in filter), source)
  return filter
}

function matches<T extends NonNullable<unknown>>(index: SubscriptionIndex<T>, topic: string): Matches<T> {
  const result: Matches<T> = { direct: [], shared: [] }
  index.match(topic, result)
  return result
}

/** What a topic matches, in an order that can be compared. */
function sorted({ direct, shared }: Matches<string>): { direct: string[]; shared: string[] } {
  return {
    direct: [...direct].sort(),
    shared: shared.map((group) => `${group.share} ${group.filter}: ${[...group.members].sort()}`).sort(),
  }
}

interface Entry {
  filter: TopicFilter
  value: string
}

function naiveMatches(entries: Iterable<Entry>, topic: string): { direct: string[]; shared: string[] } {
  const direct: string[] = []
  const groups = new Map<string, string[]>()
  for (const { filter, value } of entries) {
    if (!naiveMatch(filter.filter, topic)) continue
    if (filter.share === null) direct.push(value)
    else {
      const group = `${filter.share} ${filter.filter}`
      groups.set(group, [...(groups.get(group) ?? []), value])
    }
  }
  return { direct: direct.sort(), shared: [...groups].map(([key, all]) => `${key}: ${all.sort()}`).sort() }
}

describe('topicMatches', () => {
  it('agrees with the naive matcher', () => {
    fc.assert(
      fc.property(filters, topics, (source, topic) => {
        const { filter } = parsed(source)
        assert.equal(topicMatches(filter, topic), naiveMatch(filter, topic))
      }),
      { numRuns: 5000 },
    )
  })
})

describe('the subscription index', () => {
  const change = fc.record({
    add: fc.boolean(),
    source: fc.oneof(
      filters,
      fc.tuple(fc.constantFrom('g', 'h', '*'), filters).map(([share, filter]) => `$share/${share}/${filter}`),
    ),
    value: fc.constantFrom('c1', 'c2', 'c3'),
  })

  it('agrees with the naive matcher after any additions and removals, and is empty when all are gone', () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 60 }),
        fc.array(topics, { minLength: 5, maxLength: 20 }),
        seeds,
        indexBounds,
        (changes, names, seed, bounds) => {
          const index = new SubscriptionIndex<string>(seed, bounds)
          const model = new Map<string, Entry>()
          for (const { add, source, value } of changes) {
            const filter = parsed(source)
            const key = `${filter.share} ${filter.filter} ${value}`
            if (!add) assert.equal(index.remove(filter, value), model.delete(key))
            else if (!model.has(key)) {
              index.add(filter, value)
              model.set(key, { filter, value })
            }
            assert.equal(index.size, model.size)
          }
          for (const topic of names) {
            assert.deepEqual(sorted(matches(index, topic)), naiveMatches(model.values(), topic))
          }
          const groups = [...model.values()].filter(({ filter }) => filter.share !== null)
          assert.equal(index.sharedGroups, new Set(groups.map((g) => `${g.filter.share} ${g.filter.filter}`)).size)
          for (const { filter, value } of model.values()) assert.equal(index.remove(filter, value), true)
          assert.deepEqual([index.size, index.nodes, index.sharedGroups], [0, 0, 0])
          for (const topic of names) assert.deepEqual(sorted(matches(index, topic)), { direct: [], shared: [] })
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('changes wildcardVersion with every change of a wildcard filter, and with no other', () => {
    const index = new SubscriptionIndex<string>()
    const version = () => index.wildcardVersion
    const steps: [action: () => void, changes: boolean][] = [
      [() => index.add(parsed('a'), 'x'), false],
      [() => index.add(parsed('a/#'), 'x'), true],
      [() => index.add(parsed('*'), 'x'), true],
      [() => index.add(parsed('$share/g/+'), 'x'), true],
      [() => index.remove(parsed('a/+'), 'x'), false],
      [() => index.remove(parsed('a/#'), 'y'), false],
      [() => index.remove(parsed('a'), 'x'), false],
      [() => index.remove(parsed('a/#'), 'x'), true],
      [() => index.remove(parsed('$share/g/+'), 'x'), true],
    ]
    for (const [action, changes] of steps) {
      const before = version()
      action()
      assert.equal(version() > before, changes, String(action))
    }
  })

  it('says by changesFor when a wildcard filter that came or went may have concerned a topic', () => {
    fc.assert(
      fc.property(fc.array(filters, { maxLength: 20 }), fc.array(topics, { minLength: 1 }), (sources, names) => {
        const index = new SubscriptionIndex<string>({ start: 1, end: 1 })
        for (const filter of sources.map(parsed)) {
          for (const change of ['add', 'remove'] as const) {
            const before = names.map((topic) => index.changesFor(index.dependency(topic)))
            index[change](filter, 'x')
            names.forEach((topic, i) => {
              const after = index.changesFor(index.dependency(topic))
              if (filter.wildcard && naiveMatch(filter.filter, topic)) assert.ok(after > before[i]!, topic)
              if (!filter.wildcard) assert.equal(after, before[i])
            })
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  it('leaves the routes of other devices alone when one device is subscribed to', () => {
    const index = new SubscriptionIndex<string>({ start: 7, end: 7 })
    const dependencies = Array.from({ length: 1000 }, (_, i) => index.dependency(`home/dev${i}/temperature`))
    const before = dependencies.map((dependency) => index.changesFor(dependency))
    index.add(parsed('home/dev500/#'), 'x')
    const changed = dependencies.filter((dependency, i) => index.changesFor(dependency) !== before[i])
    assert.ok(changed.includes(dependencies[500]!))
    assert.ok(changed.length < 20, `${changed.length} of 1000`)
  })

  it('keeps a group, and whose turn it is, for as long as it has members', () => {
    const index = new SubscriptionIndex<string>()
    const filter = parsed('$share/g/a/+')
    index.add(filter, 'x')
    const group = matches(index, 'a/1').shared[0]!
    group.next = 41
    index.add(filter, 'y')
    index.remove(filter, 'x')
    assert.equal(matches(index, 'a/2').shared[0], group)
    assert.deepEqual([group.members, group.next], [['y'], 41])
  })

  it('shows filters of 200 levels, and names of 65,535 slashes, in time that grows with their length only', () => {
    const index = new SubscriptionIndex<string>()
    const slashes = '/'.repeat(65_535)
    const sources = [Array(200).fill('+').join('/'), `${'/'.repeat(199)}#`, slashes, `${'+/'.repeat(32_767)}#`, '+/#']
    for (const source of sources) index.add(parsed(source), source)
    assert.deepEqual(matches(index, slashes).direct.sort(), [sources[1], slashes, sources[3], '+/#'].sort())
    assert.deepEqual(matches(index, '/'.repeat(199)).direct.sort(), [sources[0], sources[1], '+/#'].sort())
    for (const source of sources) index.remove(parsed(source), source)
    assert.equal(index.nodes, 0)
  })

  for (const source of ['busy', 'busy/#', '$share/g/busy', '$share/g/busy/+/#']) {
    it(`lets any of many subscribers of ${source} go`, () => {
      const index = new SubscriptionIndex<string>()
      const values = Array.from({ length: 500 }, (_, i) => `c${i}`)
      for (const value of values) index.add(parsed(source), value)
      const topic = 'busy'.padEnd(source.includes('+') ? 6 : 4, '/x')
      const left = () => {
        const { direct, shared } = matches(index, topic)
        return [...direct, ...shared.flatMap((group) => group.members)].sort()
      }
      const order = values.map((_, i) => values[(i * 7) % 500]!)
      for (const [i, value] of order.entries()) {
        assert.equal(index.remove(parsed(source), value), true)
        assert.equal(index.remove(parsed(source), value), false)
        if (i % 50 === 0 || i > 460) assert.deepEqual(left(), order.slice(i + 1).sort())
      }
      assert.equal(index.nodes, 0)
    })
  }

  it('finds each of ten thousand siblings, as they come and as they go', () => {
    const index = new SubscriptionIndex<string>({ start: 3, end: 3 })
    const all = Array.from({ length: 10_000 }, (_, i) => [parsed(`s/d${i}/+`), parsed(`s/d${i}/x`)] as const)
    for (const [i, [wild, exact]] of all.entries()) {
      index.add(wild, `wild${i}`)
      index.add(exact, `exact${i}`)
    }
    for (let i = 0; i < all.length; i++) assert.deepEqual(matches(index, `s/d${i}/x`).direct, [`exact${i}`, `wild${i}`])
    assert.deepEqual(matches(index, 's/d10000/x').direct, [])
    for (const [i, [wild, exact]] of all.entries()) {
      assert.ok(index.remove(wild, `wild${i}`) && index.remove(exact, `exact${i}`))
      assert.deepEqual(matches(index, `s/d${i}/x`).direct, [])
      if (i < 9999) assert.deepEqual(matches(index, `s/d${i + 1}/x`).direct, [`exact${i + 1}`, `wild${i + 1}`])
    }
    assert.equal(index.nodes, 0)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  MatchCache,
  NO_SEED,
  parseTopicFilter,
  RetainedIndex,
  SubscriptionIndex,
  type TopicFilter,
} from '../../../src/topics/index.ts'
import { bytesNeeded } from '../../support/heap.ts'

const MANY = 100_000
const MIB = 1024 * 1024
/** What an index may keep of what it once had: its tables of names, and what V8 keeps. */
const BOUND = 3 * MIB

const encoder = new TextEncoder()
const long = 'x'.repeat(60_000)

function parsed(source: string): TopicFilter {
  return parseTopicFilter(source, { starWildcard: true, sysAlias: true }) as TopicFilter
}

/** What is left of what `make` returned an index of, when `empty` has emptied that. */
function left<I>(make: () => I, fill: (index: I) => void, empty: (index: I) => void): { full: number; left: number } {
  const index = make()
  // Compiled, and with what it allocates once.
  fill(index)
  empty(index)
  const fresh = make()
  const before = bytesNeeded()
  fill(fresh)
  const full = bytesNeeded() - before
  empty(fresh)
  const after = bytesNeeded() - before
  // Neither may be collected before.
  assert.ok(index !== fresh)
  return { full, left: after }
}

const filters: Record<string, (i: number) => string> = {
  'filters without wildcards': (i) => `home/dev${i}/temperature`,
  'filters with wildcards': (i) => `home/dev${i}/temperature/of/room/+`,
  'shared subscriptions': (i) => `$share/a group of some length ${i}/home/dev${i % 100}/temperature/#`,
}

describe('memory comes back when they are gone:', () => {
  for (const [what, filter] of Object.entries(filters)) {
    it(`${MANY} ${what}`, () => {
      const each = (act: (filter: TopicFilter) => void): void => {
        for (let i = 0; i < MANY; i++) act(parsed(filter(i)))
      }
      const { full, left: rest } = left(
        () => new SubscriptionIndex<string>(),
        (index) => each((one) => index.add(one, 'x')),
        (index) => each((one) => index.remove(one, 'x')),
      )
      assert.ok(full > BOUND && rest < BOUND, `${full / MIB} MiB, then ${rest / MIB}`)
    })
  }

  it(`${MANY} retained messages`, () => {
    const { full, left: rest } = left(
      () => new RetainedIndex<string>(),
      (index) => {
        for (let i = 0; i < MANY; i++) index.set(`home/dev${i}/temperature`, 'x')
      },
      (index) => {
        for (let i = 0; i < MANY; i++) index.delete(`home/dev${i}/temperature`)
      },
    )
    assert.ok(full > BOUND && rest < BOUND, `${full / MIB} MiB, then ${rest / MIB}`)
  })

  it('a thousand level names of 60,000 characters', () => {
    const { full, left: rest } = left(
      () => ({ subscriptions: new SubscriptionIndex<string>(), retained: new RetainedIndex<string>() }),
      ({ subscriptions, retained }) => {
        for (let i = 0; i < 500; i++) {
          subscriptions.add(parsed(`${i}${long}/#`), 'x')
          retained.set(`${i}${long}`, 'x')
        }
      },
      ({ subscriptions, retained }) => {
        for (let i = 0; i < 500; i++) {
          subscriptions.remove(parsed(`${i}${long}/#`), 'x')
          retained.delete(`${i}${long}`)
        }
      },
    )
    assert.ok(full > 10 * BOUND && rest < BOUND, `${full / MIB} MiB, then ${rest / MIB}`)
  })

  it('what the first member of a shared group sent, when others are left', () => {
    const groups = 500
    const { left: rest } = left(
      () => new SubscriptionIndex<string>(),
      (index) => {
        for (let i = 0; i < groups; i++) {
          const filter = `a topic of some length ${i}`
          index.add(parsed(`$share/${long}/${filter}`), 'first')
          index.add(parsed(filter), 'second')
        }
      },
      (index) => {
        for (let i = 0; i < groups; i++) index.remove(parsed(`$share/${long}/a topic of some length ${i}`), 'first')
      },
    )
    assert.ok(rest < BOUND, `${rest / MIB} MiB`)
  })

  it('a cache that nobody asks any more', () => {
    const { full, left: rest } = left(
      () => new MatchCache<object>({ seed: NO_SEED, maxEntries: 131_072, maxBytes: 8 * MIB }),
      (cache) => {
        for (let i = 0; i < MANY; i++) {
          const topic = encoder.encode(`home/dev${i}/temperature`)
          cache.set(topic, 0, topic.length, { i })
        }
      },
      (cache) => {
        for (let i = 0; i < 10 * 64; i++) cache.review(() => true)
        assert.equal(cache.size, 0)
      },
    )
    assert.ok(full > BOUND && rest < MIB / 4, `${full / MIB} MiB, then ${rest / MIB}`)
  })
})

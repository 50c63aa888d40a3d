import { defaultIndexBounds, type HashSeed, type IndexBounds } from '../../../src/topics/index.ts'
import { fc } from '../../support/fast-check.ts'

/** The rules of matching written as shortly as possible: what everything else is compared with. */
export function naiveMatch(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false
  return levelsMatch(filter.split('/'), topic.split('/'))
}

function levelsMatch([filter, ...filters]: string[], [topic, ...topics]: string[]): boolean {
  if (filter === '#') return true
  if (filter === undefined || topic === undefined) return filter === topic
  return (filter === '+' || filter === topic) && levelsMatch(filters, topics)
}

/** A few short names, an empty one, and some that look special, so that topics collide all the time. */
const name = fc.constantFrom('', 'a', 'b', 'bb', '*', '$SYS', '$', 'a level of some length', 'a level of some width')

export const topics: fc.Arbitrary<string> = fc
  .array(name, { minLength: 1, maxLength: 5 })
  .map((levels) => levels.join('/'))
  .filter((topic) => topic !== '')

export const filters: fc.Arbitrary<string> = fc
  .tuple(fc.array(fc.oneof(name, fc.constant('+')), { maxLength: 4 }), fc.constantFrom([], ['#'], ['+'], ['a']))
  .map(([levels, last]) => [...levels, ...last].join('/'))
  .filter((filter) => filter !== '')

export const seeds: fc.Arbitrary<HashSeed> = fc.record({ start: fc.integer(), end: fc.integer() })

const power = fc.constantFrom(1, 2, 4)
const few = fc.integer({ min: 1, max: 4 })

/** Those of a broker, or tiny ones. */
export const indexBounds: fc.Arbitrary<IndexBounds> = fc.oneof(
  { weight: 1, arbitrary: fc.constant(defaultIndexBounds) },
  {
    weight: 3,
    arbitrary: fc.record({
      bucketsAtLeast: power,
      namesInChain: few,
      childrenSearched: few,
      namesRemembered: power,
      nameLengthRemembered: fc.nat(20),
      subscribersSearched: few,
      filterChangeBits: fc.nat(3),
    }),
  },
)

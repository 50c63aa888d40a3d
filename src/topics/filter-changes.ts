import { mix } from './name-table.ts'
import type { TopicLevels } from './topic-levels.ts'

/** Levels of a filter's beginning that are told apart. */
const DEPTH_MAX = 3
const SLOT_BITS = 10
const SLOTS = 1 << SLOT_BITS

/**
 * Which topics a change of a wildcard filter may concern, so that a client that subscribes to `home/dev1/#` does not make
 * the broker compute the routes of all other topics anew.
 *
 * Changes are counted per beginning: the levels before the first wildcard, at most three. A topic depends on the
 * counts of its own beginnings of one, two and three levels and on that of the filters that begin with a wildcard. Two
 * beginnings may share a count, which costs a route that is made anew without need, and never a wrong one.
 */
export class FilterChanges {
  readonly #counts: Float64Array = new Float64Array(SLOTS)
  #anywhere = 0

  /** A filter with a wildcard came or went. */
  record(filter: TopicLevels): void {
    let hash = 0
    let depth = 0
    while (depth < DEPTH_MAX && !filter.isPlus(depth) && !filter.isHash(depth)) hash = further(hash, filter, depth++)
    if (depth === 0) this.#anywhere++
    else this.#counts[slot(hash)]!++
  }

  /** The three counts that the topic depends on, as one small integer. */
  dependency(topic: TopicLevels): number {
    let hash = 0
    let slots = 0
    for (let depth = 0; depth < DEPTH_MAX; depth++) {
      if (depth < topic.count) hash = further(hash, topic, depth)
      slots = (slots << SLOT_BITS) | slot(hash)
    }
    return slots
  }

  /** Grows when a change may have concerned the topics with that dependency. */
  count(dependency: number): number {
    return (
      this.#anywhere +
      this.#counts[dependency & (SLOTS - 1)]! +
      this.#counts[(dependency >> SLOT_BITS) & (SLOTS - 1)]! +
      this.#counts[dependency >> (2 * SLOT_BITS)]!
    )
  }
}

function further(hash: number, levels: TopicLevels, depth: number): number {
  return mix(Math.imul(hash, 31) + levels.hash(depth))
}

function slot(hash: number): number {
  return hash & (SLOTS - 1)
}

import { mix } from './hash.ts'
import type { TopicLevels } from './topic-levels.ts'

/** Levels of a filter's beginning that are told apart. */
const DEPTH_MAX = 3

/**
 * Which topics a change of a wildcard filter may concern, so that a client that subscribes to `home/dev1/#` does not make
 * the broker compute the routes of all other topics anew.
 *
 * Changes are counted per beginning: the levels before the first wildcard, at most three. A topic depends on the
 * counts of its own beginnings of one, two and three levels and on that of the filters that begin with a wildcard. Two
 * beginnings may share a count, which costs a route that is made anew without need, and never a wrong one.
 */
export class FilterChanges {
  readonly #bits: number
  readonly #mask: number
  readonly #counts: Float64Array
  #anywhere = 0

  /** Of `2 ** bits` counts; 0 to 10. */
  constructor(bits: number) {
    this.#bits = bits
    this.#mask = (1 << bits) - 1
    this.#counts = new Float64Array(1 << bits)
  }

  /** A filter with a wildcard came or went. */
  record(filter: TopicLevels): void {
    let hash = 0
    let depth = 0
    while (depth < DEPTH_MAX && !filter.isPlus(depth) && !filter.isHash(depth)) hash = further(hash, filter, depth++)
    if (depth === 0) this.#anywhere++
    else this.#counts[hash & this.#mask]!++
  }

  /** What every topic's matches are good for may have changed. */
  recordAll(): void {
    this.#anywhere++
  }

  /** The three counts that the topic depends on, as one small integer. */
  dependency(topic: TopicLevels): number {
    let hash = 0
    let slots = 0
    for (let depth = 0; depth < DEPTH_MAX; depth++) {
      if (depth < topic.count) hash = further(hash, topic, depth)
      slots = (slots << this.#bits) | (hash & this.#mask)
    }
    return slots
  }

  /** Grows when a change may have concerned the topics with that dependency. */
  count(dependency: number): number {
    return (
      this.#anywhere +
      this.#counts[dependency & this.#mask]! +
      this.#counts[(dependency >> this.#bits) & this.#mask]! +
      this.#counts[dependency >> (2 * this.#bits)]!
    )
  }
}

function further(hash: number, levels: TopicLevels, depth: number): number {
  return mix(Math.imul(hash, 31) + levels.hash(depth))
}

import type { HashSeed } from './hash.ts'
import type { RetainedLevel } from './retained-level.ts'
import { TopicLevels } from './topic-levels.ts'
import { findChild } from './tree-node.ts'

/**
 * A place in the walk along all retained messages that one Topic Filter matches: a step at a time, while the tree changes
 * in between. It meets each message that is there all the while once, and the value that it has then. It costs its place
 * only, however many match; what the filter excludes is not visited.
 */
export class RetainedCursor<V> {
  readonly #levels: TopicLevels = new TopicLevels()
  /** The filter ends with `#`. */
  readonly #hash: boolean
  /** Its levels before that. */
  readonly #fixed: number
  /** From the root to where it stands. Empty: it has come to the end, or was closed. */
  readonly #path: RetainedLevel<V>[]
  readonly #left: (path: RetainedLevel<V>[]) => void

  /** Begins at the root. `left` is called with the way to a level that the cursor has left, and that may be empty. */
  constructor(root: RetainedLevel<V>, filter: string, seed: HashSeed, left: (path: RetainedLevel<V>[]) => void) {
    const levels = this.#levels
    levels.read(filter, seed)
    this.#hash = levels.isHash(levels.count - 1)
    this.#fixed = this.#hash ? levels.count - 1 : levels.count
    this.#path = [root]
    this.#left = left
    root.cursors++
  }

  /** What is retained at this place; undefined: nothing that the filter matches. */
  get value(): V | undefined {
    const level = this.#path.length - 1
    if (level < 0 || !this.#matches(level)) return undefined
    return this.#path[level]!.value
  }

  get topic(): string {
    return this.#path.at(-1)?.topic ?? ''
  }

  /** Goes on to the next place. False: there is none. */
  step(): boolean {
    const path = this.#path
    if (path.length === 0) return false
    let next = this.#below(path.length - 1)
    while (next === null && path.length > 1) {
      next = this.#beside(path.length - 1)
      this.#leave()
    }
    if (next === null) this.close()
    else this.#enter(next)
    return next !== null
  }

  /** It is not needed any more. To be called unless `step` said false: what it holds stays in the tree until then. */
  close(): void {
    while (this.#path.length > 0) this.#leave()
  }

  /** `a/#` matches `a`, and all that is below. */
  #matches(level: number): boolean {
    return this.#hash ? level >= this.#fixed : level === this.#fixed
  }

  /** Whether the filter takes every name for the level after that many. */
  #isWild(level: number): boolean {
    return level < this.#fixed ? this.#levels.isPlus(level) : this.#hash
  }

  /** The first one below that may match. */
  #below(level: number): RetainedLevel<V> | null {
    const node = this.#path[level]!
    if (this.#isWild(level)) return visible(node.first, level)
    return level < this.#fixed ? findChild(node, this.#levels, level) : null
  }

  /** The next one beside it that may match. */
  #beside(level: number): RetainedLevel<V> | null {
    return this.#isWild(level - 1) ? visible(this.#path[level]!.after, level - 1) : null
  }

  #enter(node: RetainedLevel<V>): void {
    node.cursors++
    this.#path.push(node)
  }

  #leave(): void {
    const path = this.#path
    const node = path.at(-1)!
    node.cursors--
    if (!node.needed) this.#left(path)
    path.pop()
  }
}

/** In the first level no wildcard finds a name that starts with `$` [MQTT-4.7.2-1]. */
function visible<V>(from: RetainedLevel<V> | null, level: number): RetainedLevel<V> | null {
  let node = from
  if (level === 0) while (node?.name.startsWith('$')) node = node.after
  return node
}

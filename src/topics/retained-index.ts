import { defaultIndexBounds, type IndexBounds } from './bounds.ts'
import { type HashSeed, hashName, NO_SEED } from './hash.ts'
import { LevelNames } from './level-names.ts'
import { RetainedCursor } from './retained-cursor.ts'
import { RetainedLevel as Level } from './retained-level.ts'
import { TopicLevels } from './topic-levels.ts'
import { addChild, findChild, removeChild, type Tables } from './tree-node.ts'

/** Topic Names to values, one each: retained messages. A filter with wildcards visits only branches that can match. */
export class RetainedIndex<V extends NonNullable<unknown>> {
  readonly #seed: HashSeed
  readonly #tables: Tables
  readonly #root: Level<V> = new Level('')
  readonly #names: LevelNames
  readonly #levels: TopicLevels = new TopicLevels()
  #size = 0
  #nodes = 0

  /** `seed` is what clients can't know: topics can then not be chosen so that they collide. */
  constructor(seed: HashSeed = NO_SEED, bounds: IndexBounds = defaultIndexBounds) {
    this.#seed = seed
    this.#tables = { seed, bounds }
    this.#names = new LevelNames(bounds)
  }

  get size(): number {
    return this.#size
  }

  /** Nodes of the tree: what memory goes with. 0 when the index is empty. */
  get nodes(): number {
    return this.#nodes
  }

  get(topic: string): V | undefined {
    const levels = this.#levels
    levels.read(topic, this.#seed)
    let node: Level<V> | null = this.#root
    for (let level = 0; node !== null && level < levels.count; level++) node = findChild(node, levels, level)
    return node?.value
  }

  /** Returns the value that it replaces. */
  set(topic: string, value: V): V | undefined {
    const levels = this.#levels
    levels.read(topic, this.#seed)
    let node = this.#root
    for (let level = 0; level < levels.count; level++) node = findChild(node, levels, level) ?? this.#grow(node, level)
    const replaced = node.value
    node.topic = topic
    node.value = value
    if (replaced === undefined) this.#size++
    return replaced
  }

  /** Returns the value that was there. */
  delete(topic: string): V | undefined {
    const levels = this.#levels
    levels.read(topic, this.#seed)
    const path = [this.#root]
    let node: Level<V> | null = this.#root
    for (let level = 0; level < levels.count; level++) {
      node = findChild(node, levels, level)
      if (node === null) return undefined
      path.push(node)
    }
    const { value } = node
    if (value === undefined) return undefined
    node.topic = ''
    node.value = undefined
    this.#size--
    this.#prune(path)
    return value
  }

  /** Stands before all topics that the filter (as `TopicFilter.filter` has it) matches; they come in no promised order. */
  cursor(filter: string): RetainedCursor<V> {
    return new RetainedCursor(this.#root, filter, this.#seed, this.#pruneLeft)
  }

  /** Calls `visit` for every topic that the filter matches, in one go. */
  match(filter: string, visit: (value: V, topic: string) => void): void {
    const cursor = this.cursor(filter)
    do {
      const { value, topic } = cursor
      if (value !== undefined) visit(value, topic)
    } while (cursor.step())
  }

  #grow(parent: Level<V>, level: number): Level<V> {
    const levels = this.#levels
    const hash = levels.hash(level)
    const node = new Level<V>(this.#names.name(levels.text, levels.start(level), levels.end(level), hash))
    addChild(parent, node, hash, this.#tables)
    parent.list(node)
    this.#nodes++
    return node
  }

  readonly #pruneLeft = (path: Level<V>[]): void => this.#prune(path)

  /** Takes away the empty nodes at the end of a path that begins with the root. */
  #prune(path: Level<V>[]): void {
    for (let level = path.length - 2; level >= 0; level--) {
      const parent = path[level]!
      const node = path[level + 1]!
      if (node.needed) return
      parent.unlist(node)
      removeChild(parent, node, hashName(node.name, 0, node.name.length, this.#seed))
      this.#nodes--
    }
  }
}

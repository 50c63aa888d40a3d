import { defaultIndexBounds, type IndexBounds } from './bounds.ts'
import { LevelNames } from './level-names.ts'
import { TopicLevels } from './topic-levels.ts'
import { addChild, findChild, pushChildren, removeChild, type Tables, TreeNode } from './tree-node.ts'

class Level<V> extends TreeNode<Level<V>> {
  /** The whole topic, as it was handed in; '' if none ends here. */
  topic = ''
  value: V | undefined = undefined
}

/** Topic Names to values, one each: retained messages. A filter with wildcards visits only branches that can match. */
export class RetainedIndex<V extends NonNullable<unknown>> {
  readonly #seed: number
  readonly #tables: Tables
  readonly #root: Level<V> = new Level('')
  readonly #names: LevelNames
  readonly #levels: TopicLevels = new TopicLevels()
  #size = 0
  #nodes = 0

  /** `seed` is any 32-bit integer that clients can't know: topics can then not be chosen so that they collide. */
  constructor(seed = 0, bounds: IndexBounds = defaultIndexBounds) {
    this.#seed = seed
    this.#tables = { seed, bounds }
    this.#names = new LevelNames(bounds.namesRemembered)
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

  /**
   * Calls `visit` for every topic that the filter (as `TopicFilter.filter` has it) matches, in no promised order. `visit`
   * must not change the index.
   */
  match(filter: string, visit: (value: V, topic: string) => void): void {
    const levels = new TopicLevels()
    levels.read(filter, this.#seed)
    const stack = [this.#root]
    const depths = [0]
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      const depth = depths.pop()!
      let next = depth + 1
      if (depth === levels.count) {
        if (node.value !== undefined) visit(node.value, node.topic)
      } else if (levels.isHash(depth)) {
        // `a/#` matches `a` too; and all that is below stays at this level of the filter.
        if (node.value !== undefined) visit(node.value, node.topic)
        this.#pushWild(node, stack)
        next = depth
      } else if (levels.isPlus(depth)) {
        this.#pushWild(node, stack)
      } else {
        const child = findChild(node, levels, depth)
        if (child !== null) stack.push(child)
      }
      while (depths.length < stack.length) depths.push(next)
    }
  }

  /** All, in no promised order. */
  *entries(): IterableIterator<[string, V]> {
    const stack = [this.#root]
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (node.value !== undefined) yield [node.topic, node.value]
      pushChildren(node, stack)
    }
  }

  /** All children that a wildcard finds: in the first level none that starts with `$` [MQTT-4.7.2-1]. */
  #pushWild(node: Level<V>, stack: Level<V>[]): void {
    const from = stack.length
    pushChildren(node, stack)
    if (node !== this.#root) return
    let to = from
    for (let i = from; i < stack.length; i++) if (!stack[i]!.name.startsWith('$')) stack[to++] = stack[i]!
    stack.length = to
  }

  #grow(parent: Level<V>, level: number): Level<V> {
    const levels = this.#levels
    const hash = levels.hash(level)
    const node = new Level<V>(this.#names.name(levels.text, levels.start(level), levels.end(level), hash))
    addChild(parent, node, hash, this.#tables)
    this.#nodes++
    return node
  }

  /** Takes away the empty nodes at the end of a path that begins with the root. */
  #prune(path: Level<V>[]): void {
    for (let level = path.length - 2; level >= 0; level--) {
      const node = path[level + 1]!
      if (node.value !== undefined || node.children !== null) return
      removeChild(path[level]!, node, this.#levels.hash(level))
      this.#nodes--
    }
  }
}

import { defaultIndexBounds, type IndexBounds } from './bounds.ts'
import { FilterChanges } from './filter-changes.ts'
import { type HashSeed, hashName, NO_SEED } from './hash.ts'
import { LevelNames, ownCopy } from './level-names.ts'
import { type Chained, NameTable } from './name-table.ts'
import { type Matches, Subscribers } from './subscribers.ts'
import type { TopicFilter } from './topic-filter.ts'
import { TopicLevels } from './topic-levels.ts'
import { addChild, findChild, removeChild, type Tables, TreeNode } from './tree-node.ts'

const DOLLAR = 0x24

/** Nobody, one ordinary subscriber (by far the most frequent, and without an object for it), or several. */
type Held<T> = T | Subscribers<T> | null

/** A filter without wildcards. */
class Exact<T> implements Chained<Exact<T>> {
  readonly name: string
  next: Exact<T> | null = null
  held: Held<T> = null

  constructor(name: string) {
    this.name = name
  }
}

/** A level of filters with wildcards. */
class Level<T> extends TreeNode<Level<T>> {
  /** Of the filter that ends here. */
  held: Held<T> = null
  /** Of the filter that ends here with `/#` after it. */
  below: Held<T> = null
  /** The child that `+` names. */
  plus: Level<T> | null = null

  get empty(): boolean {
    return this.children === null && this.held === null && this.below === null && this.plus === null
  }
}

/**
 * Topic Filters to their subscribers. Filters without wildcards, which are most in practice, are one look-up in a
 * table; those with wildcards stand in a tree, level by level, of which a topic's match visits what can match.
 */
export class SubscriptionIndex<T extends NonNullable<unknown>> {
  readonly #seed: HashSeed
  readonly #bounds: IndexBounds
  readonly #tables: Tables
  readonly #exact: NameTable<Exact<T>>
  readonly #root: Level<T> = new Level('')
  readonly #names: LevelNames
  readonly #levels: TopicLevels = new TopicLevels()
  readonly #changes: FilterChanges
  readonly #stack: Level<T>[] = []
  readonly #depths: number[] = []
  #size = 0
  #sharedGroups = 0
  #wildcardVersion = 0
  #nodes = 0

  /** `seed` is what clients can't know: filters can then not be chosen so that they collide. */
  constructor(seed: HashSeed = NO_SEED, bounds: IndexBounds = defaultIndexBounds) {
    this.#seed = seed
    this.#bounds = bounds
    this.#tables = { seed, bounds }
    this.#exact = new NameTable(seed, bounds)
    this.#names = new LevelNames(bounds)
    this.#changes = new FilterChanges(bounds.filterChangeBits)
  }

  /** Subscriptions, members of shared groups included. */
  get size(): number {
    return this.#size
  }

  get sharedGroups(): number {
    return this.#sharedGroups
  }

  /** Counts up with every change of a wildcard filter. */
  get wildcardVersion(): number {
    return this.#wildcardVersion
  }

  /** Nodes of the tree and entries of the table: what memory goes with. 0 when there are no subscriptions. */
  get nodes(): number {
    return this.#nodes + this.#exact.size
  }

  /** Adds value under filter. The caller sees to it that it is not there yet. */
  add(filter: TopicFilter, value: T): void {
    if (filter.wildcard) this.#addToTree(filter, value)
    else this.#addExact(filter, value)
    this.#size++
  }

  /** Returns whether it was there. */
  remove(filter: TopicFilter, value: T): boolean {
    const removed = filter.wildcard ? this.#removeFromTree(filter, value) : this.#removeExact(filter, value)
    if (removed) this.#size--
    return removed
  }

  /** A member of a shared group, who is away when it is added, has come or gone. */
  setPresent(filter: TopicFilter, value: T, present: boolean): void {
    const held = filter.wildcard ? this.#heldInTree(filter.filter) : this.#heldExactly(filter.filter)
    if (filter.share !== null && held instanceof Subscribers) held.setPresent(filter.share, value, present)
  }

  #heldExactly(name: string): Held<T> {
    return this.#exact.find(name, 0, name.length, hashName(name, 0, name.length, this.#seed))?.held ?? null
  }

  #heldInTree(filter: string): Held<T> {
    const levels = this.#levels
    levels.read(filter, this.#seed)
    const below = levels.isHash(levels.count - 1)
    const depth = below ? levels.count - 1 : levels.count
    let node: Level<T> | null = this.#root
    for (let level = 0; node !== null && level < depth; level++) node = this.#step(node, level)
    return (below ? node?.below : node?.held) ?? null
  }

  /** Appends all that match the Topic Name to `result`. */
  match(topic: string, result: Matches<T>): void {
    if (this.#exact.size > 0) {
      const hash = hashName(topic, 0, topic.length, this.#seed)
      const exact = this.#exact.find(topic, 0, topic.length, hash)
      if (exact !== null) collect(exact.held, result)
    }
    if (!this.#root.empty) this.#matchTree(topic, result)
  }

  /**
   * A number to ask `changesFor` with: a route made of `match(topic)` is as good as new for as long as
   * `changesFor(dependency)` stays what it was when it was made, and no filter equal to the topic comes or goes.
   */
  dependency(topic: string): number {
    this.#levels.read(topic, this.#seed)
    return this.#changes.dependency(this.#levels)
  }

  /** From now on `changesFor` is another number whatever it is asked with. */
  changeAll(): void {
    this.#changes.recordAll()
  }

  changesFor(dependency: number): number {
    return this.#changes.count(dependency)
  }

  #matchTree(topic: string, result: Matches<T>): void {
    const levels = this.#levels
    const stack = this.#stack
    const depths = this.#depths
    levels.read(topic, this.#seed)
    const { count } = levels
    // [MQTT-4.7.2-1]
    const hidden = topic.charCodeAt(0) === DOLLAR
    let node: Level<T> | undefined = this.#root
    let depth = 0
    while (node !== undefined) {
      const wildcards: boolean = depth > 0 || !hidden
      if (wildcards) collect(node.below, result)
      if (depth === count) {
        collect(node.held, result)
      } else {
        const child: Level<T> | null = findChild(node, levels, depth)
        if (child !== null) {
          stack.push(child)
          depths.push(depth + 1)
        }
        if (wildcards && node.plus !== null) {
          stack.push(node.plus)
          depths.push(depth + 1)
        }
      }
      node = stack.pop()
      depth = depths.pop()!
    }
  }

  #addExact(filter: TopicFilter, value: T): void {
    const name = filter.filter
    const hash = hashName(name, 0, name.length, this.#seed)
    let exact = this.#exact.find(name, 0, name.length, hash)
    if (exact === null) {
      // Of a shared subscription it is a part of what the client sent, which another one must not keep alive.
      exact = new Exact(filter.share === null ? name : ownCopy(name))
      this.#exact.add(exact, hash)
    }
    exact.held = this.#with(exact.held, filter, value)
  }

  #removeExact(filter: TopicFilter, value: T): boolean {
    const name = filter.filter
    const hash = hashName(name, 0, name.length, this.#seed)
    const exact = this.#exact.find(name, 0, name.length, hash)
    if (exact === null) return false
    const held = this.#without(exact.held, filter, value)
    if (held === undefined) return false
    exact.held = held
    if (held === null) this.#exact.remove(exact, hash)
    return true
  }

  #addToTree(filter: TopicFilter, value: T): void {
    const levels = this.#levels
    levels.read(filter.filter, this.#seed)
    const below = levels.isHash(levels.count - 1)
    const depth = below ? levels.count - 1 : levels.count
    let node = this.#root
    for (let level = 0; level < depth; level++) node = this.#step(node, level) ?? this.#grow(node, level)
    if (below) node.below = this.#with(node.below, filter, value)
    else node.held = this.#with(node.held, filter, value)
    this.#changed()
  }

  #removeFromTree(filter: TopicFilter, value: T): boolean {
    const levels = this.#levels
    levels.read(filter.filter, this.#seed)
    const below = levels.isHash(levels.count - 1)
    const depth = below ? levels.count - 1 : levels.count
    const path = [this.#root]
    let node: Level<T> | null = this.#root
    for (let level = 0; level < depth; level++) {
      node = this.#step(node, level)
      if (node === null) return false
      path.push(node)
    }
    const held = this.#without(below ? node.below : node.held, filter, value)
    if (held === undefined) return false
    if (below) node.below = held
    else node.held = held
    this.#prune(path)
    this.#changed()
    return true
  }

  /** The node of that level of the filter under `parent`, or null. */
  #step(parent: Level<T>, level: number): Level<T> | null {
    return this.#levels.isPlus(level) ? parent.plus : findChild(parent, this.#levels, level)
  }

  #grow(parent: Level<T>, level: number): Level<T> {
    const levels = this.#levels
    const hash = levels.hash(level)
    const node = new Level<T>(this.#names.name(levels.text, levels.start(level), levels.end(level), hash))
    if (levels.isPlus(level)) parent.plus = node
    else addChild(parent, node, hash, this.#tables)
    this.#nodes++
    return node
  }

  /** Takes away the empty nodes at the end of a path that begins with the root. */
  #prune(path: Level<T>[]): void {
    for (let level = path.length - 2; level >= 0; level--) {
      const parent = path[level]!
      const node = path[level + 1]!
      if (!node.empty) return
      if (parent.plus === node) parent.plus = null
      else removeChild(parent, node, this.#levels.hash(level))
      this.#nodes--
    }
  }

  #changed(): void {
    this.#wildcardVersion++
    this.#changes.record(this.#levels)
  }

  #with(held: Held<T>, filter: TopicFilter, value: T): Held<T> {
    if (held === null && filter.share === null) return value
    let subscribers: Subscribers<T>
    if (held instanceof Subscribers) {
      subscribers = held
    } else {
      subscribers = new Subscribers(this.#bounds.subscribersSearched)
      if (held !== null) subscribers.add(null, filter.filter, held)
    }
    const groups = subscribers.groups
    subscribers.add(filter.share, filter.filter, value)
    this.#sharedGroups += subscribers.groups - groups
    return subscribers
  }

  /** What is held without that value, or undefined if it was not there. */
  #without(held: Held<T>, filter: TopicFilter, value: T): Held<T> | undefined {
    if (!(held instanceof Subscribers)) return filter.share === null && held === value ? null : undefined
    const groups = held.groups
    if (!held.remove(filter.share, value)) return undefined
    this.#sharedGroups += held.groups - groups
    if (held.groups > 0 || held.direct.length > 1) return held
    return held.direct[0] ?? null
  }
}

function collect<T>(held: Held<T>, result: Matches<T>): void {
  if (held instanceof Subscribers) held.collect(result)
  else if (held !== null) result.direct.push(held)
}

import type { IndexBounds } from './bounds.ts'
import { type HashSeed, hashName } from './hash.ts'

/** What has a name and stands in a chain with others. */
export interface Chained<N> {
  readonly name: string
  /** The next one of the same chain. */
  next: N | null
}

/** Average length of a chain: with two a look-up took a fifth longer. */
const NAMES_PER_BUCKET = 1

/** The one of the chain that is named text[start..end), or null. */
export function findInChain<N extends Chained<N>>(first: N | null, text: string, start: number, end: number): N | null {
  const length = end - start
  for (let node = first; node !== null; node = node.next) {
    if (node.name.length === length && text.startsWith(node.name, start)) return node
  }
  return null
}

/** Takes `node`, which is in it, out of the chain; returns what the chain now begins with. */
export function removeFromChain<N extends Chained<N>>(first: N, node: N): N | null {
  if (first === node) return node.next
  let before = first
  while (before.next !== node) before = before.next!
  before.next = node.next
  return first
}

/** Whether the chain has so many nodes, or more. */
export function isAsLongAs<N extends Chained<N>>(length: number, first: N | null): boolean {
  let left = length
  for (let node = first; node !== null && left > 0; node = node.next) left--
  return left === 0
}

/**
 * Names to nodes, by linear hashing: it grows and shrinks by one bucket at a time, so a table of a million names is never
 * laid out anew in one go (only its list of buckets is copied now and then), and a name costs two pointers.
 *
 *              already split     not yet            made by splitting
 *     buckets: | 0 | 1 | ... | s  | ... | half - 1 | half | half + 1 | ... | half + s - 1 |
 *                |
 *                node -> next -> next
 *
 * A hash belongs in bucket `hash mod 2 half` if that bucket exists, else in `hash mod half`. A name whose chain is full, as
 * happens only if somebody chose the names so, goes into a Map instead: whoever knows all our secrets makes it as slow as a
 * Map, no slower.
 */
export class NameTable<N extends Chained<N>> {
  size = 0
  readonly #seed: HashSeed
  readonly #chainAtMost: number
  readonly #bucketsAtLeast: number
  readonly #buckets: (N | null)[]
  /** A power of two. */
  #half: number
  /** Null: as long as no chain was ever full. */
  #crowd: Map<string, N> | null = null

  constructor(seed: HashSeed, bounds: IndexBounds) {
    this.#seed = seed
    this.#chainAtMost = bounds.namesInChain
    this.#bucketsAtLeast = bounds.bucketsAtLeast
    this.#half = bounds.bucketsAtLeast
    this.#buckets = new Array<N | null>(bounds.bucketsAtLeast).fill(null)
  }

  /** The node named text[start..end), whose hash that is, or null. */
  find(text: string, start: number, end: number, hash: number): N | null {
    const found = findInChain(this.#buckets[this.#bucketOf(hash)]!, text, start, end)
    if (found !== null || this.#crowd === null) return found
    return this.#crowd.get(text.slice(start, end)) ?? null
  }

  /** Adds a node whose name is not there yet. */
  add(node: N, hash: number): void {
    this.#push(this.#bucketOf(hash), node)
    this.size++
    if (this.size > this.#buckets.length * NAMES_PER_BUCKET) this.#split()
  }

  /** Removes a node that is there. */
  remove(node: N, hash: number): void {
    if (this.#crowd?.get(node.name) === node) {
      this.#crowd.delete(node.name)
      if (this.#crowd.size === 0) this.#crowd = null
    } else {
      const bucket = this.#bucketOf(hash)
      this.#buckets[bucket] = removeFromChain(this.#buckets[bucket]!, node)
    }
    this.size--
    const { length } = this.#buckets
    if (length > this.#bucketsAtLeast && this.size < (length * NAMES_PER_BUCKET) / 2) this.#merge()
  }

  #bucketOf(hash: number): number {
    const bucket = hash & (2 * this.#half - 1)
    return bucket < this.#buckets.length ? bucket : bucket - this.#half
  }

  #push(bucket: number, node: N): void {
    const first = this.#buckets[bucket]!
    if (isAsLongAs(this.#chainAtMost, first)) {
      node.next = null
      this.#crowd ??= new Map()
      this.#crowd.set(node.name, node)
      return
    }
    node.next = first
    this.#buckets[bucket] = node
  }

  #split(): void {
    const from = this.#buckets.length - this.#half
    let node: N | null = this.#buckets[from]!
    this.#buckets[from] = null
    this.#buckets.push(null)
    while (node !== null) {
      const { next }: N = node
      this.#push(this.#bucketOf(hashName(node.name, 0, node.name.length, this.#seed)), node)
      node = next
    }
    if (this.#buckets.length === 2 * this.#half) this.#half *= 2
  }

  #merge(): void {
    if (this.#buckets.length === this.#half) this.#half /= 2
    let node: N | null = this.#buckets.pop()!
    const into = this.#buckets.length - this.#half
    while (node !== null) {
      const { next }: N = node
      this.#push(into, node)
      node = next
    }
  }
}

import type { IndexBounds } from './bounds.ts'

/** What has a name and stands in a chain with others. */
export interface Chained<N> {
  readonly name: string
  /** The next one of the same chain. */
  next: N | null
}

const MULTIPLIER = 0x9e3779b1 | 0
/** Average length of a chain: with two a look-up took a fifth longer. */
const NAMES_PER_BUCKET = 1

/** A hash of text[start..end) under a seed that a sender cannot know, so that nobody can choose names that collide. */
export function hashName(text: string, start: number, end: number, seed: number): number {
  let hash = seed
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), MULTIPLIER)
  return mix(hash)
}

/** One step of `hashName`, for those who find the end of the name while they hash it. */
export function hashStep(hash: number, code: number): number {
  return Math.imul(hash ^ code, MULTIPLIER)
}

/** The last step of `hashName`: the low bits, which choose the bucket, come to depend on all others. */
export function mix(hash: number): number {
  const half = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return half ^ (half >>> 13)
}

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

/**
 * Names to nodes, by linear hashing: it grows and shrinks by one bucket at a time, so a table of a million names is never
 * laid out anew in one go (only its list of buckets is copied now and then), and a name costs two pointers.
 *
 *              already split     not yet            made by splitting
 *     buckets: | 0 | 1 | ... | s  | ... | half - 1 | half | half + 1 | ... | half + s - 1 |
 *                |
 *                node -> next -> next
 *
 * A hash belongs in bucket `hash mod 2 half` if that bucket exists, else in `hash mod half`.
 */
export class NameTable<N extends Chained<N>> {
  size = 0
  readonly #seed: number
  readonly #bucketsAtLeast: number
  readonly #buckets: (N | null)[]
  /** A power of two. */
  #half: number

  constructor(seed: number, bounds: IndexBounds) {
    this.#seed = seed
    this.#bucketsAtLeast = bounds.bucketsAtLeast
    this.#half = bounds.bucketsAtLeast
    this.#buckets = new Array<N | null>(bounds.bucketsAtLeast).fill(null)
  }

  /** The node named text[start..end), whose hash that is, or null. */
  find(text: string, start: number, end: number, hash: number): N | null {
    return findInChain(this.#buckets[this.#bucketOf(hash)]!, text, start, end)
  }

  /** Adds a node whose name is not there yet. */
  add(node: N, hash: number): void {
    this.#push(this.#bucketOf(hash), node)
    this.size++
    if (this.size > this.#buckets.length * NAMES_PER_BUCKET) this.#split()
  }

  /** Removes a node that is there. */
  remove(node: N, hash: number): void {
    const bucket = this.#bucketOf(hash)
    this.#buckets[bucket] = removeFromChain(this.#buckets[bucket]!, node)
    this.size--
    const { length } = this.#buckets
    if (length > this.#bucketsAtLeast && this.size < (length * NAMES_PER_BUCKET) / 2) this.#merge()
  }

  #bucketOf(hash: number): number {
    const bucket = hash & (2 * this.#half - 1)
    return bucket < this.#buckets.length ? bucket : bucket - this.#half
  }

  #push(bucket: number, node: N): void {
    node.next = this.#buckets[bucket]!
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

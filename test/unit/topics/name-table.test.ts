import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type HashSeed, hashName, hashStep } from '../../../src/topics/hash.ts'
import { defaultIndexBounds } from '../../../src/topics/index.ts'
import { type Chained, NameTable } from '../../../src/topics/name-table.ts'

const SEED: HashSeed = { start: 0x1234_5678, end: 0x0bad_cafe }
const NAMES = 30_000

/** Counts how often anybody looks at a name. */
class Node implements Chained<Node> {
  static looks = 0
  next: Node | null = null
  readonly #name: string

  constructor(name: string) {
    this.#name = name
  }

  get name(): string {
    Node.looks++
    return this.#name
  }
}

/** What whoever knows the seed can find: names of one hash, by going backwards from it. */
function colliding(count: number): string[] {
  const target = 0x5151_5151
  const beforeLast = unstep(target)
  // By its high half: a state from which two characters lead to the target.
  const states = new Map<number, [state: number, last: number]>()
  for (let last = 0x80; last < 0xd800; last++) {
    const state = unstep(beforeLast ^ last)
    states.set(state >>> 16, [state, last])
  }
  const names: string[] = []
  for (let i = 0; names.length < count; i++) {
    const start = `${i}`
    let state = SEED.start
    for (let at = 0; at < start.length; at++) state = hashStep(state, start.charCodeAt(at))
    const found = states.get(state >>> 16)
    if (found === undefined) continue
    const code = (found[0] ^ state) & 0xffff
    if (code >= 0x80 && code < 0xd800) names.push(`${start}${String.fromCharCode(code, found[1])}`)
  }
  return names
}

/** `hashStep` backwards, without the character. */
function unstep(hash: number): number {
  const product = hash ^ (hash >>> 15) ^ (hash >>> 30)
  // The inverse of the multiplier modulo 2 ** 32.
  let inverse = 0x9e3779b1 | 0
  for (let i = 0; i < 5; i++) inverse = Math.imul(inverse, 2 - Math.imul(0x9e3779b1, inverse))
  return Math.imul(product, inverse)
}

/** Adds all, finds each, and what is not there, and removes all; returns how often a name was looked at. */
function cost(names: readonly string[]): number {
  const table = new NameTable<Node>(SEED, defaultIndexBounds)
  const hashes = names.map((name) => hashName(name, 0, name.length, SEED))
  const nodes = names.map((name) => new Node(name))
  Node.looks = 0
  for (const [i, node] of nodes.entries()) table.add(node, hashes[i]!)
  assert.equal(table.size, names.length)
  for (const [i, name] of names.entries()) {
    assert.equal(table.find(name, 0, name.length, hashes[i]!), nodes[i])
    assert.equal(table.find(`${name}?`, 0, name.length + 1, hashes[i]!), null)
  }
  for (const [i, node] of nodes.entries()) table.remove(node, hashes[i]!)
  assert.equal(table.size, 0)
  for (const [i, name] of names.entries()) assert.equal(table.find(name, 0, name.length, hashes[i]!), null)
  return Node.looks
}

describe('a table of names', () => {
  it('is a small multiple slower, and no more, if all names were chosen to collide by who knows its seed', () => {
    const chosen = colliding(NAMES)
    assert.equal(new Set(chosen).size, NAMES)
    assert.equal(new Set(chosen.map((name) => hashName(name, 0, name.length, SEED))).size, 1, 'no attack')
    const honest = cost(Array.from({ length: NAMES }, (_, i) => `home/dev${i}/temperature`))
    const attacked = cost(chosen)
    // Two look-ups of each name, each along a full chain, and some for the rest.
    assert.ok(attacked < NAMES * (2 * defaultIndexBounds.namesInChain + 10), `${attacked} looks, ${honest} if honest`)
    assert.ok(honest < NAMES * 10, `${honest} looks`)
  })

  it('spreads names that differ little, with any bits of the seed', () => {
    for (const bit of [0, 1, 8, 15, 16, 24, 31]) {
      const seeds: HashSeed[] = [
        SEED,
        { ...SEED, start: SEED.start ^ (1 << bit) },
        { ...SEED, end: SEED.end ^ (1 << bit) },
      ]
      const [one, ...others] = seeds.map((seed) =>
        Array.from({ length: 4096 }, (_, i) => hashName(`d${i}`, 0, `d${i}`.length, seed) & 0xfff),
      )
      // Filled by chance, 4096 buckets have about 2589 that are not empty.
      assert.ok(new Set(one).size > 2400, `${new Set(one).size} buckets`)
      for (const other of others) {
        // Another seed, another order: not the same one shifted.
        const shifts = new Set(other.map((bucket, i) => bucket ^ one![i]!))
        assert.ok(shifts.size > 2400, `bit ${bit}: ${shifts.size} shifts`)
      }
    }
  })
})

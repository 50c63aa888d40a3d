/**
 * What the hashes of names depend on: 64 bits that nobody knows, so that nobody can choose names that collide. Both are
 * 32-bit integers. Tables hold even if somebody finds them out; see `NameTable`.
 */
export interface HashSeed {
  /** Where each hash begins. */
  readonly start: number
  /** What is mixed in at the end: the order of a table does not tell what it begins with. */
  readonly end: number
}

/** For names that nobody chooses to do harm. */
export const NO_SEED: HashSeed = { start: 0, end: 0 }

const MULTIPLIER = 0x9e3779b1 | 0

/** The hash of text[start..end). */
export function hashName(text: string, start: number, end: number, seed: HashSeed): number {
  let hash = seed.start
  for (let i = start; i < end; i++) hash = hashStep(hash, text.charCodeAt(i))
  return hashEnd(hash, seed)
}

/** One step of `hashName`, for those who find the end of the name while they hash it: the high bits reach the low ones at once. */
export function hashStep(hash: number, code: number): number {
  const product = Math.imul(hash ^ code, MULTIPLIER)
  return product ^ (product >>> 15)
}

/** The last step of `hashName`: the low bits, which choose the bucket, come to depend on all others. */
export function hashEnd(hash: number, seed: HashSeed): number {
  return mix(hash ^ seed.end)
}

/** Every bit of the result depends on every bit of `hash` (the last step of MurmurHash3). */
export function mix(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

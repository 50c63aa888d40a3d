import { type HashSeed, hashEnd, hashStep } from './hash.ts'

const SLASH = 0x2f
const PLUS = 0x2b
const HASH = 0x23

/**
 * Where the levels of a name or filter begin, and their hashes: found in one pass over the text, however often a tree
 * then asks for a level. One object is filled again and again.
 */
export class TopicLevels {
  text = ''
  count = 0
  /** Level i is text[starts[i]..starts[i + 1] - 1). */
  starts: Int32Array = new Int32Array(32)
  hashes: Int32Array = new Int32Array(32)

  read(text: string, seed: HashSeed): void {
    const { length } = text
    let level = 0
    let hash = seed.start
    this.text = text
    this.starts[0] = 0
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code !== SLASH) {
        hash = hashStep(hash, code)
        continue
      }
      this.hashes[level++] = hashEnd(hash, seed)
      if (level + 1 >= this.starts.length) this.#grow()
      this.starts[level] = i + 1
      hash = seed.start
    }
    this.hashes[level++] = hashEnd(hash, seed)
    this.starts[level] = length + 1
    this.count = level
  }

  start(level: number): number {
    return this.starts[level]!
  }

  end(level: number): number {
    return this.starts[level + 1]! - 1
  }

  hash(level: number): number {
    return this.hashes[level]!
  }

  isPlus(level: number): boolean {
    return this.#is(level, PLUS)
  }

  isHash(level: number): boolean {
    return this.#is(level, HASH)
  }

  #is(level: number, code: number): boolean {
    const start = this.starts[level]!
    return this.text.charCodeAt(start) === code && this.starts[level + 1] === start + 2
  }

  #grow(): void {
    this.starts = twiceAsLong(this.starts)
    this.hashes = twiceAsLong(this.hashes)
  }
}

function twiceAsLong(array: Int32Array): Int32Array {
  const longer = new Int32Array(2 * array.length)
  longer.set(array)
  return longer
}

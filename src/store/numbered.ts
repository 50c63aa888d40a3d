/** Numbers that share a Map. 16,384 double in about a millisecond. */
const NUMBERS_PER_PART = 16_384

/**
 * A Map by numbers that ascend as they come. A JavaScript Map doubles in one go, which takes tens of milliseconds from 131,072
 * entries on; this one is many small ones, each for a range of numbers, which go when they are empty.
 */
export class Numbered<T> {
  readonly #perPart: number
  readonly #parts: Map<number, Map<number, T>> = new Map()

  constructor(perPart: number = NUMBERS_PER_PART) {
    this.#perPart = perPart
  }

  /** Maps that it consists of. */
  get parts(): number {
    return this.#parts.size
  }

  get(number: number): T | undefined {
    return this.#parts.get(this.#partOf(number))?.get(number)
  }

  set(number: number, value: T): void {
    const at = this.#partOf(number)
    let part = this.#parts.get(at)
    if (part === undefined) {
      part = new Map()
      this.#parts.set(at, part)
    }
    part.set(number, value)
  }

  delete(number: number): void {
    const at = this.#partOf(number)
    const part = this.#parts.get(at)
    if (part === undefined) return
    part.delete(number)
    if (part.size === 0) this.#parts.delete(at)
  }

  *keys(): IterableIterator<number> {
    for (const part of this.#parts.values()) yield* part.keys()
  }

  #partOf(number: number): number {
    return Math.floor(number / this.#perPart)
  }
}

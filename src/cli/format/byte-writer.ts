import { Buffer } from 'node:buffer'

/** Bytes that a text of this many UTF-16 units can take at most in UTF-8. */
const UTF8_PER_UNIT = 3

/** Collects bytes to be written in one go; grows as needed. */
export class ByteWriter {
  #bytes: Buffer
  #length = 0

  constructor(size: number = 64 * 1024) {
    this.#bytes = Buffer.allocUnsafe(size)
  }

  get length(): number {
    return this.#length
  }

  /** Text as UTF-8. */
  text(text: string): void {
    this.#reserve(text.length * UTF8_PER_UNIT)
    this.#length += this.#bytes.write(text, this.#length, 'utf8')
  }

  /** Text of which each character is one byte, U+0000..U+00FF. */
  binary(text: string): void {
    this.#reserve(text.length)
    this.#length += this.#bytes.write(text, this.#length, 'latin1')
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  /** What was collected: valid until the next call of another method. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  clear(): void {
    this.#length = 0
  }

  #reserve(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2))
    larger.set(this.view())
    this.#bytes = larger
  }
}

import { Buffer } from 'node:buffer'
import { Damage } from './trouble.ts'

const FIRST_BYTES = 64 * 1024
/** UTF-16 units. */
const SHORT = 32

/** A buffer that grows as it is written to, and is used again and again. */
export class ByteWriter {
  #buffer: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  length = 0

  /** What was written so far: a view, good until the next write. */
  get written(): Buffer {
    return this.#buffer.subarray(0, this.length)
  }

  get buffer(): Buffer {
    return this.#buffer
  }

  clear(): void {
    this.length = 0
    // A burst must not hold its memory for ever.
    if (this.#buffer.length > 64 * FIRST_BYTES) this.#buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  }

  reserve(bytes: number): void {
    if (this.length + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.length + bytes, 2 * this.#buffer.length))
    this.#buffer.copy(larger, 0, 0, this.length)
    this.#buffer = larger
  }

  byte(value: number): void {
    this.reserve(1)
    this.#buffer[this.length++] = value
  }

  uint32(value: number): void {
    this.reserve(4)
    this.#buffer.writeUInt32LE(value, this.length)
    this.length += 4
  }

  /** A whole number up to 2^53, as the nearest thing that JavaScript writes fast. */
  double(value: number): void {
    this.reserve(8)
    this.#buffer.writeDoubleLE(value, this.length)
    this.length += 8
  }

  /** Its length in four bytes, then its UTF-8 form. */
  text(value: string): void {
    if (value.length <= SHORT && this.#ascii(value)) return
    const length = Buffer.byteLength(value)
    this.reserve(4 + length)
    this.#buffer.writeUInt32LE(length, this.length)
    this.#buffer.write(value, this.length + 4)
    this.length += 4 + length
  }

  /** False: it is something else. For what is short this costs less than the two calls into the runtime. */
  #ascii(value: string): boolean {
    const { length } = value
    this.reserve(4 + length)
    const buffer = this.#buffer
    const at = this.length + 4
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i)
      if (code > 0x7f) return false
      buffer[at + i] = code
    }
    buffer.writeUInt32LE(length, this.length)
    this.length = at + length
    return true
  }

  bytes(source: Uint8Array, start: number, end: number): void {
    this.reserve(end - start)
    this.#buffer.set(start === 0 && end === source.length ? source : source.subarray(start, end), this.length)
    this.length += end - start
  }
}

/** Reads what a ByteWriter wrote. Throws Damage where there is nothing more to read. */
export class ByteReader {
  readonly #buffer: Buffer
  at: number
  readonly #end: number

  constructor(buffer: Buffer, start: number, end: number) {
    this.#buffer = buffer
    this.at = start
    this.#end = end
  }

  get atEnd(): boolean {
    return this.at >= this.#end
  }

  byte(): number {
    return this.#buffer.readUInt8(this.#take(1))
  }

  /** The next byte, which stays; -1 at the end. */
  peek(): number {
    return this.atEnd ? -1 : this.#buffer[this.at]!
  }

  skip(length: number): void {
    this.#take(length)
  }

  uint32(): number {
    return this.#buffer.readUInt32LE(this.#take(4))
  }

  double(): number {
    return this.#buffer.readDoubleLE(this.#take(8))
  }

  text(): string {
    const length = this.uint32()
    const start = this.#take(length)
    return this.#buffer.toString('utf8', start, start + length)
  }

  /** The next bytes as text; they stay. */
  peekText(length: number): string {
    return this.#buffer.toString('utf8', this.at, this.at + length)
  }

  /** A copy. */
  bytes(length: number): Uint8Array {
    const start = this.#take(length)
    return new Uint8Array(this.#buffer.subarray(start, start + length))
  }

  #take(length: number): number {
    const start = this.at
    if (start + length > this.#end) throw new Damage('the record is shorter than it says')
    this.at = start + length
    return start
  }
}

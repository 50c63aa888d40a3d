import { writeSync } from 'node:fs'
import { ByteWriter } from './format/byte-writer.ts'

const STDOUT = 1
/** So many bytes are written before the turn ends. */
const FULL = 64 * 1024
/** Milliseconds between two tries, if the other end of a pipe that must not block is slow. */
const RETRY = 2

/**
 * What is printed during a turn goes out in one write at its end. The write blocks: who reads slowly slows down the
 * connection to the broker, and memory stays bounded.
 */
export class Stdout {
  readonly writer: ByteWriter = new ByteWriter()
  /** Nobody reads any more. */
  closed = false
  readonly #onClosed: () => void
  #scheduled = false

  constructor(onClosed: () => void) {
    this.#onClosed = onClosed
  }

  /** Something was put into the writer. */
  printed(): void {
    if (this.writer.length >= FULL) this.flush()
    else if (!this.#scheduled) {
      this.#scheduled = true
      setImmediate(() => {
        this.#scheduled = false
        this.flush()
      })
    }
  }

  flush(): void {
    if (!this.closed && this.writer.length > 0 && !writeAll(STDOUT, this.writer.view())) {
      this.closed = true
      this.#onClosed()
    }
    this.writer.clear()
  }
}

/** False if nobody reads there any more. */
export function writeAll(descriptor: number, bytes: Uint8Array): boolean {
  let from = 0
  while (from < bytes.length) {
    try {
      from += writeSync(descriptor, bytes, from)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EPIPE') return false
      if (code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY)
    }
  }
  return true
}

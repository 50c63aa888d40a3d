import type { CommandError } from './exit.ts'
import { ByteWriter } from './format/byte-writer.ts'
import { Output } from './output.ts'

const STDOUT = 1
/** So many bytes are written before the turn ends; and as many may wait for whoever reads before nothing more is printed. */
const FULL = 64 * 1024

/** Writes what was printed during a turn of the event loop in one go. */
export class Stdout {
  readonly writer: ByteWriter = new ByteWriter()
  readonly #output: Output
  #scheduled = false
  #released = false
  #wake: (() => void) | null = null

  /** `onEnd` as for an Output. */
  constructor(onEnd: (error: CommandError | null) => void) {
    this.#output = new Output(STDOUT, onEnd)
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

  /** The reader is slow: wait for `room` before printing more. */
  get full(): boolean {
    return !this.#released && this.#output.waiting >= FULL
  }

  /** Resolves when all has been taken, or at `release`. */
  room(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      void this.#output.taken().then(resolve)
    })
  }

  /** Stops waiting for room. */
  release(): void {
    this.#released = true
    this.#wake?.()
  }

  flush(): void {
    if (this.writer.length > 0) this.#output.write(this.writer.view())
    this.writer.clear()
  }

  /** Resolves when all that was printed has been taken, or nobody reads any more. */
  finish(): Promise<void> {
    this.flush()
    return this.#output.taken()
  }
}

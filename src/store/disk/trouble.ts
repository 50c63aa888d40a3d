/** What was written is not there, or is something else. All other errors may pass: what could not be read is read later. */
export class Damage extends RangeError {}

/**
 * Whether an error means that something is damaged: it is gone, or it is not what was written. A system that has no
 * descriptor, no memory or no disk for us at the moment says nothing about that.
 */
export function isDamage(error: unknown): boolean {
  if (error instanceof Damage) return true
  return DAMAGE.has((error as { code?: unknown }).code)
}

/**
 * The file is gone; a value ends too early; LMDB says (lmdb.h) that a page is missing, that it is of the wrong kind, or that
 * this is none of its files.
 */
const DAMAGE: ReadonlySet<unknown> = new Set([
  'ENOENT',
  'ERR_OUT_OF_RANGE',
  'ERR_BUFFER_OUT_OF_BOUNDS',
  -30_797,
  -30_796,
  -30_793,
])

export type Tell = (level: 'warning' | 'error' | 'notice', words: string) => void

/**
 * What could not be read. Whoever asked is refused without a further look until a while has passed; then all may ask again,
 * and that is told. The while doubles as long as something fails.
 */
export class ReadTrouble {
  /** What cannot be read at the moment, and why; null if all can. */
  words: string | null = null
  readonly #first: number
  readonly #latest: number
  readonly #tell: Tell
  readonly #again: () => void
  readonly #folder: string
  /** Who was refused since the last try. */
  readonly #refused: Set<string> = new Set()
  #delay: number
  #timer: NodeJS.Timeout | null = null
  /** How often something could not be read since it began. */
  #count = 0

  /** `again` is called when those who were refused may ask again. `first`, `latest`: milliseconds. */
  constructor(folder: string, first: number, latest: number, tell: Tell, again: () => void) {
    this.#folder = folder
    this.#first = first
    this.#latest = latest
    this.#delay = first
    this.#tell = tell
    this.#again = again
  }

  refuses(who: string): boolean {
    return this.#timer !== null && this.#refused.has(who)
  }

  failed(who: string, error: unknown): void {
    this.#refused.add(who)
    this.#count++
    if (this.words === null) {
      this.words = `reading: ${(error as Error).message}`
      const words = `The store in ${this.#folder} cannot be read (${this.words}): who waits for what is in it gets it when it can`
      this.#tell('error', words)
    }
    this.#timer ??= setTimeout(this.#due, this.#delay).unref()
  }

  readonly #due = (): void => {
    this.#timer = null
    if (this.#refused.size === 0) {
      // All who asked since the last try were answered.
      this.words = null
      this.#delay = this.#first
      this.#tell('notice', `The store in ${this.#folder} can be read again, after ${this.#count} tries that failed`)
      this.#count = 0
      return
    }
    this.#refused.clear()
    this.#delay = Math.min(2 * this.#delay, this.#latest)
    this.#again()
    this.#timer ??= setTimeout(this.#due, this.#delay).unref()
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}

import type { Random } from '../fuzz/random.ts'

/** What a disk writes as a whole, or not at all. */
const SECTOR = 512

type Change = { readonly number: number } & (
  | { readonly kind: 'write'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly length: number }
)

/** Bytes that can grow. */
class Content {
  #bytes: Uint8Array
  length: number

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes.slice()
    this.length = bytes.length
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length)
  }

  apply(change: Change): void {
    if (change.kind === 'truncate') this.resize(change.length)
    else this.write(change.at, change.bytes)
  }

  write(at: number, bytes: Uint8Array): void {
    if (at + bytes.length > this.length) this.resize(at + bytes.length)
    this.#bytes.set(bytes, at)
  }

  resize(length: number): void {
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#bytes.length))
      larger.set(this.bytes)
      this.#bytes = larger
    }
    this.#bytes.fill(0, Math.min(length, this.length), Math.max(length, this.length))
    this.length = length
  }
}

/** One file: what of it is safe, and what was done to it since. */
export class DiskFile {
  readonly #safe: Content
  #pending: Change[] = []
  /** How many changes there were; for `syncedTo`. */
  changes = 0

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.#safe = new Content(bytes)
  }

  write(at: number, bytes: Uint8Array): void {
    this.#pending.push({ kind: 'write', number: this.changes++, at, bytes })
  }

  truncate(length: number): void {
    this.#pending.push({ kind: 'truncate', number: this.changes++, length })
  }

  /** A write that is synced by itself: it takes along what else is pending in its sectors. */
  writeSafely(at: number, bytes: Uint8Array): void {
    this.write(at, bytes)
    const from = Math.floor(at / SECTOR) * SECTOR
    const to = Math.ceil((at + bytes.length) / SECTOR) * SECTOR
    this.#secure((change) => change.kind === 'write' && change.at < to && change.at + change.bytes.length > from)
  }

  /** A sync that began when there were so many changes has ended. */
  syncedTo(changes: number): void {
    this.#secure(({ number }) => number < changes)
  }

  #secure(isSafe: (change: Change) => boolean): void {
    const left: Change[] = []
    for (const change of this.#pending) {
      if (isSafe(change)) this.#safe.apply(change)
      else left.push(change)
    }
    this.#pending = left
  }

  /** What the system had at last. */
  whole(): Uint8Array {
    return this.#with(this.#pending)
  }

  /** What is left if nothing went to the disk but what was synced. */
  safe(): Uint8Array {
    return this.#safe.bytes
  }

  /** What is left if the disk had begun to write: of each sector as much as chance has it, and some length in between. */
  some(random: Random): Uint8Array {
    const likely = random.pick([10, 50, 90])
    const truncated = this.#pending.findLastIndex((change) => change.kind === 'truncate')
    // Lengths are set in order; what was written after the last setting may be there in parts.
    const begun = truncated >= 0 && random.below(2) === 0 ? this.#pending.slice(0, truncated + 1) : []
    const content = new Content(this.#with(begun))
    const shortest = content.length
    let longest = shortest
    const stopped: Set<number> = new Set()
    for (const change of this.#pending.slice(begun.length)) {
      if (change.kind === 'truncate') continue
      const { at, bytes } = change
      longest = Math.max(longest, at + bytes.length)
      for (let from = 0; from < bytes.length; ) {
        const sector = Math.floor((at + from) / SECTOR)
        const to = Math.min(bytes.length, (sector + 1) * SECTOR - at)
        // A sector that is written has all that was done to it before.
        if (!stopped.has(sector) && random.below(100) < likely) content.write(at + from, bytes.subarray(from, to))
        else stopped.add(sector)
        from = to
      }
    }
    content.resize(random.below(2) === 0 ? longest : shortest + random.below(longest - shortest + 1))
    return content.bytes
  }

  #with(changes: readonly Change[]): Uint8Array {
    const content = new Content(this.#safe.bytes)
    for (const change of changes) content.apply(change)
    return content.bytes
  }
}

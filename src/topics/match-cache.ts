import { type HashSeed, hashEnd, hashStep } from './hash.ts'

export interface MatchCacheOptions<V> {
  /** What clients can't know: topics can then not be chosen so that they push each other out. */
  seed: HashSeed
  /** 1 or more; kept to the next power of two below. */
  maxEntries: number
  /** Bytes of topic names, two more for each. */
  maxBytes: number
  /** The sum of the weights that `set` was told. Default: no limit. */
  maxWeight?: number
  /** Slots of one bucket, a power of two: a topic has a place in one bucket only, so neither finding nor making room ever takes long. Default 8. */
  ways?: number
  /** Slots at the beginning, a power of two; at least one bucket. Default 64. */
  slotsAtLeast?: number
  /** Bytes for names at the beginning. Default 4096. */
  bytesAtLeast?: number
  /** Slots that a review looks at, if that is more than a sixty-fourth of them. Default 64. */
  reviewed?: number
  /** What nobody asked for in so many rounds of reviews is forgotten: 1 to 254. A round is 64 of them. Default 8. */
  idleRounds?: number
  /**
   * Told of every value that leaves the cache: evicted, replaced, deleted, cleared, or too heavy to be kept at all. Whoever
   * still holds one must not take it for the one that is cached.
   */
  gone?: (value: V) => void
}

/** So many reviews see all: a round. */
const REVIEWS = 64
/** A name in the arena is preceded by its length. */
const LENGTH_BYTES = 2
const LONGEST = 65_535
const NOTHING = new Uint8Array(0)

/**
 * Topic Name (as bytes) to what was computed for it: a hash and a compare, and no string. It may forget at any time.
 *
 *     hash -> bucket of 8 slots: hashes | offsets | values | used
 *                                            |
 *     arena:  ...free | len name | len name | len name | free...      a ring: new names are written at the head, and
 *                     tail                              head          what lies in their way is forgotten
 *
 * A full bucket gives up a slot that was not used lately. Table and arena begin small and double up to their limits.
 */
export class MatchCache<V> {
  readonly #seed: HashSeed
  readonly #maxSlots: number
  readonly #maxBytes: number
  readonly #maxWeight: number
  readonly #ways: number
  readonly #reviewedAtLeast: number
  readonly #idleRounds: number
  readonly #slotsAtLeast: number
  readonly #bytesAtLeast: number
  readonly #gone: ((value: V) => void) | null
  /** -1: the slot is free. */
  #offsets: Int32Array
  #hashes: Int32Array
  /** 1: asked for since the sweep last came by. */
  #used: Uint8Array
  /** The round in which it was last asked for, modulo 256. */
  #rounds: Uint8Array
  #weights: Float64Array
  #values: (V | undefined)[]
  #arena: Uint8Array
  #arenaView: DataView
  /** What was last looked at, mostly the one read buffer of the broker, and the view through which it is read. */
  #bytes: Uint8Array = NOTHING
  #view: DataView = new DataView(NOTHING.buffer)
  #head = 0
  #tail = 0
  /** Where the names before the wrap end; 0 while there are none: then all lie in arena[0..head). */
  #wrap = 0
  #size = 0
  #weight = 0
  #hand = 0
  #reviewed = 0
  /** Since the round began. */
  #reviews = 0
  #round = 0

  constructor(options: MatchCacheOptions<V>) {
    this.#seed = options.seed
    this.#maxSlots = powerOfTwoBelow(options.maxEntries)
    this.#maxBytes = options.maxBytes
    this.#maxWeight = options.maxWeight ?? Number.POSITIVE_INFINITY
    this.#ways = Math.min(options.ways ?? 8, this.#maxSlots)
    this.#reviewedAtLeast = options.reviewed ?? 64
    this.#idleRounds = options.idleRounds ?? 8
    this.#gone = options.gone ?? null
    this.#slotsAtLeast = Math.min(Math.max(this.#ways, options.slotsAtLeast ?? 64), this.#maxSlots)
    this.#bytesAtLeast = Math.min(options.bytesAtLeast ?? 4096, this.#maxBytes)
    const slots = this.#slotsAtLeast
    this.#offsets = new Int32Array(slots).fill(-1)
    this.#hashes = new Int32Array(slots)
    this.#used = new Uint8Array(slots)
    this.#rounds = new Uint8Array(slots)
    this.#weights = new Float64Array(slots)
    this.#values = new Array<V | undefined>(slots).fill(undefined)
    this.#arena = new Uint8Array(this.#bytesAtLeast)
    this.#arenaView = new DataView(this.#arena.buffer)
  }

  get size(): number {
    return this.#size
  }

  get(bytes: Uint8Array, start: number, end: number): V | undefined {
    const view = this.#viewOf(bytes)
    const slot = this.#find(view, start, end, hashBytes(view, start, end, this.#seed))
    if (slot < 0) return undefined
    this.#used[slot] = 1
    this.#rounds[slot] = this.#round
    return this.#values[slot]
  }

  /** Copies the bytes. `weight` is what the value takes of `maxWeight`; what is too large to be kept leaves at once. */
  set(bytes: Uint8Array, start: number, end: number, value: V, weight = 0): void {
    const view = this.#viewOf(bytes)
    const hash = hashBytes(view, start, end, this.#seed)
    let slot = this.#find(view, start, end, hash)
    const length = end - start
    if (weight > this.#maxWeight || length > LONGEST || length + LENGTH_BYTES > this.#maxBytes) {
      if (slot >= 0) this.#free(slot)
      if (this.#gone !== null) this.#gone(value)
      return
    }
    if (slot < 0) {
      const offset = this.#write(bytes, start, end)
      slot = this.#room(hash)
      this.#offsets[slot] = offset
      this.#hashes[slot] = hash
      this.#used[slot] = 0
      this.#rounds[slot] = this.#round
      this.#size++
    } else {
      this.#dismiss(slot)
    }
    this.#values[slot] = value
    this.#weight += weight - this.#weights[slot]!
    this.#weights[slot] = weight
    // Twice around frees all that may be freed.
    for (let step = 2 * this.#offsets.length; step > 0 && this.#weight > this.#maxWeight; step--) this.#sweep(slot)
  }

  delete(bytes: Uint8Array, start: number, end: number): boolean {
    const view = this.#viewOf(bytes)
    const slot = this.#find(view, start, end, hashBytes(view, start, end, this.#seed))
    if (slot >= 0) this.#free(slot)
    return slot >= 0
  }

  clear(): void {
    for (let slot = 0; slot < this.#offsets.length; slot++) if (this.#offsets[slot]! >= 0) this.#free(slot)
    this.#head = 0
    this.#tail = 0
    this.#wrap = 0
  }

  /**
   * Looks at the next part of what it has, a sixty-fourth at least, and forgets what is not worth to be kept, and what nobody
   * asks for any more. When next to nothing is left, the memory for much goes, too.
   */
  review(keep: (value: V) => boolean): void {
    this.#reviews = (this.#reviews + 1) % REVIEWS
    if (this.#reviews === 0) this.#round = (this.#round + 1) & 0xff
    const slots = this.#offsets.length
    for (let left = Math.max(this.#reviewedAtLeast, slots / REVIEWS); left > 0; left--) {
      this.#reviewed = (this.#reviewed + 1) & (slots - 1)
      const slot = this.#reviewed
      if (this.#offsets[slot]! < 0) continue
      const idle = (this.#round - this.#rounds[slot]!) & 0xff
      if (idle > this.#idleRounds || !keep(this.#values[slot]!)) this.#free(slot)
    }
    const large = slots > this.#slotsAtLeast || this.#arena.length > this.#bytesAtLeast
    if (large && this.#size <= this.#slotsAtLeast / 8) this.#beginAnew()
  }

  #beginAnew(): void {
    this.clear()
    this.#allocate(this.#slotsAtLeast)
    this.#arena = new Uint8Array(this.#bytesAtLeast)
    this.#arenaView = new DataView(this.#arena.buffer)
    this.#reviewed = 0
  }

  #allocate(slots: number): void {
    this.#offsets = new Int32Array(slots).fill(-1)
    this.#hashes = new Int32Array(slots)
    this.#used = new Uint8Array(slots)
    this.#rounds = new Uint8Array(slots)
    this.#weights = new Float64Array(slots)
    this.#values = new Array<V | undefined>(slots).fill(undefined)
  }

  #viewOf(bytes: Uint8Array): DataView {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    return this.#view
  }

  #find(view: DataView, start: number, end: number, hash: number): number {
    const first = this.#bucket(hash)
    for (let slot = first; slot < first + this.#ways; slot++) {
      if (this.#hashes[slot] === hash && this.#holds(slot, view, start, end)) return slot
    }
    return -1
  }

  #holds(slot: number, view: DataView, start: number, end: number): boolean {
    const offset = this.#offsets[slot]!
    if (offset < 0) return false
    const length = end - start
    const arena = this.#arenaView
    return arena.getUint16(offset) === length && sameBytes(arena, offset + LENGTH_BYTES, view, start, length)
  }

  /** The first slot of the hash's bucket. */
  #bucket(hash: number): number {
    return (hash & (this.#offsets.length / this.#ways - 1)) * this.#ways
  }

  /** A free slot in the hash's bucket: the table doubles for it, or, at its limit, one is freed. */
  #room(hash: number): number {
    for (;;) {
      const first = this.#bucket(hash)
      for (let slot = first; slot < first + this.#ways; slot++) if (this.#offsets[slot]! < 0) return slot
      if (this.#offsets.length < this.#maxSlots) this.#double()
      else this.#giveUp(first)
    }
  }

  /** Frees the first slot, from a place that moves on each time, that was not used since the last visit. */
  #giveUp(first: number): void {
    for (;;) {
      const slot = first + (this.#hand++ & (this.#ways - 1))
      if (this.#used[slot] === 0) {
        this.#free(slot)
        return
      }
      this.#used[slot] = 0
    }
  }

  /** One step of the search for weight to lose: the hand frees what it finds unused, but never the slot just set. */
  #sweep(kept: number): void {
    const slot = this.#hand++ & (this.#offsets.length - 1)
    if (slot === kept || this.#offsets[slot]! < 0) return
    if (this.#used[slot] === 0) this.#free(slot)
    else this.#used[slot] = 0
  }

  /** The one place where a value leaves. */
  #dismiss(slot: number): void {
    const value = this.#values[slot]!
    this.#values[slot] = undefined
    if (this.#gone !== null) this.#gone(value)
  }

  #free(slot: number): void {
    this.#dismiss(slot)
    this.#offsets[slot] = -1
    this.#weight -= this.#weights[slot]!
    this.#weights[slot] = 0
    this.#size--
  }

  /** Half of each bucket's slots go to a second one, so no bucket can overflow. */
  #double(): void {
    const offsets = this.#offsets
    const hashes = this.#hashes
    const used = this.#used
    const rounds = this.#rounds
    const weights = this.#weights
    const values = this.#values
    this.#allocate(2 * offsets.length)
    for (let old = 0; old < offsets.length; old++) {
      if (offsets[old]! < 0) continue
      const slot = this.#room(hashes[old]!)
      this.#offsets[slot] = offsets[old]!
      this.#hashes[slot] = hashes[old]!
      this.#used[slot] = used[old]!
      this.#rounds[slot] = rounds[old]!
      this.#weights[slot] = weights[old]!
      this.#values[slot] = values[old]
    }
  }

  /** Writes the name into the ring; returns where. */
  #write(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start
    const offset = this.#reserve(length + LENGTH_BYTES)
    this.#arenaView.setUint16(offset, length)
    const arena = this.#arena
    let at = offset + LENGTH_BYTES
    for (let i = start; i < end; i++) arena[at++] = bytes[i]!
    return offset
  }

  #reserve(needed: number): number {
    for (;;) {
      const end = this.#wrap > 0 ? this.#tail : this.#arena.length
      if (this.#head + needed <= end) {
        this.#head += needed
        return this.#head - needed
      }
      if (this.#wrap > 0) {
        this.#forgetOldest()
      } else if (this.#arena.length < this.#maxBytes) {
        this.#growArena()
      } else {
        this.#wrap = this.#head
        this.#head = 0
        this.#tail = 0
      }
    }
  }

  #growArena(): void {
    const arena = new Uint8Array(Math.min(2 * this.#arena.length, this.#maxBytes))
    arena.set(this.#arena)
    this.#arena = arena
    this.#arenaView = new DataView(arena.buffer)
  }

  /** The name at the tail goes; its slot is found by its hash, unless that has long been given up. */
  #forgetOldest(): void {
    const start = this.#tail + LENGTH_BYTES
    const end = start + this.#arenaView.getUint16(this.#tail)
    const first = this.#bucket(hashBytes(this.#arenaView, start, end, this.#seed))
    for (let slot = first; slot < first + this.#ways; slot++) {
      if (this.#offsets[slot] === this.#tail) {
        this.#free(slot)
        break
      }
    }
    this.#tail = end
    if (this.#tail === this.#wrap) {
      this.#wrap = 0
      this.#tail = 0
    }
  }
}

function powerOfTwoBelow(number: number): number {
  let power = 1
  while (2 * power <= number) power *= 2
  return power
}

/** Four bytes at a time; a rest of fewer is read together with some that were there already. */
function hashBytes(view: DataView, start: number, end: number, seed: HashSeed): number {
  let hash = seed.start ^ (end - start)
  if (end - start < 4) {
    for (let i = start; i < end; i++) hash = hashStep(hash, view.getUint8(i))
  } else {
    const last = end - 4
    for (let i = start; i < last; i += 4) hash = hashStep(hash, view.getInt32(i, true))
    hash = hashStep(hash, view.getInt32(last, true))
  }
  return hashEnd(hash, seed)
}

function sameBytes(a: DataView, aStart: number, b: DataView, bStart: number, length: number): boolean {
  if (length < 4) {
    for (let i = 0; i < length; i++) if (a.getUint8(aStart + i) !== b.getUint8(bStart + i)) return false
    return true
  }
  const last = length - 4
  for (let i = 0; i < last; i += 4) {
    if (a.getInt32(aStart + i, true) !== b.getInt32(bStart + i, true)) return false
  }
  return a.getInt32(aStart + last, true) === b.getInt32(bStart + last, true)
}

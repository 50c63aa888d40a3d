interface Happening {
  readonly at: number
  readonly order: number
  readonly happen: () => void
}

/** Virtual time: what is to happen, in order. Nothing happens in between. */
export class Time {
  /** Milliseconds since the epoch. */
  now = 1_700_000_000_000
  readonly start: number = this.now
  #order = 0
  /** A binary heap. */
  readonly #heap: Happening[] = []

  /** Something happens in so many milliseconds. */
  after(milliseconds: number, happen: () => void): void {
    this.#push({ at: this.now + milliseconds, order: this.#order++, happen })
  }

  /** A number that grows with everything that happens: tells before from after within a millisecond. */
  stamp(): number {
    return this.#order++
  }

  /** Lets all happen that is due up to a time; `instantOver` is called after all of one millisecond. */
  run(until: number, instantOver: () => void): void {
    for (let first = this.#heap[0]; first !== undefined && first.at <= until; first = this.#heap[0]) {
      this.now = Math.max(this.now, first.at)
      const last = this.#order
      for (
        let next = this.#heap[0];
        next !== undefined && next.at <= this.now && next.order <= last;
        next = this.#heap[0]
      ) {
        this.#pop()
        next.happen()
      }
      instantOver()
    }
    this.now = Math.max(this.now, until)
  }

  #push(happening: Happening): void {
    const heap = this.#heap
    let at = heap.push(happening) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(happening, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = happening
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

function before(one: Happening, other: Happening): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order)
}

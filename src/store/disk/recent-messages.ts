/** Where a message stands in the log. */
export interface Place {
  readonly segment: number
  readonly offset: number
  readonly length: number
}

/** The messages of one segment: their numbers follow each other. */
class SegmentMessages {
  readonly segment: number
  readonly firstId: number
  readonly offsets: number[] = []
  readonly lengths: number[] = []

  constructor(segment: number, firstId: number) {
    this.segment = segment
    this.firstId = firstId
  }
}

/** Where the messages are that are only in the log. Their numbers count up, so two plain numbers a message are enough. */
export class RecentMessages {
  #segments: SegmentMessages[] = []

  add(id: number, place: Place): void {
    let last = this.#segments[this.#segments.length - 1]
    if (last === undefined || last.segment !== place.segment || id < last.firstId) {
      last = new SegmentMessages(place.segment, id)
      this.#segments.push(last)
    }
    last.offsets[id - last.firstId] = place.offset
    last.lengths[id - last.firstId] = place.length
  }

  place(id: number): Place | null {
    for (let i = this.#segments.length - 1; i >= 0; i--) {
      const { segment, firstId, offsets, lengths } = this.#segments[i]!
      const offset = offsets[id - firstId]
      if (offset !== undefined) return { segment, offset, length: lengths[id - firstId]! }
    }
    return null
  }

  forget(segment: number): void {
    this.#segments = this.#segments.filter((each) => each.segment > segment)
  }
}

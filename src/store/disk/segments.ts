import { Buffer } from 'node:buffer'
import { join } from 'node:path'
import { type Files, readFully } from './files.ts'
import { type Frame, isNewer, readFrame, SEGMENT_HEAD } from './frames.ts'
import { numberedIn, numberedName } from './numbered.ts'

export function segmentName(number: number): string {
  return numberedName(number, 'log')
}

/** The numbers of the segments in a folder, in order. */
export function segmentsIn(files: Files, folder: string): number[] {
  return numberedIn(files, folder, 'log')
}

export interface SegmentContent {
  /** Good until the next segment is read. */
  readonly buffer: Buffer
  /** Where its sound part ends; less than the buffer's length if the tail is damaged. */
  readonly soundEnd: number
}

/** Reads whole segments, one after the other, into the same memory. */
export class SegmentReader {
  readonly #files: Files
  readonly #folder: string
  #memory: Buffer = Buffer.alloc(0)

  constructor(files: Files, folder: string) {
    this.#files = files
    this.#folder = folder
  }

  /** Calls visit for every sound frame of a segment, as long as it says true; returns the content, and how far it got. */
  read(number: number, visit: (buffer: Buffer, frame: Frame) => boolean): SegmentContent {
    const buffer = this.#content(number)
    const head = buffer.subarray(0, SEGMENT_HEAD.length)
    if (isNewer(head)) throw new Error(`${segmentName(number)} was written by a newer version of nightjar`)
    if (!head.equals(SEGMENT_HEAD)) return { buffer, soundEnd: 0 }
    let at = SEGMENT_HEAD.length
    for (let frame = readFrame(buffer, at); frame !== null; frame = readFrame(buffer, at)) {
      if (!visit(buffer, frame)) break
      at = frame.end
    }
    return { buffer, soundEnd: at }
  }

  #content(number: number): Buffer {
    const fd = this.#files.openToRead(join(this.#folder, segmentName(number)))
    try {
      const size = this.#files.size(fd)
      if (this.#memory.length < size) this.#memory = Buffer.allocUnsafeSlow(size)
      return this.#memory.subarray(0, readFully(this.#files, fd, this.#memory, size, 0))
    } finally {
      this.#files.close(fd)
    }
  }
}

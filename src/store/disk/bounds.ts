/** Sizes, times and counts by which the store works: each may be anything above 0, and only speed and room follow from it. */
export interface StoreBounds {
  /** Bytes after which a segment of the log is full. */
  readonly segmentBytes: number
  /** A segment that no other can follow grows on. When it has so many bytes, nothing more is taken that is to be kept. */
  readonly longestSegment: number
  /** And it never gets more bytes: lengths are told in 32 bits in places, and some calls of the system take no more than 31. */
  readonly longestFile: number
  /** Bytes that may wait while the disk takes none, before the broker takes nothing more that is to be kept. */
  readonly waitingBytes: number
  /** Bytes of one turn, after which the broker takes nothing more that is to be kept before the next one. */
  readonly turnBytes: number
  /** Milliseconds between two syncs in mode `everysec`, and between two tries of what failed. */
  readonly syncEvery: number
  /** A frame with nothing pressing in it waits so many milliseconds for something that is. */
  readonly lateAfter: number
  /** And it grows to so many bytes. */
  readonly lateBytes: number
  /** Milliseconds between two looks whether room on the disk can be given back. */
  readonly tidyEvery: number
  /** Looks after which it is given back although the log is busy. */
  readonly tidyLatest: number
  /** Entries forgotten in one go, so that the loop is not held up. */
  readonly forgetStep: number
  /** Bytes read at once. A call of the system costs as much as copying this: what follows is mostly asked for soon. */
  readonly blockBytes: number
  /** Blocks that are kept in memory: each of many clients that come back at once reads on in a place of its own. */
  readonly blocks: number
  /** Files that are held open to read, in the log and among the kept ones. */
  readonly openFiles: number
  /** Milliseconds until the first new try of what could not be read; each further one waits twice as long. */
  readonly readAgainAfter: number
  /** But no longer than this. */
  readonly readAgainLatest: number
  /** Places of a queue that stand in the tree under one key. */
  readonly chunkEntries: number
  /** With more changes of places in the tree a segment of which nothing else is left is moved as a whole. */
  readonly lateChanges: number
  /** Places in a queue that nobody used, between two that were, up to so many are kept as empty places. */
  readonly longestHole: number
  /** Bytes gathered before they are written to a file of kept messages. */
  readonly keptWriteBytes: number
  /** When fewer bytes of messages than this part of a segment are left of it, they go into the tree. */
  readonly worthFile: number
  /** A file of kept messages goes, and what is left of it into the tree, when it holds nothing but this part of it. */
  readonly worthKeeping: number
  /** Milliseconds until the next try, when a segment could not be moved. */
  readonly moveAgainAfter: number
  /** Milliseconds without a segment to move after which the thread that moves them ends. */
  readonly moverIdle: number
  /** Address space for the tree, of which only what is used costs memory. */
  readonly mapBytes: number
}

export const defaultBounds: StoreBounds = {
  segmentBytes: 8 * 1024 ** 2,
  longestSegment: 256 * 1024 ** 2,
  longestFile: 2 ** 31 - 1,
  waitingBytes: 16 * 1024 ** 2,
  turnBytes: 256 * 1024 ** 2,
  syncEvery: 1000,
  lateAfter: 10,
  lateBytes: 64 * 1024,
  tidyEvery: 5000,
  tidyLatest: 12,
  forgetStep: 5000,
  blockBytes: 8192,
  blocks: 512,
  openFiles: 64,
  readAgainAfter: 50,
  readAgainLatest: 5000,
  chunkEntries: 512,
  lateChanges: 4096,
  longestHole: 1024,
  keptWriteBytes: 1024 ** 2,
  worthFile: 1 / 16,
  worthKeeping: 1 / 4,
  moveAgainAfter: 1000,
  moverIdle: 10_000,
  mapBytes: 64 * 1024 ** 3,
}

/** Those that are given, and of the others the default. */
export function boundsFrom(given: Partial<StoreBounds>): StoreBounds {
  const names = Object.keys(defaultBounds) as (keyof StoreBounds)[]
  return Object.fromEntries(names.map((name) => [name, given[name] ?? defaultBounds[name]])) as unknown as StoreBounds
}

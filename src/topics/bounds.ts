/** How the indexes lay out their memory. None of these changes what an index answers, only what that costs. */
export interface IndexBounds {
  /** Buckets of a table of names that is empty. A power of two. Default 16: 128 bytes. */
  bucketsAtLeast: number
  /** Names that share a bucket of such a table, by their hashes; more go into a Map. 1 or more. Default 32: honest names never meet it. */
  namesInChain: number
  /** Children of one level of a tree that are searched one by one; more get a table. 1 or more. Default 16: as fast as a table. */
  childrenSearched: number
  /** Level names that are remembered, so that equal ones share one string. A power of two. Default 4096: 32 KiB. */
  namesRemembered: number
  /** Characters of a name that is remembered: a longer one goes with the last level that has it. Default 64: at most 512 KiB stay. 0 or more. */
  nameLengthRemembered: number
  /** Subscribers of one filter that are searched one by one; from so many on a Map knows each one's place. 1 or more. Default 32. */
  subscribersSearched: number
  /** Counts of changed filters, as a power of two: 0 to 10 bits. Fewer cost routes made anew without need. Default 10: 8 KiB. */
  filterChangeBits: number
}

export const defaultIndexBounds: IndexBounds = {
  bucketsAtLeast: 16,
  namesInChain: 32,
  childrenSearched: 16,
  namesRemembered: 4096,
  nameLengthRemembered: 64,
  subscribersSearched: 32,
  filterChangeBits: 10,
}

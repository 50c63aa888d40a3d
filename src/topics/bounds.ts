/** How the indexes lay out their memory. None of these changes what an index answers, only what that costs. */
export interface IndexBounds {
  /** Buckets of a table of names that is empty. A power of two. Default 16: 128 bytes. */
  bucketsAtLeast: number
  /** Children of one level of a tree that are searched one by one; more get a table. 1 or more. Default 16: as fast as a table. */
  childrenSearched: number
  /** Level names that are remembered, so that equal ones share one string. A power of two. Default 4096: 32 KiB. */
  namesRemembered: number
  /** Subscribers of one filter that are searched one by one; from so many on a Map knows each one's place. 1 or more. Default 32. */
  subscribersSearched: number
  /** Counts of changed filters, as a power of two: 0 to 10 bits. Fewer cost routes made anew without need. Default 10: 8 KiB. */
  filterChangeBits: number
}

export const defaultIndexBounds: IndexBounds = {
  bucketsAtLeast: 16,
  childrenSearched: 16,
  namesRemembered: 4096,
  subscribersSearched: 32,
  filterChangeBits: 10,
}

import type { Delivery } from './scan.ts'

/** Where a message stands in the log. A segment of 0: not there (any more), but in the tree under its number. */
export interface Place {
  readonly segment: number
  readonly offset: number
  readonly length: number
}

/** The message is in the tree, under its number. */
export const IN_TREE: Place = { segment: 0, offset: 0, length: 0 }

/** A place in a Session's queue. */
export interface QueueEntry {
  readonly position: number
  readonly messageId: number
  /** Payload bytes. */
  readonly size: number
  readonly delivery: Delivery
  received: boolean
  /** Null: known by the number of the message only. */
  readonly place: Place | null
}

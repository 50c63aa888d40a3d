import type { Delivery } from './scan.ts'

/** Where a message stands in the log, or in a file of kept messages. A segment of 0: in the tree, under its number. */
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
  /** Where the tree says that the message is; null: only the log has this place in the queue. */
  readonly place: Place | null
}

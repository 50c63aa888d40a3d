import type { StoreRecord } from '../../broker/contracts.ts'
import { type Place, RecentMessages } from './recent-messages.ts'
import { RecentQueue } from './recent-queue.ts'

export type { Place } from './recent-messages.ts'

/** One Session's part of what the log has and the tree has not. */
export class RecentSession {
  readonly number: number
  readonly clientId: string
  readonly queue: RecentQueue = new RecentQueue()
  /**
   * Places in the tree's queue that were found done at start: position -> the segment that says so. Null: none. What is
   * done since then nobody asks for, as `read` goes on from where it was.
   */
  done: Map<number, number> | null = null
  received: Map<number, number> | null = null

  constructor(number: number, clientId: string) {
    this.number = number
    this.clientId = clientId
  }

  doneInTree(position: number, segment: number): void {
    if (this.done === null) this.done = new Map()
    this.done.set(position, segment)
  }

  receivedInTree(position: number, segment: number): void {
    if (this.received === null) this.received = new Map()
    this.received.set(position, segment)
  }
}

/**
 * What the segments that are not moved yet change about queues and messages: an index into the log, kept in memory. It is
 * as large as those segments are, not as the store.
 */
export class Recent {
  readonly sessions: Map<string, RecentSession> = new Map()
  readonly messages: RecentMessages = new RecentMessages()

  /** The Session's part; a new one gets the number that `number` gives. */
  open(clientId: string, number: () => number): RecentSession {
    let session = this.sessions.get(clientId)
    if (session === undefined) {
      session = new RecentSession(number(), clientId)
      this.sessions.set(clientId, session)
    }
    return session
  }

  session(clientId: string): RecentSession | undefined {
    return this.sessions.get(clientId)
  }

  /** Notes a record that stands, or will stand, at that place; `replayed`: it was found there at start. */
  note(session: RecentSession | null, record: StoreRecord, place: Place, replayed: boolean): void {
    switch (record.kind) {
      case 'message':
        this.messages.add(record.message.id, place)
        return
      case 'queued':
        session!.queue.add({ ...record, shared: record.shared ?? null }, place.segment)
        return
      case 'received':
        if (session!.queue.message(record.position) !== 0) session!.queue.received(record.position)
        else if (replayed) session!.receivedInTree(record.position, place.segment)
        return
      case 'done':
        if (session!.queue.message(record.position) !== 0) session!.queue.done(record.position)
        else if (replayed) session!.doneInTree(record.position, place.segment)
        return
      case 'sessionEnded':
        this.sessions.delete(session!.clientId)
        return
      default:
    }
  }

  /** A segment is in the tree: what it holds is forgotten here, some at each step, until the generator is done. */
  *forget(segment: number, step: number): Generator<void> {
    let work = 0
    for (const session of this.sessions.values()) {
      work += 1 + session.queue.forget(segment)
      session.done = forgetPlaces(session.done, segment)
      session.received = forgetPlaces(session.received, segment)
      if (work < step) continue
      work = 0
      yield
    }
    this.messages.forget(segment)
  }
}

function forgetPlaces(places: Map<number, number> | null, segment: number): Map<number, number> | null {
  if (places === null) return null
  for (const [position, said] of places) if (said <= segment) places.delete(position)
  return places.size === 0 ? null : places
}

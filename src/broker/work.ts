import type { Bounds } from './bounds.ts'

/** Something large that is done a part at a time, so that it keeps nobody else waiting. */
export interface Job {
  /**
   * Does at least a little of it, and more while `Work.left` is above 0, from which it takes what it does. Returns whether
   * it is finished.
   */
  step(): boolean
}

/** See `Bounds`. */
type WorkBounds = Pick<Bounds, 'unitsRead' | 'unitsPerTurn' | 'unitsPerJob'>

/** What is dearer than a delivery, in units. */
export const Units = {
  /** A filter of a SUBSCRIBE. */
  subscribe: 3,
  unsubscribe: 2,
  /** A timer that is due, beside what it brings about. */
  timer: 3,
  /** The end of a connection, beside that of its Session, and its Will. */
  end: 10,
  /** A CONNECT packet, with the Session that it makes or finds. */
  connect: 100,
  /** A route that is made, beside its deliveries: the walk through the tree, and its place in the cache. */
  route: 4,
  /** A message that is retained, or takes away the one that was. */
  retain: 6,
  /** A message that is refused. */
  refuse: 2,
  /** A write to a socket, beside its bytes. */
  write: 15,
} as const

/** How many of something cheap make a unit, as powers of two. */
export const PerUnit = {
  /** Bytes that are read: 1024, or those of large messages, which are copied twice into fresh memory, would count for little. */
  bytesRead: 10,
  /** Bytes that are written: 4096. */
  bytesWritten: 12,
  /** Packets of any kind, beside what they bring about: 4. */
  packets: 2,
  /** Deliveries of a route that is made: 4. */
  deliveriesFound: 2,
} as const

/**
 * The budget of a turn, and what did not fit into it, counted in units: what one delivery costs, about a microsecond. Every loop over what a client sent, or left behind, takes its units
 * from `left`; when there are none it becomes a job, which goes on at the end of this turn and of the following ones. Between
 * two turns all sockets are read, so a client whose request is small waits for one turn, however much others asked for.
 */
export class Work {
  /** Units that are left to what runs now. It may go below 0. */
  left: number
  readonly #bounds: WorkBounds
  /** Clients that wait to be read on. */
  readonly #readers: Lane = new Lane()
  readonly #others: Lane = new Lane()
  /** Is told what a job throws: then it is given up, and the others go on. */
  onFailure: ((error: unknown) => void) | null = null

  constructor(bounds: WorkBounds) {
    this.#bounds = bounds
    this.left = bounds.unitsRead
  }

  /** Jobs that wait. */
  get waiting(): number {
    return this.#readers.waiting + this.#others.waiting
  }

  add(job: Job): void {
    this.#others.add(job)
  }

  /**
   * Adds a client that waits to be read on. It may have asked for little, and only have come in a turn that others spent: so
   * it waits for other clients, but not for hundreds of Sessions that end, each with a Will.
   */
  addReader(job: Job): void {
    this.#readers.add(job)
  }

  /** Takes units for something that was done; returns whether there are any left. */
  spend(units: number): boolean {
    this.left -= units
    return this.left > 0
  }

  /** The end of a turn: jobs get their share, one after the other, clients and the rest alternately. Returns whether something is left for the next turn. */
  run(): boolean {
    const { unitsRead, unitsPerTurn, unitsPerJob } = this.#bounds
    let reader = true
    for (let turn = unitsPerTurn; turn > 0 && this.waiting > 0; reader = !reader) {
      const lane = this.#others.waiting === 0 || (reader && this.#readers.waiting > 0) ? this.#readers : this.#others
      const job = lane.take()
      const share = Math.min(turn, unitsPerJob)
      this.left = share
      if (!this.#step(job)) lane.add(job)
      turn -= Math.max(1, share - this.left)
    }
    this.left = unitsRead
    return this.waiting > 0
  }

  #step(job: Job): boolean {
    try {
      return job.step()
    } catch (error) {
      if (this.onFailure === null) throw error
      this.onFailure(error)
      return true
    }
  }
}

/** Jobs that wait for each other. */
class Lane {
  readonly #jobs: Job[] = []
  /** Where the jobs begin: those before are done. */
  #first = 0

  get waiting(): number {
    return this.#jobs.length - this.#first
  }

  add(job: Job): void {
    this.#jobs.push(job)
  }

  take(): Job {
    const job = this.#jobs[this.#first++]!
    // As cheap as `shift` for a few, and for many not dearer.
    if (2 * this.#first >= this.#jobs.length) {
      this.#jobs.splice(0, this.#first)
      this.#first = 0
    }
    return job
  }
}

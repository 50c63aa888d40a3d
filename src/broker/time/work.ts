import type { Clock } from '../contracts.ts'
import type { Bounds } from '../settings/index.ts'

/** Something large that is done a part at a time, so that it keeps nobody else waiting. */
export interface Job {
  /**
   * Does at least a little of it, and more while `Work.left` is above 0, from which it takes what it does. Returns whether
   * it is finished.
   */
  step(): boolean
}

/** See `Bounds`. */
type WorkBounds = Pick<
  Bounds,
  'unitsRead' | 'unitsPerTurn' | 'unitsPerJob' | 'unitsWritten' | 'unitsPerLook' | 'readMs' | 'jobsMs' | 'writeMs'
>

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
  /** A message that goes from a Session that has ended to another one. */
  handOn: 3,
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
  /** Characters of a filter: 256. */
  filterLength: 8,
  /** Deliveries of a route that is made: 4. */
  deliveriesFound: 2,
} as const

/**
 * The budget of a turn, and what did not fit into it, counted in units: what one delivery costs, about a microsecond. Every
 * loop over what a client sent, or left behind, takes its units from `left`; when there are none it becomes a job, which goes
 * on at the end of this turn and of the following ones. Between two turns all sockets are read, so a client whose request is
 * small waits for one turn, however much others asked for.
 *
 * Units say who pays; how long they take differs by machine, memory and what else runs there. So they are handed out a few
 * at a time, and the clock is looked at in between: each part of a turn ends when its units or its milliseconds are used up.
 */
export class Work {
  /** Units that are left until the next look at the clock. It may go below 0. */
  left = 0
  /** Units of this part of the turn beyond those. */
  #beyond = 0
  /** Milliseconds of this part, and when they are over: unknown until the first look. */
  #milliseconds = 0
  #until = UNKNOWN
  readonly #bounds: WorkBounds
  readonly #clock: Clock
  /** Clients that wait to be read on. */
  readonly #readers: Lane = new Lane()
  readonly #others: Lane = new Lane()
  /** Whose turn it is. */
  #reader = true
  /** Is told what a job throws: then it is given up, and the others go on. */
  onFailure: ((error: unknown) => void) | null = null

  constructor(bounds: WorkBounds, clock: Clock) {
    this.#bounds = bounds
    this.#clock = clock
    this.beginReading()
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
    return this.left > 0 || this.#more()
  }

  /** Whether nothing is left. */
  get spent(): boolean {
    return this.left <= 0 && !this.#more()
  }

  /** The part of a turn in which what clients sent is read and handled. */
  beginReading(): void {
    this.#begin(this.#bounds.unitsRead, this.#bounds.readMs)
  }

  /** The part in which sockets are written to. */
  beginWriting(): void {
    this.#begin(this.#bounds.unitsWritten, this.#bounds.writeMs)
  }

  /**
   * The part in which what waits goes on: jobs get their share, one after the other, clients and the rest alternately.
   * Returns whether something is left for the next turn.
   */
  run(): boolean {
    if (this.waiting === 0) return false
    const { unitsPerTurn, unitsPerJob, jobsMs } = this.#bounds
    const until = this.#clock.now() + jobsMs
    let turn = unitsPerTurn
    do {
      const lane = this.#next()
      const job = lane.take()
      const share = Math.min(turn, unitsPerJob)
      this.#begin(share, jobsMs)
      this.#until = until
      if (!this.#step(job)) lane.add(job)
      turn -= Math.max(1, share - this.left - this.#beyond)
    } while (turn > 0 && this.waiting > 0 && this.#clock.now() < until)
    return this.waiting > 0
  }

  #begin(units: number, milliseconds: number): void {
    this.left = Math.min(units, this.#bounds.unitsPerLook)
    this.#beyond = units - this.left
    this.#milliseconds = milliseconds
    this.#until = UNKNOWN
  }

  /** Hands out the next units, if the time is not over. */
  #more(): boolean {
    if (this.#beyond === 0) return false
    const now = this.#clock.now()
    if (this.#until === UNKNOWN) this.#until = now + this.#milliseconds
    if (now >= this.#until) {
      this.#beyond = 0
      return false
    }
    const units = Math.min(this.#beyond, Math.max(this.#bounds.unitsPerLook, -this.left))
    this.#beyond -= units
    this.left += units
    return this.left > 0 || this.#more()
  }

  #next(): Lane {
    const reader = this.#reader
    this.#reader = !reader
    if (this.#others.waiting === 0) return this.#readers
    return reader && this.#readers.waiting > 0 ? this.#readers : this.#others
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

/** Not looked at the clock yet. */
const UNKNOWN = Number.NEGATIVE_INFINITY

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

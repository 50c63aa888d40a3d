import type { Core, Identity } from '../core.ts'
import { Timer } from '../time/index.ts'
import type { EventDetails, EventId } from './events.ts'

/** Of one without its texts. */
const EPISODE_BYTES = 400

/** Whom something is about. */
export interface Subject {
  readonly identity: Identity
}

/**
 * What may happen thousands of times is told twice: when it begins, and with the number of times when it is over. Each is
 * counted by whom it is about, and by what it is.
 */
export class Repeats {
  readonly #core: Core
  readonly #episodes: Map<string, Episode> = new Map()
  /** What the texts of all take, roughly. */
  #bytes = 0

  constructor(core: Core) {
    this.#core = core
  }

  /**
   * Tells it, if it is new. `what` says in a few words what it is, for the end; `who` is what it is counted by, if that is
   * not the client.
   */
  note(id: EventId, subject: Subject, what: string, details: EventDetails, who: string | null = null): void {
    const { identity } = subject
    const key = `${id} ${what} ${who ?? identity.client ?? identity.address}`
    const known = this.#episodes.get(key)
    if (known !== undefined) {
      known.count++
      known.last = this.#core.now
      return
    }
    const { repeatsCounted, repeatBytes, repeatQuietMs } = this.#core.settings.bounds
    const bytes = EPISODE_BYTES + 2 * (key.length + what.length + textLength(identity))
    if (this.#episodes.size >= repeatsCounted || this.#bytes + bytes > repeatBytes) return
    this.#bytes += bytes
    this.#core.event(id, subject, details)
    const episode = new Episode(this.#core, { identity }, what, () => {
      this.#episodes.delete(key)
      this.#bytes -= bytes
    })
    this.#episodes.set(key, episode)
    this.#core.wheel.set(episode, this.#core.now + repeatQuietMs)
  }
}

function textLength({ client, address, username }: Identity): number {
  return (client?.length ?? 0) + (address?.length ?? 0) + (username?.length ?? 0)
}

class Episode extends Timer {
  count = 1
  /** Milliseconds: when it happened last. */
  last: number
  readonly #core: Core
  readonly #subject: Subject
  readonly #what: string
  readonly #over: () => void

  constructor(core: Core, subject: Subject, what: string, over: () => void) {
    super()
    this.#core = core
    this.#subject = subject
    this.#what = what
    this.#over = over
    this.last = core.now
  }

  fire(now: number): void {
    const due = this.last + this.#core.settings.bounds.repeatQuietMs
    if (now < due) {
      this.#core.wheel.set(this, due)
      return
    }
    this.#over()
    // A single one was told.
    if (this.count > 1) this.#core.event('repeated', this.#subject, { count: this.count, what: this.#what })
  }
}

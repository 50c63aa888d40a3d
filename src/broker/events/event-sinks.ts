import type { EventSink } from '../contracts.ts'
import type { BrokerEvent } from './events.ts'

interface Entry {
  readonly sink: EventSink
  failed: boolean
}

/** Who is told of events: the log, the program around the broker, a dashboard. They come and go while it runs. */
export class EventSinks {
  /** Never changed but replaced, as one may come or go while it is gone through. */
  #entries: readonly Entry[] = []
  readonly #onFailure: (error: unknown) => void

  /** `onFailure`: what a sink has thrown, or the Promise that it returned was rejected with; once for each sink. */
  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure
  }

  /** Returns what takes it out again. */
  add(sink: EventSink): () => void {
    const entry: Entry = { sink, failed: false }
    this.#entries = [...this.#entries, entry]
    return () => {
      this.#entries = this.#entries.filter((other) => other !== entry)
    }
  }

  /** One that throws keeps it from nobody else. */
  tell(event: BrokerEvent): void {
    for (const entry of this.#entries) {
      try {
        const result: unknown = entry.sink(event)
        if (result instanceof Promise) result.catch((error: unknown) => this.#failed(entry, error))
      } catch (error) {
        this.#failed(entry, error)
      }
    }
  }

  #failed(entry: Entry, error: unknown): void {
    if (entry.failed) return
    entry.failed = true
    this.#onFailure(error)
  }
}

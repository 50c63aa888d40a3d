import type { Sequence } from '../../protocol/index.ts'
import { Phase } from '../connection/index.ts'
import type { Connection } from '../connection.ts'
import type { Action, Decision } from '../contracts.ts'
import type { Core } from '../core.ts'
import { ALLOWED, ask } from '../rules/index.ts'
import type { Session } from '../sessions/index.ts'
import { type Job, PerUnit } from '../time/index.ts'

/** A SUBSCRIBE or UNSUBSCRIBE, which may name more filters than fit into one turn. `Request`: what it says of each. */
export abstract class FiltersJob<Request> implements Job {
  protected readonly core: Core
  protected readonly connection: Connection
  protected readonly session: Session
  readonly #requests: Iterator<Request>
  /** The next one, unless all are handled. */
  #next: IteratorResult<Request>
  /** The rules owe an answer about the next filter. */
  #asking = false
  #answer: Decision | null = null

  constructor(core: Core, connection: Connection, requests: Sequence<Request>) {
    this.core = core
    this.connection = connection
    this.session = connection.session!
    this.#requests = requests[Symbol.iterator]()
    this.#next = this.#requests.next()
  }

  /** Does as much as this turn allows. The rest becomes a job, and what the client sends meanwhile waits behind it. */
  begin(): void {
    const done = this.step()
    if (done && !this.#asking) return
    this.connection.reading.suspend()
    if (!done) this.core.work.add(this)
  }

  step(): boolean {
    try {
      return this.#step()
    } catch (error) {
      this.connection.broke('handling what it sent', error)
      return true
    }
  }

  #step(): boolean {
    // The client may be gone, or somebody else have its Session: then nobody waits for an answer.
    while (this.connection.phase === Phase.Open && this.connection.session === this.session) {
      const { done, value: request } = this.#next
      if (done) {
        this.finish()
        this.connection.reading.resume()
        return true
      }
      const filter = this.filterOf(request)
      const decision = this.#decision(filter)
      if (decision === null) return true
      if (!this.one(request, decision)) return true
      this.#next = this.#requests.next()
      if (!this.core.work.spend(this.cost + (filter.length >> PerUnit.filterLength))) return false
    }
    return true
  }

  /** Null: it comes later, and the job goes on then. */
  #decision(filter: string): Decision | null {
    if (this.core.access.rules === null) return ALLOWED
    const { reading, who } = this.connection
    const answer = this.#answer
    this.#answer = null
    if (answer !== null) return answer
    const decision = ask(
      this.core,
      { action: this.action, who, topic: filter, qos: 0, retain: false, size: 0 },
      (later) => {
        this.#answer = later
        this.#asking = false
        reading.asking = false
        this.core.work.add(this)
      },
    )
    this.#asking = decision === null
    reading.asking = this.#asking
    return decision
  }

  /** What the rules are asked about. */
  protected abstract readonly action: Action
  protected abstract filterOf(request: Request): string
  /** Units of a filter. */
  protected abstract readonly cost: number
  /** Handles one filter. False: that was the end of the connection. */
  protected abstract one(request: Request, decision: Decision): boolean
  /** All are handled: the answer can go. */
  protected abstract finish(): void
}

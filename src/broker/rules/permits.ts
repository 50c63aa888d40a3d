import type { PublishView } from '../../protocol/index.ts'
import type { Connection } from '../connection.ts'
import type { Decision } from '../contracts.ts'
import type { Core } from '../core.ts'
import type { Route } from '../route/index.ts'
import { ask } from './ask.ts'

/** Of what is remembered of one topic, beside its name. */
const PERMIT_BYTES = 100

/** What was decided about the topics that one client publishes to. */
export class Permits {
  readonly #most: number
  readonly #decisions: Map<string, Decision> = new Map()
  /** Most publish to one topic. */
  #lastTopic = ''
  #last: Decision | null = null
  /** The answer to the question that a packet waits for. It is good for that packet only. */
  #answer: Decision | null = null
  #version = -1
  /** What the remembered topics take, roughly. */
  #bytes = 0

  /** It remembers as many topics as take `most` bytes, and the last one whatever that takes. */
  constructor(most: number) {
    this.#most = most
  }

  get(topic: string, version: number): Decision | null {
    const answer = this.#answer
    if (answer !== null) {
      this.#answer = null
      return answer
    }
    if (version !== this.#version) {
      this.#forget()
      this.#last = null
      this.#version = version
    }
    if (this.#last !== null && topic === this.#lastTopic) return this.#last
    const known = this.#decisions.get(topic) ?? null
    if (known !== null) this.#touch(topic, known)
    return known
  }

  /** The waiting packet comes next. */
  answered(decision: Decision): void {
    this.#answer = decision
  }

  remember(topic: string, decision: Decision): void {
    if (decision.eachTime === true) return
    const bytes = PERMIT_BYTES + 2 * topic.length
    if (this.#bytes + bytes > this.#most) this.#forget()
    if (bytes <= this.#most && !this.#decisions.has(topic)) {
      this.#bytes += bytes
      this.#decisions.set(topic, decision)
    }
    this.#touch(topic, decision)
  }

  #forget(): void {
    this.#decisions.clear()
    this.#bytes = 0
  }

  #touch(topic: string, decision: Decision): void {
    this.#lastTopic = topic
    this.#last = decision
  }
}

/**
 * Whether the client may publish that, where there are rules. Null: it is not known yet, and the packet comes again when it
 * is.
 */
export function publishDecision(core: Core, connection: Connection, route: Route, view: PublishView): Decision | null {
  connection.permits ??= new Permits(core.settings.bounds.permitBytes)
  const { permits, reading } = connection
  const { topic } = route
  const version = core.accessVersion
  const known = permits.get(topic, version)
  if (known !== null) return known
  const size = view.payloadEnd - view.payloadStart
  const question = { action: 'publish', who: connection.who, topic, qos: view.qos, retain: view.retain, size } as const
  const decision = ask(core, question, (later) => {
    permits.answered(later)
    if (version === core.accessVersion) permits.remember(topic, later)
    reading.answered()
  })
  if (decision === null) reading.waitForAnswer()
  else permits.remember(topic, decision)
  return decision
}

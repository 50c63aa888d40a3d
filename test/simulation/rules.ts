import type { Access, ConnectDecision, ConnectRequest, Decision, Question, Rules } from '../../src/broker/index.ts'
import type { SimRandom } from './random.ts'
import type { Time } from './time.ts'

/** Of a hundred questions so many are answered later. */
const LATER = 20
const LONGEST_MS = 30

/** Allows everything, but takes its time: nobody is let in sooner, and nothing comes in another order. */
export class SlowAccess implements Access, Rules {
  readonly rules: Rules = this
  onChange: (() => void) | null = null
  readonly #random: SimRandom
  readonly #time: Time
  /** Has the broker do something within a turn, unless it has died since. */
  readonly #turn: (act: () => void) => void

  constructor(random: SimRandom, time: Time, turn: (act: () => void) => void) {
    this.#random = random
    this.#time = time
    this.#turn = turn
  }

  connect(_: ConnectRequest, answer: (decision: ConnectDecision) => void): ConnectDecision | null {
    return this.#say({ allowed: true, reasonCode: 0, rule: 'all may' }, answer)
  }

  decide(question: Question, answer: (decision: Decision) => void): Decision | null {
    // Some answers are good for one message only, and now and then all are asked anew.
    const eachTime = question.action === 'publish' && this.#random.between(1, 4) === 1
    if (this.#random.between(1, 50) === 1) this.#later(() => this.onChange?.())
    const decision = { allowed: true, rule: 'all may', place: null, eachTime }
    // A kill would lose a Will that still waits for an answer.
    const aboutWill = question.topic.startsWith('w/')
    return aboutWill ? decision : this.#say(decision, answer)
  }

  authentication(): null {
    return null
  }

  #say<D>(decision: D, answer: (decision: D) => void): D | null {
    if (this.#random.between(1, 100) > LATER) return decision
    this.#later(() => answer(decision))
    return null
  }

  #later(act: () => void): void {
    this.#time.after(this.#random.between(1, LONGEST_MS), () => this.#turn(act))
  }
}

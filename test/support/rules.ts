import type { Access, ConnectDecision, ConnectRequest, Decision, Question, Rules } from '../../src/broker/index.ts'

type Answer = { readonly question: Question; readonly answer: (decision: Decision) => void }

/** Says of each question what a test wants to be said, now or later, and remembers all that it was asked. */
export class TestAccess implements Access, Rules {
  readonly rules: Rules = this
  onChange: (() => void) | null = null
  readonly asked: Question[] = []
  /** Questions that wait for `answerAll`. */
  readonly waiting: Answer[] = []
  /** Clients that wait to be let in. */
  readonly atDoor: ((decision: ConnectDecision) => void)[] = []
  /** Which questions are answered later. */
  later: (question: Question) => boolean = () => false
  doorLater = false
  /** The answer is yes unless this says no. */
  denies: (question: Question) => boolean = () => false
  eachTime = false

  decide(question: Question, answer: (decision: Decision) => void): Decision | null {
    this.asked.push(question)
    if (!this.later(question)) return this.#decision(question)
    this.waiting.push({ question, answer })
    return null
  }

  #decision(question: Question): Decision {
    const allowed = !this.denies(question)
    return { allowed, rule: allowed ? 'yes' : 'no', place: 'test.acl:7', eachTime: this.eachTime }
  }

  /** To be called within a turn. */
  answerAll(): void {
    for (const { question, answer } of this.waiting.splice(0)) answer(this.#decision(question))
  }

  connect(_: ConnectRequest, answer: (decision: ConnectDecision) => void): ConnectDecision | null {
    if (!this.doorLater) return OPEN
    this.atDoor.push(answer)
    return null
  }

  letIn(decision: ConnectDecision = OPEN): void {
    for (const answer of this.atDoor.splice(0)) answer(decision)
  }

  authentication(): null {
    return null
  }

  count(action: Question['action']): number {
    return this.asked.filter((question) => question.action === action).length
  }
}

const OPEN: ConnectDecision = { allowed: true, reasonCode: 0, rule: '' }

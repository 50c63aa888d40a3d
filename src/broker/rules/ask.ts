import type { Decision, Question } from '../contracts.ts'
import type { Core } from '../core.ts'

/** What stands for the decision of rules that failed: they open nothing. */
const FAILED: Decision = { allowed: false, rule: 'The rules failed', place: null }

/** What is decided where there are no rules. */
export const ALLOWED: Decision = { allowed: true, rule: 'There are no rules', place: null }

/**
 * Asks the rules. Null: they answer later, by `later`, which is called at most once. An answer that they give before they
 * return is as good as a returned one.
 */
export function ask(core: Core, question: Question, later: (decision: Decision) => void): Decision | null {
  const { rules } = core.access
  if (rules === null) return ALLOWED
  let returned = false
  let answer: Decision | null = null
  try {
    const decision = rules.decide(question, (decision) => {
      if (answer !== null) return
      answer = decision
      if (returned) later(decision)
    })
    returned = true
    answer = decision ?? answer
    return answer
  } catch (error) {
    core.failed(`asking whether a client may ${question.action}`, null, error)
    answer = FAILED
    return answer
  }
}

/** The rule and where it stands, for the log. */
export function ruleOf({ rule, place }: Decision): string {
  return place === null ? rule : `${rule} (${place})`
}

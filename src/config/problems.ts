/** A problem in a configuration file. With an error the broker does not start. */
export interface Problem {
  severity: 'warning' | 'error'
  file: string
  /** Counted from 1. */
  line: number
  /** The option as it was written. */
  option: string
  message: string
  /** What to do about it; empty if the message says it. */
  suggestion: string
}

/** One line, as editors and people expect it: `nightjar.conf:12: error: ...`. */
export function describeProblem(problem: Problem): string {
  const { file, line, severity, message, suggestion } = problem
  return `${file}:${line}: ${severity}: ${message}${suggestion === '' ? '' : `; ${suggestion}`}`
}

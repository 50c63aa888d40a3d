import { suggest } from '../config/index.ts'
import { UnknownOption } from './endings.ts'
import type { CommandError } from './exit.ts'

/** The message of the error, with what was probably meant. */
export function withGuess(error: CommandError): string {
  if (!(error instanceof UnknownOption)) return error.message
  const similar = similarOption(error)
  return similar === null ? error.message : `${error.message}: did you mean ${similar}?`
}

/** Every single letter is close to every other, so only the other case of the same letter is suggested. */
function similarOption({ option, known }: UnknownOption): string | null {
  const isLetter = /^-.$/.test(option)
  return suggest(option, isLetter ? known.filter((name) => name.toLowerCase() === option.toLowerCase()) : known)
}

export function guessVerb(name: string, verbs: readonly string[]): string {
  const similar = suggest(name, verbs)
  return `there is no verb ${name}: ${similar === null ? `there are ${verbs.join(', ')}` : `did you mean ${similar}?`}`
}

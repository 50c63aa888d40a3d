import { show } from './show.ts'

/** Says what is wrong with a value that somebody handed in under this name, in a sentence that says what to use; or null. */
export type Check = (value: unknown, name: string) => string | null

const LONGEST_TEXT = 65_535

function need(value: unknown, name: string, what: string): string {
  return `${name} is ${show(value)}: use ${what}`
}

/** What keeps a text from going on the wire [MQTT-1.5.4-1] [MQTT-1.5.4-2], or null. */
export function textProblem(value: string): string | null {
  let length = value.length
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code === 0) return 'has the character U+0000'
    if (code < 0x80) continue
    length += code < 0x800 ? 1 : 2
    if (code < 0xd800 || code > 0xdfff) continue
    const next = code < 0xdc00 ? value.charCodeAt(++i) : 0
    if (!(next >= 0xdc00 && next <= 0xdfff)) return 'has half of a surrogate pair'
  }
  return length > LONGEST_TEXT ? `has ${length} bytes, and at most ${LONGEST_TEXT} are possible` : null
}

export const text: Check = (value, name) => {
  if (typeof value !== 'string') return need(value, name, 'text')
  const problem = textProblem(value)
  return problem === null ? null : `${name} ${problem}`
}

export const bytes: Check = (value, name) => {
  if (!(value instanceof Uint8Array)) return need(value, name, 'a Uint8Array')
  return value.length > LONGEST_TEXT
    ? `${name} has ${value.length} bytes, and at most ${LONGEST_TEXT} are possible`
    : null
}

/** A payload's kind: of any length and any characters, but for half of a surrogate pair, which UTF-8 has no form for. */
export const textOrBytes: Check = (value, name) => {
  if (value instanceof Uint8Array) return null
  if (typeof value !== 'string') return need(value, name, 'text or a Uint8Array')
  return /\p{Surrogate}/u.test(value) ? `${name} has half of a surrogate pair` : null
}

/** The same for a field of a packet, which has a length that fits into two bytes. */
export const shortTextOrBytes: Check = (value, name) => {
  if (typeof value !== 'string') return value instanceof Uint8Array ? bytes(value, name) : textOrBytes(value, name)
  const problem = textProblem(value.replaceAll('\0', ' '))
  return problem === null ? null : `${name} ${problem}`
}

export const flag: Check = (value, name) => (typeof value === 'boolean' ? null : need(value, name, 'true or false'))

export const method: Check = (value, name) => (typeof value === 'function' ? null : need(value, name, 'a function'))

export function whole(least: number, greatest: number): Check {
  return (value, name) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= greatest
      ? null
      : need(value, name, `a whole number from ${least} to ${greatest}`)
}

/** Fractions, and Infinity, if that is the greatest. */
export function number(least: number, greatest: number): Check {
  return (value, name) =>
    typeof value === 'number' && value >= least && value <= greatest
      ? null
      : need(value, name, `a number from ${least} to ${greatest}`)
}

export function oneOf(...values: readonly (string | number | boolean)[]): Check {
  const known = values.map(show).join(', ')
  return (value, name) => (values.includes(value as string) ? null : need(value, name, `one of ${known}`))
}

/** [name, value] pairs, as User Properties are. */
export const pairs: Check = (value, name) => {
  const what = "pairs of text: [['name', 'value']]"
  if (!Array.isArray(value)) return need(value, name, what)
  for (const [i, pair] of value.entries()) {
    if (!Array.isArray(pair) || pair.length !== 2) return need(pair, `${name}[${i}]`, what)
    const wrong = text(pair[0], `${name}[${i}][0]`) ?? text(pair[1], `${name}[${i}][1]`)
    if (wrong !== null) return wrong
  }
  return null
}

export function list(of: Check, what: string): Check {
  return (value, name) => {
    if (!Array.isArray(value)) return need(value, name, what)
    for (const [i, one] of value.entries()) {
      const wrong = of(one, `${name}[${i}]`)
      if (wrong !== null) return wrong
    }
    return null
  }
}

/** An AbortSignal, whosever. */
export const signal: Check = (value, name) => {
  const { aborted, addEventListener } = (value ?? {}) as { aborted?: unknown; addEventListener?: unknown }
  const is = typeof value === 'object' && typeof aborted === 'boolean' && typeof addEventListener === 'function'
  return is ? null : need(value, name, 'an AbortSignal')
}

/** An object with these functions; it may have more. */
export function object(what: string, ...functions: readonly string[]): Check {
  return (value, name) => {
    if (typeof value !== 'object' || value === null) return need(value, name, what)
    const missing = functions.find((one) => typeof (value as Record<string, unknown>)[one] !== 'function')
    return missing === undefined ? null : `${name} has no function ${missing}: use ${what}`
  }
}

/** A value of this kind goes through the first check, any other through the second. */
export function either(kind: (value: unknown) => boolean, first: Check, second: Check): Check {
  return (value, name) => (kind(value) ? first : second)(value, name)
}

import type { IndexBounds } from './bounds.ts'

/** From this length on V8 makes a slice point into the string it was cut from, and so keeps that whole string alive. */
const SLICE_LENGTH = 13
/** Arguments of one call: they lie on the stack. */
const CODES_AT_ONCE = 4096

/** Strings for the levels of topics, that keep no topic alive, and mostly one for the many nodes that are called `temperature`. */
export class LevelNames {
  readonly #names: string[]
  readonly #longest: number

  constructor({ namesRemembered, nameLengthRemembered }: IndexBounds) {
    this.#names = new Array<string>(namesRemembered).fill('')
    this.#longest = nameLengthRemembered
  }

  /** text[start..end), whose hash that is. */
  name(text: string, start: number, end: number, hash: number): string {
    if (end - start > this.#longest) return ownCopy(text, start, end)
    const at = hash & (this.#names.length - 1)
    const known = this.#names[at]!
    if (known.length === end - start && text.startsWith(known, start)) return known
    const name = ownCopy(text, start, end)
    this.#names[at] = name
    return name
  }
}

/** text[start..end), as a string that keeps no other alive. */
export function ownCopy(text: string, start = 0, end: number = text.length): string {
  if (end - start < SLICE_LENGTH) return text.slice(start, end)
  let copy = ''
  for (let from = start; from < end; from += CODES_AT_ONCE) {
    const codes: number[] = []
    for (let i = from; i < Math.min(end, from + CODES_AT_ONCE); i++) codes.push(text.charCodeAt(i))
    copy += String.fromCharCode(...codes)
  }
  return copy
}

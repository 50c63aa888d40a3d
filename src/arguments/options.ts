import type { Check } from './checks.ts'
import { show } from './show.ts'

/**
 * Names that other libraries have for options, and what they are here: 'credentials: { username }'. A text that begins with
 * '!' is no name, but says why there is none.
 */
export type Foreign = Readonly<Record<string, string>>

/**
 * Options by their names. One that has no check here is an error: a slip must not be taken for a default. `call` is how
 * the error names what was called, where options are the options of a call.
 */
export function options(checks: Readonly<Record<string, Check>>, foreign: Foreign = {}, call?: string): Check {
  return (value, name) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) {
      const callback = typeof value === 'function' ? '; there are no callbacks, what is called returns a promise' : ''
      return `${name} is ${show(value)}: use an object${callback}`
    }
    for (const key in value) {
      const given = (value as Record<string, unknown>)[key]
      if (given === undefined) continue
      if (!Object.hasOwn(checks, key)) return unknown(key, checks, foreign, call ?? name)
      const wrong = checks[key]!(given, call === undefined ? `${name}.${key}` : key)
      if (wrong !== null) return wrong
    }
    return null
  }
}

function unknown(key: string, checks: Readonly<Record<string, Check>>, foreign: Foreign, owner: string): string {
  const words = `${owner} has no option '${key}'`
  const known = Object.keys(checks)
  const same =
    known.find((name) => plain(name) === plain(key)) ?? known.find((name) => oneSlip(plain(name), plain(key)))
  const meant = Object.hasOwn(foreign, key) ? foreign[key]! : same
  if (meant === undefined) return `${words}: it has ${known.join(', ')}`
  return meant.startsWith('!') ? `${words}: ${meant.slice(1)}` : `${words}: did you mean ${meant}?`
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}

/** Whether one letter was left out, added or changed, or two were swapped. */
function oneSlip(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1 || a.length < 3) return false
  let start = 0
  while (start < a.length && a[start] === b[start]) start++
  let end = 0
  while (end < Math.min(a.length, b.length) - start && a.at(-1 - end) === b.at(-1 - end)) end++
  const [mine, theirs] = [a.slice(start, a.length - end), b.slice(start, b.length - end)]
  if (mine.length <= 1 && theirs.length <= 1) return true
  return mine.length === 2 && theirs.length === 2 && mine[0] === theirs[1] && mine[1] === theirs[0]
}

import { LOG_TYPES, type LogDestination, type LogType } from './config.ts'

/** The values that an option takes, and how to read them. */
export interface Type<T> {
  /** What a value looks like, for documents and messages. */
  readonly form: string
  /** Whether the value is the rest of the line rather than one word. */
  readonly line?: boolean
  /** Whether the option may be repeated and adds up; otherwise the last line wins. */
  readonly repeats?: boolean
  /** `earlier`: the value of earlier lines of this option. */
  read(text: string, earlier?: T): Reading<T>
  /** How the default looks in documents. */
  show(value: T): string
}

/** `problem` says what the value must be; `note` is a warning about a value that is accepted. */
export type Reading<T> = { value: T; note?: string } | { problem: string }

export const truth: Type<boolean> = {
  form: 'true | false',
  read(text) {
    if (text === 'true' || text === '1') return { value: true }
    if (text === 'false' || text === '0') return { value: false }
    return { problem: 'must be true or false' }
  },
  show: String,
}

/** Like `truth`, with a third state: not set. */
export const maybeTruth: Type<boolean | null> = {
  form: truth.form,
  read: (text) => truth.read(text),
  show: (value) => (value === null ? 'not set' : String(value)),
}

interface Range {
  least: number
  most: number
  /** 'bytes', 'seconds', ...; empty for a bare number. */
  unit: string
  /** What values below the least stand for, as in mosquitto; without it they are a problem. */
  below?: number
  /** Factor to the unit of Config. */
  times?: number
  /** What a written 0 stands for. */
  zero?: number
}

/** The largest value of an option without a limit of its own, as in mosquitto. */
export const MAX_INTEGER = 2_147_483_647

export function integer({ least, most, unit, below, times = 1, zero = 0 }: Range): Type<number> {
  const form = `${least}${most === MAX_INTEGER ? ' or more' : `..${most}`}${unit === '' ? '' : ` ${unit}`}`
  return {
    form,
    read(text) {
      const value = readInteger(text)
      if (value === null) return { problem: `must be a whole number, ${form}` }
      if (value < least && below !== undefined) return { value: below * times }
      if (value > MAX_INTEGER) return { problem: `must be at most ${Math.min(most, MAX_INTEGER)}` }
      if (value < least || value > most) return { problem: `must be ${form}` }
      return { value: (value === 0 ? zero : value) * times }
    },
    show: (value) => String(value / times),
  }
}

/** Decimal or hexadecimal. A leading zero is refused: mosquitto reads such a number as octal, people do not. */
function readInteger(text: string): number | null {
  return /^(?:[+-]?(?:0|[1-9]\d{0,14})|0x[\da-f]{1,12})$/i.test(text) ? Number(text) : null
}

const SECONDS: Readonly<Record<string, number>> = {
  s: 1,
  h: 3600,
  d: 86_400,
  w: 7 * 86_400,
  m: 30 * 86_400,
  y: 365 * 86_400,
}

/** A length of time with its unit, in seconds; a month has 30 days and a year 365. 0 stands for 'never'. */
export const duration: Type<number> = {
  form: 'a number and one of s h d w m y (seconds, hours, days, weeks, months, years), such as 14d',
  read(text) {
    const match = /^([1-9]\d{0,5})([shdwmy])$/.exec(text)
    if (match === null) return { problem: `must be ${duration.form}` }
    return { value: Number(match[1]) * SECONDS[match[2]!]! }
  },
  show: (value) => (value === 0 ? 'never' : `${value}s`),
}

export function oneOf<T extends string | number>(...values: readonly T[]): Type<T> {
  const form = values.join(' | ')
  return {
    form,
    read(text) {
      const value = values.find((candidate) => String(candidate) === text)
      return value === undefined ? { problem: `must be one of ${values.join(', ')}` } : { value }
    },
    show: String,
  }
}

/** A value that is absent unless the option is given. */
export function optional<T>(type: Type<T>, absent: string): Type<T | null> {
  return { ...type, read: (text) => type.read(text), show: (value) => (value === null ? absent : type.show(value)) }
}

export function line(form: string, longest = 65_535): Type<string> {
  return {
    form,
    line: true,
    read: (text) => (text.length > longest ? { problem: `must have at most ${longest} characters` } : { value: text }),
    show: String,
  }
}

/** Ignores blanks around the numbers and extra commas. */
export const protocolVersions: Type<readonly (3 | 4 | 5)[]> = {
  form: '3, 4 and 5, separated by commas',
  line: true,
  read(text) {
    const words = text.split(',').map((part) => part.trim())
    const value = ([3, 4, 5] as const).filter((version) => words.includes(String(version)))
    const strange = words.some((part) => part !== '' && !/^[345]$/.test(part))
    return strange || value.length === 0 ? { problem: `must be some of ${protocolVersions.form}` } : { value }
  },
  show: (value) => value.join(', '),
}

export const word: Type<string> = { form: 'address', read: (text) => ({ value: text }), show: String }

export const logTypes: Type<readonly LogType[]> = {
  form: `${LOG_TYPES.join(' | ')} | none | all`,
  repeats: true,
  read(text, earlier = []) {
    if (text === 'all') return { value: LOG_TYPES }
    if (text === 'none') return { value: [] }
    const type = LOG_TYPES.find((candidate) => candidate === text)
    if (type === undefined) return { problem: `must be one of ${LOG_TYPES.join(', ')}, none, all` }
    return { value: earlier.includes(type) ? earlier : [...earlier, type] }
  },
  show: (value) => value.join(', '),
}

export const logDestinations: Type<readonly LogDestination[]> = {
  form: 'stderr | stdout | file <path> | none',
  line: true,
  repeats: true,
  read(text, earlier = []) {
    const [kind, path] = splitWord(text)
    if (kind === 'none') return { value: [] }
    if (kind === 'stderr' || kind === 'stdout') {
      return { value: earlier.some((one) => one.kind === kind) ? earlier : [...earlier, { kind }] }
    }
    if (kind === 'file') return addFile(path, earlier)
    if (!['syslog', 'topic', 'dlt'].includes(kind))
      return { problem: `must be one of stderr, stdout, file <path>, none` }
    const value: readonly LogDestination[] = earlier.length > 0 ? earlier : [{ kind: 'stderr' }]
    return { value, note: `names ${kind}, which nightjar cannot log to yet` }
  },
  show: (value) => value.map((one) => one.kind).join(', '),
}

function addFile(path: string, earlier: readonly LogDestination[]): Reading<readonly LogDestination[]> {
  if (path === '') return { problem: 'needs the path of the file, as in: log_dest file nightjar.log' }
  if (earlier.some((one) => one.kind === 'file')) return { problem: 'names a second file; only one is allowed' }
  return { value: [...earlier, { kind: 'file', path }] }
}

/** The first word, and what follows it; neither has blanks around it. */
export function splitWord(text: string): [first: string, rest: string] {
  const trimmed = text.trim()
  const blank = trimmed.search(/[ \t]/)
  return blank < 0 ? [trimmed, ''] : [trimmed.slice(0, blank), trimmed.slice(blank).trim()]
}

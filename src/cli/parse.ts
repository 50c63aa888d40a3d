import { parseTopicFilter, topicNameError } from '../topics/index.ts'
import { UnknownOption } from './endings.ts'
import { usageError } from './exit.ts'
import { type AbsentOption, type OptionRow, optionNames } from './option.ts'
import { propertyArguments } from './properties.ts'
import { bytesOf, isBroken } from './words.ts'

export interface OptionTable {
  readonly options: readonly OptionRow[]
  readonly absent: readonly AbsentOption[]
  /** So many words that belong to no option are taken. Without it: none. */
  readonly operands?: number
}

/** What was given on the command line, by the keys of the table. */
export class Given {
  /** Words that belong to no option, in their order. */
  readonly operands: string[] = []
  readonly #values: Map<string, unknown> = new Map()
  readonly #keys: ReadonlySet<string>

  constructor(options: readonly OptionRow[]) {
    this.#keys = new Set(options.map((row) => row.key))
  }

  set(key: string, value: unknown): void {
    this.#values.set(key, value)
  }

  add(key: string, value: unknown): void {
    this.#values.set(key, [...this.list<unknown>(key), value])
  }

  flag(key: string): boolean {
    return this.#get(key) === true
  }

  has(key: string): boolean {
    return this.#values.has(key)
  }

  /** As if it had not been given. */
  drop(key: string): void {
    this.#values.delete(key)
  }

  text(key: string): string | undefined {
    return this.#get(key) as string | undefined
  }

  bytes(key: string): Uint8Array | undefined {
    return this.#get(key) as Uint8Array | undefined
  }

  number(key: string): number | undefined {
    return this.#get(key) as number | undefined
  }

  list<T = string>(key: string): readonly T[] {
    return (this.#get(key) as readonly T[] | undefined) ?? []
  }

  #get(key: string): unknown {
    if (!this.#keys.has(key)) throw new Error(`no row of the table has the key ${key}`)
    return this.#values.get(key)
  }
}

/**
 * Reads the arguments after the verb. As in mosquitto's commands each option is a word of its own, an argument follows as
 * the next word, whatever it begins with; `--name=value` is understood too. Other words are taken only by a verb that has
 * operands. Adds to what was `given` before. Throws a usage error.
 */
export function parseArguments(
  table: OptionTable,
  words: readonly string[],
  given: Given = new Given(table.options),
): Given {
  let at = 0
  while (at < words.length) {
    if (!words[at]!.startsWith('-') && given.operands.length < (table.operands ?? 0)) {
      given.operands.push(words[at++]!)
      continue
    }
    const { name, attached } = split(words[at]!)
    const row = findOption(table, name)
    const following = attached === undefined ? words.slice(at + 1) : [attached]
    const count = argumentCount(row, following)
    if (following.length < count) throw usageError(`${name} needs ${describeArguments(row)} after it`)
    if (attached !== undefined && count !== 1) throw usageError(`${name} takes no =: write ${describeUse(row)}`)
    store(given, row, name, following.slice(0, count))
    at += 1 + (attached === undefined ? count : 0)
  }
  return given
}

function split(word: string): { name: string; attached: string | undefined } {
  const equals = word.startsWith('--') ? word.indexOf('=') : -1
  if (equals < 0) return { name: word, attached: undefined }
  return { name: word.slice(0, equals), attached: word.slice(equals + 1) }
}

function findOption(table: OptionTable, name: string): OptionRow {
  const row = table.options.find((option) => optionNames(option).includes(name))
  if (row !== undefined) return row
  const absent = table.absent.find(({ names }) => names.includes(name))
  if (absent !== undefined) throw usageError(`${name}: ${absent.what} not in this version; ${absent.instead}`)
  if (!name.startsWith('-')) {
    throw usageError(`'${name}' follows no option: if it belongs to the one before it, put both in quotes`)
  }
  throw new UnknownOption(name, table.options.flatMap(optionNames))
}

function argumentCount(row: OptionRow, following: readonly string[]): number {
  if (row.type === 'flag') return 0
  return row.type === 'property' ? propertyArguments(following[1]) : 1
}

function describeArguments(row: OptionRow): string {
  return row.type === 'property' ? row.argument! : `a value (${row.argument})`
}

function describeUse(row: OptionRow): string {
  return [optionNames(row).at(-1), row.argument].join(' ').trim()
}

function store(given: Given, row: OptionRow, name: string, words: readonly string[]): void {
  const value = row.type === 'property' ? words : row.type === 'flag' ? true : readValue(row, name, words[0]!)
  if (row.repeats === true) given.add(row.key, value)
  else given.set(row.key, value)
}

function readValue(row: OptionRow, name: string, word: string): string | number | Uint8Array {
  if (row.choices !== undefined && Object.hasOwn(row.choices, word)) return row.choices[word]!
  if (row.type === 'bytes') {
    const bytes = bytesOf(word)
    if (bytes !== null) return bytes
    throw usageError(`${name}: cannot pass these bytes on this system; publish them with -f or -s`)
  }
  if (isBroken(word)) throw usageError(`${name} '${word}': not UTF-8`)
  switch (row.type) {
    case 'integer':
      return inRange(row, name, word, /^-?\d+$/.test(word) ? Number(word) : Number.NaN, 'a whole number')
    case 'number':
      return inRange(row, name, word, /^\d*\.?\d+(e-?\d+)?$/i.test(word) ? Number(word) : Number.NaN, 'a number')
    case 'choice':
      throw usageError(`${name} is '${word}': use one of ${Object.keys(row.choices!).join(', ')}`)
    case 'topic': {
      const error = topicNameError(word)
      if (error !== null) throw usageError(`${name} '${word}': ${error}`)
      return word
    }
    case 'filter': {
      const parsed = parseTopicFilter(word, { starWildcard: true, sysAlias: true })
      if ('error' in parsed) throw usageError(`${name} '${word}': ${parsed.error}`)
      return word
    }
    default:
      return word
  }
}

function inRange(row: OptionRow, name: string, word: string, value: number, kind: string): number {
  const { least = Number.NEGATIVE_INFINITY, greatest = Number.POSITIVE_INFINITY } = row
  if (value >= least && value <= greatest) return value
  const range = greatest === Number.POSITIVE_INFINITY ? `from ${least} on` : `from ${least} to ${greatest}`
  throw usageError(`${name} is '${word}': use ${kind} ${range}`)
}

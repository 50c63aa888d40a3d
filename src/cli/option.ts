/**
 * One row of a verb's option table. The parser, `--help` and docs/commands.md are made from it, so an option that is not
 * in a table does not exist, and one that is cannot lack its line of help.
 */
export interface OptionRow {
  /** By which the verb asks for the value. */
  readonly key: string
  /** As it is typed, without the dash. */
  readonly letter?: string
  /** As it is typed, without the dashes. */
  readonly long?: string
  readonly type: OptionType
  /** What the argument is called in the help; a flag has none. */
  readonly argument?: string
  /** May be given more than once, and every argument counts. Else the last one does. */
  readonly repeats?: boolean
  /** For an integer or a number, both included. */
  readonly least?: number
  readonly greatest?: number
  /** What may be typed, and what it means: all that may be for a choice, words beside the numbers for an integer. */
  readonly choices?: Readonly<Record<string, string | number>>
  /** What holds if it is not given, in words. */
  readonly without?: string
  readonly doc: string
}

/**
 * `property` takes three or four arguments (see properties.ts); every other type but `flag` takes one. `bytes` need not be
 * UTF-8 (see words.ts).
 */
export type OptionType =
  | 'flag'
  | 'text'
  | 'bytes'
  | 'integer'
  | 'number'
  | 'choice'
  | 'topic'
  | 'filter'
  | 'format'
  | 'property'

/** An option of mosquitto's command of the same name that this version does not have. */
export interface AbsentOption {
  /** As it is typed, with the dashes. */
  readonly names: readonly string[]
  /** What it belongs to, as the subject of '... not in this version'. */
  readonly what: string
  /** What to do instead. */
  readonly instead: string
}

export const DEFAULT_PORT = 1883
const GREATEST_PORT = 65_535

/** The row of `-p`, which every verb has. */
export function portOption(least: number, doc: string): OptionRow {
  const names = { key: 'port', letter: 'p', long: 'port', argument: 'PORT' }
  return { ...names, type: 'integer', least, greatest: GREATEST_PORT, without: String(DEFAULT_PORT), doc }
}

/** `-p, --port` */
export function optionNames(row: OptionRow): string[] {
  const names: string[] = []
  if (row.letter !== undefined) names.push(`-${row.letter}`)
  if (row.long !== undefined) names.push(`--${row.long}`)
  return names
}

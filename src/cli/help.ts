import { FIELDS } from './format/fields.ts'
import { type OptionRow, optionNames } from './option.ts'
import { VERBS, type Verb } from './verbs.ts'

const LINE_WIDTH = 80
const DOC_COLUMN = 30

/** The help of one verb; `command` is how the user calls it. */
export function verbHelp(verb: Verb, command: string = callOf(verb)): string {
  const lines = [...usageLines(command, verb.usage), '', ...wrap(plain(verb.summary), LINE_WIDTH)]
  for (const { title, options } of verb.sections) {
    lines.push('', `${title}:`)
    for (const row of options) lines.push(...optionLines(row))
  }
  if (verb.name === 'sub') lines.push('', 'FORMAT of -F:', ...formatLines())
  lines.push('', 'Examples:')
  for (const example of verb.examples) {
    lines.push(`  ${example.command.replace(callOf(verb), command)}`)
    lines.push(...wrap(example.doc, LINE_WIDTH - 6).map((line) => `      ${line}`))
  }
  return `${lines.join('\n')}\n`
}

/** A choice in brackets or braces is not broken. */
function usageLines(command: string, usage: string): string[] {
  const head = `Usage: ${command} `
  const parts = usage.match(/\{[^}]*\}|\[[^\]]*\]|\S+/g)!.map((part) => part.replaceAll(' ', '\u00a0'))
  const lines = wrap(parts.join(' '), LINE_WIDTH - head.length)
  return lines.map((line, i) => (i === 0 ? head : ' '.repeat(head.length)) + line.replaceAll('\u00a0', ' '))
}

/** `nightjar pub`; but `nightjar` is enough for the broker. */
export function callOf({ name }: Verb): string {
  return name === 'broker' ? 'nightjar' : `nightjar ${name}`
}

/** What `nightjar --help` shows: the verbs, and the options of the broker. */
export function overview(): string {
  const verbs = Object.values(VERBS).flatMap(({ name, summary }) => {
    const indent = ' '.repeat(10)
    return wrap(plain(summary), LINE_WIDTH - indent.length).map((line, i) =>
      i === 0 ? `  ${name.padEnd(8)}${line}` : indent + line,
    )
  })
  const lines = [
    'nightjar: an MQTT broker and its clients',
    '',
    ...verbs,
    `  ${'help'.padEnd(8)}nightjar help VERB: the options of a verb.`,
    '',
  ]
  return `${lines.join('\n')}\n${verbHelp(VERBS.broker)}`
}

/** Doc lines are written for docs/commands.md too, where back-ticks mark code. */
function plain(text: string): string {
  return text.replaceAll('`', '')
}

function optionLines(row: OptionRow): string[] {
  const names = row.letter === undefined ? `    ${optionNames(row).join('')}` : optionNames(row).join(', ')
  const head = `  ${[names, row.argument].join(' ').trimEnd()}`
  return columns(head, optionDoc(row))
}

/** The doc line with what holds if the option is not given. */
export function optionDoc(row: OptionRow): string {
  const more = row.repeats === true ? ' May be repeated.' : ''
  return `${plain(row.doc)}${more}${row.without === undefined ? '' : ` Default: ${row.without}.`}`
}

function columns(head: string, doc: string): string[] {
  const [first = '', ...rest] = wrap(doc, LINE_WIDTH - DOC_COLUMN)
  const indent = ' '.repeat(DOC_COLUMN)
  const under = rest.map((line) => indent + line)
  if (head.length + 2 > DOC_COLUMN) return [head, indent + first, ...under]
  return [head.padEnd(DOC_COLUMN) + first, ...under]
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

/** What stands for itself, beside the letters after % that are in FIELDS. */
export const FORMAT_NOTES: readonly { readonly form: string; readonly doc: string }[] = [
  { form: '%10t %-10t %010l', doc: 'at least 10 wide: right-aligned, left-aligned, zero-padded' },
  { form: '%.8t', doc: 'at most 8 bytes of a text' },
  { form: '%.2:x', doc: 'a colon (or another character) after every 2 digits' },
  { form: '@X', doc: 'the time by strftime(3), with @ for %: @Y-@m-@d @H:@M:@S; @N are nanoseconds, @@ is an @' },
  {
    form: '\\n \\t \\r \\e \\a \\v \\0 \\\\',
    doc: 'newline, tab, carriage return, escape, bell, vertical tab, NUL, backslash',
  },
]

function formatLines(): string[] {
  const letters = Object.entries(FIELDS).flatMap(([letter, { doc }]) => columns(`  %${letter}`, doc))
  const notes = FORMAT_NOTES.flatMap(({ form, doc }) => columns(`  ${form}`, doc))
  return [...letters, ...notes]
}

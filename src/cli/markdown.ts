import { ABSENT_CLIENT_OPTIONS } from './client-options.ts'
import { EXIT_CODES } from './exit.ts'
import { FIELDS } from './format/fields.ts'
import { callOf, FORMAT_NOTES, optionDoc } from './help.ts'
import { type OptionRow, optionNames } from './option.ts'
import { PROPERTY_ROWS } from './properties.ts'
import { CALLED_AS, VERBS, type Verb } from './verbs.ts'

/** docs/commands.md, made from the same tables as the parser and the help. */
export function commandsAsMarkdown(): string {
  return [
    '# Commands',
    '',
    '<!-- Made from the tables in src/cli: change those, then run `node scripts/docs.mjs`. -->',
    '',
    '`nightjar` runs the broker; with a verb, one of its clients. `nightjar help VERB` prints what this page says.',
    '',
    '| verb | does |',
    '|---|---|',
    ...Object.values(VERBS).map((verb) => `| [\`${verb.name}\`](#nightjar-${verb.name}) | ${cell(verb.summary)} |`),
    '',
    ...Object.values(VERBS).flatMap(verbSection),
    ...formatSection(),
    ...propertySection(),
    ...absentSection(),
    ...optionsFileSection(),
    ...environmentSection(),
    ...exitSection(),
    ...mosquittoSection(),
  ].join('\n')
}

function verbSection(verb: Verb): string[] {
  const lines = [`## nightjar ${verb.name}`, '', verb.summary, '', '```']
  lines.push(`${callOf(verb)} ${verb.usage}`, '```', '')
  for (const { title, options } of verb.sections) {
    lines.push(`### ${title} (${verb.name})`, '', '| option | meaning |', '|---|---|')
    lines.push(...options.map((row) => `| ${optionCell(row)} | ${cell(optionDoc(row))} |`), '')
  }
  lines.push('```sh', ...verb.examples.map(({ command, doc }) => `${command}   # ${doc}`), '```', '')
  return lines
}

function optionCell(row: OptionRow): string {
  const argument = row.argument === undefined ? '' : ` ${row.argument}`
  return optionNames(row)
    .map((name) => `\`${name}${argument}\``)
    .join(', ')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

function formatSection(): string[] {
  return [
    '## Formats of `sub -F`',
    '',
    '| form | prints |',
    '|---|---|',
    ...Object.entries(FIELDS).map(([letter, { doc }]) => `| \`%${letter}\` | ${cell(doc)} |`),
    ...FORMAT_NOTES.map(({ form, doc }) => `| \`${form}\` | ${cell(doc)} |`),
    '',
    'A newline follows each message, unless `-N` is given. On a terminal, control characters are escaped and payloads that',
    'are not text are shown in hexadecimal; to a pipe or a file every byte goes as it is.',
    '',
  ]
}

function propertySection(): string[] {
  return [
    '## Properties of `-D`',
    '',
    '`-D COMMAND PROPERTY VALUE` adds a property to the packet COMMAND, and selects MQTT 5.0.',
    '',
    '| property | command |',
    '|---|---|',
    ...PROPERTY_ROWS.map(({ name, commands }) => `| \`${name}\` | ${commands.join(', ')} |`),
    '',
    '`pub` does not take `subscribe` and `unsubscribe`, `sub` does not take `publish`. `user-property` takes two words: name and value.',
    '',
  ]
}

function absentSection(): string[] {
  return [
    '## Not in this version',
    '',
    'Options of mosquitto’s clients that are known but refused, with exit code 2:',
    '',
    ...ABSENT_CLIENT_OPTIONS.map(
      ({ names, what }) => `- ${names.map((n) => `\`${n}\``).join(' ')}: ${what} not there yet`,
    ),
    '',
  ]
}

function optionsFileSection(): string[] {
  return [
    '## Options from a file',
    '',
    'Options that you would repeat each time can go into a file. It has the name that mosquitto gives it:',
    '`$XDG_CONFIG_HOME/mosquitto_pub` and `mosquitto_sub`, or the same in `~/.config`. `-o FILE` reads FILE instead (as in',
    'mosquitto 2.1; `-o /dev/null` reads none). Each line is one option; the rest of the line after the first blank is its',
    'argument, without quotes. Lines that begin with `#` are comments.',
    '',
    '```',
    '-h broker.example',
    '-u me',
    '-P a password with blanks',
    '```',
    '',
    'The command line overrides the file; options that may be repeated, such as `-t`, add to it.',
    '',
  ]
}

function environmentSection(): string[] {
  return [
    '## Environment',
    '',
    '- `MQTT_URL`: like `-L`, unless an option says otherwise; the topic may be left out.',
    '- `MQTT_USERNAME`, `MQTT_PASSWORD`: the login, unless `-u` and `-P` or `-L` give one.',
    '- `NO_COLOR`: no colours. `FORCE_COLOR`: colours even if the output is not a terminal.',
    '',
  ]
}

function exitSection(): string[] {
  return [
    '## Exit codes',
    '',
    '| code | meaning |',
    '|---|---|',
    ...Object.values(EXIT_CODES).map(({ code, doc }) => `| ${code} | ${doc} |`),
    '',
    'When the reader of the output goes away (`nightjar sub ... | head -1`), the command exits with 0: at once for pipes on',
    'Linux, else at the next message. If the output cannot be written (disk full), it exits with 1.',
    '',
  ]
}

function mosquittoSection(): string[] {
  const names = Object.entries(CALLED_AS).map(([name, verb]) => `\`${name}\` is \`nightjar ${verb}\``)
  return [
    '## In place of mosquitto’s commands',
    '',
    `Called under the name of one of mosquitto’s clients, by a link for example, nightjar is that client: ${names.join(', ')}.`,
    'The exit code is then mosquitto’s where its manual names one: 27 for `-W`, the code of the CONNACK if the broker refuses',
    '(1 to 5 in MQTT 3.1.1, 128 and above in 5.0), and 0 if a signal ends `mosquitto_sub`. All others are those above.',
    '',
    'Where mosquitto’s versions differ, `sub` prints what 2.0 does (Debian 12 and 13), with three exceptions from 2.1: `%x`',
    'with a width shows the whole payload (2.0 showed half of it), `%.2:x` groups the digits, and the time in `%j` has no stray',
    '`Z`. `-d` prints packets in mosquitto’s words, but to stderr. A QoS 2 message is printed when it arrives, not two packets',
    'later, so messages of different QoS stay in the order in which the broker sent them. Of a resumed session (`-c`), only',
    'what `-t` asks for is printed; other messages are mentioned on stderr.',
    '',
  ]
}

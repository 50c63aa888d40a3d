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
    '`nightjar` is the broker and, with a verb, its clients. `nightjar help VERB` shows what is written here.',
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
    'An end of line follows each message, unless `-N` is given. To a terminal, control characters of topics and payloads',
    'are shown as escapes and a payload that is not text in hexadecimal; to a pipe or a file every byte goes as it is.',
    '',
  ]
}

function propertySection(): string[] {
  return [
    '## Properties of `-D`',
    '',
    '`-D COMMAND PROPERTY VALUE` adds a property to what is sent, and makes the version 5.',
    '',
    '| property | command |',
    '|---|---|',
    ...PROPERTY_ROWS.map(({ name, commands }) => `| \`${name}\` | ${commands.join(', ')} |`),
    '',
    '`pub` has no `subscribe` and `unsubscribe`, `sub` no `publish`. For `user-property` two words follow: name and value.',
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
    'What is said of a broker each time may stand in a file, under the names that mosquitto has for it:',
    '`$XDG_CONFIG_HOME/mosquitto_pub` and `mosquitto_sub`, or the same in `~/.config`. `-o FILE` reads that file in its place',
    '(as in mosquitto 2.1; `-o /dev/null` reads none). Each line is one option, and what follows the first blank is its',
    'argument, as it stands and without quotes; lines that begin with `#` are comments.',
    '',
    '```',
    '-h broker.example',
    '-u me',
    '-P a password with blanks',
    '```',
    '',
    'An option on the command line stands above the same one in the file; `-t` and others that may be repeated add to it.',
    '',
  ]
}

function environmentSection(): string[] {
  return [
    '## Environment',
    '',
    '- `MQTT_URL`: as `-L`, where no option says otherwise; the topic may be left out.',
    '- `MQTT_USERNAME`, `MQTT_PASSWORD`: the login, where neither `-u` and `-P` nor `-L` give one.',
    '- `NO_COLOR`: no colours. `FORCE_COLOR`: colours, if the output is a terminal or not.',
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
    'If nobody reads the output any more (`nightjar sub ... | head -1`), the command ends with 0: at once where the system',
    'tells it (pipes on Linux), else at the next message. If the output cannot be written (a full disk), it ends with 1.',
    '',
  ]
}

function mosquittoSection(): string[] {
  const names = Object.entries(CALLED_AS).map(([name, verb]) => `\`${name}\` is \`nightjar ${verb}\``)
  return [
    '## In place of mosquitto’s commands',
    '',
    `Called by the name of one of mosquitto’s clients, as through a link, nightjar is that client: ${names.join(', ')}.`,
    'The exit code is then mosquitto’s where its manual names one: 27 for `-W`, and the code of the CONNACK if the broker',
    'refuses (1 to 5 in MQTT 3.1.1, from 128 on in 5.0); and `mosquitto_sub` ends with 0 if a signal ends it. The others are',
    'those above.',
    '',
    'Where mosquitto’s own versions differ, `sub` prints as 2.0 does (Debian 12 and 13), but for three things that are as in',
    '2.1: `%x` with a width shows the whole payload (2.0 showed half of it), `%.2:x` groups the digits, and the time in `%j`',
    'has no stray `Z`. Debugging (`-d`) shows packets in mosquitto’s words, but on stderr, not on stdout. A message of QoS 2',
    'is printed when it comes, and not two packets later, so messages of different QoS stay in the order in which the broker',
    'sent them. Of a session that is gone on with (`-c`), only what `-t` asks for is printed; if more comes, that is told on',
    'stderr.',
    '',
  ]
}

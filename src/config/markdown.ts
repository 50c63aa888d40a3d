import { limitOptions } from './limits.ts'
import { notYet, notYetNames } from './not-yet.ts'
import type { Option } from './option.ts'
import { behaviourOptions, listenerNames, listenerOptions, securityOptions } from './options.ts'

/** docs/configuration.md, whole. */
export function optionsAsMarkdown(): string {
  const sections = [
    INTRODUCTION,
    '## Where to listen',
    LISTENERS,
    table(Object.values<Option<unknown>>(listenerOptions)),
    '## Who may come in',
    SECURITY,
    table(Object.values<Option<unknown>>(securityOptions)),
    '## Limits',
    LIMITS,
    table(Object.values<Option<unknown>>(limitOptions)),
    '## Everything else',
    table(Object.values<Option<unknown>>(behaviourOptions)),
    '## Options of mosquitto that this version does not have',
    MISSING,
    `An error: ${names((name) => notYet(name)!.severity === 'error')}.`,
    `A warning: ${names((name) => notYet(name)!.severity === 'warning')}.`,
  ]
  return `${sections.join('\n\n')}\n`
}

const INTRODUCTION = `# Configuration

<!-- Made from src/config by \`node scripts/docs.mjs\`: change it there. -->

\`nightjar -c FILE\` reads a file in the format of mosquitto.conf: one option a line, its name, a blank, its value. Lines
that begin with \`#\` and empty lines are skipped; an option that is not given has its default. Quotes have no meaning.
A mistake is answered with the file, the line and what the value must be, and the broker does not start.

\`include_dir <folder>\` reads the files in that folder whose names end in \`.conf\`, by name, upper before lower case of
the same letter. It counts in the main file only. Each of those files begins without a \`listener\` above it.

In the tables, *reload* says whether a new value can be taken without a restart, and *own* marks options that mosquitto
does not know.`

const LISTENERS = `\`listener <port> [address]\` opens a port, on every address unless one is given; it may stand several times. The options
in this table are meant for the \`listener\` above them. Before the first \`listener\` line they are meant for the default
listener, which is opened if \`port\` or \`bind_address\` is given, or if there is no \`listener\` at all.

\`listener 0 <path>\` makes a Unix socket: clients of this machine that may write to that file can connect. One that an
earlier broker left behind is replaced; one on which a program listens, or a file that is no socket, is left alone, and the
broker does not start. At the end it is removed. In the log such a client has the path for its address.

- Without a file Nightjar listens on port 1883 on every address.
- With a file that says nothing about where to listen, it listens on port 1883 for this machine only, as mosquitto does.`

const SECURITY = `If \`allow_anonymous\` is not set:

- without a file, and in a program that embeds the broker, clients from this machine and from private networks are
  welcome, whatever user name they send; all others are refused with Not authorized, and the log names this option;
- with a file that opens a listener, nobody may connect without a user name, as in mosquitto;
- with a file that opens none, clients of this machine are welcome, and there are no others.

${Object.entries(listenerNames)
  .map(
    ([key, name]) =>
      `\`${name}\` is \`${securityOptions[key as keyof typeof securityOptions].name}\` for one listener.`,
  )
  .join(' ')}`

const LIMITS = `Each holds for every client by itself unless it says otherwise. What is refused or dropped is told in the log, with the
option that decides ([events.md](events.md)).`

const MISSING = `A configuration of mosquitto is read as it is. Where ignoring an option would change who may do what, or what is safe,
it is an error and the broker does not start; where it is harmless, it is a warning. Values that ask for nothing (such as
\`persistence false\` or \`protocol mqtt\`) are accepted.`

function table(options: readonly Option<unknown>[]): string {
  const rows = options.map((option) => {
    const { name, aliases = [], type, doc, reloadable, from } = option
    const label = [name, ...aliases].map((one) => `\`${one}\``).join(', ')
    const marks = [from === 'nightjar' ? 'own' : '', reloadable ? 'reload' : '']
      .filter((mark) => mark !== '')
      .join(', ')
    return `| ${label} | ${cell(type.form)} | ${cell(type.show(option.default))} | ${marks} | ${cell(doc)} |`
  })
  return ['| option | value | default | | |', '|---|---|---|---|---|', ...rows].join('\n')
}

function names(wanted: (name: string) => boolean): string {
  return notYetNames
    .filter((name) => wanted(name))
    .map((name) => `\`${name}\``)
    .join(', ')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
}

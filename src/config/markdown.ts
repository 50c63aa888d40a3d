import { limitOptions } from './limits.ts'
import { notYet, notYetNames } from './not-yet.ts'
import type { Option } from './option.ts'
import { behaviourOptions, listenerNames, listenerOptions, securityOptions } from './options.ts'

/** The whole of docs/configuration.md. */
export function optionsAsMarkdown(): string {
  const sections = [
    INTRODUCTION,
    '## Where to listen',
    LISTENERS,
    table(Object.values<Option<unknown>>(listenerOptions)),
    '## Who may connect',
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

\`nightjar -c FILE\` reads a file in the format of mosquitto.conf: one option a line, its name, a blank, its value. Empty
lines and lines that begin with \`#\` are skipped; quotes have no meaning. On a mistake the broker does not start, and says
which file, which line, and what the value must be. \`nightjar -c FILE --test-config\` only checks.

\`include_dir <folder>\`, in the main file only, reads the \`.conf\` files of that folder, sorted by name, upper case before
lower case of the same letter. Options for a \`listener\` do not carry over from one file to the next.

In the tables, *own* marks options that mosquitto does not have, and *reload* those that could change without a restart
(reloading is planned).`

const LISTENERS = `\`listener <port> [address]\` opens a port, on every address unless one is given. It may be repeated. The options of this
table apply to the \`listener\` above them. Before the first \`listener\` they apply to the default listener, which is opened
if \`port\` or \`bind_address\` is set, or if there is no \`listener\` at all.

\`listener 0 <path>\` opens a Unix socket: whoever may write to that file can connect. A stale socket of an earlier broker
is replaced; if a program listens on it, or the file is not a socket, the broker does not start. The socket is removed at
exit. In the log, its clients have the path as address.

- Without a configuration file, Nightjar listens on port 1883 on every address.
- With a file that opens no listener, it listens on port 1883 for this machine only, as mosquitto does.`

const SECURITY = `If \`allow_anonymous\` is not set:

- without a configuration file, and in a program that embeds the broker, clients on this machine and on private networks
  may connect, whatever user name they send; all others are refused with Not authorized, and the log names this option;
- with a file that opens a listener, nobody may connect, as in mosquitto;
- with a file that opens none, clients on this machine may connect; there are no others.

There are no password files and access rules yet: see [Securing it](security.md).

${Object.entries(listenerNames)
  .map(
    ([key, name]) =>
      `\`${name}\` is \`${securityOptions[key as keyof typeof securityOptions].name}\` for one listener.`,
  )
  .join(' ')}`

const LIMITS = `Each applies to every client separately, unless it says otherwise. The log tells what is refused or dropped, and which
option decided ([events.md](events.md)).`

const MISSING = `Where ignoring an option of mosquitto would change who may do what, or what is safe, it is an error and the broker does
not start; where ignoring it is harmless, it is a warning. Values that ask for nothing (such as \`persistence false\` or
\`protocol mqtt\`) are accepted.`

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

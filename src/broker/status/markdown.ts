import { type EventId, type EventLevel, events } from '../events/index.ts'
import { loadTopics, sysTopics } from './sys-topics.ts'

/** docs/events.md, whole. */
export function eventsAsMarkdown(): string {
  const rows = Object.entries(events).map(([id, { level, words }]) => [`\`${id}\``, level, words])
  const sections = [EVENTS_INTRODUCTION, table(['event', 'level', 'words'], rows), '## Levels', LEVELS_INTRODUCTION]
  const levels = Object.entries(LEVELS).map(([level, meaning]) => [level, meaning, idsOf(level)])
  return `${[...sections, table(['level', 'means', 'events'], levels)].join('\n\n')}\n`
}

/** docs/sys-topics.md, whole. */
export function sysTopicsAsMarkdown(): string {
  const topics = sysTopics.map(({ topic, meaning }) => [`\`$SYS/broker/${topic}\``, meaning])
  const loads = loadTopics.map(({ topic, meaning }) => [`\`$SYS/broker/load/${topic}/\``, meaning])
  const sections = [
    SYS_INTRODUCTION,
    table(['topic', 'says'], topics),
    '## Load',
    LOAD_INTRODUCTION,
    table(['topic, followed by `1min`, `5min` or `15min`', 'counts'], loads),
    '## Topics of mosquitto that are missing',
    SYS_MISSING,
  ]
  return `${sections.join('\n\n')}\n`
}

const EVENTS_INTRODUCTION = `# Events

<!-- Made from src/broker/events/events.ts by \`node scripts/docs.mjs\`: change it there. -->

Everything that the broker tells about itself is one of these events: each refusal, drop, takeover and expiry has a name,
a reason, and the option that decides. The log writes one line for each: the local time, the level, and the words, with
the names in braces filled in. A program that embeds the broker gets the events themselves, by \`onEvent\`
([embedding.md](embedding.md)).

\`{client}\` is the Client Identifier, or "a client" before there is one; \`{address}\` is where it comes from. What
repeats is logged twice, not each time: when a queue is full or a receiver too slow, one event says that messages are
being dropped, and another one, at the end, how many were.`

const LEVELS_INTRODUCTION = `\`log_type\` chooses the levels that the log has ([configuration.md](configuration.md)); \`nightjar -v\` writes them all.
Some lines of the log are not events: the start, the listeners, and the stop.`

const LEVELS: Readonly<Record<EventLevel, string>> = {
  error: 'the broker cannot do what it was told to',
  warning: 'something was refused, dropped, or wrong',
  notice: 'clients come and go; what was wrong is over',
  information: 'something happened as it should, but may be a surprise',
  debug: 'too much to read every day; not written unless asked for',
}

const SYS_INTRODUCTION = `# Status topics

<!-- Made from src/broker/status/sys-topics.ts by \`node scripts/docs.mjs\`: change it there. -->

The broker publishes its status below \`$SYS/broker/\`, at QoS 0 and retained: all of it at start, then changes every
\`sys_interval\` seconds (default 10; 0 turns it off). Names and units are mosquitto's, so dashboards made for it keep
working. \`#\` does not match these topics; \`$SYS/#\` does, and so does \`$sys/#\` (option \`sys_alias\`).
Nobody but the broker may publish below \`$SYS/\`.

    nightjar sub -t '$sys/#' -v

Counts run from the start of the broker.`

const LOAD_INTRODUCTION = `How much a count grows in a minute, smoothed over the last 1, 5 and 15 minutes, with two decimals.`

const SYS_MISSING = `| topic | why |
|---|---|
| \`$SYS/broker/packet/out/count\` | Packets that wait are not counted, only their bytes: see [decision 0010](internals/decisions/0010-sys-topics.md). |
| \`$SYS/broker/connection/NAME/state\` | There are no bridges yet. |
| \`$SYS/broker/log/...\` | The log does not go to topics yet. |`

function idsOf(level: string): string {
  const ids = (Object.keys(events) as EventId[]).filter((id) => events[id].level === level)
  return ids.length === 0 ? 'none' : ids.map((id) => `\`${id}\``).join(', ')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

import { type EventId, type EventLevel, events } from './events.ts'
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
    '## What mosquitto has and Nightjar has not',
    SYS_MISSING,
  ]
  return `${sections.join('\n\n')}\n`
}

const EVENTS_INTRODUCTION = `# Events

<!-- Made from src/broker/events.ts by \`node scripts/docs.mjs\`: change it there. -->

Everything that the broker tells about itself is one of these events: each refusal, drop, takeover and expiry has a name,
a reason, and the option that decides. The log writes one line for each: the local time, the level, and the words, with
the names in braces filled in. A program that embeds the broker gets the events themselves, by \`onEvent\`
([embedding.md](embedding.md)).

\`{client}\` is the Client Identifier, or "a client" as long as there is none; \`{address}\` is where it comes from. What
repeats itself is told twice, not each time: when a queue is full or a receiver too slow, one event says that messages
are dropped from now on, and another says how many it were.`

const LEVELS_INTRODUCTION = `\`log_type\` chooses the levels that the log has ([configuration.md](configuration.md)); \`nightjar -v\` writes them all.
The log also has lines that are no events: the start, the listeners, and the stop.`

const LEVELS: Readonly<Record<EventLevel, string>> = {
  error: 'the broker cannot do what it was told to',
  warning: 'something was refused, dropped, or wrong',
  notice: 'clients come and go; what was wrong is over',
  information: 'something happened as it should, and may surprise',
  debug: 'too much to read every day; not written unless asked for',
}

const SYS_INTRODUCTION = `# Status topics

<!-- Made from src/broker/sys-topics.ts by \`node scripts/docs.mjs\`: change it there. -->

The broker publishes its status below \`$SYS/broker/\`, at QoS 0 and retained: at the start, and then every \`sys_interval\`
seconds (10 unless it is set; 0 turns it off) what has changed. Names and units are mosquitto's, so that dashboards made
for it go on working. \`#\` does not match these topics; \`$SYS/#\` does, and so does \`$sys/#\` (option \`sys_alias\`).
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

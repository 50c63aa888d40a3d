import { ABSENT_CLIENT_OPTIONS, CONNECTION_OPTIONS, GENERAL_OPTIONS, WILL_OPTIONS } from './client-options.ts'
import { type AbsentOption, type OptionRow, portOption } from './option.ts'
import type { OptionTable } from './parse.ts'

export type VerbName = 'broker' | 'pub' | 'sub' | 'store'

export interface Verb extends OptionTable {
  readonly name: VerbName
  readonly summary: string
  /** What follows the command. */
  readonly usage: string
  readonly sections: readonly { readonly title: string; readonly options: readonly OptionRow[] }[]
  readonly examples: readonly { readonly command: string; readonly doc: string }[]
}

const BROKER_OPTIONS: readonly OptionRow[] = [
  {
    key: 'config',
    letter: 'c',
    long: 'config',
    type: 'text',
    argument: 'FILE',
    doc: 'The configuration file, in the format of mosquitto.conf.',
  },
  portOption(0, 'The port to listen on if the configuration has no listener; 0 for any that is free.'),
  {
    key: 'verbose',
    letter: 'v',
    long: 'verbose',
    type: 'flag',
    doc: 'Logs everything, whatever the configuration says.',
  },
  { key: 'quiet', letter: 'q', long: 'quiet', type: 'flag', doc: 'Logs nothing.' },
  {
    key: 'testConfig',
    long: 'test-config',
    type: 'flag',
    doc: 'Checks the configuration and exits: 0 if it is valid, else 3.',
  },
  { key: 'help', letter: 'h', long: 'help', type: 'flag', doc: 'Shows this help.' },
  { key: 'showVersion', long: 'version', type: 'flag', doc: 'Shows the version of nightjar.' },
]

const ABSENT_BROKER_OPTIONS: readonly AbsentOption[] = [
  {
    names: ['-d', '--daemon'],
    what: 'running in the background is',
    instead: 'append &, or use a service manager',
  },
  { names: ['--tls-keylog'], what: 'TLS is', instead: 'leave the option out' },
]

const STORE_OPTIONS: readonly OptionRow[] = [
  portOption(1, 'Without FOLDER: the store of a broker that was started on that port without a configuration.'),
  { key: 'quiet', long: 'quiet', type: 'flag', doc: 'Prints only what is wrong.' },
  { key: 'help', letter: 'h', long: 'help', type: 'flag', doc: 'Shows this help.' },
  { key: 'showVersion', long: 'version', type: 'flag', doc: 'Shows the version of nightjar.' },
]

const PUBLISH_OPTIONS: readonly OptionRow[] = [
  { key: 'topic', letter: 't', long: 'topic', type: 'topic', argument: 'TOPIC', doc: 'The topic to publish to.' },
  {
    key: 'message',
    letter: 'm',
    long: 'message',
    type: 'bytes',
    argument: 'TEXT',
    doc: 'Publishes the text. One of -m, -f, -l, -n and -s is needed.',
  },
  {
    key: 'file',
    letter: 'f',
    long: 'file',
    type: 'bytes',
    argument: 'FILE',
    doc: 'Publishes the file as one message.',
  },
  { key: 'lines', letter: 'l', long: 'stdin-line', type: 'flag', doc: 'Publishes each line of stdin as a message.' },
  {
    key: 'null',
    letter: 'n',
    long: 'null-message',
    type: 'flag',
    doc: 'Publishes an empty message; with -r it clears the retained one.',
  },
  { key: 'stdin', letter: 's', long: 'stdin-file', type: 'flag', doc: 'Publishes all of stdin as one message.' },
  {
    key: 'qos',
    letter: 'q',
    long: 'qos',
    type: 'integer',
    argument: 'QOS',
    least: 0,
    greatest: 2,
    without: '0',
    doc: 'At most once (0), at least once (1) or exactly once (2).',
  },
  {
    key: 'retain',
    letter: 'r',
    long: 'retain',
    type: 'flag',
    doc: 'Has the broker retain the message for later subscribers.',
  },
  {
    key: 'repeat',
    long: 'repeat',
    type: 'integer',
    argument: 'COUNT',
    least: 1,
    greatest: 4_294_967_295,
    without: '1',
    doc: 'Publishes the message COUNT times (with -m, -f, -n or -s).',
  },
  {
    key: 'repeatDelay',
    long: 'repeat-delay',
    type: 'number',
    argument: 'SECONDS',
    least: 0,
    greatest: 2_000_000,
    without: '0',
    doc: 'Waits SECONDS between the messages of --repeat.',
  },
  {
    key: 'inFlight',
    letter: 'M',
    long: 'max-inflight',
    type: 'integer',
    argument: 'COUNT',
    least: 1,
    greatest: 65_535,
    doc: 'How many QoS 1 and 2 messages may be unacknowledged at a time.',
    without: '20',
  },
]

const SUBSCRIBE_OPTIONS: readonly OptionRow[] = [
  {
    key: 'filters',
    letter: 't',
    long: 'topic',
    type: 'filter',
    argument: 'FILTER',
    repeats: true,
    doc: 'The topic filter to subscribe to: + matches one level, # the rest.',
  },
  {
    key: 'qos',
    letter: 'q',
    long: 'qos',
    type: 'integer',
    argument: 'QOS',
    least: 0,
    greatest: 2,
    without: '0',
    doc: 'The highest QoS to receive messages at.',
  },
  {
    key: 'unsubscribe',
    letter: 'U',
    long: 'unsubscribe',
    type: 'filter',
    argument: 'FILTER',
    repeats: true,
    doc: 'Ends a subscription of the resumed session.',
  },
  {
    key: 'exitAfterSubscribe',
    letter: 'E',
    type: 'flag',
    doc: 'Exits when the broker has acknowledged the subscriptions.',
  },
  {
    key: 'retainAsPublished',
    long: 'retain-as-published',
    type: 'flag',
    doc: 'Keeps the RETAIN flag as the publisher set it (v5).',
  },
  {
    key: 'retainHandling',
    long: 'retain-handling',
    type: 'choice',
    argument: 'WHEN',
    choices: { always: 'send', new: 'if-new', never: 'skip' },
    without: 'always',
    doc: 'When to receive retained messages: always, only for a new subscription, or never (v5).',
  },
]

const CHOOSE_OPTIONS: readonly OptionRow[] = [
  {
    key: 'count',
    letter: 'C',
    type: 'integer',
    argument: 'COUNT',
    least: 1,
    greatest: 4_294_967_295,
    doc: 'Exits after COUNT messages.',
  },
  {
    key: 'timeout',
    letter: 'W',
    type: 'number',
    argument: 'SECONDS',
    least: 0.001,
    greatest: 2_000_000,
    doc: 'Exits after SECONDS, with exit code 27.',
  },
  { key: 'ignoreRetained', letter: 'R', type: 'flag', doc: 'Skips retained messages.' },
  {
    key: 'retainedOnly',
    long: 'retained-only',
    type: 'flag',
    doc: 'Prints retained messages, and exits at the first other one.',
  },
  {
    key: 'filterOut',
    letter: 'T',
    long: 'filter-out',
    type: 'filter',
    argument: 'FILTER',
    repeats: true,
    doc: 'Skips messages whose topic matches FILTER.',
  },
  {
    key: 'removeRetained',
    long: 'remove-retained',
    type: 'flag',
    doc: 'Clears each retained message that arrives on the broker, unless -T skips it.',
  },
  {
    key: 'chance',
    long: 'random-filter',
    type: 'number',
    argument: 'PERCENT',
    least: 0.1,
    greatest: 100,
    doc: 'Prints a random PERCENT of the messages.',
  },
]

const PRINT_OPTIONS: readonly OptionRow[] = [
  { key: 'verbose', letter: 'v', long: 'verbose', type: 'flag', doc: 'Prints the topic before the payload.' },
  {
    key: 'format',
    letter: 'F',
    type: 'format',
    argument: 'FORMAT',
    doc: 'Prints each message in this format (see below).',
  },
  { key: 'noNewline', letter: 'N', type: 'flag', doc: 'Prints no newline after each message.' },
  { key: 'pretty', long: 'pretty', type: 'flag', doc: 'Indents the JSON of %j and %J.' },
]

function sectionsOf(verb: VerbName): Verb['sections'] {
  const client = [
    { title: 'Connection', options: CONNECTION_OPTIONS },
    { title: 'Will', options: WILL_OPTIONS },
    { title: 'General', options: GENERAL_OPTIONS },
  ]
  if (verb === 'broker') return [{ title: 'Options', options: BROKER_OPTIONS }]
  if (verb === 'store') return [{ title: 'Options', options: STORE_OPTIONS }]
  if (verb === 'pub') return [{ title: 'Message', options: PUBLISH_OPTIONS }, ...client]
  return [
    { title: 'Subscription', options: SUBSCRIBE_OPTIONS },
    { title: 'Choice of messages', options: CHOOSE_OPTIONS },
    { title: 'Output', options: PRINT_OPTIONS },
    ...client,
  ]
}

function verb(about: Omit<Verb, 'sections' | 'options'>): Verb {
  const sections = sectionsOf(about.name)
  return { ...about, sections, options: sections.flatMap((section) => section.options) }
}

export const VERBS: Readonly<Record<VerbName, Verb>> = {
  broker: verb({
    name: 'broker',
    summary: 'Runs the broker. `nightjar` without a verb does the same.',
    usage: '[broker] [-c FILE] [-p PORT] [-v]',
    absent: ABSENT_BROKER_OPTIONS,
    examples: [
      { command: 'nightjar', doc: 'a broker on port 1883 for this machine and its private networks' },
      { command: 'nightjar -c /etc/nightjar.conf --test-config', doc: 'is the configuration valid?' },
    ],
  }),
  pub: verb({
    name: 'pub',
    summary: 'Publishes messages. Takes the options of mosquitto_pub.',
    usage: '-t TOPIC {-m TEXT | -f FILE | -l | -n | -s} [-h HOST] [-p PORT] [-q QOS] [-r] ...',
    absent: ABSENT_CLIENT_OPTIONS,
    examples: [
      { command: 'nightjar pub -t home/lamp -m on -r', doc: 'the lamp is on; later subscribers learn it, too' },
      { command: 'tail -f log | nightjar pub -t log -l -q 1', doc: 'each line a message, none lost' },
    ],
  }),
  sub: verb({
    name: 'sub',
    summary: 'Subscribes and prints messages. Takes the options of mosquitto_sub.',
    usage: '-t FILTER ... [-h HOST] [-p PORT] [-q QOS] [-v | -F FORMAT] [-C COUNT] [-W SECONDS] ...',
    absent: [
      ...ABSENT_CLIENT_OPTIONS,
      { names: ['-w', '--watch'], what: 'a line for each topic is', instead: 'use -v' },
      { names: ['--message-rate'], what: 'counting messages is', instead: 'leave the option out' },
    ],
    examples: [
      { command: "nightjar sub -t 'home/#' -v", doc: 'everything below home' },
      {
        command: 'nightjar sub -t home/lamp -C 1 -W 2',
        doc: 'the state of the lamp; exit code 27 if none comes within 2 s',
      },
      { command: "nightjar sub -t 'home/#' -F '@H:@M:@S %-20t %p'", doc: 'with the time, in columns' },
    ],
  }),
  store: verb({
    name: 'store',
    summary: 'Checks or backs up the store on disk, whether the broker runs or not.',
    usage: '{check [FOLDER] | backup [FOLDER] TARGET} [-p PORT]',
    absent: [],
    operands: 3,
    examples: [
      {
        command: 'nightjar store check',
        doc: 'is the store of the broker on port 1883 sound? Exit code 0: yes, 1: no',
      },
      { command: 'nightjar store backup /var/lib/nightjar /backup/monday', doc: 'a copy that a broker can start from' },
    ],
  }),
}

/** The names under which this program may be called, and the verb that each stands for. */
export const CALLED_AS: Readonly<Record<string, VerbName>> = { mosquitto_pub: 'pub', mosquitto_sub: 'sub' }

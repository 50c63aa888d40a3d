import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { mosquittoTarget, NIGHTJAR, nightjarTarget, Program, runProgram, type Target } from '../support/nightjar.ts'
import { missing, programs } from '../support/programs.ts'

/** `nightjar sub` and mosquitto_sub stand side by side, and must print the same bytes. */
const skip = missing(programs.mosquitto, programs.pub, programs.sub)

/** Retained before anybody subscribes: arguments of mosquitto_pub, and what it reads from stdin. */
const RETAINED: readonly [words: string[], input?: string | Uint8Array][] = [
  [['-t', 'old/text', '-m', 'hello', '-r']],
  [['-t', 'old/bytes', '-s', '-r'], Buffer.from([0x61, 0, 0x62, 0xff, 0x0a, 0x22, 0x5c, 0x7f, 1])],
  [
    [
      ...[
        '-t',
        'old/v5',
        '-V',
        '5',
        '-r',
        '-q',
        '1',
        '-m',
        '{"b": 1, "a": 2.50, "big": 1e20, "s": "ü\\u00e9\\/", "e": [], "o": {}}',
      ],
      ...['-D', 'publish', 'content-type', 'text/x', '-D', 'publish', 'correlation-data', 'abc'],
      ...['-D', 'publish', 'response-topic', 're/sp', '-D', 'publish', 'payload-format-indicator', '1'],
      ...['-D', 'publish', 'user-property', 'k1', 'v1', '-D', 'publish', 'user-property', 'k2', 'v 2'],
    ],
  ],
]

/** Published once both have subscribed. */
const LIVE: typeof RETAINED = [
  [['-t', 'new/a', '-m', 'one', '-q', '1']],
  [['-t', 'new/a', '-n']],
  [['-t', 'new/b', '-s', '-q', '1'], Buffer.from('b\0\xff\n', 'latin1')],
  [['-t', 'new/ü', '-m', 'grüße', '-q', '1', '-V', '5', '-D', 'publish', 'user-property', 'a', 'b']],
  [['-t', 'new/kept', '-m', '[1, 2]', '-r', '-q', '1']],
  [['-t', 'new/kept', '-n', '-r']],
  [['-t', 'new/end', '-m', 'end']],
]

const ALL = ['-t', 'old/#', '-t', 'new/#']
const EVERYTHING = '%A|%C|%D|%E|%F|%l|%m|%P|%q|%R|%r|%S|%t|%x|%X|%p'
const WIDTHS = '%20t|%-20t|%.3t|%6.3t|%5l|%05l|%-5l|%5m|%05m|%12p|%-12p|%012p|%5A|%05E|%-5E|%8C|%-8C|%.2C|%3F|%03F|%8R'

/** Arguments; how many messages are printed, after which it ends (undefined: it ends by itself). */
const CASES: readonly [words: string[], count?: number][] = [
  [[...ALL], 10],
  [[...ALL, '-v'], 10],
  [[...ALL, '-N'], 10],
  [[...ALL, '-v', '-N'], 10],
  [[...ALL, '-v', '-R'], 7],
  [[...ALL, '-v', '-R', '-V', '5'], 7],
  [[...ALL, '-v', '--retained-only']],
  [[...ALL, '-v', '-T', 'old/#', '-T', 'new/a'], 5],
  [[...ALL, '-F', EVERYTHING], 10],
  [[...ALL, '-F', EVERYTHING, '-q', '1', '-V', '5'], 10],
  [[...ALL, '-F', WIDTHS, '-V', '5'], 10],
  [[...ALL, '-F', '\\e[1m%t\\0%p\\n\\t\\\\%%@@@Y@m@d', '-N'], 10],
  [[...ALL, '-F', '%j'], 10],
  [[...ALL, '-F', '%j', '-V', '5', '-q', '1'], 10],
  [[...ALL, '-F', '%J', '-V', '5'], 10],
  [[...ALL, '-F', '%J %t', '-V', '5', '--pretty'], 10],
  [['-t', 'new/#', '-t', 'new/+', '-t', 'new/a', '-v'], 7],
  [['-t', 'new/#', '-V', '5', '--retain-as-published', '-F', '%r %p'], 7],
  [['-t', 'new/#', '-D', 'subscribe', 'subscription-identifier', '7', '-F', '%S %p'], 7],
  [['-t', 'new/#', '-V', '31', '-v'], 7],
  [['-t', 'new/a', '-q', '2', '-F', '%q %p'], 2],
]

/** The moment of printing differs; the stray Z is of mosquitto 2.0 before 2.0.12. */
function withoutTime(output: Buffer): string {
  return output.toString('latin1').replace(/"tst":(\t?)"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z?\+0000"/g, '"tst":$1""')
}

async function publish({ port }: Target, messages: typeof RETAINED): Promise<void> {
  for (const [words, input = ''] of messages) {
    const { code, stderr } = await runProgram([programs.pub], ['-p', String(port), ...words], input)
    assert.equal(`${code} ${stderr}`, '0 ', words.join(' '))
  }
}

let clients = 0

/** Starts both with the same arguments, and resolves to what they printed and their exit codes. */
async function both(target: Target, words: readonly string[], count: number | undefined): Promise<[string, string]> {
  const ending = count === undefined ? [] : ['-C', String(count)]
  const common = ['-p', String(target.port), ...words, ...target.marker, ...ending]
  const subscribers = [[programs.sub], [...NIGHTJAR, 'sub']].map((command, i) => {
    const id = `compare-${++clients}-${i}`
    return { id, program: new Program(command, ['-i', id, ...common], { env: { LC_ALL: 'C' } }) }
  })
  await Promise.all(subscribers.map(({ id }) => target.subscribed(id)))
  await publish(target, LIVE)
  const [theirs, ours] = await Promise.all(subscribers.map(({ program }) => program.ended))
  return [`${theirs!.code} ${withoutTime(theirs!.stdout)}`, `${ours!.code} ${withoutTime(ours!.stdout)}`]
}

const TARGETS = [
  ['mosquitto', mosquittoTarget],
  ['nightjar', nightjarTarget],
] as const

for (const [name, start] of TARGETS) {
  describe(`nightjar sub prints what mosquitto_sub prints, with ${name} as the broker`, { skip }, async () => {
    if (skip !== false) return
    const target = await start()
    await publish(target, RETAINED)
    for (const [words, count] of CASES) {
      it(words.join(' '), async () => {
        const [theirs, ours] = await both(target, words, count)
        assert.equal(ours, theirs)
      })
    }
  })
}

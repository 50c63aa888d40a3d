import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { CommandError } from '../../../src/cli/exit.ts'
import { withGuess } from '../../../src/cli/guess.ts'
import { optionNames } from '../../../src/cli/option.ts'
import { type Given, parseArguments } from '../../../src/cli/parse.ts'
import { VERBS, type VerbName } from '../../../src/cli/verbs.ts'

function parse(verb: VerbName, ...words: string[]) {
  return parseArguments(VERBS[verb], words)
}

function messageOf(given: Given): string {
  return Buffer.from(given.bytes('message')!).toString()
}

test('letters and long names mean the same', () => {
  for (const words of [
    ['-h', 'a', '-p', '1', '-t', 'x', '-m', 'y', '-q', '1', '-r'],
    ['--host', 'a', '--port', '1', '--topic', 'x', '--message', 'y', '--qos', '1', '--retain'],
    ['--host=a', '--port=1', '--topic=x', '--message=y', '--qos=1', '--retain'],
  ]) {
    const given = parse('pub', ...words)
    assert.equal(given.text('host'), 'a')
    assert.equal(given.number('port'), 1)
    assert.equal(given.text('topic'), 'x')
    assert.equal(messageOf(given), 'y')
    assert.equal(given.number('qos'), 1)
    assert.equal(given.flag('retain'), true)
    assert.equal(given.flag('debug'), false)
  }
})

test('an argument may begin with a dash, be empty, or hold an equals sign', () => {
  assert.equal(messageOf(parse('pub', '-m', '-5')), '-5')
  assert.equal(messageOf(parse('pub', '-m', '')), '')
  assert.equal(messageOf(parse('pub', '--message=a=b')), 'a=b')
  assert.equal(parse('pub', '-m', '--retain').flag('retain'), false)
})

test('what may be repeated is collected, of anything else the last one counts', () => {
  assert.deepEqual(parse('sub', '-t', 'a', '-t', 'b/#', '-T', 'c').list('filters'), ['a', 'b/#'])
  assert.equal(parse('sub', '-q', '1', '-q', '2').number('qos'), 2)
  assert.deepEqual(parse('sub').list('filters'), [])
})

test('-D takes three words, and for a user property four', () => {
  const words = ['-D', 'publish', 'content-type', 'x', '-D', 'connect', 'user-property', 'a', 'b', '-r']
  const given = parse('pub', ...words)
  assert.deepEqual(given.list('properties'), [
    ['publish', 'content-type', 'x'],
    ['connect', 'user-property', 'a', 'b'],
  ])
  assert.equal(given.flag('retain'), true)
})

test('words stand for numbers where the table says so', () => {
  assert.equal(parse('pub', '-x', '∞').number('sessionExpiry'), 4_294_967_295)
  assert.equal(parse('pub', '-x', '-1').number('sessionExpiry'), 4_294_967_295)
  assert.equal(parse('pub', '-V', 'mqttv311').number('version'), 4)
  assert.equal(parse('pub', '-V', '31').number('version'), 3)
})

const WRONG: readonly [verb: VerbName, words: string[], message: RegExp][] = [
  ['pub', ['--retian'], /no option --retian: did you mean --retain\?/],
  ['pub', ['-topic'], /no option -topic: did you mean --topic\?/],
  ['pub', ['-R'], /no option -R: did you mean -r\?/],
  ['pub', ['-z'], /^there is no option -z$/],
  ['pub', ['-v'], /no option -v: did you mean -V\?/],
  ['sub', ['-m', 'x'], /no option -m/],
  ['sub', ['-w'], /-w: a line for each topic is not in this version; use -v/],
  ['pub', ['--cafile', 'x'], /--cafile: TLS is not in this version; /],
  ['pub', ['--psk', 'x'], /not in this version/],
  ['pub', ['--proxy', 'x'], /not in this version/],
  ['pub', ['--ws'], /not in this version/],
  ['sub', ['--unix'], /--unix needs a value \(PATH\) after it/],
  ['sub', ['-A', 'x'], /not in this version/],
  ['sub', ['-S'], /not in this version/],
  ['broker', ['-d'], /-d: running in the background is not in this version; /],
  ['pub', ['-t'], /-t needs a value \(TOPIC\) after it/],
  ['pub', ['-D', 'publish', 'content-type'], /-D needs COMMAND PROPERTY VALUE after it/],
  ['pub', ['-D', 'publish', 'user-property', 'x'], /-D needs/],
  ['pub', ['--retain=yes'], /--retain takes no =: write --retain/],
  ['pub', ['-m', 'hello', 'world'], /'world' follows no option: .*quotes/],
  ['pub', ['-p', '70000'], /-p is '70000': use a whole number from 1 to 65535/],
  ['pub', ['-p', '1883x'], /-p is '1883x'/],
  ['pub', ['-q', '3'], /-q is '3': use a whole number from 0 to 2/],
  ['pub', ['-t', 'a/+'], /-t 'a\/\+': a topic must not contain the wildcard/],
  ['sub', ['-t', 'a#'], /-t 'a#': '#' must stand alone/],
  ['sub', ['-T', 'a+'], /-T 'a\+'/],
  ['sub', ['-V', '6'], /-V is '6': use one of /],
  ['sub', ['-C', '0'], /-C is '0': use a whole number from 1/],
  ['sub', ['-W', 'soon'], /-W is 'soon': use a number from/],
  ['sub', ['--retain-handling', 'often'], /use one of always, new, never/],
]

for (const [verb, words, message] of WRONG) {
  test(`${verb} ${words.join(' ')} is wrong usage`, () => {
    assert.throws(
      () => parse(verb, ...words),
      (error) => error instanceof CommandError && error.exitCode === 2 && message.test(withGuess(error)),
    )
  })
}

for (const verb of Object.values(VERBS)) {
  test(`the table of ${verb.name} has each name and each key once, and a doc line for all`, () => {
    const names = [...verb.options.flatMap(optionNames), ...verb.absent.flatMap((absent) => absent.names)]
    assert.deepEqual(
      names.filter((name, i) => names.indexOf(name) !== i),
      [],
    )
    const keys = verb.options.map((row) => row.key)
    assert.deepEqual(
      keys.filter((key, i) => keys.indexOf(key) !== i),
      [],
    )
    for (const row of verb.options) {
      assert.match(row.doc, /^[A-Z].*\.$/, `${row.key} has a sentence`)
      assert.equal(row.type === 'flag', row.argument === undefined, `${row.key} names its argument`)
    }
  })
}

/** The options of mosquitto 2.1's manuals. */
const OF_MOSQUITTO = {
  pub:
    '-A -c -d -D -f -h -i -I -k -l -L -m -M -n -o -p -P -q -r -s -S -t -u -V -x --help --nodelay --quiet --repeat ' +
    '--repeat-delay --unix --will-payload --will-qos --will-retain --will-topic --ws --no-tls',
  sub:
    '-A -c -C -d -D -E -F -h -i -I -k -L -N -o -p -P -q -R -S -t -T -u -U -v -V -w -W -x --help --nodelay --pretty --quiet ' +
    '--random-filter --retain-as-published --retain-handling --retained-only --remove-retained --unix --will-payload ' +
    '--will-qos --will-retain --will-topic --ws --no-tls',
} as const
const OF_BOTH =
  '--cafile --capath --cert --key --keyform --ciphers --tls-version --tls-alpn --insecure --tls-engine ' +
  '--tls-engine-kpass-sha1 --tls-use-os-certs --psk --psk-identity --proxy --host --port --topic --id --id-prefix --pw ' +
  '--username --qos --keepalive --protocol-version --property --url --debug --disable-clean-session --version'

for (const [name, options] of Object.entries(OF_MOSQUITTO)) {
  test(`every option of mosquitto_${name} is there, or known to be missing`, () => {
    const verb = VERBS[name as VerbName]
    const known = new Set([...verb.options.flatMap(optionNames), ...verb.absent.flatMap((absent) => absent.names)])
    assert.deepEqual(
      `${options} ${OF_BOTH}`.split(' ').filter((option) => !known.has(option)),
      [],
    )
  })
}

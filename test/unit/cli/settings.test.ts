import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { CommandError } from '../../../src/cli/exit.ts'
import { parseArguments } from '../../../src/cli/parse.ts'
import { type PublishSettings, publishSettings } from '../../../src/cli/pub-settings.ts'
import { type SubscribeSettings, subscribeSettings } from '../../../src/cli/sub-settings.ts'
import { VERBS } from '../../../src/cli/verbs.ts'

type Environment = Record<string, string>

function pub(words: string[], environment: Environment = {}): PublishSettings {
  return publishSettings(parseArguments(VERBS.pub, words), environment, 4711)
}

function sub(words: string[], environment: Environment = {}): SubscribeSettings {
  return subscribeSettings(parseArguments(VERBS.sub, words), environment, 4711)
}

const BASE = ['-t', 'x', '-m', 'y']

test('without options it is MQTT 3.1.1 to localhost:1883, with a clean session', () => {
  const { client, topic, source, qos, retain, repeat } = pub(BASE)
  assert.deepEqual([client.host, client.port, client.version], ['localhost', 1883, 4])
  const { cleanStart, clientId, keepAlive, credentials, will } = client.options
  assert.deepEqual([cleanStart, clientId, keepAlive, credentials, will], [true, undefined, 60, undefined, undefined])
  assert.deepEqual([topic, source, qos, retain, repeat], ['x', { kind: 'bytes', bytes: Buffer.from('y') }, 0, false, 1])
})

test('an option stands above -L, and -L above the environment', () => {
  const environment = { MQTT_URL: 'mqtt://eu:ep@env:1', MQTT_USERNAME: 'nu', MQTT_PASSWORD: 'np' }
  const where = ({ client }: { client: PublishSettings['client'] }) => [
    client.host,
    client.port,
    client.options.credentials,
  ]
  assert.deepEqual(where(pub(BASE, environment)), ['env', 1, { username: 'nu', password: 'np' }])
  assert.deepEqual(where(pub(BASE, { MQTT_URL: 'mqtt://eu:ep@env:1' })), ['env', 1, { username: 'eu', password: 'ep' }])
  const url = ['-L', 'mqtt://u:p@h:2/x', '-m', 'y']
  assert.deepEqual(where(pub(url, environment)), ['h', 2, { username: 'u', password: 'p' }])
  const all = [...url, '-h', 'hh', '-p', '3', '-u', 'uu', '-P', 'pp']
  assert.deepEqual(where(pub(all, environment)), ['hh', 3, { username: 'uu', password: 'pp' }])
  assert.equal(pub([...BASE, '-h', '[fe80::1]']).client.host, 'fe80::1')
  assert.deepEqual(
    where(pub([...BASE, '-h', 'hh'], environment)).slice(0, 2),
    ['hh', 1883],
    'the port belongs to the host',
  )
})

test('the topic may come from a URL', () => {
  assert.equal(pub(['-L', 'mqtt://h/a/b', '-n']).topic, 'a/b')
  assert.equal(pub(['-n'], { MQTT_URL: 'mqtt://h/a' }).topic, 'a')
  assert.equal(pub(['-n', '-t', 'own'], { MQTT_URL: 'mqtt://h/a' }).topic, 'own')
  assert.deepEqual(sub(['-L', 'mqtt://h/a/#', '-t', 'b']).filters, ['a/#', 'b'])
  assert.deepEqual(sub(['-t', 'b'], { MQTT_URL: 'mqtt://h/a' }).filters, ['b'])
  assert.deepEqual(sub([], { MQTT_URL: 'mqtt://h/a' }).filters, ['a'])
})

test('-D and -x make it MQTT 5.0', () => {
  assert.equal(pub([...BASE, '-x', '10']).client.version, 5)
  const { client, properties } = pub([
    ...BASE,
    ...['-D', 'PUBLISH', 'content-type', 'text/x', '-D', 'publish', 'correlation-data', 'ü'],
    ...['-D', 'publish', 'user-property', 'a', '1', '-D', 'publish', 'user-property', 'a', '2'],
    ...['-D', 'connect', 'request-problem-information', '0', '-D', 'connect', 'receive-maximum', '5'],
    ...['-D', 'disconnect', 'session-expiry-interval', '7'],
  ])
  assert.equal(client.version, 5)
  const userProperties = [
    ['a', '1'],
    ['a', '2'],
  ]
  assert.deepEqual(properties, { contentType: 'text/x', correlationData: Buffer.from('ü'), userProperties })
  assert.equal(client.options.requestProblemInformation, false)
  assert.equal(client.options.receiveMaximum, 5)
  assert.deepEqual(client.properties.disconnect, { sessionExpiryInterval: 7 })
})

test('a session is kept by -c, for ever unless -x says how long', () => {
  const session = (...words: string[]) => {
    const { cleanStart, sessionExpiry, clientId } = pub([...BASE, ...words]).client.options
    return [cleanStart, sessionExpiry, clientId]
  }
  assert.deepEqual(session('-c', '-i', 'me'), [false, undefined, 'me'])
  assert.deepEqual(session('-c', '-i', 'me', '-V', '5'), [false, 4_294_967_295, 'me'])
  assert.deepEqual(session('-c', '-i', 'me', '-x', '60'), [false, 60, 'me'])
  assert.deepEqual(session('-x', '60'), [true, 60, undefined])
  assert.deepEqual(session('-I', 'lamp-'), [true, undefined, 'lamp-4711'])
})

test('a will is made of its options', () => {
  const words = [
    '--will-topic',
    'w',
    '--will-payload',
    'gone',
    '--will-qos',
    '1',
    '--will-retain',
    '-D',
    'will',
    'will-delay-interval',
    '9',
  ]
  const expected = { topic: 'w', payload: Buffer.from('gone'), qos: 1, retain: true, properties: {}, delay: 9 }
  assert.deepEqual(pub([...BASE, ...words]).client.options.will, expected)
})

test('-C limits what the broker may send ahead, and -R keeps retained messages away', () => {
  assert.equal(sub(['-t', 'x', '-C', '3']).client.options.receiveMaximum, 3)
  assert.equal(sub(['-t', 'x']).client.options.receiveMaximum, undefined)
  assert.equal(sub(['-t', 'x', '-R']).retained, 'skip')
  assert.equal(sub(['-t', 'x', '-R', '--remove-retained']).retained, 'send')
  assert.equal(sub(['-t', 'x', '--retain-handling', 'new']).retained, 'if-new')
})

const WRONG: readonly [run: () => unknown, message: RegExp][] = [
  [() => pub(['-m', 'y']), /no topic: add -t/],
  [() => pub(['-t', 'x']), /no message: add -m/],
  [() => pub([...BASE, '-n']), /more than one message/],
  [() => pub(['-t', 'x', '-l', '--repeat', '2']), /--repeat cannot be used with -l/],
  [() => pub(['-L', 'mqtt://h/a/+', '-n']), /the topic 'a\/\+'/],
  [() => pub([...BASE, '-L', 'mqtts://h/x']), /-L: TLS is not in this version/],
  [() => pub([...BASE, '-L', 'wss://h/x']), /-L: WebSocket over TLS is not in this version/],
  [() => pub([...BASE, '-L', 'http://h/x']), /-L is not of the form/],
  [() => pub([...BASE, '-L', 'mqtt:///x']), /-L is not of the form/],
  [() => pub([...BASE, '-L', 'mqtt://u:secret@h:99999/x']), /^-L has the port 99999: use a number from 1 to 65535$/],
  [() => pub(BASE, { MQTT_URL: 'h' }), /MQTT_URL is not of the form/],
  [() => pub([...BASE, '-i', 'a', '-I', 'b']), /-i and -I/],
  [() => pub([...BASE, '-c']), /-c needs a client identifier/],
  [() => pub([...BASE, '-x', '-1']), /never expires needs a client identifier/],
  [() => pub([...BASE, '-P', 'p']), /a password needs a user name/],
  [() => pub([...BASE, '-V', '311', '-x', '5']), /-x is of MQTT 5.0/],
  [() => pub([...BASE, '-V', '31', '-D', 'publish', 'content-type', 'x']), /-D is of MQTT 5.0/],
  [() => pub([...BASE, '--will-payload', 'x']), /--will-payload needs a topic/],
  [() => pub([...BASE, '--will-retain']), /--will-retain needs a topic/],
  [() => pub([...BASE, '--will-qos', '1']), /--will-qos needs a topic/],
  [
    () => pub([...BASE, '-D', 'publish', 'nonsense', 'x']),
    /-D publish has no property nonsense: it takes content-type, /,
  ],
  [() => pub([...BASE, '-D', 'publish', 'receive-maximum', '1']), /-D publish has no property receive-maximum/],
  [
    () => pub([...BASE, '-D', 'subscribe', 'user-property', 'a', 'b']),
    /-D cannot add to subscribe: it takes connect, publish/,
  ],
  [() => pub([...BASE, '-D', 'publish', 'topic-alias', '0']), /topic-alias is '0': use a whole number from 1 to 65535/],
  [() => pub([...BASE, '-D', 'connect', 'authentication-data', 'x']), /needs an authentication-method/],
  [() => sub([]), /nothing to subscribe to: add -t/],
  [() => sub(['-t', 'x', '-R', '--retained-only']), /leave nothing to print/],
  [() => sub(['-t', 'x', '-F', '%y']), /-F: unknown format %y/],
  [() => sub(['-t', 'x', '-U', 'x']), /'x' cannot be both subscribed to/],
  [() => sub(['-L', 'mqtt://h/a#']), /the topic 'a#'/],
]

for (const [run, message] of WRONG) {
  test(`wrong usage: ${message.source}`, () => {
    assert.throws(run, (error) => error instanceof CommandError && error.exitCode === 2 && message.test(error.message))
  })
}

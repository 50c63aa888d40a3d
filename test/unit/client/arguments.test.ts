import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  bytes,
  type Client,
  connect,
  json,
  MqttError,
  type Subscription,
  scram,
  text,
} from '../../../src/client/index.ts'
import { subscribe } from './support/subscribe.ts'
import { scene } from './support/with-broker.ts'

const stage = scene()

/** Values of every kind; a row names those of them that are right. */
const VALUES: Readonly<Record<string, unknown>> = {
  null: null,
  true: true,
  0: 0,
  '-1': -1,
  1.5: 1.5,
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '2^53': 2 ** 53,
  bigint: 1n,
  symbol: Symbol('s'),
  '': '',
  word: 'word',
  'U+0000': 'a\0b',
  'half of a surrogate pair': 'a\ud800b',
  'a long text': 'x'.repeat(70_000),
  bytes: new Uint8Array(1),
  'many bytes': new Uint8Array(70_000),
  array: [],
  'array of null': [null],
  'array of numbers': [[1, 2]],
  'array of short pairs': [['a']],
  object: {},
  'object with an unknown member': { unheardOf: 1 },
  'look-alike of a signal': { aborted: false },
  function: () => {},
  date: new Date(0),
  'bytes of another kind': new Uint16Array(1),
}
const TEXT = ['', 'word']
const WHOLE_0 = ['0']

/** Objects without members; an array and bytes are no options. */
const NO_OPTIONS = ['object', 'date']

/** What is called, how the error names the argument, and which values are right. */
type Row = [what: string, name: RegExp, right: readonly string[], call: (value: never, at: At) => unknown]
interface At {
  client: Client
  subscription: Subscription
  url: string
}

const option = <O extends object>(
  call: (options: O, at: At) => unknown,
  rows: Readonly<Record<string, readonly string[]>>,
): Row[] =>
  Object.entries(rows).map(([name, right]) => [
    name,
    new RegExp(name),
    right,
    (value, at) => call({ [name]: value } as O, at),
  ])

const PROPERTIES = {
  payloadFormatIndicator: ['0'],
  messageExpiryInterval: ['0'],
  contentType: TEXT,
  responseTopic: ['word'],
  correlationData: ['bytes'],
  userProperties: ['array'],
}
const MESSAGE = { qos: ['0'], retain: ['true'], codec: [], properties: NO_OPTIONS, signal: [] }

const opened = (options: object, { url }: At) => connect(url, { ...options, reconnect: false })
const nested = (name: string) => (options: object, at: At) => opened({ [name]: options }, at)

const rows: Readonly<Record<string, Row[]>> = {
  connect: [
    ['the URL', /URL/, [], (value) => connect(value)],
    ['options', /options of connect|connect\(\)/, NO_OPTIONS, (value, { url }) => connect(url, value)],
    ...option(opened, {
      clientId: TEXT,
      protocol: [],
      cleanStart: ['true'],
      sessionExpiry: WHOLE_0,
      keepAlive: WHOLE_0,
      credentials: [...NO_OPTIONS, 'function'],
      will: [],
      signal: [],
      connectTimeout: [],
      queue: NO_OPTIONS,
      poison: [],
      subscriptions: ['array'],
      receiveMaximum: [],
      maximumInFlight: [],
      maximumPacketSize: [],
      topicAliasMaximum: WHOLE_0,
      topicAliases: WHOLE_0,
      requestResponseInformation: ['true'],
      requestProblemInformation: ['true'],
      userProperties: ['array'],
      authentication: [],
      onEvent: ['function'],
      transport: [],
      clock: [],
      random: ['function'],
    }),
    [
      'reconnect',
      /reconnect/,
      NO_OPTIONS,
      (value, { url }) => connect(url, { reconnect: value, signal: AbortSignal.timeout(1) }),
    ],
    ...option(nested('credentials'), { username: TEXT, password: [...TEXT, 'U+0000', 'bytes'] }),
    ...option(nested('queue'), {
      messages: ['0', '1.5', 'Infinity', '2^53'],
      bytes: ['0', '1.5', 'Infinity', '2^53'],
      qos0: [],
      whenFull: [],
    }),
    ...option((options, at) => connect(at.url, { reconnect: options }), {
      min: ['0', '1.5'],
      max: ['2^53', 'Infinity'],
      factor: ['1.5', '2^53', 'Infinity'],
      jitter: ['0'],
      onRefused: [],
      attempts: ['1.5', '2^53', 'Infinity'],
    }),
    ...option((will, at) => opened({ will: { topic: 'w', ...will } }, at), {
      topic: ['word'],
      payload: [...TEXT, 'U+0000', 'bytes'],
      qos: ['0'],
      retain: ['true'],
      properties: NO_OPTIONS,
      delay: WHOLE_0,
    }),
    ['what credentials() gives', /credentials/, NO_OPTIONS, (value, at) => opened({ credentials: () => value }, at)],
    ['what transport() gives', /transport/, [], (value, at) => opened({ transport: () => value }, at)],
    [
      'what authentication gives',
      /authentication/i,
      ['bytes'],
      (value, at) => opened({ authentication: { method: 'm', begin: () => value, respond: () => value } }, at),
    ],
    [
      'authentication.method',
      /authentication\.method/,
      TEXT,
      (value, at) =>
        opened({ authentication: { method: value, begin: () => undefined, respond: () => undefined } }, at),
    ],
  ],
  publish: [
    ['the topic', /topic/, ['word'], (value, { client }) => client.publish(value, 'x')],
    [
      'the payload',
      /payload/,
      [...TEXT, 'U+0000', 'a long text', 'bytes', 'many bytes'],
      (value, { client }) => client.publish('t', value),
    ],
    ['options', /options of publish|publish\(\)/, NO_OPTIONS, (value, { client }) => client.publish('t', 'x', value)],
    ...option((options, { client }) => client.publish('t', 'x', options), MESSAGE),
    ...option((properties, { client }) => client.publish('t', 'x', { properties }), PROPERTIES),
    [
      'what the codec makes',
      /codec/,
      ['bytes', 'many bytes'],
      (value, { client }) => client.publish('t', 'x', { codec: { encode: () => value, decode: String } }),
    ],
    [
      'a text',
      /payload/,
      [...TEXT, 'U+0000', 'a long text'],
      (value, { client }) => client.publish('t', value, { codec: text }),
    ],
    ['bytes', /codec/, ['bytes', 'many bytes'], (value, { client }) => client.publish('t', value, { codec: bytes })],
    [
      'JSON',
      /JSON/,
      Object.keys(VALUES).filter((name) => !['bigint', 'symbol', 'function'].includes(name)),
      (value, { client }) => client.publish('t', value, { codec: json() }),
    ],
  ],
  subscribe: [
    ['the filter', /filter/, ['word'], (value, { client }) => client.subscribe(value)],
    ['one of the filters', /filter/, ['word'], (value, { client }) => client.subscribe(['ok', value])],
    ['options', /options of subscribe|subscribe\(\)/, NO_OPTIONS, (value, { client }) => client.subscribe('f', value)],
    ...option((options, { client }) => client.subscribe('f', options), {
      qos: ['0'],
      codec: [],
      ack: [],
      buffer: [],
      overflow: [],
      retained: [],
      noLocal: ['true'],
      retainAsPublished: ['true'],
      share: ['word'],
      named: ['true'],
      partial: ['true'],
      userProperties: ['array'],
      signal: [],
    }),
  ],
  unsubscribe: [
    ['the filter', /filter/, ['word', 'array'], (value, { client }) => client.unsubscribe(value)],
    [
      'options',
      /options of unsubscribe|unsubscribe\(\)/,
      NO_OPTIONS,
      (value, { client }) => client.unsubscribe('f', value),
    ],
    ...option((options, { client }) => client.unsubscribe('f', options), { userProperties: ['array'] }),
  ],
  request: [
    ['the topic', /topic/, ['word'], (value, { client }) => client.request(value, 'x')],
    [
      'the payload',
      /payload/,
      [...TEXT, 'U+0000', 'a long text', 'bytes', 'many bytes'],
      (value, { client }) => client.request('t', value),
    ],
    ['options', /options of request|request\(\)/, NO_OPTIONS, (value, { client }) => client.request('t', 'x', value)],
    ...option((options, { client }) => client.request('t', 'x', options), {
      qos: ['0'],
      codec: [],
      properties: NO_OPTIONS,
      signal: [],
      answerCodec: [],
      timeout: ['0'],
    }),
  ],
  serve: [
    ['the filter', /filter/, ['word'], (value, { client }) => client.serve(value, () => '')],
    ['the handler', /handler/, ['function'], (value, { client }) => client.serve('f', value)],
    ['options', /options of serve|serve\(\)/, NO_OPTIONS, (value, { client }) => client.serve('f', () => '', value)],
    ...option((options, { client }) => client.serve('f', () => '', options), {
      qos: ['0'],
      codec: [],
      answerCodec: [],
      share: ['word'],
      concurrency: [],
      signal: [],
    }),
  ],
  'next, events, drain, close and ack': [
    ['options', /options of next|next\(\)/, NO_OPTIONS, (value, { subscription }) => subscription.next(value)],
    ...option((options, { subscription }) => subscription.next(options), { timeout: ['0'], signal: [] }),
    ['options', /options of events|events\(\)/, NO_OPTIONS, (value, { client }) => client.events(value)],
    ...option((options, { client }) => client.events(options), { signal: [] }),
    ['options', /options of drain|drain\(\)/, NO_OPTIONS, (value, { client }) => client.drain(value)],
    ...option((options, { client }) => client.drain(options), { timeout: ['0'], signal: [] }),
    ['options', /options of close|close\(\)/, NO_OPTIONS, (value, { client }) => client.close(value)],
    ...option((options, { client }) => client.close(options), {
      timeout: ['0'],
      reason: TEXT,
      withWill: ['true'],
      sessionExpiry: WHOLE_0,
      userProperties: ['array'],
    }),
  ],
  'scram and json': [
    ['the user name', /user name/, ['word'], (value) => scram(value, 'secret')],
    ['the password', /password/, ['word'], (value) => scram('ada', value)],
    ['options', /options of scram|scram\(\)/, NO_OPTIONS, (value) => scram('ada', 'secret', value)],
    ...option((options) => scram('ada', 'secret', options), { method: [], nonce: ['function'] }),
    ['the schema', /schema/, [], (value) => json(value)],
  ],
}

/** Undefined is not wrong anywhere but where something must be. */
const MUST: Row[] = [
  ['the URL', /URL/, [], (value) => connect(value)],
  ['the topic', /topic/, [], (value, { client }) => client.publish(value, 'x')],
  ['the payload', /payload/, [], (value, { client }) => client.publish('t', value)],
  ['the filter', /filter/, [], (value, { client }) => client.subscribe(value)],
  ['the handler', /handler/, [], (value, { client }) => client.serve('f', value)],
]

async function fault(call: () => unknown): Promise<unknown> {
  try {
    await call()
  } catch (error) {
    return error
  }
  return undefined
}

async function at(): Promise<At> {
  const { client, peer } = await stage.join({}, {})
  const { subscription } = await subscribe(client, peer, 'a')
  return { client, subscription, url: stage.broker.url }
}

function judge(error: unknown, name: RegExp, what: string): void {
  assert.ok(error instanceof MqttError, `${what}: ${String(error)}`)
  assert.match(error.code, /^ERR_(URL|OPTION|TOPIC|PAYLOAD)$/, `${what}: ${error.code} ${error.message}`)
  assert.match(error.message, name, what)
  assert.ok(error.message.length < 2000)
}

describe('a wrong argument gives an MqttError that names it', () => {
  for (const [called, table] of Object.entries(rows)) {
    it(`of ${called}`, async () => {
      const place = await at()
      for (const [what, name, right, call] of table) {
        for (const [kind, value] of Object.entries(VALUES)) {
          if (right.includes(kind)) continue
          judge(await fault(() => call(value as never, place)), name, `${called}, ${what}: ${kind}`)
        }
      }
      assert.equal(place.client.state, 'online')
    })
  }

  it('where it is missing, too', async () => {
    const place = await at()
    for (const [what, name, , call] of MUST) judge(await fault(() => call(undefined as never, place)), name, what)
  })

  it('of message.ack()', async () => {
    const { client, peer } = await stage.join()
    const { subscription } = await subscribe(client, peer, 'a', { ack: 'manual', qos: 1 })
    peer.publish('a', '', { qos: 1, packetId: 1 })
    const message = await subscription.next()
    for (const [kind, value] of Object.entries({ ...VALUES, 1: 1, 129: 0x81, 256: 256 })) {
      if (kind !== '0') judge(await fault(() => message.ack(value as number)), /reasonCode/, kind)
    }
  })
})

describe('right arguments', () => {
  it('are taken', async () => {
    const { client, subscription, url } = await at()
    void url
    for (const kind of ['object']) {
      assert.equal(await fault(() => client.publish('t', 'x', VALUES[kind] as object)), undefined)
    }
    assert.equal(await fault(() => client.publish('t', new Uint8Array(70_000), { qos: 0, retain: true })), undefined)
    for (const signal of [new AbortController().signal, AbortSignal.timeout(100_000)]) {
      assert.equal(await fault(() => client.publish('t', 'x', { signal })), undefined)
      client.events({ signal })
    }
    await assert.rejects(subscription.next({ timeout: 1 }), { code: 'ERR_TIMEOUT' })
  })
})

describe('an option that does not exist', () => {
  const meant: [options: object, words: RegExp][] = [
    [{ username: 'ada' }, /^connect\(\) has no option 'username': did you mean credentials: \{ username \}\?$/],
    [{ keepalive: 30 }, /did you mean keepAlive\?/],
    [{ clientID: 'x' }, /did you mean clientId\?/],
    [{ keepAlife: 30 }, /did you mean keepAlive\?/],
    [{ clean: false }, /did you mean cleanStart\?/],
    [{ protocolVersion: 4 }, /did you mean protocol\?/],
    [{ reconnectPeriod: 1000 }, /did you mean reconnect: \{ min, max \}\?/],
    [{ rejectUnauthorized: false }, /TLS is not in this version/],
    [{ host: 'broker' }, /it is part of the URL/],
    [{ queue: { message: 1 } }, /queue has no option 'message': did you mean messages\?/],
    [
      { will: { topic: 'a', contentType: 'x' } },
      /will has no option 'contentType': did you mean properties: \{ contentType \}\?/,
    ],
    [{ unheardOf: 1 }, /connect\(\) has no option 'unheardOf': it has clientId, protocol, /],
  ]
  for (const [options, words] of meant) {
    it(`of connect(): ${JSON.stringify(options)}`, async () => {
      await assert.rejects(connect('mqtt://127.0.0.1:9', options), { code: 'ERR_OPTION', message: words })
    })
  }

  it('of publish() and subscribe(), with the names of MQTT.js', async () => {
    const { client } = await stage.join()
    const publish = (options: object) => client.publish('a', 'x', options)
    const asked = (options: object) => client.subscribe('a', options)
    await assert.rejects(publish({ contentType: 'x' }), /did you mean properties: \{ contentType \}\?/)
    await assert.rejects(publish({ dup: true }), /sets DUP itself/)
    await assert.rejects(
      publish(() => {}),
      /there are no callbacks/,
    )
    await assert.rejects(asked({ nl: true }), /did you mean noLocal\?/)
    await assert.rejects(asked({ rap: true }), /did you mean retainAsPublished\?/)
    await assert.rejects(asked({ rh: 1 }), /did you mean retained/)
  })
})

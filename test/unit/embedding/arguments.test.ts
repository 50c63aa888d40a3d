import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createBroker, type EmbeddedBroker, MqttError, scramCredential } from '../../../src/index.ts'

const WRONG: readonly unknown[] = [
  null,
  -1,
  1.5,
  Number.NaN,
  2 ** 53,
  1n,
  Symbol('s'),
  '',
  'a\0',
  'a\ud800',
  [],
  () => {},
  true,
]

async function fault(call: () => unknown): Promise<unknown> {
  try {
    await call()
  } catch (error) {
    return error
  }
  return undefined
}

function judge(error: unknown, name: string): void {
  assert.ok(error instanceof MqttError, `${name}: ${String(error)}`)
  assert.match(error.code, /^ERR_(OPTION|TOPIC|PAYLOAD)$/)
  assert.ok(error.message.includes(name), `${name}: ${error.message}`)
}

/** Which of the values are right. */
const options: Readonly<Record<string, readonly unknown[]>> = {
  port: [],
  host: [''],
  anonymous: [],
  authentication: [],
  settings: [],
  onEvent: [WRONG[11]],
}

describe('a wrong argument gives an MqttError that names it', () => {
  it('of createBroker()', async () => {
    for (const value of WRONG) judge(await fault(() => createBroker(value as object)), 'createBroker()')
    for (const [name, right] of Object.entries(options)) {
      for (const value of WRONG) {
        if (!right.includes(value)) judge(await fault(() => createBroker({ [name]: value } as object)), name)
      }
    }
    for (const [name, value] of [
      ['settings.maximumInFlight', 0],
      ['settings.queueFullPolicy', 'all'],
      ['settings.retainAvailable', 1],
      ['settings.maximumQueuedMessages', -1],
      ['settings.responseTopicPrefix', 5],
    ] as const) {
      judge(await fault(() => createBroker({ settings: { [name.slice(9)]: value } })), name)
    }
    judge(await fault(() => createBroker({ authentication: { users: { ada: 'secret' } } } as object)), 'users.ada')
    judge(await fault(() => createBroker({ authentication: { methods: { own: {} } } } as object)), 'methods.own')
  })

  it('that is an option of another library, or none, says what is meant', async () => {
    for (const [given, words] of [
      [{ authenticate: () => {} }, /did you mean authentication: \{ users \} or \{ methods \}\?/],
      [{ keepaliveLimit: 5 }, /did you mean settings: \{ maximumKeepAlive \}\?/],
      [{ persistence: {} }, /keeps its state in memory/],
      [{ Port: 1883 }, /createBroker\(\) has no option 'Port': did you mean port\?/],
      [{ settings: { maxInFlight: 5 } }, /settings has no option 'maxInFlight'/],
    ] as const) {
      await assert.rejects(createBroker(given as object), { code: 'ERR_OPTION', message: words })
    }
  })
})

describe('scramCredential()', () => {
  it('says which argument is wrong, and why', async () => {
    for (const value of [...WRONG, undefined, '\u200c']) {
      judge(await fault(() => scramCredential(value as string)), 'The password of scramCredential()')
    }
    for (const value of WRONG.filter((one) => typeof one !== 'function')) {
      judge(await fault(() => scramCredential('x', value as object)), 'scramCredential()')
    }
    for (const [option, value, words] of [
      ['method', 'SCRAM-MD5', /method is 'SCRAM-MD5': use one of 'SCRAM-SHA-1'/],
      ['method', 'toString', /method is 'toString'/],
      ['iterations', 4095, /iterations is 4095: use a whole number from 4096 to/],
      ['iterations', 5000.5, /iterations is 5000\.5/],
      ['iterations', 2 ** 31, /iterations is 2147483648/],
      ['iterations', '15000', /iterations is '15000'/],
      ['salt', 'salt', /salt is 'salt': use a Uint8Array/],
      ['salt', new Uint8Array(0), /salt has 0 bytes: use 1 to 1024/],
      ['salt', new Uint8Array(70_000), /salt has 70000 bytes/],
      ['rounds', 5, /scramCredential\(\) has no option 'rounds'/],
    ] as const) {
      assert.throws(() => scramCredential('x', { [option]: value } as object), { code: 'ERR_OPTION', message: words })
    }
    assert.equal(scramCredential('x', { iterations: 4096, salt: new Uint8Array(8) }).iterations, 4096)
  })
})

describe('publish() of the broker', () => {
  let broker: EmbeddedBroker
  before(async () => {
    broker = await createBroker()
  })
  after(() => broker.close())

  it('says which argument is wrong', async () => {
    const publish = broker.publish as (...all: unknown[]) => boolean
    for (const value of [...WRONG, undefined, 'a/#', 'x'.repeat(70_000)])
      judge(await fault(() => publish(value, 'x')), 'topic')
    for (const value of [null, 1, [], {}, 'a\ud800', undefined])
      judge(await fault(() => publish('t', value)), 'payload')
    for (const value of [null, 1, [], 'x', { unheardOf: 1 }, { qos: 3 }, { retain: 1 }]) {
      judge(
        await fault(() => publish('t', 'x', value)),
        value !== null && typeof value === 'object' && 'qos' in value
          ? 'qos'
          : value !== null && typeof value === 'object' && 'retain' in value
            ? 'retain'
            : 'publish()',
      )
    }
    judge(await fault(() => publish('t', 'x', { properties: { contentType: 5 } })), 'contentType')
    assert.equal(publish('t', 'x', { qos: 1, retain: true, properties: { contentType: 'c' } }), false)
  })
})

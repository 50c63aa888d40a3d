import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ScramMethod, scram, scramCredential, scramMethods } from '../../../src/access/index.ts'
import type { AuthenticationOutcome } from '../../../src/broker/index.ts'
import { scramAnswer, scramFirst } from '../../support/scram.ts'

const peer = { kind: 'tcp', address: '127.0.0.1', port: 50_000 } as const
const request = { clientId: 'c', username: null, password: null, version: 5, peer, listener: 'l' } as const

const bytes = (text: string): Uint8Array => Buffer.from(text)
const text = (data: Uint8Array | null): string => Buffer.from(data ?? []).toString()

/** One exchange, with what each message is answered by. */
function exchange(method: ScramMethod, users: Record<string, string>, nonce?: string) {
  const credentials = new Map(
    Object.entries(users).map(([name, password]) => [name, scramCredential(password, { method, iterations: 4096 })]),
  )
  const steps = scram(method, (name) => credentials.get(name), ...(nonce === undefined ? [] : [() => nonce]))(request)
  return (message: string) => steps.step(bytes(message)) as AuthenticationOutcome
}

/** What the published examples have: user `user`, password `pencil`. */
const examples: {
  method: ScramMethod
  salt: string
  client: string
  server: string
  proof: string
  verifier: string
}[] = [
  {
    method: 'SCRAM-SHA-1',
    salt: 'QSXCR+Q6sek8bf92',
    client: 'fyko+d2lbbFgONRv9qkxdawL',
    server: '3rfcNHYJY1ZVvWVs7j',
    proof: 'v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    verifier: 'rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  },
  {
    method: 'SCRAM-SHA-256',
    salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
    client: 'rOprNGfwEbeRWgbNEkqO',
    server: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
    proof: 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    verifier: '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  },
]

describe('SCRAM', () => {
  for (const { method, salt, client, server, proof, verifier } of examples) {
    it(`${method} answers as in its RFC`, () => {
      const credential = scramCredential('pencil', { method, iterations: 4096, salt: Buffer.from(salt, 'base64') })
      const steps = scram(
        method,
        () => credential,
        () => server,
      )(request)
      const challenge = steps.step(bytes(`n,,n=user,r=${client}`)) as AuthenticationOutcome
      assert.equal(challenge.result, 'continue')
      assert.equal(
        text(challenge.result === 'continue' ? challenge.data : null),
        `r=${client}${server},s=${salt},i=4096`,
      )
      const end = steps.step(bytes(`c=biws,r=${client}${server},p=${proof}`)) as AuthenticationOutcome
      assert.deepEqual(end.result === 'success' && { username: end.username, data: text(end.data) }, {
        username: 'user',
        data: `v=${verifier}`,
      })
    })
  }

  for (const method of scramMethods) {
    it(`${method} takes the right password, and no other`, () => {
      for (const [password, result] of [
        ['correct horse', 'success'],
        ['correct horsf', 'failure'],
        ['', 'failure'],
      ] as const) {
        const say = exchange(method, { ada: 'correct horse' })
        const challenge = say(scramFirst('ada', 'abc'))
        assert.equal(challenge.result, 'continue')
        const answer = scramAnswer(method, 'ada', password, 'abc', text((challenge as { data: Uint8Array }).data))
        assert.equal(say(answer.message).result, result)
      }
    })
  }

  it('gives a stranger a salt, always the same, and refuses only at the end', () => {
    const salts = new Set<string>()
    const method = scram('SCRAM-SHA-256', () => undefined)
    for (let i = 0; i < 3; i++) {
      const steps = method(request)
      const challenge = steps.step(bytes(scramFirst('nobody', 'abc'))) as AuthenticationOutcome & { data: Uint8Array }
      const words = text(challenge.data)
      salts.add(/s=([^,]+)/.exec(words)![1]!)
      const { message } = scramAnswer('SCRAM-SHA-256', 'nobody', 'guess', 'abc', words)
      assert.equal((steps.step(bytes(message)) as AuthenticationOutcome).result, 'failure')
    }
    assert.equal(salts.size, 1)
  })

  it('knows names with commas, equal signs, and letters written in two ways', () => {
    for (const [account, typed] of [
      ['a,b=c', 'a,b=c'],
      ['\u00e9', 'e\u0301'],
      ['I\u00adX', 'IX'],
    ] as const) {
      const say = exchange('SCRAM-SHA-256', { [account.replace('\u00ad', '')]: 'pencil' })
      const challenge = say(scramFirst(typed, 'abc')) as AuthenticationOutcome & { data: Uint8Array }
      const { message } = scramAnswer('SCRAM-SHA-256', typed, 'pencil', 'abc', text(challenge.data))
      assert.equal(say(message).result, 'success', account)
    }
  })

  for (const [what, message] of Object.entries({
    nothing: '',
    garbage: '\x00\xff',
    'no nonce': 'n,,n=ada',
    'an empty name': 'n,,n=,r=abc',
    'a name in a wrong disguise': 'n,,n=a=2Db,r=abc',
    'channel binding': 'p=tls-unique,,n=ada,r=abc',
    'another identity': 'n,a=root,n=ada,r=abc',
    'an extension that must be understood': 'n,,m=x,n=ada,r=abc',
  })) {
    it(`refuses a first message with ${what}`, () => {
      assert.equal(exchange('SCRAM-SHA-256', { ada: 'pencil' })(message).result, 'failure')
    })
  }

  for (const [what, change] of Object.entries<(message: string) => string>({
    'another nonce': (message) => message.replace(/r=/, 'r=x'),
    'another channel': (message) => message.replace('c=biws', 'c=eSws'),
    'no proof': (message) => message.replace(/,p=.*/, ''),
    'half a proof': (message) => message.replace(/p=(.{8}).*/, 'p=$1'),
    nothing: () => '',
  })) {
    it(`refuses a final message with ${what}`, () => {
      const say = exchange('SCRAM-SHA-256', { ada: 'pencil' }, 'server')
      const challenge = say(scramFirst('ada', 'abc')) as AuthenticationOutcome & { data: Uint8Array }
      const { message } = scramAnswer('SCRAM-SHA-256', 'ada', 'pencil', 'abc', text(challenge.data))
      assert.equal(say(change(message)).result, 'failure')
    })
  }

  it('keeps neither the password nor what it logs in with', () => {
    const { storedKey, serverKey, salt } = scramCredential('pencil')
    assert.deepEqual([storedKey.length, serverKey.length, salt.length], [32, 32, 16])
    assert.notDeepEqual(scramCredential('pencil').storedKey, storedKey)
  })
})

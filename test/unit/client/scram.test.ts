import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MqttError, type ScramMethod, scram } from '../../../src/client/index.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (data: Uint8Array | undefined): string => new TextDecoder().decode(data)

/** The published examples: user `user`, password `pencil`. */
const examples: { method: ScramMethod; nonce: string; challenge: string; answer: string; end: string }[] = [
  {
    method: 'SCRAM-SHA-1',
    nonce: 'fyko+d2lbbFgONRv9qkxdawL',
    challenge: 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
    answer: 'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    end: 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  },
  {
    method: 'SCRAM-SHA-256',
    nonce: 'rOprNGfwEbeRWgbNEkqO',
    challenge: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    answer:
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    end: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  },
]

describe('scram()', () => {
  for (const { method, nonce, challenge, answer, end } of examples) {
    it(`${method} says what its RFC has`, async () => {
      const proof = scram('user', 'pencil', { method, nonce: () => nonce })
      assert.equal(text(await proof.begin()), `n,,n=user,r=${nonce}`)
      assert.equal(text(await proof.respond(bytes(challenge))), answer)
      proof.finish!(bytes(end))
      for (const other of [end.replace('v=', 'v=A'), '', 'e=other-error']) {
        assert.throws(() => proof.finish!(bytes(other)), { code: 'ERR_REFUSED' })
      }
    })
  }

  it('does not take the proof of an earlier exchange', async () => {
    const [example] = examples
    const proof = scram('user', 'pencil', { method: 'SCRAM-SHA-1', nonce: () => example!.nonce })
    await proof.begin()
    await proof.respond(bytes(example!.challenge))
    await proof.begin()
    assert.throws(() => proof.finish!(bytes(example!.end)), MqttError)
  })

  for (const [what, challenge] of Object.entries({
    'a nonce that is not ours': 'r=yx,s=QSXCR+Q6sek8bf92,i=4096',
    'nothing added to the nonce': 'r=abc,s=QSXCR+Q6sek8bf92,i=4096',
    'too few iterations': 'r=abcd,s=QSXCR+Q6sek8bf92,i=4095',
    'too many iterations': 'r=abcd,s=QSXCR+Q6sek8bf92,i=99999999',
    'no salt': 'r=abcd,i=4096',
    nothing: '',
    'an error': 'e=other-error',
  })) {
    it(`does not answer a challenge with ${what}`, async () => {
      const proof = scram('user', 'pencil', { nonce: () => 'abc' })
      await proof.begin()
      await assert.rejects(async () => proof.respond(bytes(challenge)), { code: 'ERR_REFUSED' })
    })
  }

  it('sends each exchange a new nonce', async () => {
    const proof = scram('user', 'pencil')
    assert.notEqual(text(await proof.begin()), text(await proof.begin()))
  })

  it('writes commas and equal signs of a name in disguise', async () => {
    assert.equal(text(await scram('a,b=c', 'x', { nonce: () => 'n' }).begin()), 'n,,n=a=2Cb=3Dc,r=n')
  })

  it('refuses a name or password that cannot be one', () => {
    for (const [name, password] of [
      ['', 'x'],
      ['x', ''],
      ['a\u0000', 'x'],
      ['x', 'a\u0007'],
    ] as const) {
      assert.throws(() => scram(name, password), { code: 'ERR_OPTION' })
    }
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type AuthenticationMethod, AuthenticationMethods } from '../../../src/access/index.ts'
import type { AuthenticationOutcome } from '../../../src/broker/contracts.ts'

/** What a method that somebody else wrote may give where an outcome is expected. */
const NONSENSE: readonly unknown[] = [
  ...[undefined, null, 5, 'success', [], {}, { result: 'yes' }, { result: Symbol('odd') }],
  ...[{ result: 'success' }, { result: 'success', username: 7, data: null }, { result: 'continue', data: 'text' }],
  { result: 'success', username: null, data: new Uint8Array(65_536) },
  ...[0, 0x18, 256, (0x80).toString(), Number.NaN].map((reasonCode) => ({
    result: 'failure',
    reasonCode,
    rule: 'why',
  })),
  { result: 'failure', reasonCode: 0x87 },
]
/** What can be thrown: the second to fourth cannot be made a text. */
const THROWN: readonly unknown[] = [
  new Error('out of order'),
  Object.create(null),
  { toString: () => assert.fail('no words') },
  { [Symbol.toPrimitive]: 5 },
  undefined,
  Symbol('odd'),
]

/** What the core is answered, each time that it is. */
async function answers(method: unknown): Promise<AuthenticationOutcome[]> {
  const methods = new AuthenticationMethods(new Map([['M', method as AuthenticationMethod]]), () => {})
  const given: AuthenticationOutcome[] = []
  methods.begin('M', {} as never)!.step(null, (outcome) => given.push(outcome))
  // All that promises do has happened by the next turn.
  await new Promise((resolve) => setImmediate(resolve))
  return given
}

async function denied(method: unknown): Promise<void> {
  const [outcome, ...more] = await answers(method)
  assert.ok(outcome?.result === 'failure' && more.length === 0)
  assert.equal(outcome.reasonCode, 0x80)
  assert.match(outcome.rule, /^The authentication method M failed: ./)
}

describe('an Authentication Method that somebody else wrote', () => {
  it('lets nobody in by an answer that is none, now or later', async () => {
    for (const nonsense of NONSENSE) {
      await denied(() => ({ step: () => nonsense }))
      await denied(() => ({ step: async () => nonsense }))
    }
  })

  it('lets nobody in by throwing or rejecting, whatever that is', async () => {
    for (const thrown of THROWN) {
      const raise = (): never => {
        throw thrown
      }
      await denied(raise)
      await denied(() => ({ step: raise }))
      await denied(() => ({ step: () => Promise.reject(thrown) }))
    }
  })

  it('lets nobody in by having no step', async () => {
    for (const steps of [undefined, null, {}, { step: 1 }]) await denied(() => steps)
  })

  it('is answered as it says if it says it well', async () => {
    const outcome = { result: 'success', username: 'ada', data: null }
    assert.deepEqual(await answers(() => ({ step: () => outcome })), [outcome])
    assert.deepEqual(await answers(() => ({ step: async () => outcome })), [outcome])
  })
})

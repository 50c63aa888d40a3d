import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sourceSeed } from '../support/source-seed.ts'
import { hex } from '../unit/protocol/support.ts'
import { checkCase } from './check.ts'
import { makeCase } from './mutate.ts'
import { Random } from './random.ts'

/** A few seconds of a quiet core. */
const EXECUTIONS = 40_000

test('mutated packets give packets or a ProtocolError, in any portions the same', () => {
  let packets = 0
  for (let seed = sourceSeed; seed < sourceSeed + EXECUTIONS; seed++) {
    const fuzzCase = makeCase(new Random(seed))
    try {
      packets += checkCase(fuzzCase)
    } catch (error) {
      throw new Error(`seed ${seed}: ${hex(fuzzCase.bytes)}`, { cause: error })
    }
  }
  assert.ok(packets > EXECUTIONS, 'most of the mutated packets were never decoded')
})

test('a seed gives the same case again, and another seed another', () => {
  assert.deepEqual(makeCase(new Random(7)), makeCase(new Random(7)))
  assert.notDeepEqual(makeCase(new Random(7)), makeCase(new Random(8)))
})

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { root } from '../support/root.ts'
import { sourceSeed } from '../support/source-seed.ts'
import { playAlone, together } from './assault.ts'
import { Random } from './random.ts'
import { describeRound, makeRound, parseRound } from './round.ts'

const ROUNDS = 25
const folder = join(root, 'test/fuzz/corpus')

describe('rough clients', () => {
  for (const name of readdirSync(folder).filter((each) => each.endsWith('.hex'))) {
    it(`what broke once breaks nothing: ${name}`, () => playAlone(parseRound(readFileSync(join(folder, name), 'utf8'))))
  }

  it('break nothing, and others do not notice', async (t) => {
    t.diagnostic(`${ROUNDS} rounds from seed ${sourceSeed}`)
    await playAlone(together(Array.from({ length: ROUNDS }, (_, i) => makeRound(new Random(sourceSeed + i)))))
  })

  it('can be written down and played again', () => {
    for (let seed = 0; seed < 10; seed++) {
      const round = makeRound(new Random(seed))
      assert.deepEqual(parseRound(describeRound(round)), round)
    }
  })
})

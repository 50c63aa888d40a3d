import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { root } from '../support/root.ts'
import { sourceSeed } from '../support/source-seed.ts'
import { playAlone, together } from './findings.ts'
import { makeOddCase } from './odd-options.ts'
import { Random } from './random.ts'
import { describeRound, makeRound, parseRound } from './round.ts'
import { describeSetting, parseSetting, USUAL } from './setting.ts'

const ROUNDS = 25
const ODD_BROKERS = 5
const folder = join(root, 'test/fuzz/corpus')

describe('rough clients', () => {
  for (const name of readdirSync(folder).filter((each) => each.endsWith('.hex'))) {
    it(`what broke once breaks nothing: ${name}`, () => {
      const text = readFileSync(join(folder, name), 'utf8')
      return playAlone(parseRound(text), parseSetting(text))
    })
  }

  it('break nothing, and others do not notice', async (t) => {
    t.diagnostic(`${ROUNDS} rounds from seed ${sourceSeed}`)
    await playAlone(together(Array.from({ length: ROUNDS }, (_, i) => makeRound(new Random(sourceSeed + i)))), USUAL)
  })

  for (let seed = sourceSeed; seed < sourceSeed + ODD_BROKERS; seed++) {
    it('break nothing whatever the options are, and others do not notice', async (t) => {
      const { setting, rounds } = makeOddCase(seed)
      t.diagnostic(`npm run fuzz -- --only options --count 1 --seed ${seed}`)
      await playAlone(together(rounds), setting)
    })
  }

  it('can be written down and played again', () => {
    for (let seed = 0; seed < 10; seed++) {
      const round = makeRound(new Random(seed))
      const { setting } = makeOddCase(seed)
      const text = describeSetting(setting) + describeRound(round)
      assert.deepEqual(parseRound(text), round)
      assert.deepEqual(parseSetting(text), setting)
    }
  })
})

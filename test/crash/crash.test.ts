import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sourceSeed } from '../support/source-seed.ts'
import { crashRounds } from './rounds.ts'

/** `npm run crash` has more and longer rounds. */
describe('the broker, killed under load', () => {
  for (const sync of ['everysec', 'always'] as const) {
    it(`with persistence_sync ${sync} loses nothing that it acknowledged, and repeats no QoS 2 message`, async () => {
      const counts = await crashRounds({ rounds: 3, milliseconds: 300, sync, seed: sourceSeed })
      const { acknowledged, delivered, retainedRead, ...wrong } = counts
      assert.ok(acknowledged > 0 && delivered >= 4 * acknowledged && retainedRead > 0, JSON.stringify(counts))
      assert.deepEqual(wrong, { lost: 0, repeatedQoS2: 0, disordered: 0, retainedStale: 0, sessionsLost: 0 })
    })
  }
})

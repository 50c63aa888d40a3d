import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explore } from './explore.ts'
import { saboteurs } from './saboteurs.ts'

/** Less than a minute of a quiet core; most need a hundred. */
const WITHIN_SEEDS = 4000

for (const [bug, saboteur] of Object.entries(saboteurs)) {
  test(`the simulator finds it if ${bug}`, (t) => {
    const { finding, seeds, milliseconds } = explore(1, WITHIN_SEEDS, { saboteur })
    assert.ok(finding !== null, `not found in ${seeds} seeds`)
    t.diagnostic(`seed ${finding.seed}, after ${milliseconds} ms: ${finding.failure}`)
  })
}

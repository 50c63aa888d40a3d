import assert from 'node:assert/strict'
import { test } from 'node:test'
import { effort } from '../support/effort.ts'
import { sourceSeed } from '../support/source-seed.ts'
import { explore, storyOf } from './explore.ts'
import { makePlan } from './plan.ts'
import { failedOnce } from './seeds.ts'
import { simulate } from './world.ts'

/** About a quarter of a minute of a quiet core. */
const SEEDS = effort(1200, 2500)
const SHRINK_MS = 20_000

test('seeds that failed once do not fail', () => {
  for (const seed of failedOnce) play(seed, 1)
})

test('nothing that was acknowledged is lost, repeated or out of order, whatever fails', (t) => {
  const { seeds, deliveries, crashes } = play(sourceSeed, SEEDS)
  t.diagnostic(`${seeds} seeds from ${sourceSeed}: ${deliveries} deliveries, ${crashes} crashes`)
  assert.ok(deliveries > seeds && crashes > 0, 'next to nothing happened')
})

test('a seed gives the same story again, and another seed another', () => {
  const story = (seed: number): readonly string[] => simulate(makePlan(seed), {}, true).story
  assert.deepEqual(story(7), story(7))
  assert.notDeepEqual(story(7), story(8))
})

function play(from: number, count: number): ReturnType<typeof explore> {
  const explored = explore(from, count)
  if (explored.finding !== null) assert.fail(storyOf(explored.finding.seed, SHRINK_MS))
  return explored
}

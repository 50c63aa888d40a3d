import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explore, storyOf } from './explore.ts'
import { makePlan } from './plan.ts'
import { failedOnce } from './seeds.ts'
import { simulate } from './world.ts'

const FRESH_MS = 60_000
const SHRINK_MS = 20_000
const ANY = Number.POSITIVE_INFINITY

test('seeds that failed once do not fail', () => {
  for (const seed of failedOnce) play(seed, 1, ANY)
})

test('fresh seeds: nothing that was acknowledged is lost, repeated or out of order, whatever fails', (t) => {
  const from = 1000 * Math.floor(Math.random() * 1_000_000)
  const { seeds, deliveries, crashes } = play(from, ANY, FRESH_MS)
  t.diagnostic(`${seeds} seeds from ${from}: ${deliveries} deliveries, ${crashes} crashes`)
  assert.ok(deliveries > seeds && crashes > 0, 'next to nothing happened')
})

test('a seed gives the same story again, and another seed another', () => {
  const story = (seed: number): readonly string[] => simulate(makePlan(seed), {}, true).story
  assert.deepEqual(story(7), story(7))
  assert.notDeepEqual(story(7), story(8))
})

function play(from: number, count: number, milliseconds: number): ReturnType<typeof explore> {
  const explored = explore(from, count, milliseconds)
  if (explored.finding !== null) assert.fail(storyOf(explored.finding.seed, SHRINK_MS))
  return explored
}

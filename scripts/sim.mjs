// npm run sim [-- --minutes 1 --seed N]: the whole broker core under one seed after the other, with a network and a disk
// that fail. With --seed, that one seed. Ends with 1 on a finding, which is told as a short story.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from './build.mjs'
import { buildIsStale, installPackages, root, say } from './house.mjs'

const SHRINK_MS = 60_000
const PROGRESS_MS = 10_000

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
  },
})
const minutes = number('minutes', values.minutes)
const seed = values.seed === undefined ? null : number('seed', values.seed)

installPackages()
if (buildIsStale()) {
  say('building')
  if (!(await build())) process.exit(1)
}
const { explore, storyOf } = await import(pathToFileURL(join(root, 'dist', 'test', 'simulation', 'explore.js')).href)
if (seed === null) manySeeds()
else oneSeed(seed)

function manySeeds() {
  const began = Date.now()
  const left = () => minutes * 60_000 - (Date.now() - began)
  let next = Date.now() % 2 ** 31
  console.log(`simulating for ${minutes} min from seed ${next}`)
  const all = { seeds: 0, deliveries: 0, crashes: 0 }
  while (left() > 0) {
    const explored = explore(next, Number.POSITIVE_INFINITY, { milliseconds: Math.min(PROGRESS_MS, left()) })
    next += explored.seeds
    for (const name of Object.keys(all)) all[name] += explored[name]
    if (explored.finding !== null) found(explored.finding.seed)
    const rate = Math.round(all.seeds / ((Date.now() - began) / 60_000))
    console.log(
      `${all.seeds} seeds (${rate} a minute), ${all.deliveries} deliveries, ${all.crashes} crashes, no finding`,
    )
  }
}

function oneSeed(which) {
  const { finding, deliveries, crashes } = explore(which, 1)
  if (finding !== null) found(which)
  console.log(`seed ${which}: ${deliveries} deliveries, ${crashes} crashes, no finding`)
}

function found(which) {
  console.log(`FINDING with seed ${which}; leaving out what does not matter (at most ${SHRINK_MS / 1000} s)`)
  console.log(storyOf(which, SHRINK_MS))
  process.exit(1)
}

function number(name, value) {
  if (/^\d+$/.test(value)) return Number(value)
  say(`--${name} takes a whole number, not ${value}`)
  process.exit(2)
}

// npm run crash [-- --rounds 20 --milliseconds 1500 --sync everysec]: kills the broker with `kill -9` under load, again and
// again, and counts what its clients then miss. Ends with 1 if that is anything.
// With --power the power fails instead: what was not synced is gone, or some of it. --moments N: each time N earlier moments
// are looked at too. --seed N: which bytes are gone, and when. --fresh: each time the store is new (for --sync always).
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from './build.mjs'
import { buildIsStale, installPackages, root, say } from './house.mjs'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    milliseconds: { type: 'string' },
    sync: { type: 'string', default: 'everysec' },
    power: { type: 'boolean', default: false },
    fresh: { type: 'boolean', default: false },
    moments: { type: 'string', default: '3' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
})

installPackages()
if (buildIsStale()) {
  say('building')
  if (!(await build())) process.exit(1)
}
const { rounds, sync, power, moments, seed, fresh } = values
// With `everysec` what was acknowledged in the last 2.5 s is nobody's fault: longer than that.
const milliseconds = values.milliseconds ?? (power ? '5000' : '1500')
if (fresh && sync !== 'always') {
  say('--fresh needs --sync always: otherwise the Sessions may be gone with the rest')
  process.exit(1)
}
// Moments of a store that is not there yet have no Session to look at.
const more = power ? [fresh ? '0' : moments, seed, fresh ? 'fresh' : ''] : []
process.argv = [...process.argv.slice(0, 2), rounds, milliseconds, sync, ...more]
await import(join(root, 'dist', 'test', 'crash', 'main.js'))

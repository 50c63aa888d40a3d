// npm run crash [-- --rounds 20 --milliseconds 1500 --sync everysec]: kills the broker with `kill -9` under load, again and
// again, and counts what its clients then miss. Ends with 1 if that is anything.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from './build.mjs'
import { buildIsStale, installPackages, root, say } from './house.mjs'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    milliseconds: { type: 'string', default: '1500' },
    sync: { type: 'string', default: 'everysec' },
  },
})

installPackages()
if (buildIsStale()) {
  say('building')
  if (!(await build())) process.exit(1)
}
process.argv = [...process.argv.slice(0, 2), values.rounds, values.milliseconds, values.sync]
await import(join(root, 'dist', 'test', 'crash', 'main.js'))

// npm run fuzz [-- --seconds 60 --seed N --count N --only codec|connections|options]: wrong bytes. A quarter of the time goes
// to mutated packets against the codec, the rest to rough clients against a broker, where two others must not notice them:
// first one broker for long, then many whose options and bounds are at their least, largest and odd values. Ends with 1 on a
// finding. Those of codec and options are told with a seed: `--only PART --seed N --count 1` has it again; those of the last
// two are written to test/fuzz/corpus, which npm test plays again.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { build } from './build.mjs'
import { buildIsStale, installPackages, root, say } from './house.mjs'

/** Milliseconds after which one execution counts as hanging. */
const HANG = 5000
/** Of a thread that runs out of it, Node ends the thread and reports an error. */
const HEAP_MEGABYTES = 512
const PARTS = { codec: fuzzCodec, connections: fuzzConnections, options: fuzzOptions }
const SHARES = { codec: 0.25, connections: 0.35, options: 0.4 }

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    count: { type: 'string' },
    only: { type: 'string' },
  },
})
const seconds = number('seconds', values.seconds)
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : number('seed', values.seed)
const count = values.count === undefined ? Number.MAX_SAFE_INTEGER : number('count', values.count)
const { only } = values
if (only !== undefined && !Object.hasOwn(PARTS, only)) {
  say(`--only takes ${Object.keys(PARTS).join(' or ')}, not ${only}`)
  process.exit(2)
}

installPackages()
if (buildIsStale()) {
  say('building')
  if (!(await build())) process.exit(1)
}
if (only !== undefined) await PARTS[only](seconds)
else for (const [part, share] of Object.entries(SHARES)) await PARTS[part](seconds * share)

async function fuzzConnections(seconds) {
  console.log(`rough clients for ${seconds} s from seed ${seed}`)
  const { assault } = await import('../dist/test/fuzz/assault.js')
  if (!(await assault({ seed, seconds, rounds: count, say: (line) => console.log(line) }))) process.exit(1)
}

async function fuzzOptions(seconds) {
  console.log(`rough clients against brokers with odd options for ${seconds} s from seed ${seed}`)
  const { assaultOddOptions } = await import('../dist/test/fuzz/odd-options.js')
  if (!(await assaultOddOptions({ seed, seconds, rounds: count, say: (line) => console.log(line) }))) process.exit(1)
}

function fuzzCodec(seconds) {
  console.log(`fuzzing the codec for ${seconds} s from seed ${seed}`)
  const progress = new SharedArrayBuffer(4)
  const counter = new Uint32Array(progress)
  const worker = new Worker(join(root, 'dist', 'test', 'fuzz', 'worker.js'), {
    workerData: { seed, duration: seconds * 1000, executions: count, progress },
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MEGABYTES },
  })
  let last = -1
  const watcher = setInterval(() => {
    const now = Atomics.load(counter, 0)
    if (now === last) finding(`seed ${seed + now} hangs`)
    last = now
  }, HANG)
  return new Promise((resolve) => {
    worker.on('message', (result) => {
      clearInterval(watcher)
      if (result.error !== undefined) finding(describe(result))
      const rate = Math.round(result.executions / result.seconds)
      console.log(
        `${result.executions} executions, ${result.packets} packets decoded, ${rate} executions/s, no finding`,
      )
      resolve()
    })
    worker.on('error', (error) => finding(`seed ${seed + Atomics.load(counter, 0)}: ${error.stack ?? error}`))
  })
}

function describe({ seed, version, cuts, bytes, error }) {
  return `seed ${seed}, version ${version}, portions end at [${cuts.join(', ')}]\n${bytes}\n${error}`
}

function finding(words) {
  console.log(`FINDING: ${words}`)
  process.exit(1)
}

function number(name, value) {
  if (/^\d+$/.test(value)) return Number(value)
  say(`--${name} takes a whole number, not ${value}`)
  process.exit(2)
}

// npm run fuzz [-- --seconds 60 --seed N --count N]: mutated packets against the codec. Ends with 1 on a finding, which
// is printed with its seed; `npm run fuzz -- --seed N --count 1` has it again.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { build } from './build.mjs'
import { buildIsStale, installPackages, root, say } from './house.mjs'

/** Milliseconds after which one execution counts as hanging. */
const HANG = 5000
/** Of a thread that runs out of it, Node ends the thread and reports an error. */
const HEAP_MEGABYTES = 512

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    count: { type: 'string' },
  },
})
const seconds = number('seconds', values.seconds)
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : number('seed', values.seed)
const executions = values.count === undefined ? Number.MAX_SAFE_INTEGER : number('count', values.count)

installPackages()
if (buildIsStale()) {
  say('building')
  if (!(await build())) process.exit(1)
}
console.log(`fuzzing the codec for ${seconds} s from seed ${seed}`)
watch()

function watch() {
  const progress = new SharedArrayBuffer(4)
  const counter = new Uint32Array(progress)
  const worker = new Worker(join(root, 'dist', 'test', 'fuzz', 'worker.js'), {
    workerData: { seed, duration: seconds * 1000, executions, progress },
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MEGABYTES },
  })
  let last = -1
  const watcher = setInterval(() => {
    const now = Atomics.load(counter, 0)
    if (now === last) finding(`seed ${seed + now} hangs`)
    last = now
  }, HANG)
  worker.on('message', (result) => {
    clearInterval(watcher)
    if (result.error !== undefined) finding(describe(result))
    const rate = Math.round(result.executions / result.seconds)
    console.log(`${result.executions} executions, ${result.packets} packets decoded, ${rate} executions/s, no finding`)
  })
  worker.on('error', (error) => finding(`seed ${seed + Atomics.load(counter, 0)}: ${error.stack ?? error}`))
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

// npm run bench [-- --prototype | --deep | --persistent] [--defaults] [--store] [-- options of bench/compare.py, bench/deep.py or
// bench/persistent.py]: Nightjar against Debian's mosquitto, in turn, on the same machine. Run nothing else meanwhile, and
// quote ratios, not times.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import { buildIsStale, installPackages, root, say } from './house.mjs'

const MOSQUITTO = '/usr/sbin/mosquitto'
const NEEDS = [
  { name: 'python3', there: () => answers('python3', '--version') },
  { name: 'gcc', there: () => answers('gcc', '--version') },
  { name: 'taskset', package: 'util-linux', there: () => answers('taskset', '--version') },
  { name: 'mosquitto', there: () => existsSync(MOSQUITTO) },
]

const passed = process.argv.slice(2)
const take = (flag) => passed.includes(flag) && passed.splice(passed.indexOf(flag), 1).length > 0
const prototype = take('--prototype')
const deep = take('--deep')
const persistent = take('--persistent')
const suffix = take('--defaults') ? '-defaults' : take('--store') ? '-store' : ''

function answers(command, ...arguments_) {
  return spawnSync(command, arguments_, { stdio: 'ignore' }).status === 0
}

function check() {
  const missing = NEEDS.filter((need) => !need.there())
  if (missing.length > 0) {
    const packages = missing.map((need) => need.package ?? need.name).join(' ')
    say(`the bench needs ${missing.map((need) => need.name).join(', ')}: sudo apt-get install ${packages}`)
    process.exit(1)
  }
  if (availableParallelism() < 2) {
    say('the bench needs two cores: one for the broker, one for the load')
    process.exit(1)
  }
}

async function prepare() {
  installPackages()
  if (!buildIsStale()) return
  say('building')
  const { build } = await import('./build.mjs')
  if (!(await build())) process.exit(1)
}

check()
await prepare()
const version = spawnSync(MOSQUITTO, ['-h'], { encoding: 'utf8' }).stdout.split('\n')[0]
console.log(`${version}; Node ${process.version}; ${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown'}\n`)

const b = prototype
  ? { name: 'prototype', command: 'node bench/prototype.mjs 18812' }
  : { name: 'mosquitto', command: `${MOSQUITTO} -c bench/mosquitto${suffix === '-defaults' ? suffix : ''}.conf` }
const brokers = ['--a', `bin/nightjar -c bench/bench${suffix}.conf`, '--a-port', '18811', '--a-name', 'nightjar']
brokers.push('--b', b.command, '--b-port', '18812', '--b-name', b.name)
const command = persistent
  ? [join('bench', 'persistent.py'), '--nightjar', 'bin/nightjar', '--mosquitto', MOSQUITTO]
  : [join('bench', deep ? 'deep.py' : 'compare.py'), ...brokers]
const child = spawn('python3', [...command, ...passed], {
  cwd: root,
  stdio: 'inherit',
})
child.on('close', (code) => {
  process.exitCode = code ?? 1
})

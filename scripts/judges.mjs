// node scripts/judges.mjs paho|mosquitto CHECKOUT [NAME...]: another project's tests of brokers, run against Nightjar and
// counted. Nothing is fetched: CHECKOUT is a clone that you made yourself. More in test/judges/README.md.
import { spawn } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildIsStale, root, say } from './house.mjs'

const GROUPS = ['01', '02', '03', '04', '05', '07', '11', '12']
const USAGE = `usage: node scripts/judges.mjs paho|mosquitto CHECKOUT [NAME...] [OPTION...]
  paho       CHECKOUT is a clone of eclipse-paho/paho.mqtt.testing
  mosquitto  CHECKOUT is a clone of eclipse-mosquitto/mosquitto at tag v2.1.2; NAME is the start of a test's name, such as
             02 or 03-publish-qos1 (default: the groups ${GROUPS.join(' ')})
  --exact    mosquitto's tests see the Reason Strings that Nightjar sends, which their comparing of bytes does not allow
  --broker   judge this program in Nightjar's place; it takes mosquitto's arguments
  --jobs N   so many of mosquitto's tests at once (default: 1)
  --verbose  all that a failed test said
Nothing is fetched: make the clone yourself. Python 3 is needed.`
const TEST_LIMIT_MS = 180_000
const SUITE_LIMIT_MS = 900_000
/**
 * mosquitto's tests compare CONNACK byte for byte, so its defaults are told to Nightjar, which has others. What mosquitto
 * announces as Receive Maximum is its max_inflight_messages.
 */
const PACKET_LIMIT = 'max_packet_size 2000000'
const RECEIVE_MAXIMUM = 'receive_maximum 20'

/** How a suite of paho's is run on a port other than its own: its option for it does not reach Python's unittest. */
const PAHO_MAIN = `
import runpy, sys, unittest
file, port = sys.argv[1:]
main = unittest.main
unittest.main = lambda *args, **named: main(argv=[file, '-v'])
sys.argv = [file, '-p', port]
runpy.run_path(file, run_name='__main__')
`
/** What the suites take for granted beside the defaults of a broker. */
const PAHO_SUITES = [
  { file: 'client_test.py', title: 'MQTT 3.1.1', config: [] },
  // One test wants a keep alive of 120 s to be answered with another one; one goes beyond Receive Maximum, for which
  // there are not enough Packet Identifiers if that is not announced.
  { file: 'client_test5.py', title: 'MQTT 5.0', config: ['max_keepalive 60', RECEIVE_MAXIMUM] },
]

/** Runs a program to its end; resolves with its exit code (null: it took too long) and all that it said. */
function run(command, args, options, limit) {
  return new Promise((done) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text
      })
    }
    const timer = setTimeout(() => child.kill('SIGKILL'), limit)
    child.on('error', (error) => done({ code: 127, output: String(error) }))
    child.on('close', (code) => {
      clearTimeout(timer)
      done({ code, output })
    })
  })
}

/** Ports that were free a moment ago. */
async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise((listening) => server.listen(0, listening))
      return server
    }),
  )
  const ports = servers.map((server) => server.address().port)
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))))
  return ports
}

async function answers(port) {
  for (let i = 0; i < 100; i++) {
    const open = await new Promise((done) => {
      const socket = connect(port, 'localhost', () => done(true))
      socket.on('error', () => done(false)).on('connect', () => socket.destroy())
    })
    if (open) return true
    await new Promise((later) => setTimeout(later, 100))
  }
  return false
}

async function judgeWithPaho(checkout, program, folder) {
  const cwd = join(checkout, 'interoperability')
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }
  let passed = 0
  let all = 0
  for (const { file, title, config } of PAHO_SUITES) {
    const [port] = await freePorts(1)
    const configFile = join(folder, `${file}.conf`)
    writeFileSync(configFile, ['allow_anonymous true', ...config, `listener ${port}`, ''].join('\n'))
    const broker = spawn(program, ['-c', configFile], { stdio: 'ignore' })
    try {
      if (!(await answers(port))) throw new Error(`${program} does not answer on port ${port}`)
      const { output } = await run('python3', ['-c', PAHO_MAIN, file, String(port)], { cwd, env }, SUITE_LIMIT_MS)
      const failed = [...output.matchAll(/^(?:FAIL|ERROR): (\w+) \(/gm)].map(([, name]) => name)
      const ran = Number(/^Ran (\d+) tests? in/m.exec(output)?.[1] ?? 0)
      if (ran === 0 || verbose) console.log(output)
      for (const name of failed) console.log(`failed  ${file} ${name}`)
      console.log(`${file} (${title}): ${ran - failed.length} of ${ran} passed`)
      passed += ran - failed.length
      all += ran
    } finally {
      broker.kill()
    }
  }
  return { passed, all }
}

/** A copy of the tests, because they write files beside themselves, and the broker where they look for it. */
function prepareMosquitto(checkout, program, folder) {
  cpSync(join(checkout, 'test'), join(folder, 'test'), { recursive: true })
  const place = join(folder, 'build', 'src')
  mkdirSync(place, { recursive: true })
  const wrapper = join(place, 'mosquitto')
  writeFileSync(
    wrapper,
    options.broker === undefined ? asMosquitto(program, folder) : `#!/bin/sh\nexec '${program}' "$@"\n`,
  )
  chmodSync(wrapper, 0o755)
  return join(folder, 'test', 'broker')
}

/** Starts Nightjar with the arguments given, and its configuration, if any, with mosquitto's defaults in front. */
function asMosquitto(program, folder) {
  return `#!/bin/sh
config=
for argument; do
  shift
  if [ "$config" = next ]; then config=$argument; elif [ "$argument" = -c ]; then config=next; else set -- "$@" "$argument"; fi
done
copy=$(mktemp '${folder}/XXXXXX.conf')
config=\${config:-/dev/null}
{
  grep -q '^max_packet_size' "$config" || echo '${PACKET_LIMIT}'
  if grep -q '^max_inflight_messages [1-9]' "$config"; then
    sed -n 's/^max_inflight_messages/receive_maximum/p' "$config"
  else
    grep -q '^max_inflight_messages' "$config" || echo '${RECEIVE_MAXIMUM}'
  fi
  grep -q '^persistence_location' "$config" || sed -n 's|^persistence_file \\(.*\\)|persistence_location ${folder}/\\1.store|p' "$config"
  cat "$config"
} > "$copy"
exec '${program}' -c "$copy" "$@"
`
}

/** The tests of the groups, as the suite lists them: name and how many ports each wants. */
function listMosquitto(checkout, names) {
  const list = readFileSync(join(checkout, 'test', 'broker', 'test.py'), 'utf8')
  const tests = [...list.matchAll(/^\s*\((\d+), '\.\/([\w.-]+)\.py'\)/gm)].map(([, ports, name]) => ({
    name,
    ports: Number(ports),
  }))
  const starts = names.length > 0 ? names : GROUPS.map((group) => `${group}-`)
  return tests.filter(({ name }) => starts.some((start) => name.startsWith(start)))
}

async function judgeWithMosquitto(checkout, program, folder, names) {
  const cwd = prepareMosquitto(checkout, program, folder)
  const env = { ...process.env, BUILD_ROOT: join(folder, 'build'), STORES: folder, PYTHONDONTWRITEBYTECODE: '1' }
  const tests = listMosquitto(checkout, names)
  const groups = new Map()
  const plain = options.exact || options.broker !== undefined ? [] : [join(root, 'test', 'judges', 'as_mosquitto.py')]
  const waiting = [...tests]
  const worker = async () => {
    for (let test = waiting.shift(); test !== undefined; test = waiting.shift()) {
      let result
      // A second chance, as the suite's own runner gives five: many tests have narrow times.
      for (let attempt = 1; attempt <= 2 && result?.code !== 0; attempt++) {
        const ports = (await freePorts(test.ports)).map(String)
        result = await run('python3', [...plain, `${test.name}.py`, ...ports], { cwd, env }, TEST_LIMIT_MS)
      }
      note(groups, test.name, result)
    }
  }
  await Promise.all(Array.from({ length: Number(options.jobs) }, worker))
  let passed = 0
  for (const [group, counts] of [...groups].sort()) {
    console.log(`group ${group}: ${counts.passed} of ${counts.all} passed`)
    passed += counts.passed
  }
  return { passed, all: tests.length }
}

function note(groups, name, { code, output }) {
  const group = name.split('-')[0]
  const counts = groups.get(group) ?? { passed: 0, all: 0 }
  groups.set(group, counts)
  counts.all++
  if (code === 0) counts.passed++
  else console.log(`failed  ${name}${code === null ? ' (it took too long)' : asksFor(output)}`)
  if (code !== 0 && verbose) console.log(output.replace(/^/gm, '        '))
}

/** The options in the configuration of a test that Nightjar said it does not have. */
function asksFor(output) {
  const found = [...output.matchAll(/`(\w+)` is a mosquitto option/g)].map(([, name]) => name)
  return found.length === 0 ? '' : ` (it asks for ${[...new Set(found)].join(', ')})`
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    broker: { type: 'string' },
    exact: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '1' },
    verbose: { type: 'boolean', short: 'v', default: false },
  },
})
const { verbose } = options
const [judge, given, ...names] = positionals
const landmark = { paho: 'interoperability/client_test5.py', mosquitto: 'test/broker/test.py' }[judge]
if (landmark === undefined || given === undefined) {
  console.error(USAGE)
  process.exit(2)
}
const checkout = resolve(given)
if (!existsSync(join(checkout, landmark))) {
  say(`${checkout} has no ${landmark}: it is not the clone that is meant`)
  process.exit(2)
}
if (options.broker === undefined && buildIsStale()) {
  say('the build is older than the sources: npm run build')
  process.exit(2)
}
const program = resolve(options.broker ?? join(root, 'bin', 'nightjar'))
const folder = mkdtempSync(join(tmpdir(), 'nightjar-judges-'))
try {
  const judged = judge === 'paho' ? judgeWithPaho : judgeWithMosquitto
  const { passed, all } = await judged(checkout, program, folder, names)
  say(`${judge}: ${passed} of ${all} passed`)
  process.exitCode = all > 0 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

// npm test [-- part of a file name ...]: installs what the tests need, builds, checks, and runs every test.
// npm run test:long: the same, and the tests that draw or count do more of it (test/support/effort.ts).
// The last line is `N passed, N failed`, with `, N skipped` if any was; a check of npm run check counts as a test.
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { run as runTests } from 'node:test'
import { build } from './build.mjs'
import { check } from './check.mjs'
import { installForeign } from './foreign.mjs'
import { files, installPackages, root, say } from './house.mjs'
import { Report } from './report.mjs'

/** Folders of tests that take too long for every run; each has a command of its own. */
const LEFT_OUT = ['test/soak/']
/**
 * Begun first, as they take longest: one that was begun last would keep the others waiting. A run of all tells which
 * they are.
 */
const LONGEST = [
  'test/crash/power.test.ts',
  'test/conformance/pressure.test.ts',
  'test/simulation/planted.test.ts',
  'test/interop/cli.test.ts',
  'test/unit/store/faults.test.ts',
  'test/unit/store/errors.test.ts',
  'test/simulation/simulation.test.ts',
  'test/unit/store/lock.test.ts',
]
/** Files at once: many of them wait for a process or a time for half of what they take. */
const AT_ONCE = 2 * availableParallelism()
/** Milliseconds that one file may take: patient, as a busy machine must not give another verdict. */
const TIME_LIMIT = 600_000
/** So many of the files that take longest are named after a run of all. */
const SLOWEST = 10

const wanted = process.argv.slice(2).filter((word) => word !== '--long')
if (process.argv.includes('--long')) process.env.TEST_LONG = '1'
const dist = join(root, 'dist')
const report = new Report((path) => relative(path.startsWith(dist) ? dist : root, path))

// A broker without a configuration keeps its store in the user's folder: tests must not.
const state = mkdtempSync(join(tmpdir(), 'nightjar-test-'))
process.env.XDG_STATE_HOME = state
process.on('exit', () => rmSync(state, { recursive: true, force: true }))

installPackages()
installForeign()
say('building')
if (!(await build())) fail('the build, see above')
else {
  await Promise.all([wanted.length === 0 ? runChecks() : null, runTestFiles()])
}
summarise()

async function runChecks() {
  const { passed, failed, skipped } = await check({ built: true })
  report.passed += passed
  report.skipped += skipped
  for (let i = 0; i < failed; i++) fail('a check, see above')
}

/** The files are listed one by one: folders and patterns mean different things to Node 20 and Node 24. */
async function runTestFiles() {
  const all = files('test', '.test.ts').filter((path) => !LEFT_OUT.some((folder) => path.startsWith(folder)))
  const chosen = wanted.length === 0 ? all : all.filter((path) => wanted.some((part) => path.includes(part)))
  if (chosen.length === 0) return fail(`no test file has ${wanted.join(' or ')} in its name`)
  const ordered = [
    ...LONGEST.filter((path) => chosen.includes(path)),
    ...chosen.filter((path) => !LONGEST.includes(path)),
  ]
  const compiled = ordered.map((path) => join(dist, path.replace(/\.ts$/, '.js')))
  await report.follow(runTests({ files: compiled, concurrency: AT_ONCE, timeout: TIME_LIMIT }))
}

function fail(what) {
  report.failed++
  report.failures.push(what)
}

function summarise() {
  const { passed, failed, skipped, skips, failures } = report
  if (wanted.length === 0) {
    console.log('\nthe slowest files:')
    for (const line of report.slowest(SLOWEST)) console.log(line)
  }
  for (const title of skips) console.log(`skipped: ${title}`)
  for (const title of failures) console.log(`FAILED: ${title}`)
  console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0
}

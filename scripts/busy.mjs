// npm run test:busy [-- ROUNDS [part of a file name ...]]: npm test, so many times (5), while every core is kept busy by
// something else. Ends with the first round that fails, and says what failed. A test that fails here and not on a quiet
// machine relies on a time: it has to wait for a condition.
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { root, say } from './house.mjs'

const [first, ...rest] = process.argv.slice(2)
const counted = first !== undefined && /^\d+$/.test(first)
const rounds = counted ? Number(first) : 5
const parts = counted ? rest : process.argv.slice(2)

if (rounds === 0) {
  console.error('npm run test:busy: at least one round')
  process.exit(1)
}

// They end with this process: their stdin does.
const SPIN =
  "process.stdin.resume().on('end', () => process.exit()); (function spin() { for (let i = 0; i < 1e7; i++); setImmediate(spin) })()"
for (let i = 0; i < availableParallelism(); i++) {
  spawn(process.execPath, ['--eval', SPIN], { stdio: ['pipe', 'ignore', 'inherit'] }).unref()
}

for (let round = 1; round <= rounds; round++) {
  const began = performance.now()
  const { passed, output } = await test()
  const lines = output.trimEnd().split('\n')
  if (!passed) console.log(output)
  say(`round ${round} of ${rounds}: ${lines.at(-1)} (${((performance.now() - began) / 1000).toFixed(0)} s)`)
  if (passed) continue
  const failures = lines.filter((line) => line.startsWith('FAILED: '))
  for (const line of failures) say(line)
  if (failures.length === 0) say('FAILED: the run itself, see above')
  process.exit(1)
}
process.exit(0)

/** Runs the suite once; resolves to { passed, output }. */
function test() {
  const child = spawn(process.execPath, [join(root, 'scripts', 'test.mjs'), ...parts], { cwd: root })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  }
  return new Promise((resolve) => child.on('close', (code) => resolve({ passed: code === 0, output })))
}

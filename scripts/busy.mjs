// npm run test:busy [-- ROUNDS [part of a file name ...]]: npm test, so many times (5), while every core is kept busy by
// something else. A test that fails here and not on a quiet machine relies on a time: it has to wait for a condition.
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { root, say } from './house.mjs'

const [first, ...rest] = process.argv.slice(2)
const counted = first !== undefined && /^\d+$/.test(first)
const rounds = counted ? Number(first) : 5
const parts = counted ? rest : process.argv.slice(2)

// They end with this process: their stdin does.
const SPIN =
  "process.stdin.resume().on('end', () => process.exit()); (function spin() { for (let i = 0; i < 1e7; i++); setImmediate(spin) })()"
for (let i = 0; i < availableParallelism(); i++) {
  spawn(process.execPath, ['--eval', SPIN], { stdio: ['pipe', 'ignore', 'inherit'] }).unref()
}

/** How often each test failed. */
const failures = new Map()
for (let round = 1; round <= rounds; round++) {
  const began = performance.now()
  const last = await test()
  say(`round ${round} of ${rounds}: ${last} (${((performance.now() - began) / 1000).toFixed(0)} s)`)
}
for (const [title, count] of failures) console.log(`FAILED ${count} of ${rounds} times: ${title}`)
process.exit(failures.size === 0 ? 0 : 1)

/** Runs the suite once; resolves to its last line. */
function test() {
  const child = spawn(process.execPath, [join(root, 'scripts', 'test.mjs'), ...parts], { cwd: root })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  }
  return new Promise((resolve) => {
    child.on('close', (code) => {
      const titles = Array.from(output.matchAll(/^FAILED: (.*)$/gm), ([, title]) => title)
      if (code !== 0 && titles.length === 0) titles.push('the run itself')
      for (const title of titles) failures.set(title, (failures.get(title) ?? 0) + 1)
      if (code !== 0) console.log(output)
      resolve(output.trimEnd().split('\n').at(-1))
    })
  })
}

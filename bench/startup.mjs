// node bench/startup.mjs [rounds]: how long `nightjar pub` takes beside bare `node -e 0`, as medians of alternating runs.
// The broker that it publishes to runs meanwhile. The budget is 60 ms.
import { spawn, spawnSync } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const BUDGET_MS = 60
const root = fileURLToPath(new URL('..', import.meta.url))
const nightjar = join(root, 'bin', 'nightjar')
const rounds = Number(process.argv[2] ?? 21)

const port = await freePort()
const broker = spawn(process.execPath, [nightjar, '-p', String(port), '-q'], { stdio: 'inherit' })
await untilListening(port)

const commands = {
  'node -e 0': ['-e', '0'],
  'nightjar --version': [nightjar, '--version'],
  'nightjar pub': [nightjar, 'pub', '-p', String(port), '-t', 'bench/startup', '-m', 'x'],
  'nightjar pub -q 1': [nightjar, 'pub', '-p', String(port), '-t', 'bench/startup', '-m', 'x', '-q', '1'],
}
const times = Object.fromEntries(Object.keys(commands).map((name) => [name, []]))
for (let round = 0; round <= rounds; round++) {
  for (const [name, words] of Object.entries(commands)) {
    const began = process.hrtime.bigint()
    const { status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`)
    // The first round only warms the caches of the disk.
    if (round > 0) times[name].push(Number(process.hrtime.bigint() - began) / 1e6)
  }
}
broker.kill()

const bare = median(times['node -e 0'])
for (const [name, list] of Object.entries(times)) {
  const more = median(list) - bare
  console.log(`${name.padEnd(20)} ${median(list).toFixed(1).padStart(7)} ms  ${more >= 0 ? '+' : ''}${more.toFixed(1)} ms`)
}
console.log(`budget of nightjar pub: +${BUDGET_MS} ms`)

function median(list) {
  const sorted = [...list].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

async function untilListening(port) {
  for (let tries = 0; tries < 100; tries++) {
    const { status } = spawnSync(process.execPath, [nightjar, 'pub', '-p', String(port), '-t', 'bench/startup', '-n'])
    if (status === 0) return
  }
  throw new Error(`the broker does not answer on port ${port}`)
}

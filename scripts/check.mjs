// npm run check: format, lint, types, purity, dead code and the package, each named with ok or FAILED.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installPackages, root, run, say } from './house.mjs'

/** What a build has already proved can be left out. */
const CHECKS = [
  {
    name: 'format and lint',
    hint: 'npm run format mends most of it',
    command: ['biome', 'check', '--error-on-warnings'],
  },
  { name: 'types', built: true, command: ['tsc', '-p', 'tsconfig.json', '--noEmit', '--pretty', 'false'] },
  { name: 'purity of floors 0 to 3', built: true, command: ['tsc', '-p', 'tsconfig.core.json', '--pretty', 'false'] },
  { name: 'dead code', command: ['knip', '--no-progress'] },
  { name: 'package', needs: 'dist/src/index.js', command: ['publint', 'run', '--strict'] },
]

/** Runs the checks, says how each went, and resolves to { passed, failed, skipped }. */
export async function check({ built = false } = {}) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const { name, hint, command, needs, ...rest } of CHECKS) {
    if (built && rest.built) continue
    if (needs !== undefined && !existsSync(join(root, needs))) {
      say(`check ${name}: skipped, ${needs} is not built`)
      counts.skipped++
      continue
    }
    const { ok, output } = await run(command[0], command.slice(1))
    say(`check ${name}: ${ok ? 'ok' : 'FAILED'}${!ok && hint !== undefined ? ` (${hint})` : ''}`)
    if (!ok) process.stderr.write(`${output}\n`)
    counts[ok ? 'passed' : 'failed']++
  }
  return counts
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  installPackages()
  process.exitCode = (await check()).failed === 0 ? 0 : 1
}

// npm run build: the sources to dist/, the purity of the lower floors, and the bundle that the command line starts from.
import { existsSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { files, installPackages, root, run, say, stamp } from './house.mjs'

const ENTRY = 'dist/src/cli/main.js'
/** Runs in a thread of its own, started by its path. */
const MOVER = 'dist/src/store/disk/mover-thread.js'

/** Builds everything; true if all went well. What failed has been printed. */
export async function build() {
  const began = new Date()
  dropStale()
  const [all, core] = await Promise.all([
    run('tsc', ['-p', 'tsconfig.json', '--pretty', 'false']),
    run('tsc', ['-p', 'tsconfig.core.json', '--pretty', 'false']),
  ])
  if (!all.ok) process.stderr.write(all.output)
  else if (!core.ok) {
    say('floors 0 to 3 are pure (tsconfig.core.json: no Node types, no timers), but:')
    process.stderr.write(core.output)
  }
  if (!all.ok || !core.ok || !(await bundle())) return false
  mkdirSync(join(root, 'dist'), { recursive: true })
  writeFileSync(stamp, '')
  utimesSync(stamp, began, began)
  return true
}

/** Removes what was made from sources that are gone: a deleted test must not run, a deleted file must not ship. */
function dropStale() {
  for (const folder of ['src', 'test', 'bench']) {
    if (!existsSync(join(root, 'dist', folder))) continue
    for (const path of files(`dist/${folder}`, '.js')) {
      const stem = path.slice('dist/'.length, -'.js'.length)
      if (existsSync(join(root, `${stem}.ts`))) continue
      for (const ending of ['.js', '.js.map', '.d.ts']) rmSync(join(root, `dist/${stem}${ending}`), { force: true })
    }
  }
}

/**
 * One file for the command line instead of a hundred, as each module costs start-up time; what is imported lazily (a
 * verb) becomes a file of its own under dist/cli.
 */
async function bundle() {
  if (!existsSync(join(root, ENTRY))) {
    say(`no command line yet (${ENTRY}): nothing to bundle`)
    return true
  }
  const { rolldown } = await import('rolldown')
  try {
    const input = { nightjar: join(root, ENTRY), 'mover-thread': join(root, MOVER) }
    // The engine of the store brings a native part along, which cannot be bundled.
    const made = await rolldown({ input, platform: 'node', logLevel: 'warn', external: ['lmdb'] })
    rmSync(join(root, 'dist/cli'), { recursive: true, force: true })
    await made.write({
      dir: join(root, 'dist'),
      format: 'esm',
      entryFileNames: ({ name }) => (name === 'nightjar' ? 'nightjar.js' : 'cli/[name].js'),
      chunkFileNames: 'cli/[name].js',
    })
    await made.close()
    return true
  } catch (error) {
    say(`the bundle failed: ${error.message}`)
    return false
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  installPackages()
  process.exitCode = (await build()) ? 0 : 1
}

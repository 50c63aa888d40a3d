import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { buildIsStale, installPackages, root, say } from './house.mjs'

installPackages()
if (buildIsStale(['src', 'tsconfig.json', 'package.json', 'scripts/build.mjs'])) {
  say('building')
  // In a child: the broker would keep the memory that the bundler takes, 110 MiB, for as long as it runs.
  const { status } = spawnSync(process.execPath, [join(root, 'scripts', 'build.mjs')], { stdio: 'inherit' })
  if (status !== 0) process.exit(1)
}

// In this process rather than in a child: signals, the exit code and the terminal are then the broker's own.
process.argv[1] = join(root, 'bin', 'nightjar')
await import(pathToFileURL(process.argv[1]).href)

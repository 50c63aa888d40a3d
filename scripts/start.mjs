// npm start [-- arguments of the broker]: installs and builds what is missing or old, then is the broker.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { buildIsStale, installPackages, root, say } from './house.mjs'

installPackages()
if (buildIsStale(['src', 'tsconfig.json', 'package.json', 'scripts/build.mjs'])) {
  say('building')
  const { build } = await import('./build.mjs')
  if (!(await build())) process.exit(1)
}

// In this process rather than in a child: signals, the exit code and the terminal are then the broker's own.
process.argv[1] = join(root, 'bin', 'nightjar')
await import(pathToFileURL(process.argv[1]).href)

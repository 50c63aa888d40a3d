// node scripts/docs.mjs: writes the documents that are made from the sources. A test holds them up to date.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from './build.mjs'
import { root } from './house.mjs'

if (await build()) {
  const { optionsAsMarkdown } = await import('../dist/src/config/index.js')
  const { eventsAsMarkdown, sysTopicsAsMarkdown } = await import('../dist/src/broker/index.js')
  writeFileSync(join(root, 'docs/configuration.md'), optionsAsMarkdown())
  const { commandsAsMarkdown } = await import('../dist/src/cli/markdown.js')
  writeFileSync(join(root, 'docs/commands.md'), commandsAsMarkdown())
  const { matrixAsMarkdown } = await import('../dist/test/conformance/matrix.js')
  writeFileSync(join(root, 'docs/internals/conformance.md'), matrixAsMarkdown())
  writeFileSync(join(root, 'docs/events.md'), eventsAsMarkdown())
  writeFileSync(join(root, 'docs/sys-topics.md'), sysTopicsAsMarkdown())
} else process.exitCode = 1

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './root.ts'

/**
 * 0..2^31-1, from what stands in `src` and `test`: the same commit draws the same cases on every machine, so a test that
 * fails fails for everybody, and one that passes may be relied on. The next commit draws others. Fresh seeds are for
 * `npm run sim` and `npm run fuzz`.
 */
export const sourceSeed: number = seedOf(['src', 'test'])

function seedOf(folders: readonly string[]): number {
  const hash = createHash('sha256')
  for (const folder of folders) {
    const entries = readdirSync(join(root, folder), { recursive: true }) as string[]
    const paths = entries.map((entry) => `${folder}/${entry.replaceAll('\\', '/')}`)
    for (const path of paths.filter((each) => each.endsWith('.ts')).sort()) {
      // A checkout on Windows may have other line ends.
      hash.update(`${path}\n${readFileSync(join(root, path), 'utf8').replaceAll('\r\n', '\n')}\n`)
    }
  }
  return hash.digest().readUInt32BE(0) >>> 1
}

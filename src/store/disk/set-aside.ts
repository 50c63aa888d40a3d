import fs from 'node:fs'
import { join } from 'node:path'
import type { Files } from './files.ts'
import type { Damage, Recovered } from './replay.ts'
import { segmentName } from './segments.ts'
import { TREE_FILE } from './tree.ts'
import { treeTrouble } from './tree-head.ts'

/** What of a store is not sound is kept in this folder of it, for people to look at, and not thrown away. */
const FOLDER = 'damaged'

/**
 * If the tree's file is none, the store begins anew without it, as the broker must start: the tree goes aside, and the kept
 * messages, of which only the tree knew. Returns what a person should know; null: there is nothing to tell. Throws if it
 * cannot be moved.
 */
export function setTreeAside(folder: string): string | null {
  const trouble = treeTrouble(join(folder, 'tree', TREE_FILE))
  if (trouble === null) return null
  let number = 1
  while (fs.existsSync(join(folder, FOLDER, `tree.${number}`))) number++
  fs.mkdirSync(join(folder, FOLDER), { recursive: true, mode: 0o700 })
  for (const part of ['tree', 'kept']) {
    if (fs.existsSync(join(folder, part))) fs.renameSync(join(folder, part), join(folder, FOLDER, `${part}.${number}`))
  }
  const where = join(folder, FOLDER, `tree.${number}`)
  return `The store's tree was damaged (${TREE_FILE}: ${trouble}): it was set aside in ${where}, and what it held is not there any more`
}

/** Cuts off what of the log is not sound; returns, for each such part, what a person should know. */
export function setLogAside(folder: string, logFolder: string, files: Files, recovered: Recovered): string[] {
  return recovered.damaged.map((damage) => {
    const kept = keep(join(folder, FOLDER), damage)
    const { segment, from, bytes } = damage
    if (!recovered.segments.includes(segment)) files.remove(join(logFolder, segmentName(segment)))
    else fs.truncateSync(join(logFolder, segmentName(segment)), from)
    return `The store's log was damaged (as a power cut can do): ${bytes.length} bytes of ${segmentName(segment)} from ${from} on were ${kept}`
  })
}

function keep(folder: string, { segment, from, bytes }: Damage): string {
  const path = join(folder, `${segmentName(segment)}.${from}`)
  try {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
    fs.writeFileSync(path, bytes, { mode: 0o600 })
    return `set aside in ${path}`
  } catch (error) {
    // The broker starts all the same.
    return `cut off, and could not be set aside in ${path} (${(error as Error).message})`
  }
}

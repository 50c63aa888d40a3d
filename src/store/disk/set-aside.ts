import fs from 'node:fs'
import { join } from 'node:path'
import { type Files, writeAll } from './files.ts'
import type { Damage, Recovered } from './replay.ts'
import { segmentName, segmentsIn } from './segments.ts'
import { TREE_FILE } from './tree.ts'
import { treeTrouble } from './tree-head.ts'

/** What of a store is not sound is kept in this folder of it, for people to look at, and not thrown away. */
const FOLDER = 'damaged'

/**
 * If the tree's file is none, the store begins anew without it, as the broker must start: the tree goes aside, and the kept
 * messages, of which only the tree knew. Returns what a person should know; null: there is nothing to tell. Throws if it
 * cannot be looked at, or moved.
 */
export function setTreeAside(folder: string, files: Files): string | null {
  const trouble = treeTrouble(join(folder, 'tree', TREE_FILE), files)
  if (trouble === null) return null
  let number = 1
  while (fs.existsSync(treeAside(folder, number))) number++
  files.makeFolder(join(folder, FOLDER))
  // The tree last: as long as it is there, this is not done.
  if (fs.existsSync(join(folder, 'kept'))) files.rename(join(folder, 'kept'), join(folder, FOLDER, `kept.${number}`))
  const where = treeAside(folder, number)
  files.rename(join(folder, 'tree'), where)
  return `The store's tree was damaged (${TREE_FILE}: ${trouble}): it was set aside in ${where}, and what it held is not there any more`
}

function treeAside(folder: string, number: number): string {
  return join(folder, FOLDER, `tree.${number}`)
}

/**
 * Whether the store had a tree that is not there any more: it was set aside, now or before a start that did not come to its
 * end, or somebody took it away. `found`: whether there was a file of a tree at this start.
 */
export function isTreeLost(folder: string, files: Files, found: boolean): boolean {
  if (fs.existsSync(treeAside(folder, 1))) return true
  // A store's first segment is made after its tree.
  return !found && segmentsIn(files, join(folder, 'log')).length > 0
}

/** Cuts off what of the log is not sound; returns, for each such part, what a person should know. */
export function setLogAside(folder: string, logFolder: string, files: Files, { damaged }: Recovered): string[] {
  return damaged.map((damage) => {
    const { segment, from, bytes } = damage
    const what = `The store's log was damaged (as a power cut can do): ${bytes.length} bytes of ${segmentName(segment)} from ${from} on`
    const path = join(folder, FOLDER, `${segmentName(segment)}.${from}`)
    try {
      keep(join(folder, FOLDER), path, files, damage)
      cut(join(logFolder, segmentName(segment)), files, from)
      return `${what} were set aside in ${path}`
    } catch (error) {
      // They do no harm where they are: nothing that comes after them is read in their place.
      return `${what} are not used, and could not be set aside in ${path} (${(error as Error).message})`
    }
  })
}

function keep(folder: string, path: string, files: Files, { bytes }: Damage): void {
  files.makeFolder(folder)
  const fd = files.open(path)
  try {
    files.truncate(fd, 0)
    writeAll(files, fd, bytes, bytes.length, 0)
  } finally {
    files.close(fd)
  }
}

function cut(path: string, files: Files, length: number): void {
  const fd = files.open(path)
  try {
    files.truncate(fd, length)
  } finally {
    files.close(fd)
  }
}

/** A segment that has moved, but not all of it, as some was not what had been written: it goes here. Returns where it is. */
export function setSegmentAside(folder: string, logFolder: string, files: Files, segment: number): string {
  const path = join(folder, FOLDER, segmentName(segment))
  files.makeFolder(join(folder, FOLDER))
  files.rename(join(logFolder, segmentName(segment)), path)
  return path
}

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Kept for the store, its thread and the log, unless the limit is so low that a quarter of it has to do. */
const KEPT = 32
const PART_KEPT = 1 / 4

/** How many files and sockets the process may have open, and which of them may be connections. */
export interface Descriptors {
  /** Infinity if unknown. */
  readonly limit: number
  /** The kernel gives the lowest number that is free: who gets one above this would take what is kept. */
  readonly lastForConnections: number
}

export function descriptors(limit: number = openFilesLimit()): Descriptors {
  if (limit === Number.POSITIVE_INFINITY) return { limit, lastForConnections: limit }
  return { limit, lastForConnections: limit - 1 - Math.floor(Math.min(KEPT, limit * PART_KEPT)) }
}

/** Node raises it to the hard limit at start. */
function openFilesLimit(): number {
  let text: string | undefined
  try {
    if (process.platform === 'linux') {
      text = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    } else if (process.platform !== 'win32') {
      text = execFileSync('/bin/sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim()
    }
  } catch {
    // Without /proc, say.
  }
  return /^\d+$/.test(text ?? '') ? Number(text) : Number.POSITIVE_INFINITY
}

import fs from 'node:fs'

/**
 * The tree is mapped into memory once, with room to grow: each time it outgrew its map the old one would stay beside the new
 * one. It is address space only, of which 64-bit systems have enough; on Windows the file itself would take that room.
 */
const ONE_MAP =
  ['arm64', 'x64', 'ppc64', 'riscv64', 's390x', 'loong64'].includes(process.arch) && process.platform !== 'win32'
/** Where address space is limited, a thread of Node takes so much of it; without that V8 ends the process. */
const THREAD_BYTES = 768 * 1024 ** 2
/** Of what is left then: all else needs some, too. */
const SHARE = 1 / 4
/** With less there is no use in beginning. */
const LEAST_BYTES = 16 * 1024 ** 2
const MEBIBYTE = 1024 ** 2

/**
 * Bytes that the tree can be mapped with, at most `most`; null: that is left to LMDB. LMDB ends the process if the system
 * does not let it have them, so what `ulimit -v` says is looked at first. Throws if that is too little.
 */
export function mapBytes(most: number, path: string): number | null {
  if (!ONE_MAP) return null
  const left = addressSpaceLeft()
  if (left === null) return most
  const bytes = Math.min(most, Math.floor(((left - THREAD_BYTES) * SHARE) / MEBIBYTE) * MEBIBYTE)
  const needed = Math.max(LEAST_BYTES, fs.statSync(path, { throwIfNoEntry: false })?.size ?? 0)
  if (bytes >= Math.min(needed, most)) return bytes
  const room = `${Math.ceil(needed / MEBIBYTE)} MiB for the tree`
  throw new Error(`the process may use too little address space (ulimit -v) to have ${room}: allow it more`)
}

/** Null: there is no limit, or the system does not tell. */
function addressSpaceLeft(): number | null {
  try {
    const limit = /^Max address space +(\d+)/m.exec(fs.readFileSync('/proc/self/limits', 'utf8'))?.[1]
    const used = /^VmSize:\s+(\d+) kB/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))?.[1]
    return limit === undefined || used === undefined ? null : Number(limit) - Number(used) * 1024
  } catch {
    return null
  }
}

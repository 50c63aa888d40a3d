import { readFileSync } from 'node:fs'

/** What the broker did to its files, in order, as power-loss.c wrote it down. Times are those of `monotonic`. */
export type DiskCall = { readonly time: number } & (
  | { readonly kind: 'open'; readonly fd: number; readonly path: string; readonly empties: boolean }
  | { readonly kind: 'close'; readonly fd: number }
  /** `safe`: the file was opened so that each write is synced. */
  | {
      readonly kind: 'write'
      readonly fd: number
      readonly at: number
      readonly bytes: Uint8Array
      readonly safe: boolean
    }
  | { readonly kind: 'truncate'; readonly fd: number; readonly length: number }
  | { readonly kind: 'syncBegins' | 'syncEnds'; readonly fd: number; readonly sync: number }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  | { readonly kind: 'remove' | 'makeFolder'; readonly path: string }
  /** Something that is not followed, such as a mapping that can be written. */
  | { readonly kind: 'odd'; readonly fd: number; readonly what: string }
)

const HEAD = 40
const EMPTIES = 2

/** Milliseconds of the clock that the journal has too. */
export function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** The entry that the kill cut short, if there is one, is left out. */
export function readJournal(path: string): DiskCall[] {
  const bytes = readFileSync(path)
  const calls: DiskCall[] = []
  for (let at = 0; at + HEAD <= bytes.length; ) {
    const end = at + HEAD + Number(bytes.readBigUInt64LE(at + 32))
    if (end > bytes.length) break
    calls.push(callOf(bytes, at, bytes.subarray(at + HEAD, end)))
    at = end
  }
  return calls
}

function callOf(bytes: Buffer, at: number, content: Buffer): DiskCall {
  const kind = bytes.readUInt32LE(at)
  const fd = bytes.readInt32LE(at + 4)
  const time = Number(bytes.readBigUInt64LE(at + 8)) / 1e6
  const a = Number(bytes.readBigUInt64LE(at + 16))
  const b = Number(bytes.readBigUInt64LE(at + 24))
  switch (kind) {
    case 1:
      return { kind: 'open', time, fd, path: content.toString(), empties: (a & EMPTIES) !== 0 }
    case 2:
      return { kind: 'close', time, fd }
    case 3:
      return { kind: 'write', time, fd, at: a, bytes: content, safe: b !== 0 }
    case 4:
      return { kind: 'truncate', time, fd, length: a }
    case 5:
      return { kind: 'syncBegins', time, fd, sync: a }
    case 6:
      return { kind: 'syncEnds', time, fd, sync: a }
    case 7: {
      const [from, to] = content.toString().split('\0') as [string, string]
      return { kind: 'rename', time, from, to }
    }
    case 8:
      return { kind: 'remove', time, path: content.toString() }
    case 9:
      return { kind: 'makeFolder', time, path: content.toString() }
    case 10:
      return { kind: 'odd', time, fd, what: content.toString() }
    default:
      throw new Error(`the journal has an entry of kind ${kind} at ${at}`)
  }
}

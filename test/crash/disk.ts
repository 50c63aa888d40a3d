import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Random } from '../fuzz/random.ts'
import { DiskFile } from './disk-file.ts'
import type { DiskCall } from './disk-journal.ts'

type Thing = DiskFile | 'folder'
/** By path. */
type Names = Map<string, Thing>

/** A change of a name, until the folder that it is in is synced. `thing` null: it goes. */
interface Naming {
  readonly number: number
  readonly path: string
  readonly thing: Thing | null
  /** Of a rename: the name that goes with it. */
  readonly from: string | null
}

/** The store's lock, and what is to become it: sockets, which mean nothing after a power cut. They are not followed. */
const LOCK = /\/lock(\.\d+-\w+)?(\/|$)/

/** By path; null: a folder. */
export type Content = Map<string, Uint8Array | null>

/** What lies below a folder. */
export function contentOf(folder: string): Content {
  const content: Content = new Map()
  const visit = (path: string): void => {
    if (LOCK.test(path)) return
    if (statSync(path).isDirectory()) {
      content.set(path, null)
      for (const name of readdirSync(path)) visit(join(path, name))
    } else content.set(path, readFileSync(path))
  }
  visit(folder)
  return content
}

/** Makes the folder what `content` says. */
export function putContent(folder: string, content: Content): void {
  rmSync(folder, { recursive: true, force: true })
  for (const [path, bytes] of [...content].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (bytes === null) mkdirSync(path, { recursive: true })
    else writeFileSync(path, bytes)
  }
}

/**
 * The disk below the broker, as strict as POSIX has it: a write is safe when the file was synced after it, and a name when
 * its folder was. `before`, what lay
 * below `root`, is safe. With `lying` a sync says yes and does nothing.
 */
export class Disk {
  /** What happened to the files and is not followed; nothing can be said of those. */
  readonly odd: Set<string> = new Set()
  readonly #root: string
  readonly #lying: boolean
  readonly #names: Names = new Map()
  readonly #safeNames: Names
  #namings: Naming[] = []
  #changes = 0
  readonly #open: Map<number, string | DiskFile> = new Map()
  /** What was there when the sync began, by its number. */
  readonly #syncs: Map<number, { of: string | DiskFile; changes: number }> = new Map()

  constructor(root: string, before: Content, lying = false) {
    this.#root = root
    this.#lying = lying
    for (const [path, bytes] of before) this.#names.set(path, bytes === null ? 'folder' : new DiskFile(bytes))
    this.#safeNames = new Map(this.#names)
  }

  apply(call: DiskCall): void {
    switch (call.kind) {
      case 'open':
        this.#opened(call.fd, call.path, call.empties)
        break
      case 'close':
        this.#open.delete(call.fd)
        break
      case 'write':
        if (call.safe && !this.#lying) this.#file(call.fd).writeSafely(call.at, call.bytes)
        else this.#file(call.fd).write(call.at, call.bytes)
        break
      case 'truncate':
        this.#file(call.fd).truncate(call.length)
        break
      case 'syncBegins':
        this.#syncBegins(call.fd, call.sync)
        break
      case 'syncEnds':
        this.#syncEnds(call.sync)
        break
      case 'rename':
        if (LOCK.test(call.to)) break
        this.#name(call.to, this.#names.get(call.from)!, call.from)
        break
      case 'remove':
        if (!LOCK.test(call.path)) this.#name(call.path, null)
        break
      case 'makeFolder':
        if (!LOCK.test(call.path)) this.#name(call.path, 'folder')
        break
      case 'odd': {
        const of = this.#open.get(call.fd)
        const path = [...this.#names].find(([, thing]) => thing === of)?.[0]
        this.odd.add(`${call.what} ${path ?? ''}`)
      }
    }
  }

  /** What the system had at last. */
  whole(): Content {
    return contentIn(this.#root, this.#names, (file) => file.whole())
  }

  /** What a power cut leaves if nothing went to the disk but what was synced. */
  safe(): Content {
    return contentIn(this.#root, this.#safeNames, (file) => file.safe())
  }

  /** What it leaves if the disk had begun with the rest: some sectors, some lengths, the names in their order. */
  some(random: Random): Content {
    const names = new Map(this.#safeNames)
    for (const naming of this.#namings.slice(0, random.below(this.#namings.length + 1))) setName(names, naming)
    return contentIn(this.#root, names, (file) => file.some(random))
  }

  #opened(fd: number, path: string, empties: boolean): void {
    let thing = this.#names.get(path)
    if (thing === undefined) {
      thing = new DiskFile()
      this.#name(path, thing)
    } else if (empties && thing !== 'folder') thing.truncate(0)
    this.#open.set(fd, thing === 'folder' ? path : thing)
  }

  #file(fd: number): DiskFile {
    const file = this.#open.get(fd)
    if (file instanceof DiskFile) return file
    throw new Error(`the journal writes to ${fd}, which is ${String(file)}`)
  }

  #name(path: string, thing: Thing | null, from: string | null = null): void {
    if (from !== null && thing === 'folder') throw new Error(`a folder was renamed, which is not followed: ${from}`)
    const naming = { number: this.#changes++, path, thing, from }
    setName(this.#names, naming)
    this.#namings.push(naming)
  }

  #syncBegins(fd: number, sync: number): void {
    const of = this.#open.get(fd)!
    this.#syncs.set(sync, { of, changes: typeof of === 'string' ? this.#changes : of.changes })
  }

  #syncEnds(sync: number): void {
    const begun = this.#syncs.get(sync)
    this.#syncs.delete(sync)
    if (begun === undefined || this.#lying) return
    const { of, changes } = begun
    if (typeof of !== 'string') {
      of.syncedTo(changes)
      return
    }
    const left: Naming[] = []
    for (const naming of this.#namings) {
      if (naming.number < changes && dirname(naming.path) === of) setName(this.#safeNames, naming)
      else left.push(naming)
    }
    this.#namings = left
  }
}

function setName(names: Names, { path, thing, from }: Naming): void {
  if (from !== null) names.delete(from)
  if (thing === null) names.delete(path)
  else names.set(path, thing)
}

/** What has a name, in folders that have one too. */
function contentIn(root: string, names: Names, read: (file: DiskFile) => Uint8Array): Content {
  const content: Content = new Map()
  for (const [path, thing] of [...names].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (path !== root && content.get(dirname(path)) !== null) continue
    content.set(path, thing === 'folder' ? null : read(thing))
  }
  return content
}

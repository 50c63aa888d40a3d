import { dirname, join } from 'node:path'
import type { LoadRecord, Store, StoredEntry, StoreRecord } from '../../broker/contracts.ts'
import { boundsFrom, type StoreBounds } from './bounds.ts'
import { type Files, openIfThere, syncPaths, systemFiles } from './files.ts'
import { keptIn, keptName } from './kept.ts'
import { entriesOf, loadRecords } from './load.ts'
import { Log, type LogOptions, type SyncMode } from './log.ts'
import { mapBytes } from './map.ts'
import { Messages } from './messages.ts'
import { type Moved, Mover } from './mover.ts'
import type { MoveOrder } from './mover-thread.ts'
import { Recent } from './recent.ts'
import type { RecentSession } from './recent-session.ts'
import type { MakeMessage } from './records.ts'
import { Remover } from './remover.ts'
import { beginAtLog, type Recovered, recoverLog } from './replay.ts'
import { segmentName } from './segments.ts'
import { isTreeLost, setLogAside, setSegmentAside, setTreeAside } from './set-aside.ts'
import { checkSchema, TREE_FILE, Tree } from './tree.ts'
import { isDamage, ReadTrouble, type Tell } from './trouble.ts'

export interface DiskStoreOptions extends Partial<StoreBounds> {
  /** Nobody else may use it meanwhile: `lockFolder` sees to that. */
  readonly folder: string
  /** Called when the store is closed: gives the folder back. */
  readonly unlock?: () => void
  readonly sync: SyncMode
  /** How the broker's messages are made. */
  readonly make: MakeMessage
  readonly files?: Files
  /** What a person should know: damage set aside at start, what fails, and that it works again. */
  readonly tell?: Tell
}

/** The store on disk: a redo log in front of a tree. What it promises is in docs/durability.md. */
export class DiskStore implements Store {
  onDurable: (() => void) | null = null
  onReadable: (() => void) | null = null
  readonly #folder: string
  readonly #logFolder: string
  readonly #keptFolder: string
  readonly #bounds: StoreBounds
  readonly #files: Files
  readonly #tell: Tell
  readonly #unlock: () => void
  readonly #tree: Tree
  readonly #mover: Mover
  readonly #log: Log
  readonly #recent: Recent
  readonly #messages: Messages
  readonly #remover: Remover
  readonly #reading: ReadTrouble
  /**
   * What the turn says of queues, in order: written in one go when it ends. Between two packets stand calls of the system,
   * after which the processor has forgotten this code (one in flight, QoS 1: 35.3 against 32.0 us).
   */
  readonly #later: StoreRecord[] = []
  /** Segments of which messages are kept in a file. */
  readonly #keptSegments: Set<number>
  /** The last record of each segment that this process has filled, and not moved. */
  readonly #ends: Map<number, number> = new Map()
  /** The last record of each that was there at start, and is not moved. */
  readonly #endsBefore: Map<number, number>
  #recovered: Recovered | null
  #nextSession: number
  #moveTrouble: string | null = null
  #damageTold = false
  /** The last segment whose turn to be moved has come. */
  #ordered = 0
  readonly #tidying: NodeJS.Timeout
  /** As they were at the last look: the log's position; and looks since the segment began. */
  #lookedAt = 0
  #looks = 0

  /**
   * Opens the folder, which is made if it is not there. Throws if it is from a newer version, or if something of it
   * cannot be read: nothing is then taken for damaged, and all is as it was.
   */
  constructor(options: DiskStoreOptions) {
    const { folder, make } = options
    this.#folder = folder
    this.#logFolder = join(folder, 'log')
    this.#keptFolder = join(folder, 'kept')
    this.#bounds = boundsFrom(options)
    this.#files = options.files ?? systemFiles
    this.#tell = options.tell ?? ((): void => undefined)
    this.#remover = new Remover(this.#files, this.#tell)
    const { readAgainAfter, readAgainLatest } = this.#bounds
    const again = (): void => this.onReadable?.()
    this.#reading = new ReadTrouble(folder, readAgainAfter, readAgainLatest, this.#tell, again)
    this.#files.makeFolder(this.#logFolder)
    this.#unlock = options.unlock ?? ((): void => undefined)
    let tree: Tree | null = null
    let log: Log | null = null
    try {
      const { map, lost } = this.#prepareTree()
      const treePath = join(folder, 'tree')
      tree = new Tree(treePath, make, () => this.#damaged('a value of the tree'), this.#bounds, map)
      this.#tree = tree
      this.#begin(tree, lost)
      this.#recent = new Recent(this.#bounds)
      const [files, recent, remover] = [this.#files, this.#recent, this.#remover]
      const recovered = recoverLog({ tree, recent, files, folder: this.#logFolder, make, remover })
      this.#recovered = recovered
      this.#keptSegments = recovered.kept
      this.#endsBefore = new Map(recovered.segments)
      this.#nextSession = recovered.nextSession
      this.#removeOrphans()
      for (const words of setLogAside(folder, this.#logFolder, files, recovered)) this.#tell('warning', words)
      const places = { files, folder, make, bounds: this.#bounds, recent, tree, kept: this.#keptSegments }
      this.#messages = new Messages(places, (what) => this.#damaged(what))
      log = new Log(this.#logOptions(options.sync), recovered.position, recovered.nextSegment)
      this.#log = log
      this.#messages.log = log
      this.#recent.begin(this.#log.segment)
      // What a new store is made of, and the names, must be safe before anything in it is promised.
      syncPaths(files, [join(treePath, TREE_FILE), treePath, folder, dirname(folder), dirname(dirname(folder))])
      const folders = { logFolder: this.#logFolder, keptFolder: this.#keptFolder, treePath, bounds: this.#bounds, map }
      const order = (segment: number): MoveOrder => this.#orderFor(segment)
      this.#mover = new Mover(folders, order, (result) => this.#moved(result))
      for (const segment of recovered.segments.keys()) this.#mover.move(segment)
      this.#tidying = setInterval(() => this.#tidy(), this.#bounds.tidyEvery)
      this.#tidying.unref()
    } catch (error) {
      void log?.close()
      void tree?.close()
      throw error
    }
  }

  /** Sets a tree aside that is none. `lost`: the store had one that is not there any more. */
  #prepareTree(): { map: number | null; lost: boolean } {
    const path = join(this.#folder, 'tree', TREE_FILE)
    const aside = setTreeAside(this.#folder, this.#files)
    if (aside !== null) this.#tell('error', aside)
    this.#files.makeFolder(this.#keptFolder)
    const fd = openIfThere(this.#files, path)
    if (fd !== null) this.#files.close(fd)
    const lost = isTreeLost(this.#folder, this.#files, fd !== null)
    if (lost && fd === null && aside === null) {
      this.#tell('error', `The store's tree (${path}) is gone, and what it held is not there any more`)
    }
    return { map: mapBytes(this.#bounds.mapBytes, path), lost }
  }

  #begin(tree: Tree, lost: boolean): void {
    checkSchema(tree.schema)
    if (lost && tree.isNew) beginAtLog({ tree, files: this.#files, folder: this.#logFolder })
  }

  get durable(): number {
    return this.#log.durable
  }

  get trouble(): string | null {
    return this.#log.trouble ?? this.#moveTrouble ?? this.#reading.words
  }

  get full(): boolean {
    return this.#log.full
  }

  append(record: StoreRecord, pressing = true): number {
    const position = this.#log.take(pressing)
    const { kind } = record
    if (kind === 'queued' || kind === 'received' || kind === 'done') {
      this.#later.push(record)
      return position
    }
    // Before a message there is nothing that needs it.
    if (kind !== 'message') this.#catchUp()
    this.#write(record)
    return position
  }

  commit(): void {
    this.#catchUp()
    this.#log.commit()
  }

  #write(record: StoreRecord): void {
    const session = 'clientId' in record ? this.#sessionOf(record.clientId) : null
    const { offset } = this.#log
    this.#log.write(record, session?.number ?? 0)
    this.#recent.note(session, record, offset, this.#log.offset - offset)
  }

  #catchUp(): void {
    const later = this.#later
    if (later.length === 0) return
    for (let i = 0; i < later.length; i++) this.#write(later[i]!)
    later.length = 0
  }

  /** Entries of a Session's queue at `from` and after, that are not done. */
  read(clientId: string, from: number, limit: number): StoredEntry[] | null {
    this.#catchUp()
    const session = this.#recent.session(clientId)
    if (session === undefined) return []
    if (this.#reading.refuses(clientId)) return null
    const entries: StoredEntry[] = []
    try {
      this.#readInto(entries, session, from, limit)
    } catch (error) {
      if (isDamage(error)) this.#damaged(`a part of the queue of ${clientId} (${(error as Error).message})`)
      else if (entries.length === 0) {
        this.#reading.failed(clientId, error)
        return null
      }
    }
    return entries
  }

  /** Throws if something cannot be read now: what comes before it is there. */
  #readInto(entries: StoredEntry[], session: RecentSession, from: number, limit: number): void {
    for (const entry of entriesOf(this.#tree, session, from)) {
      const message = this.#messages.find(entry)
      if (message === null) continue
      const { position, received, delivery } = entry
      const { qos, retain, extras } = delivery
      const { identifiers = null, shared = null } = extras ?? {}
      entries.push({ position, message, qos, retain, identifiers, shared, received })
      if (entries.length === limit) return
    }
  }

  load(): Iterable<LoadRecord> {
    const recovered = this.#recovered
    this.#recovered = null
    return recovered === null ? [] : loadRecords(recovered, this.#tree, this.#messages, this.#recent.noted)
  }

  async close(): Promise<void> {
    clearInterval(this.#tidying)
    this.#reading.close()
    this.#catchUp()
    await this.#log.close()
    await this.#mover.close()
    this.#messages.close()
    await this.#tree.close()
    this.#unlock()
  }

  #logOptions(sync: SyncMode): LogOptions {
    return {
      folder: this.#logFolder,
      files: this.#files,
      sync,
      bounds: this.#bounds,
      onDurable: () => this.onDurable?.(),
      onWaited: () => {
        this.#catchUp()
        this.#log.commitNow()
      },
      onSegment: (segment) => {
        this.#recent.begin(segment)
        this.#looks = 0
      },
      onSealed: (segment, position) => {
        this.#ends.set(segment, position)
        // Those before it: what was in flight as they ended is mostly done by now, and then there is nothing to move.
        this.#order(segment - 1)
      },
      onTrouble: (trouble) => {
        if (trouble === null) this.#tell('notice', `The store in ${this.#logFolder} can be written again`)
        else {
          const words = `The store in ${this.#logFolder} cannot be written (${trouble}): what is to be kept is not acknowledged until it can`
          this.#tell('error', words)
        }
      },
      onStuck: (stuck) => {
        if (stuck === null) this.#tell('notice', `The log in ${this.#logFolder} goes on in another file again`)
        else this.#tell('error', `The log in ${this.#logFolder} cannot go on in another file, and grows (${stuck})`)
      },
    }
  }

  /** All full segments up to this one can be moved. */
  #order(last: number): void {
    for (const segment of this.#ends.keys()) {
      if (segment <= this.#ordered || segment > last) continue
      this.#ordered = segment
      this.#mover.move(segment)
    }
  }

  /** When something in the tree is over, and there is nothing to do, the log need not be full before the disk has it back. */
  #tidy(): void {
    this.#remover.again()
    const { position } = this.#log
    const idle = position === this.#lookedAt
    this.#lookedAt = position
    this.#looks++
    if (!idle && this.#looks < this.#bounds.tidyLatest) return
    if (this.#recent.releases > 0) this.#log.seal()
    else if (idle) this.#order(Number.POSITIVE_INFINITY)
  }

  #orderFor(segment: number): MoveOrder {
    const position = this.#ends.get(segment)
    const late = position === undefined ? null : this.#recent.spent(segment)
    const last = position ?? this.#endsBefore.get(segment)!
    if (late === null || position === undefined) {
      this.#recent.moves(segment)
      return { segment, last, spent: null, late: [] }
    }
    return { segment, last, spent: { segment, position, ...this.#recent.noted }, late }
  }

  #sessionOf(clientId: string): RecentSession {
    return this.#recent.open(clientId, () => this.#nextSession++)
  }

  /** The mover has put a segment into the tree, or could not. */
  #moved(result: Moved): void {
    const { segment } = result
    const before = this.#moveTrouble
    if ('error' in result) {
      this.#moveTrouble = `moving ${segmentName(segment)} into the tree: ${result.error}`
      // Nothing is lost by it: the segment stays, and takes its place on the disk and some time at the next start.
      if (before === null) this.#tell('error', `The log grows, as ${this.#moveTrouble}`)
      return
    }
    this.#moveTrouble = null
    if (before !== null) this.#tell('notice', 'The log can be moved into the tree again')
    this.#tree.refresh()
    this.#ends.delete(segment)
    this.#endsBefore.delete(segment)
    if (result.kept) this.#keptSegments.add(segment)
    const unneeded = [...result.unneeded]
    for (const each of unneeded) this.#keptSegments.delete(each)
    const forgetting = this.#recent.forget(segment, this.#bounds.forgetStep)
    // A little in each turn, so that the loop is not held up.
    const step = (): void => {
      const done = forgetting.next().done === true
      const each = done ? unneeded.pop() : undefined
      if (each !== undefined) {
        this.#messages.forgetKept(each)
        this.#remover.remove(join(this.#keptFolder, keptName(each)))
      } else if (done) {
        this.#messages.forgetLogged(segment)
        this.#letGo(segment, result.damaged)
        return
      }
      setImmediate(step)
    }
    step()
  }

  /** A segment that was moved is of no use; but for people, if not all of it could be. */
  #letGo(segment: number, damaged: readonly string[]): void {
    if (damaged.length === 0) {
      this.#remover.remove(join(this.#logFolder, segmentName(segment)))
      return
    }
    try {
      const where = setSegmentAside(this.#folder, this.#logFolder, this.#files, segment)
      this.#damaged(`${damaged.join(', ')} (what was moved is set aside in ${where})`)
    } catch (error) {
      this.#damaged(`${damaged.join(', ')} (${(error as Error).message})`)
    }
  }

  /** Files that a process left which ended before it had told the tree of them, or before it could remove them. */
  #removeOrphans(): void {
    for (const segment of keptIn(this.#files, this.#keptFolder)) {
      // Of a segment that is still to be moved it is begun anew then: it must not be removed later.
      if (this.#keptSegments.has(segment) || this.#endsBefore.has(segment)) continue
      this.#remover.remove(join(this.#keptFolder, keptName(segment)))
    }
  }

  /** Something that was written is not there, or is something else: those who wait for it do without. */
  #damaged(where: string): void {
    if (this.#damageTold) return
    this.#damageTold = true
    const words = `The store in ${this.#folder} is damaged: ${where} cannot be read. What it held is lost; \`nightjar store check\` tells more`
    this.#tell('error', words)
  }
}

import { dirname, join } from 'node:path'
import type { LoadRecord, Message, Store, StoredEntry, StoreRecord } from '../../broker/contracts.ts'
import { ByteReader } from './byte-writer.ts'
import type { Place, QueueEntry } from './entry.ts'
import { type Files, syncPaths, systemFiles } from './files.ts'
import { keptIn, keptName, readKept } from './kept.ts'
import { Log, type LogOptions, type SyncMode } from './log.ts'
import { migrate } from './migrate.ts'
import { type Moved, Mover } from './mover.ts'
import type { MoveOrder } from './mover-thread.ts'
import { ReadBack } from './read-back.ts'
import { Recent } from './recent.ts'
import type { RecentSession } from './recent-session.ts'
import { Kind, type MakeMessage, readMessage } from './records.ts'
import { type Recovered, type RecoveredSession, recoverLog } from './replay.ts'
import { segmentName } from './segments.ts'
import { setLogAside, setTreeAside } from './set-aside.ts'
import { SCHEMA_VERSION, TREE_FILE, Tree } from './tree.ts'

export interface DiskStoreOptions {
  /** Nobody else may use it meanwhile: `lockFolder` sees to that. */
  readonly folder: string
  /** Called when the store is closed: gives the folder back. */
  readonly unlock?: () => void
  readonly sync: SyncMode
  /** How the broker's messages are made. */
  readonly make: MakeMessage
  /** Bytes after which a segment of the log is full. Default 8 MiB. */
  readonly segmentBytes?: number
  /** Milliseconds between two syncs in mode `everysec`, and between two tries in mode `always`. Default 1000. */
  readonly syncEvery?: number
  /** Bytes that may wait while the disk takes none, before the broker takes nothing more that is to be kept. Default 16 MiB. */
  readonly waitingBytes?: number
  /** Milliseconds between two looks whether room on the disk can be given back. Default 5000. */
  readonly tidyEvery?: number
  readonly files?: Files
  /** What a person should know: damage set aside at start, writing that fails, writing that works again. */
  readonly tell?: (level: 'warning' | 'error' | 'notice', words: string) => void
}

const SYNC_EVERY_MS = 1000
const SEGMENT_BYTES = 8 * 1024 * 1024
const WAITING_BYTES = 16 * 1024 * 1024
/** Entries forgotten in one go, so that the loop is not held up. */
const FORGET_STEP = 5000
/** How often is looked whether room on the disk can be given back. */
const TIDY_EVERY_MS = 5000
/** Looks after which it is given back although the log is busy. */
const TIDY_LATEST = 12

/** The store on disk: a redo log in front of a tree. What it promises is in docs/durability.md. */
export class DiskStore implements Store {
  onDurable: (() => void) | null = null
  readonly #options: DiskStoreOptions
  readonly #files: Files
  readonly #logFolder: string
  readonly #keptFolder: string
  readonly #tree: Tree
  readonly #mover: Mover
  readonly #log: Log
  readonly #recent: Recent
  /**
   * What the turn says of queues, in order: written in one go when it ends. Between two packets stand calls of the system,
   * after which the processor has forgotten this code (one in flight, QoS 1: 35.3 against 32.0 us).
   */
  readonly #later: StoreRecord[] = []
  /** Segments of which messages are kept in a file. */
  readonly #keptSegments: Set<number>
  /** The last record of each segment that this process has filled, and not moved. */
  readonly #ends: Map<number, number> = new Map()
  readonly #logged: ReadBack
  readonly #kept: ReadBack
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

  /** Opens the folder, which is made if it is not there. Throws if it is from a newer version. */
  constructor(options: DiskStoreOptions) {
    this.#options = options
    this.#files = options.files ?? systemFiles
    this.#logFolder = join(options.folder, 'log')
    this.#keptFolder = join(options.folder, 'kept')
    this.#files.makeFolder(this.#logFolder)
    this.#logged = new ReadBack(this.#files, this.#logFolder, segmentName)
    this.#kept = new ReadBack(this.#files, this.#keptFolder, keptName)
    let tree: Tree | null = null
    try {
      const aside = setTreeAside(options.folder)
      if (aside !== null) options.tell?.('error', aside)
      this.#files.makeFolder(this.#keptFolder)
      const treePath = join(options.folder, 'tree')
      tree = new Tree(treePath, options.make, () => this.#damaged('a value of the tree'))
      this.#tree = tree
      if (this.#tree.schema > SCHEMA_VERSION) throw new Error('it was written by a newer version of nightjar')
      const was = migrate(this.#tree, options.make)
      if (was !== null) {
        options.tell?.('notice', `The store in ${options.folder} was brought from format ${was} to ${SCHEMA_VERSION}`)
      }
      this.#recent = new Recent()
      const recovered = recoverLog(this.#tree, this.#recent, this.#files, this.#logFolder, options.make)
      this.#recovered = recovered
      this.#keptSegments = recovered.kept
      this.#removeOrphans()
      this.#nextSession = recovered.nextSession
      for (const words of setLogAside(options.folder, this.#logFolder, this.#files, recovered)) {
        options.tell?.('warning', words)
      }
      this.#log = new Log(this.#logOptions(), recovered.position, recovered.nextSegment)
      this.#recent.begin(this.#log.segment)
      const folders = { logFolder: this.#logFolder, keptFolder: this.#keptFolder, treePath }
      const order = (segment: number): MoveOrder => this.#orderFor(segment)
      this.#mover = new Mover(folders, order, (result) => this.#moved(result))
      for (const segment of recovered.segments) this.#mover.move(segment)
      // What a new store is made of, and the names, must be safe before anything in it is promised.
      const { folder } = options
      syncPaths(this.#files, [join(treePath, TREE_FILE), treePath, folder, dirname(folder), dirname(dirname(folder))])
      this.#tidying = setInterval(() => this.#tidy(), options.tidyEvery ?? TIDY_EVERY_MS)
      this.#tidying.unref()
    } catch (error) {
      void tree?.close()
      throw error
    }
  }

  get durable(): number {
    return this.#log.durable
  }

  get trouble(): string | null {
    return this.#log.trouble ?? this.#moveTrouble
  }

  get full(): boolean {
    return this.#log.waitingBytes > (this.#options.waitingBytes ?? WAITING_BYTES)
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
  read(clientId: string, from: number, limit: number): StoredEntry[] {
    this.#catchUp()
    const session = this.#recent.session(clientId)
    if (session === undefined) return []
    const entries: StoredEntry[] = []
    for (const entry of this.#entries(session, from)) {
      const message = this.#message(entry)
      if (message === null) continue
      const { position, received, delivery } = entry
      const { qos, retain, extras } = delivery
      const { identifiers = null, shared = null } = extras ?? {}
      entries.push({ position, message, qos, retain, identifiers, shared, received })
      if (entries.length === limit) break
    }
    return entries
  }

  *load(): Iterable<LoadRecord> {
    const recovered = this.#recovered
    if (recovered === null) return
    this.#recovered = null
    if (this.#recent.time !== null) yield { kind: 'time', ...this.#recent.time }
    for (const [topic, { messageId, at }] of recovered.retained) {
      const message = this.#message({ messageId, place: null })
      if (message === null) continue
      yield { kind: 'message', message }
      yield { kind: 'retained', topic, messageId, at }
    }
    for (const session of recovered.sessions.values()) yield* this.#loadSession(session)
    const next = this.#recent.nextMessageId
    if (next > 1) yield { kind: 'messageIds', next }
  }

  async close(): Promise<void> {
    clearInterval(this.#tidying)
    this.#catchUp()
    await this.#log.close()
    await this.#mover.close()
    this.#logged.close()
    this.#kept.close()
    await this.#tree.close()
    this.#options.unlock?.()
  }

  #logOptions(): LogOptions {
    return {
      folder: this.#logFolder,
      files: this.#files,
      sync: this.#options.sync,
      syncEvery: this.#options.syncEvery ?? SYNC_EVERY_MS,
      segmentBytes: this.#options.segmentBytes ?? SEGMENT_BYTES,
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
        const { tell } = this.#options
        if (trouble === null) tell?.('notice', `The store in ${this.#logFolder} can be written again`)
        else {
          const words = `The store in ${this.#logFolder} cannot be written (${trouble}): what is to be kept is not acknowledged until it can`
          tell?.('error', words)
        }
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
    const { position } = this.#log
    const idle = position === this.#lookedAt
    this.#lookedAt = position
    this.#looks++
    if (!idle && this.#looks < TIDY_LATEST) return
    if (this.#recent.releases > 0) this.#log.seal()
    else if (idle) this.#order(Number.POSITIVE_INFINITY)
  }

  #orderFor(segment: number): MoveOrder {
    const position = this.#ends.get(segment)
    const late = position === undefined ? null : this.#recent.spent(segment)
    if (late === null || position === undefined) {
      this.#recent.moves(segment)
      return { segment, spent: null, late: [] }
    }
    return { segment, spent: { segment, position, ...this.#recent.noted }, late }
  }

  #sessionOf(clientId: string): RecentSession {
    return this.#recent.open(clientId, () => this.#nextSession++)
  }

  *#loadSession({ state, recent, bounds, tail }: RecoveredSession): Iterable<LoadRecord> {
    const { clientId, expiryInterval, will, offlineAt, sent } = state
    yield { kind: 'session', clientId, expiryInterval, will }
    if (offlineAt > 0) yield { kind: 'offline', clientId, at: offlineAt, will: will !== null, sent }
    yield* state.replayed.records(clientId, state.subscriptions)
    for (const packetId of state.inbound) yield { kind: 'inbound', clientId, packetId }
    if (tail === 0) return
    let head = tail
    for (const { position } of this.#entries(recent, 0)) {
      head = position
      break
    }
    yield { kind: 'queue', clientId, head, tail, bytes: bounds.bytes + this.#changedBytes(recent) }
  }

  /** How many more payload bytes, or fewer, wait than the tree knows of. */
  #changedBytes(session: RecentSession): number {
    let bytes = 0
    const end = Math.min(session.lastChanged + 1, session.start)
    for (const entry of end > 0 ? this.#tree.queue(session.number, 0, end) : []) {
      if (!entry.received && session.changed({ ...entry })?.received !== false) bytes -= entry.size
    }
    for (const { received, size } of session.entries(0)) if (!received) bytes += size
    return bytes
  }

  /** First what is in the tree, then what is only in the log. */
  *#entries(session: RecentSession, from: number): Iterable<QueueEntry> {
    const { start } = session
    if (from < start) {
      for (const entry of this.#tree.queue(session.number, from, start)) {
        const changed = session.changed(entry)
        if (changed !== null) yield changed
      }
    }
    yield* session.entries(from)
  }

  #message({ messageId, place }: Pick<QueueEntry, 'messageId' | 'place'>): Message | null {
    const inLog = this.#recent.place(messageId)
    let why = 'it is not what was written'
    try {
      const message = inLog === null ? this.#oldMessage(messageId, place) : this.#messageInLog(inLog)
      if (message !== null && message.id === messageId) return message
    } catch (error) {
      why = (error as Error).message
    }
    this.#damaged(`message ${messageId} (${why})`)
    return null
  }

  /** One that is not in the log any more. `place`: where the tree says that it is, if that is known. */
  #oldMessage(messageId: number, place: Place | null): Message | null {
    const at = place ?? this.#tree.blockOf(messageId)?.place(messageId) ?? null
    if (at === null || !this.#keptSegments.has(at.segment)) return this.#tree.message(messageId)
    return readKept(this.#kept.read(at.segment, at.offset, at.length), at, messageId, this.#options.make)
  }

  #messageInLog({ segment, offset, length }: Place): Message | null {
    const bytes = this.#log.unwritten(segment, offset, length) ?? this.#logged.read(segment, offset, length)
    if (bytes[0] !== Kind.message || bytes.length < length) return null
    return readMessage(new ByteReader(bytes, 1, length), this.#options.make)
  }

  /** The mover has put a segment into the tree, or could not. */
  #moved(result: Moved): void {
    const { segment } = result
    const before = this.#moveTrouble
    if ('error' in result) {
      this.#moveTrouble = `moving ${segmentName(segment)} into the tree: ${result.error}`
      // Nothing is lost by it: the segment stays, and takes its place on the disk and some time at the next start.
      if (before === null) this.#options.tell?.('error', `The log grows, as ${this.#moveTrouble}`)
      return
    }
    this.#moveTrouble = null
    if (before !== null) this.#options.tell?.('notice', 'The log can be moved into the tree again')
    this.#tree.refresh()
    this.#ends.delete(segment)
    if (result.kept) this.#keptSegments.add(segment)
    const unneeded = [...result.unneeded]
    for (const each of unneeded) this.#keptSegments.delete(each)
    const forgetting = this.#recent.forget(segment, FORGET_STEP)
    // A little in each turn, so that the loop is not held up.
    const step = (): void => {
      const done = forgetting.next().done === true
      const each = done ? unneeded.pop() : undefined
      if (each !== undefined) {
        this.#kept.forget(each)
        this.#files.remove(join(this.#keptFolder, keptName(each)))
      } else if (done) {
        this.#logged.forget(segment)
        this.#files.remove(join(this.#logFolder, segmentName(segment)))
        return
      }
      setImmediate(step)
    }
    step()
  }

  /** Files that a process left which ended before it had told the tree of them, or before it could remove them. */
  #removeOrphans(): void {
    for (const segment of keptIn(this.#files, this.#keptFolder)) {
      if (!this.#keptSegments.has(segment)) this.#files.remove(join(this.#keptFolder, keptName(segment)))
    }
  }

  /** Something that was written is not there, or is something else: those who wait for it do without. */
  #damaged(where: string): void {
    if (this.#damageTold) return
    this.#damageTold = true
    const words = `The store in ${this.#options.folder} is damaged: ${where} cannot be read. What it held is lost; \`nightjar store check\` tells more`
    this.#options.tell?.('error', words)
  }
}

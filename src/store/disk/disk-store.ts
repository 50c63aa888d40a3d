import { Buffer } from 'node:buffer'
import fs from 'node:fs'
import { join } from 'node:path'
import type { LoadRecord, Message, Store, StoredEntry, StoreRecord } from '../../broker/contracts.ts'
import { ByteReader } from './byte-writer.ts'
import { type Files, systemFiles } from './files.ts'
import { lockFolder } from './lock.ts'
import { Log, type LogOptions, type SyncMode, segmentName } from './log.ts'
import { type Moved, Mover } from './mover.ts'
import { Recent, type RecentSession } from './recent.ts'
import { type MakeMessage, readMessage } from './records.ts'
import { type Recovered, recoverLog } from './replay.ts'
import type { SessionState } from './session-state.ts'
import { type QueueEntry, SCHEMA_VERSION, Tree } from './tree.ts'

export interface DiskStoreOptions {
  readonly folder: string
  readonly sync: SyncMode
  /** How the broker's messages are made. */
  readonly make: MakeMessage
  /** Bytes after which a segment of the log is full. Default 16 MiB. */
  readonly segmentBytes?: number
  /** Milliseconds between two syncs in mode `everysec`, and between two tries in mode `always`. Default 1000. */
  readonly syncEvery?: number
  /** Bytes that may wait while the disk takes none, before the broker takes nothing more that is to be kept. Default 16 MiB. */
  readonly waitingBytes?: number
  readonly files?: Files
  /** What a person should know: damage set aside at start, writing that fails, writing that works again. */
  readonly tell?: (level: 'warning' | 'error' | 'notice', words: string) => void
}

const SYNC_EVERY_MS = 1000
const SEGMENT_BYTES = 16 * 1024 * 1024
const WAITING_BYTES = 16 * 1024 * 1024
/** Entries forgotten in one go, so that the loop is not held up. */
const FORGET_STEP = 5000
const ANY = Number.POSITIVE_INFINITY

/** The store on disk: a redo log in front of a tree. What it promises is in docs/durability.md. */
export class DiskStore implements Store {
  onDurable: (() => void) | null = null
  readonly #options: DiskStoreOptions
  readonly #files: Files
  readonly #logFolder: string
  readonly #unlock: () => void
  readonly #tree: Tree
  readonly #mover: Mover
  readonly #log: Log
  readonly #recent: Recent
  /** For reading back what is in the log. */
  readonly #reading: Map<number, number> = new Map()
  #recovered: Recovered | null
  #nextSession: number
  #moveTrouble: string | null = null

  /** Opens the folder, which is made if it is not there. Throws if another process uses it, or if it is from a newer version. */
  constructor(options: DiskStoreOptions) {
    this.#options = options
    this.#files = options.files ?? systemFiles
    this.#logFolder = join(options.folder, 'log')
    this.#files.makeFolder(this.#logFolder)
    this.#unlock = lockFolder(options.folder)
    let tree: Tree | null = null
    try {
      const treePath = join(options.folder, 'tree')
      tree = new Tree(treePath, options.make)
      this.#tree = tree
      if (this.#tree.version().schema > SCHEMA_VERSION) throw new Error('it was written by a newer version of nightjar')
      this.#recent = new Recent()
      const recovered = recoverLog(this.#tree, this.#recent, this.#files, this.#logFolder, options.make)
      this.#recovered = recovered
      this.#nextSession = recovered.nextSession
      this.#setAside(recovered)
      this.#log = new Log(this.#logOptions(), recovered.position, recovered.nextSegment)
      this.#mover = new Mover(this.#logFolder, treePath, (result) => this.#moved(result))
      for (const segment of recovered.segments) this.#mover.move(segment)
    } catch (error) {
      void tree?.close()
      this.#unlock()
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

  append(record: StoreRecord): number {
    const session = 'clientId' in record ? this.#sessionOf(record.clientId) : null
    const segment = this.#log.segment
    const offset = this.#log.offset
    const position = this.#log.append(record, session?.number ?? 0)
    this.#recent.note(session, record, { segment, offset, length: this.#log.offset - offset }, false)
    return position
  }

  commit(): void {
    this.#log.commit()
  }

  /** Entries of a Session's queue at `from` and after, that are not done. */
  read(clientId: string, from: number, limit: number): StoredEntry[] {
    const session = this.#recent.session(clientId)
    if (session === undefined) return []
    const entries: StoredEntry[] = []
    const messages = new Map<number, Message>()
    for (const entry of this.#entries(session, from)) {
      if (entries.length === limit) break
      const message = messages.get(entry.messageId) ?? this.#message(entry.messageId)
      if (message === null) continue
      messages.set(entry.messageId, message)
      entries.push({ ...entry, message })
    }
    return entries
  }

  *load(): Iterable<LoadRecord> {
    const recovered = this.#recovered
    if (recovered === null) return
    this.#recovered = null
    for (const [topic, messageId] of recovered.retained) {
      const message = this.#message(messageId)
      if (message === null) continue
      yield { kind: 'message', message }
      yield { kind: 'retained', topic, messageId }
    }
    for (const state of recovered.sessions.values()) yield* this.#loadSession(state)
    if (recovered.nextMessageId > 1) yield { kind: 'messageIds', next: recovered.nextMessageId }
  }

  async close(): Promise<void> {
    await this.#log.close()
    await this.#mover.close()
    for (const fd of this.#reading.values()) this.#files.close(fd)
    await this.#tree.close()
    this.#unlock()
  }

  #logOptions(): LogOptions {
    return {
      folder: this.#logFolder,
      files: this.#files,
      sync: this.#options.sync,
      syncEvery: this.#options.syncEvery ?? SYNC_EVERY_MS,
      segmentBytes: this.#options.segmentBytes ?? SEGMENT_BYTES,
      onDurable: () => this.onDurable?.(),
      onSealed: (segment) => this.#mover.move(segment),
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

  #sessionOf(clientId: string): RecentSession {
    return this.#recent.open(clientId, () => this.#nextSession++)
  }

  *#loadSession(state: SessionState): Iterable<LoadRecord> {
    const { clientId, expiryInterval, will, offlineAt, tail } = state
    yield { kind: 'session', clientId, expiryInterval, will }
    if (offlineAt > 0) yield { kind: 'offline', clientId, at: offlineAt, will: will !== null }
    for (const subscription of state.subscriptions.values()) yield { kind: 'subscribed', clientId, subscription }
    for (const packetId of state.inbound) yield { kind: 'inbound', clientId, packetId }
    if (tail === 0) return
    const session = this.#recent.session(clientId)!
    let head = tail
    for (const { position } of this.#entries(session, 0)) {
      head = position
      break
    }
    yield { kind: 'queue', clientId, head, tail, bytes: this.#waitingBytes(state, session) }
  }

  /** As the tree has it, less what the log says is done, and what is only in the log. */
  #waitingBytes(state: SessionState, session: RecentSession): number {
    let bytes = state.bytes
    for (const position of new Set([...(session.done?.keys() ?? []), ...(session.received?.keys() ?? [])])) {
      const entry = this.#tree.queued(session.number, position)
      if (entry !== null && !entry.received) bytes -= entry.size
    }
    for (const { received, size } of session.queue.entries(0)) if (!received) bytes += size
    return bytes
  }

  /** First what is in the tree, then what is only in the log. */
  *#entries(session: RecentSession, from: number): Iterable<QueueEntry> {
    const firstRecent = session.queue.start
    if (from < firstRecent) {
      for (const entry of this.#tree.queue(session.number, from, firstRecent, ANY)) {
        if (session.done?.has(entry.position)) continue
        if (session.received?.has(entry.position)) entry.received = true
        yield entry
      }
    }
    yield* session.queue.entries(from)
  }

  #message(id: number): Message | null {
    const place = this.#recent.messages.place(id)
    if (place === null) return this.#tree.message(id)
    const { segment, offset, length } = place
    const bytes = this.#log.unwritten(segment, offset, length) ?? this.#readBack(segment, offset, length)
    // After the byte that says what kind of record it is.
    return readMessage(new ByteReader(bytes, 1, length), this.#options.make)
  }

  #readBack(segment: number, offset: number, length: number): Buffer {
    let fd = this.#reading.get(segment)
    if (fd === undefined) {
      fd = this.#files.open(join(this.#logFolder, segmentName(segment)))
      this.#reading.set(segment, fd)
    }
    const bytes = Buffer.allocUnsafe(length)
    this.#files.read(fd, bytes, length, offset)
    return bytes
  }

  /** The mover has put a segment into the tree, or could not. */
  #moved(result: Moved): void {
    const before = this.#moveTrouble
    if ('error' in result) {
      this.#moveTrouble = `moving ${segmentName(result.segment)} into the tree: ${result.error}`
      // Nothing is lost by it: the segment stays, and takes its place on the disk and some time at the next start.
      if (before === null) this.#options.tell?.('error', `The log grows, as ${this.#moveTrouble}`)
      return
    }
    this.#moveTrouble = null
    if (before !== null) this.#options.tell?.('notice', 'The log can be moved into the tree again')
    this.#tree.refresh()
    const { segment } = result
    const forgetting = this.#recent.forget(segment, FORGET_STEP)
    const step = (): void => {
      if (forgetting.next().done !== true) {
        setImmediate(step)
        return
      }
      const fd = this.#reading.get(segment)
      if (fd !== undefined) this.#files.close(fd)
      this.#reading.delete(segment)
      this.#files.remove(join(this.#logFolder, segmentName(segment)))
    }
    step()
  }

  /** What of the log is not sound is kept for people to look at, not thrown away. */
  #setAside(recovered: Recovered): void {
    for (const { segment, from, bytes } of recovered.damaged) {
      const folder = join(this.#options.folder, 'damaged')
      const path = join(folder, `${segmentName(segment)}.${from}`)
      let kept = `set aside in ${path}`
      try {
        fs.mkdirSync(folder, { recursive: true })
        fs.writeFileSync(path, bytes)
      } catch (error) {
        // The broker starts all the same.
        kept = `cut off, and could not be set aside in ${path} (${(error as Error).message})`
      }
      if (!recovered.segments.includes(segment)) this.#files.remove(join(this.#logFolder, segmentName(segment)))
      else fs.truncateSync(join(this.#logFolder, segmentName(segment)), from)
      const words = `The store's log was damaged (as a power cut can do): ${bytes.length} bytes of ${segmentName(segment)} from ${from} on were ${kept}`
      this.#options.tell?.('warning', words)
    }
  }
}

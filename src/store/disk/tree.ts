import { Buffer } from 'node:buffer'
import fs from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { open, type RootDatabase } from 'lmdb'
import type { Message, StoredTime } from '../../broker/contracts.ts'
import { type MessageBlock, readBlock } from './block.ts'
import { defaultBounds, type StoreBounds } from './bounds.ts'
import { ByteReader, ByteWriter } from './byte-writer.ts'
import { QueueChunk, writeChunk } from './chunk.ts'
import type { QueueEntry } from './entry.ts'
import {
  after,
  blockKey,
  boundsKey,
  idOf,
  keptKey,
  messageKey,
  positionOf,
  queueKey,
  retainedKey,
  sessionKey,
  VERSION_KEY,
} from './keys.ts'
import { mapBytes } from './map.ts'
import { type MakeMessage, readMessage } from './records.ts'
import { type Retained, readRetained, writeRetained } from './retained.ts'
import { decodeSession, encodeSession, type SessionState } from './session-state.ts'
import { treeTrouble } from './tree-head.ts'

/** Of the tree's schema. A store with another one is not touched: see `checkSchema`. */
const SCHEMA_VERSION = 2

/** Throws if a tree of that schema cannot be read: a newer version wrote it, or one from before the first release. */
export function checkSchema(schema: number): void {
  if (schema > SCHEMA_VERSION) throw new Error('it was written by a newer version of nightjar')
  if (schema < SCHEMA_VERSION) throw new Error(`it is of format ${schema}, which no release of nightjar wrote`)
}

/** How far the log is in the tree. */
export interface Applied {
  /** All records up to this one. */
  readonly position: number
  /** All segments up to this one. */
  readonly segment: number
  /** Higher than the number of every message so far. */
  readonly nextMessageId: number
  /** The last that was noted; null: an earlier version did not. */
  readonly time: StoredTime | null
}

export function readApplied(value: Buffer | undefined): Applied {
  if (value === undefined) return { position: 0, segment: 0, nextMessageId: 1, time: null }
  const from = new ByteReader(value, 4, value.length)
  const [position, segment, nextMessageId] = [from.double(), from.uint32(), from.double()]
  const time = from.atEnd ? null : { at: from.double(), wall: from.double() }
  return { position, segment, nextMessageId, time }
}

/** Of a Session's queue. */
export interface Bounds {
  /** The position after the last that was ever used, so that identifiers go on where they were. */
  readonly tail: number
  /** Payload bytes of what waits. */
  readonly bytes: number
}

/** A value begins with its checksum. */
const CHECKSUM_BYTES = 4

/** The file that LMDB makes in the tree's folder. */
export const TREE_FILE = 'data.mdb'

/** The tree as whoever only looks at it opens it, beside a broker too. Throws if it is none. */
export function openToLook(path: string): RootDatabase<Buffer, Buffer> {
  const trouble = treeTrouble(join(path, TREE_FILE))
  if (trouble !== null) throw new Error(`${join(path, TREE_FILE)} is damaged: ${trouble}`)
  return open<Buffer, Buffer>({
    path,
    encoding: 'binary',
    keyEncoding: 'binary',
    readOnly: true,
    maxReaders: READERS,
    ...mapOf(mapBytes(defaultBounds.mapBytes, join(path, TREE_FILE))),
  })
}

const READERS = 126
/** Of a map that cannot grow: a transaction needs room beside what it replaces. */
const FULL = 3 / 4

function mapOf(map: number | null): { mapSize?: number } {
  return map === null ? {} : { mapSize: map }
}

/** The segments of which messages are kept in a file, in order. */
export function keptSegmentsOf(db: RootDatabase<Buffer, Buffer>): number[] {
  return [...db.getKeys({ start: Buffer.from('k'), end: after('k') })].map((key) => (key as Buffer).readUInt32BE(1))
}

/** The body of a value of the tree; null if it is not what was written. */
export function soundBody(value: Buffer): Buffer | null {
  if (value.length < CHECKSUM_BYTES) return null
  const body = value.subarray(CHECKSUM_BYTES)
  return crc32(body) === value.readUInt32LE(0) ? body : null
}

type TreeBounds = Pick<StoreBounds, 'chunkEntries' | 'mapBytes'>

/** What lasts longer than a log segment, in an LMDB file. */
export class Tree {
  readonly db: RootDatabase<Buffer, Buffer>
  readonly #file: string
  /** The address space is limited, so that it cannot grow beyond this. Null: it can. */
  readonly #mapBytes: number | null
  readonly #chunkEntries: number
  readonly #make: MakeMessage
  readonly #writer: ByteWriter = new ByteWriter()
  /** Told of a value that is not what was written; it is then taken for not there. */
  readonly #damaged: (key: Buffer) => void
  /** The part of a queue that was read last: it is mostly asked for again. */
  #chunk: { session: number; chunk: QueueChunk } | null = null

  /** Opens the tree, or makes one. `map`: the address space that it gets, if that is known already. Throws if it cannot be. */
  constructor(
    path: string,
    make: MakeMessage,
    damaged: (key: Buffer) => void = () => undefined,
    bounds: TreeBounds = defaultBounds,
    map: number | null = mapBytes(bounds.mapBytes, join(path, TREE_FILE)),
  ) {
    // Without overlappingSync a transaction is safe on disk when it returns: only then may the log's segment go.
    this.db = open<Buffer, Buffer>({
      path,
      encoding: 'binary',
      keyEncoding: 'binary',
      overlappingSync: false,
      maxReaders: READERS,
      ...mapOf(map),
    })
    this.#file = join(path, TREE_FILE)
    this.#mapBytes = map !== null && map < bounds.mapBytes ? map : null
    this.#chunkEntries = bounds.chunkEntries
    this.#make = make
    this.#damaged = damaged
  }

  /** Of a tree that nobody has written to yet: the current one. */
  get schema(): number {
    return this.db.get(VERSION_KEY)?.readUInt32LE(0) ?? SCHEMA_VERSION
  }

  applied(): Applied {
    return readApplied(this.db.get(VERSION_KEY))
  }

  /** Nothing was ever moved into it. */
  get isNew(): boolean {
    return this.db.get(VERSION_KEY) === undefined
  }

  /** Runs `change` as one transaction, which is safe on disk when this returns. Throws if there is no room for it. */
  transact(applied: Applied, change: () => void): void {
    // Pages that a process read which was killed meanwhile would never be used again.
    this.db.readerCheck()
    if (this.#mapBytes !== null && fs.statSync(this.#file).size > this.#mapBytes * FULL) {
      throw new Error(`the tree has outgrown its map of ${this.#mapBytes} bytes`)
    }
    this.db.transactionSync(() => {
      change()
      this.putApplied(applied)
    })
  }

  /** How far the log is in the tree now, and that this schema is what the tree has. */
  putApplied({ position, segment, nextMessageId, time }: Applied): void {
    const value = Buffer.allocUnsafe(time === null ? 24 : 40)
    value.writeUInt32LE(SCHEMA_VERSION, 0)
    value.writeDoubleLE(position, 4)
    value.writeUInt32LE(segment, 12)
    value.writeDoubleLE(nextMessageId, 16)
    if (time !== null) {
      value.writeDoubleLE(time.at, 24)
      value.writeDoubleLE(time.wall, 32)
    }
    this.db.putSync(VERSION_KEY, value)
  }

  /** What another thread has written since is seen from now on. */
  refresh(): void {
    this.#chunk = null
    this.db.resetReadTxn()
  }

  close(): Promise<void> {
    return this.db.close()
  }

  // Sessions

  session(number: number): SessionState | null {
    const value = this.#get(sessionKey(number))
    return value === undefined ? null : decodeSession(number, value, this.#make)
  }

  *sessions(): Iterable<SessionState> {
    for (const { key, value } of this.db.getRange({ start: Buffer.from('s'), end: after('s') })) {
      const body = this.#checked(key as Buffer, value)
      if (body !== undefined) yield decodeSession((key as Buffer).readUInt32BE(1), body, this.#make)
    }
  }

  putSession(session: SessionState): void {
    this.#put(sessionKey(session.number), (out) => encodeSession(out, session))
  }

  /** Null: the tree does not have that Session. */
  bounds(session: number): Bounds | null {
    const value = this.#get(boundsKey(session))
    return value === undefined ? null : { tail: value.readDoubleLE(0), bytes: value.readDoubleLE(8) }
  }

  putBounds(session: number, { tail, bytes }: Bounds): void {
    this.#put(boundsKey(session), (out) => {
      out.double(tail)
      out.double(bytes)
    })
  }

  /** Removes the Session, its queue too, and shows what was in that. */
  removeSession(session: number, visit: (entry: QueueEntry) => void): void {
    for (let chunk = this.chunkAt(session, 0); chunk !== null; chunk = this.chunkAt(session, 0)) {
      for (const entry of chunk.entries) visit(entry)
      this.replaceChunk(session, chunk.first, [])
    }
    this.db.removeSync(sessionKey(session))
    this.db.removeSync(boundsKey(session))
  }

  // Queues

  /** Entries with from <= position < to, in order. */
  *queue(session: number, from: number, to: number): Iterable<QueueEntry> {
    let chunk = this.#recentChunk(session, from) ?? this.chunkAt(session, from)
    let at = from
    while (chunk !== null) {
      this.#chunk = { session, chunk }
      for (let i = chunk.indexAt(at); i < chunk.entries.length; i++) {
        const entry = chunk.entries[i]!
        if (entry.position >= to) return
        yield { ...entry }
      }
      at = chunk.last + 1
      chunk = at < to ? this.#chunkFrom(session, at) : null
    }
  }

  /** The part of a queue with the first place at `position` or after it; null if there is none. */
  chunkAt(session: number, position: number): QueueChunk | null {
    const range = { start: queueKey(session, position), end: queueKey(session, 0), inclusiveEnd: true, reverse: true }
    for (const { key, value } of this.db.getRange({ ...range, limit: 1 })) {
      const chunk = this.#decodeChunk(key as Buffer, value)
      if (chunk !== null && chunk.last >= position) return chunk
    }
    return this.#chunkFrom(session, position + 1)
  }

  /** Writes the entries, of which there may be none, in place of what stands under that key. */
  replaceChunk(session: number, first: number, entries: readonly QueueEntry[]): void {
    this.#chunk = null
    if (entries[0]?.position !== first) this.db.removeSync(queueKey(session, first))
    this.putQueue(session, entries)
  }

  putQueue(session: number, entries: readonly QueueEntry[]): void {
    this.#chunk = null
    for (let from = 0; from < entries.length; from += this.#chunkEntries) {
      const part = entries.slice(from, from + this.#chunkEntries)
      this.#put(queueKey(session, part[0]!.position), (out) => writeChunk(out, part))
    }
  }

  // Messages

  /** The kept messages of a segment, among them that one; null if it is in none of them. */
  blockOf(id: number): MessageBlock | null {
    const range = { start: blockKey(id), end: blockKey(0), inclusiveEnd: true, reverse: true, limit: 1 }
    for (const { key, value } of this.db.getRange(range)) {
      const body = this.#checked(key as Buffer, value)
      const block = body === undefined ? null : readBlock(idOf(key as Buffer), body)
      return block?.has(id) === true ? block : null
    }
    return null
  }

  putBlock(block: MessageBlock): void {
    this.#put(blockKey(block.firstId), (out) => block.write(out))
    this.#put(keptKey(block.segment), (out) => out.double(block.firstId))
  }

  removeBlock(block: MessageBlock): void {
    this.db.removeSync(blockKey(block.firstId))
    this.db.removeSync(keptKey(block.segment))
  }

  /** The segments of which messages are kept in a file, in order. */
  keptSegments(): number[] {
    return keptSegmentsOf(this.db)
  }

  /** Of those that the log has no more. */
  message(id: number): Message | null {
    const value = this.#get(messageKey(id))
    return value === undefined ? null : readMessage(new ByteReader(value, 4, value.length), this.#make)
  }

  /** Takes a message over from the log. `bytes` is as `writeMessage` has it. */
  putMessage(id: number, uses: number, bytes: Uint8Array): void {
    this.#put(messageKey(id), (out) => {
      out.uint32(uses)
      out.bytes(bytes, 0, bytes.length)
    })
  }

  /** So many more, or fewer, queues and topics hold a message that the log has no more. Nobody holds it: it goes. */
  useMessage(id: number, change: number): void {
    const value = this.#get(messageKey(id))
    if (value === undefined) return
    const uses = value.readUInt32LE(0) + change
    if (uses <= 0) this.db.removeSync(messageKey(id))
    else this.putMessage(id, uses, value.subarray(4))
  }

  /** Topics, and what is retained for them. */
  *retained(): Iterable<[topic: string, retained: Retained]> {
    for (const letter of ['R', 'r']) {
      for (const { key, value } of this.db.getRange({ start: Buffer.from(letter), end: after(letter) })) {
        const body = this.#checked(key as Buffer, value)
        if (body === undefined) continue
        const { topic, messageId, at } = readRetained(body)
        yield [topic, { messageId, at }]
      }
    }
  }

  /** The topic's retained message is now that one, or none; returns the one before. */
  setRetained(topic: string, retained: Retained | null): number | null {
    const key = retainedKey(topic)
    const before = this.#get(key)?.readDoubleLE(0) ?? null
    if (retained === null) this.db.removeSync(key)
    else this.#put(key, (out) => writeRetained(out, topic, retained))
    return before
  }

  #recentChunk(session: number, position: number): QueueChunk | null {
    if (this.#chunk === null || this.#chunk.session !== session) return null
    const { chunk } = this.#chunk
    return chunk.first <= position && position <= chunk.last ? chunk : null
  }

  /** The part of a queue under the first key at `position` or after it. */
  #chunkFrom(session: number, position: number): QueueChunk | null {
    const range = { start: queueKey(session, position), end: queueKey(session + 1, 0) }
    for (const { key, value } of this.db.getRange(range)) {
      const chunk = this.#decodeChunk(key as Buffer, value)
      if (chunk !== null) return chunk
    }
    return null
  }

  #decodeChunk(key: Buffer, value: Buffer): QueueChunk | null {
    const body = this.#checked(key, value)
    return body === undefined ? null : new QueueChunk(positionOf(key), body)
  }

  #get(key: Buffer): Buffer | undefined {
    const value = this.db.get(key)
    return value === undefined ? undefined : this.#checked(key, value)
  }

  #checked(key: Buffer, value: Buffer): Buffer | undefined {
    const body = soundBody(value)
    if (body !== null) return body
    this.#damaged(key)
    return undefined
  }

  #put(key: Buffer, write: (out: ByteWriter) => void): void {
    const out = this.#writer
    out.clear()
    out.uint32(0)
    write(out)
    const { written } = out
    written.writeUInt32LE(crc32(written.subarray(CHECKSUM_BYTES)), 0)
    this.db.putSync(key, Buffer.from(written))
  }
}

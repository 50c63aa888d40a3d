import { Buffer } from 'node:buffer'
import { open, type RootDatabase } from 'lmdb'
import type { Message, QoS } from '../../broker/contracts.ts'
import { ByteReader, ByteWriter } from './byte-writer.ts'
import { after, messageKey, positionOf, queueKey, retainedKey, sessionKey, VERSION_KEY } from './keys.ts'
import { type MakeMessage, readIdentifiers, readMessage, writeIdentifiers, writeMessage } from './records.ts'
import { decodeSession, encodeSession, type SessionState } from './session-state.ts'

/** Of the tree's schema. A store with a higher one was written by a newer Nightjar and is not touched. */
export const SCHEMA_VERSION = 1

export interface QueueEntry {
  readonly position: number
  readonly messageId: number
  readonly qos: QoS
  readonly retain: boolean
  readonly identifiers: readonly number[] | null
  /** The Topic Filter of the shared subscription that it came by, or null. */
  readonly shared: string | null
  received: boolean
  /** Payload bytes. */
  readonly size: number
}

interface StoredVersion {
  readonly schema: number
  /** All records up to this one are applied. */
  readonly applied: number
}

const RETAIN = 4
const IDENTIFIERS = 8
const RECEIVED = 16
const SHARED = 32

/** What lasts longer than a log segment, in an LMDB file. */
export class Tree {
  readonly #db: RootDatabase<Buffer, Buffer>
  readonly #make: MakeMessage
  readonly #writer: ByteWriter = new ByteWriter()

  constructor(path: string, make: MakeMessage) {
    // Without overlappingSync a transaction is safe on disk when it returns: only then may the log's segment go.
    const safe = { overlappingSync: false, maxReaders: 126 }
    this.#db = open<Buffer, Buffer>({ path, encoding: 'binary', keyEncoding: 'binary', ...safe })
    this.#make = make
  }

  version(): StoredVersion {
    const value = this.#db.get(VERSION_KEY)
    if (value === undefined) return { schema: SCHEMA_VERSION, applied: 0 }
    return { schema: value.readUInt32LE(0), applied: value.readDoubleLE(4) }
  }

  /** Runs `change` as one transaction, which is safe on disk when this returns. */
  transact(applied: number, change: () => void): void {
    this.#db.transactionSync(() => {
      change()
      const value = Buffer.allocUnsafe(12)
      value.writeUInt32LE(SCHEMA_VERSION, 0)
      value.writeDoubleLE(applied, 4)
      this.#db.putSync(VERSION_KEY, value)
    })
  }

  /** What another thread has written since is seen from now on. */
  refresh(): void {
    this.#db.resetReadTxn()
  }

  close(): Promise<void> {
    return this.#db.close()
  }

  session(number: number): SessionState | null {
    const value = this.#db.get(sessionKey(number))
    return value === undefined ? null : decodeSession(number, value, this.#make)
  }

  *sessions(): Iterable<SessionState> {
    for (const { key, value } of this.#db.getRange({ start: Buffer.from('s'), end: after('s') })) {
      yield decodeSession((key as Buffer).readUInt32BE(1), value, this.#make)
    }
  }

  putSession(session: SessionState): void {
    this.#db.putSync(sessionKey(session.number), Buffer.from(encodeSession(this.#writer, session)))
  }

  /** What is at that place, or null. */
  queued(session: number, position: number): QueueEntry | null {
    const value = this.#db.get(queueKey(session, position))
    return value === undefined ? null : decodeEntry(position, value)
  }

  /** Removes the Session and its queue; returns the messages that were in it. */
  removeSession(number: number): number[] {
    const entries = [...this.queue(number, 0, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)]
    for (const { position } of entries) this.#db.removeSync(queueKey(number, position))
    this.#db.removeSync(sessionKey(number))
    return entries.map(({ messageId }) => messageId)
  }

  /** Entries with from <= position < to, at most `limit`. */
  *queue(session: number, from: number, to: number, limit: number): Iterable<QueueEntry> {
    const end = to === Number.POSITIVE_INFINITY ? queueKey(session + 1, 0) : queueKey(session, to)
    const range = { start: queueKey(session, from), end, ...(limit === Number.POSITIVE_INFINITY ? {} : { limit }) }
    for (const { key, value } of this.#db.getRange(range)) yield decodeEntry(positionOf(key as Buffer), value)
  }

  putQueued(session: number, entry: QueueEntry): void {
    this.#db.putSync(queueKey(session, entry.position), Buffer.from(encodeEntry(this.#writer, entry)))
  }

  removeQueued(session: number, position: number): void {
    this.#db.removeSync(queueKey(session, position))
  }

  message(id: number): Message | null {
    const value = this.#db.get(messageKey(id))
    return value === undefined ? null : readMessage(new ByteReader(value, 4, value.length), this.#make)
  }

  /**
   * So many more, or fewer, queues and topics hold the message. Nobody holds it any more: it goes. `message` is needed if
   * the tree does not have it yet.
   */
  useMessage(id: number, change: number, message: Message | null): void {
    const key = messageKey(id)
    const value = this.#db.get(key)
    const uses = (value === undefined ? 0 : value.readUInt32LE(0)) + change
    if (uses <= 0) {
      if (value !== undefined) this.#db.removeSync(key)
    } else if (value !== undefined) {
      const counted = Buffer.from(value)
      counted.writeUInt32LE(uses, 0)
      this.#db.putSync(key, counted)
    } else if (message !== null) {
      const writer = this.#writer
      writer.clear()
      writer.uint32(uses)
      writeMessage(writer, message)
      this.#db.putSync(key, Buffer.from(writer.written))
    }
  }

  /** Topics, and the numbers of their retained messages. */
  *retained(): Iterable<[topic: string, messageId: number]> {
    for (const letter of ['R', 'r']) {
      for (const { value } of this.#db.getRange({ start: Buffer.from(letter), end: after(letter) })) {
        yield [value.toString('utf8', 8), value.readDoubleLE(0)]
      }
    }
  }

  /** Higher than that of every message in it. */
  nextMessageId(): number {
    for (const key of this.#db.getKeys({ start: after('m'), end: Buffer.from('m'), reverse: true, limit: 1 })) {
      return Number((key as Buffer).readBigUInt64BE(1)) + 1
    }
    return 1
  }

  /** The topic's retained message is now that one, or none; returns the one before. */
  setRetained(topic: string, messageId: number | null): number | null {
    const key = retainedKey(topic)
    const value = this.#db.get(key)
    const before = value === undefined ? null : value.readDoubleLE(0)
    if (messageId === null) {
      if (value !== undefined) this.#db.removeSync(key)
    } else {
      const next = Buffer.concat([Buffer.alloc(8), Buffer.from(topic)])
      next.writeDoubleLE(messageId, 0)
      this.#db.putSync(key, next)
    }
    return before
  }
}

function encodeEntry(out: ByteWriter, entry: QueueEntry): Uint8Array {
  const { messageId, qos, retain, identifiers, shared, received, size } = entry
  out.clear()
  out.double(messageId)
  out.uint32(size)
  out.byte(
    qos |
      (retain ? RETAIN : 0) |
      (identifiers === null ? 0 : IDENTIFIERS) |
      (received ? RECEIVED : 0) |
      (shared === null ? 0 : SHARED),
  )
  if (identifiers !== null) writeIdentifiers(out, identifiers)
  if (shared !== null) out.text(shared)
  return out.written
}

function decodeEntry(position: number, value: Buffer): QueueEntry {
  const from = new ByteReader(value, 0, value.length)
  const messageId = from.double()
  const size = from.uint32()
  const flags = from.byte()
  const identifiers = (flags & IDENTIFIERS) === 0 ? null : readIdentifiers(from)
  const shared = (flags & SHARED) === 0 ? null : from.text()
  return {
    position,
    messageId,
    size,
    qos: (flags & 3) as QoS,
    retain: (flags & RETAIN) !== 0,
    identifiers,
    shared,
    received: (flags & RECEIVED) !== 0,
  }
}

import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import type { Message, StoredSubscription, StoredWill, StoreRecord } from '../../../src/broker/index.ts'
import { ByteWriter } from '../../../src/store/disk/byte-writer.ts'
import { writeMessage, writeSubscription, writeWill } from '../../../src/store/disk/records.ts'

type QueuedRecord = StoreRecord & { kind: 'queued' }

interface Session {
  readonly number: number
  readonly clientId: string
  expiryInterval: number
  will: StoredWill | null
  at: number
  tail: number
  readonly queue: Map<number, QueuedRecord>
  readonly received: Set<number>
  readonly subscriptions: Map<string, StoredSubscription>
  readonly inbound: Set<number>
}

/** Writes a tree as it was in format 1: one value for each place in a queue, and no checksums. */
export class Tree1 {
  readonly #db: RootDatabase<Buffer, Buffer>
  readonly #sessions: Map<string, Session> = new Map()
  readonly #messages: Map<number, Message> = new Map()
  readonly #retained: Map<string, number> = new Map()

  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true })
    this.#db = open({ path, encoding: 'binary', keyEncoding: 'binary' })
  }

  close(): Promise<void> {
    return this.#db.close()
  }

  /** Writes what these records come to. */
  write(records: readonly StoreRecord[], schema = 1): void {
    for (const record of records) this.#apply(record)
    this.#db.transactionSync(() => {
      for (const session of this.#sessions.values()) this.#putSession(session)
      this.#putRetained()
      this.#putMessages()
      const version = Buffer.alloc(12)
      version.writeUInt32LE(schema, 0)
      version.writeDoubleLE(records.length, 4)
      this.#db.putSync(Buffer.from('v'), version)
    })
  }

  #apply(record: StoreRecord): void {
    switch (record.kind) {
      case 'message':
        this.#messages.set(record.message.id, record.message)
        return
      case 'retained':
        this.#retained.set(record.topic, record.messageId)
        return
      case 'session': {
        const { clientId, expiryInterval, will } = record
        const number = this.#sessions.size + 1
        const parts = {
          queue: new Map(),
          received: new Set<number>(),
          subscriptions: new Map(),
          inbound: new Set<number>(),
        }
        this.#sessions.set(clientId, { number, clientId, expiryInterval, will, at: 0, tail: 0, ...parts })
        return
      }
      default:
        if ('clientId' in record) this.#applyToSession(this.#sessions.get(record.clientId)!, record)
    }
  }

  #applyToSession(session: Session, record: StoreRecord): void {
    if (record.kind === 'offline') session.at = record.at
    else if (record.kind === 'subscribed') session.subscriptions.set(record.subscription.filter, record.subscription)
    else if (record.kind === 'inbound') session.inbound.add(record.packetId)
    else if (record.kind === 'received') session.received.add(record.position)
    else if (record.kind === 'done') session.queue.delete(record.position)
    else if (record.kind === 'queued') {
      session.queue.set(record.position, record)
      session.tail = record.position + 1
    }
  }

  #putSession(session: Session): void {
    const { number, clientId, queue, received } = session
    let bytes = 0
    for (const { position, messageId, size, qos, retain, identifiers, shared } of queue.values()) {
      const flags = qos + (retain ? 4 : 0) + (identifiers === null ? 0 : 8) + (received.has(position) ? 16 : 0)
      if (!received.has(position)) bytes += size
      this.#put(key('q', number, BigInt(position)), (out) => {
        out.double(messageId)
        out.uint32(size)
        out.byte(flags + (shared === undefined ? 0 : 32))
        if (identifiers !== null) out.uint32(identifiers.length)
        for (const identifier of identifiers ?? []) out.uint32(identifier)
        if (shared !== undefined) out.text(shared)
      })
    }
    this.#put(key('s', number, null), (out) => {
      out.text(clientId)
      out.uint32(session.expiryInterval)
      out.double(session.at)
      writeWill(out, session.will)
      out.double(session.tail)
      out.double(bytes)
      out.uint32(session.subscriptions.size)
      for (const subscription of session.subscriptions.values()) writeSubscription(out, subscription)
      out.uint32(session.inbound.size)
      for (const packetId of session.inbound) out.uint32(packetId)
    })
  }

  #putRetained(): void {
    for (const [topic, messageId] of this.#retained) {
      const hash = createHash('sha256').update(topic).digest()
      const short = topic.length <= 1500
      this.#put(short ? Buffer.from(`r${topic}`) : Buffer.concat([Buffer.from('R'), hash]), (out) => {
        out.double(messageId)
        out.bytes(Buffer.from(topic), 0, topic.length)
      })
    }
  }

  #putMessages(): void {
    const uses = new Map<number, number>()
    const held = [...this.#sessions.values()].flatMap(({ queue }) =>
      [...queue.values()].map(({ messageId }) => messageId),
    )
    for (const id of [...held, ...this.#retained.values()]) uses.set(id, (uses.get(id) ?? 0) + 1)
    for (const [id, count] of uses) {
      this.#put(key('m', null, BigInt(id)), (out) => {
        out.uint32(count)
        writeMessage(out, this.#messages.get(id)!)
      })
    }
  }

  #put(at: Buffer, write: (out: ByteWriter) => void): void {
    const out = new ByteWriter()
    write(out)
    this.#db.putSync(at, Buffer.from(out.written))
  }
}

function key(letter: string, session: number | null, number: bigint | null): Buffer {
  const parts = [Buffer.from(letter)]
  if (session !== null) {
    const part = Buffer.alloc(4)
    part.writeUInt32BE(session)
    parts.push(part)
  }
  if (number !== null) {
    const part = Buffer.alloc(8)
    part.writeBigUInt64BE(number)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

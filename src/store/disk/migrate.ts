import { Buffer } from 'node:buffer'
import type { QoS } from '../../broker/contracts.ts'
import { defaultBounds } from './bounds.ts'
import { ByteReader } from './byte-writer.ts'
import { IN_TREE, type QueueEntry } from './entry.ts'
import { after, idOf, positionOf, VERSION_KEY } from './keys.ts'
import { type MakeMessage, readIdentifiers, readSubscription, readWill } from './records.ts'
import { deliveryOf } from './scan.ts'
import { SessionState } from './session-state.ts'
import { SCHEMA_VERSION, type Tree } from './tree.ts'

/** Brings a tree from one schema to the next, within a transaction. */
type Step = (tree: Tree, make: MakeMessage) => void

/** By the schema that they begin with. */
const STEPS: Readonly<Record<number, Step>> = { 1: packQueues }

/**
 * Brings a tree that an earlier version wrote to the schema of this one; returns the schema that it had, or null if that is
 * the current one. All is one transaction: a process that ends on the way leaves the tree as it was.
 */
export function migrate(tree: Tree, make: MakeMessage): number | null {
  const from = tree.schema
  if (from >= SCHEMA_VERSION) return null
  try {
    tree.db.transactionSync(() => {
      for (let schema = from; schema < SCHEMA_VERSION; schema++) {
        const step = STEPS[schema]
        if (step === undefined) throw new RangeError('there is no way from there')
        step(tree, make)
      }
    })
  } catch (error) {
    const words = `it is of format ${from}, and could not be brought to ${SCHEMA_VERSION}: ${(error as Error).message}`
    throw new Error(`${words}. Nothing of it was changed`, { cause: error })
  }
  return from
}

/**
 * From 1 to 2: parts of queues in place of single places; messages have another letter; what changes most of a Session has a
 * value of its own; all values have a checksum. No segment of the log counts as moved: what is left of them is replayed, and
 * the records that the tree has are passed over.
 */
function packQueues(tree: Tree, make: MakeMessage): void {
  const position = tree.db.get(VERSION_KEY)!.readDoubleLE(4)
  const nextMessageId = moveMessages(tree)
  for (const letter of ['R', 'r']) moveRetained(tree, letter)
  moveQueues(tree)
  moveSessions(tree, make)
  tree.putApplied({ position, segment: 0, nextMessageId, time: null })
}

/** Returns a number that is higher than that of every message. */
function moveMessages(tree: Tree): number {
  let next = 1
  for (const [key, value] of entriesOf(tree, 'm')) {
    const id = idOf(key)
    tree.db.removeSync(key)
    tree.putMessage(id, value.readUInt32LE(0), value.subarray(4))
    next = id + 1
  }
  return next
}

function moveRetained(tree: Tree, letter: string): void {
  for (const [key, value] of entriesOf(tree, letter)) {
    tree.db.removeSync(key)
    tree.setRetained(value.toString('utf8', 8), { messageId: value.readDoubleLE(0), at: 0 })
  }
}

function moveQueues(tree: Tree): void {
  let session = 0
  let entries: QueueEntry[] = []
  for (const [key, value] of entriesOf(tree, 'q')) {
    const number = key.readUInt32BE(1)
    if (number !== session || entries.length === defaultBounds.chunkEntries) {
      tree.putQueue(session, entries)
      entries = []
    }
    session = number
    tree.db.removeSync(key)
    entries.push(readEntry(positionOf(key), value))
  }
  tree.putQueue(session, entries)
}

function readEntry(position: number, value: Buffer): QueueEntry {
  const from = new ByteReader(value, 0, value.length)
  const messageId = from.double()
  const size = from.uint32()
  const flags = from.byte()
  const identifiers = (flags & 8) === 0 ? null : readIdentifiers(from)
  const shared = (flags & 32) === 0 ? null : from.text()
  const delivery = deliveryOf((flags & 3) as QoS, (flags & 4) !== 0, identifiers, shared)
  return { position, messageId, size, delivery, received: (flags & 16) !== 0, place: IN_TREE }
}

function moveSessions(tree: Tree, make: MakeMessage): void {
  for (const [key, value] of entriesOf(tree, 's')) {
    const from = new ByteReader(value, 0, value.length)
    const number = key.readUInt32BE(1)
    const session = new SessionState(number, from.text())
    session.expiryInterval = from.uint32()
    session.offlineAt = from.double()
    session.will = readWill(from, make)
    const tail = from.double()
    const bytes = from.double()
    for (let left = from.uint32(); left > 0; left--) {
      const subscription = readSubscription(from)
      session.subscriptions.set(subscription.filter, subscription)
    }
    for (let left = from.uint32(); left > 0; left--) session.inbound.add(from.uint32())
    tree.putSession(session)
    tree.putBounds(number, { tail, bytes })
  }
}

/** Read at once: what is read is not disturbed by what is written in its place. */
const BATCH = 1000

/** What stands under keys with that letter, in order. Who is shown an entry may change it, and all before it. */
function* entriesOf({ db }: Tree, letter: string): Iterable<[key: Buffer, value: Buffer]> {
  let start = Buffer.from(letter)
  for (;;) {
    const batch: [Buffer, Buffer][] = []
    for (const { key, value } of db.getRange({ start, end: after(letter), limit: BATCH })) {
      batch.push([Buffer.from(key as Buffer), Buffer.from(value)])
    }
    yield* batch
    const last = batch.at(-1)
    if (last === undefined) return
    // The first key that may come after it.
    start = Buffer.concat([last[0], Buffer.alloc(1)])
  }
}

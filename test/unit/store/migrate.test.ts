import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { open, type RootDatabase } from 'lmdb'
import { restoreMessage, type Store, type StoreRecord } from '../../../src/broker/index.ts'
import { DiskStore } from '../../../src/store/disk/disk-store.ts'
import type { MakeMessage } from '../../../src/store/disk/records.ts'
import { SCHEMA_VERSION } from '../../../src/store/disk/tree.ts'
import { MemoryStore } from '../../../src/store/index.ts'
import { PATIENCE_MS } from '../../support/patience.ts'
import { append, load, message, queued, session } from './contract.ts'
import { Tree1 } from './tree1.ts'

const root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'nightjar-migrate-'))
const opened: Set<DiskStore> = new Set()
after(async () => {
  for (const store of opened) await store.close()
  rmSync(root, { recursive: true, force: true })
})

let folders = 0
const newFolder = (): string => join(root, String(folders++))
const told: string[] = []

function openIn(folder: string, make: MakeMessage = restoreMessage): DiskStore {
  const tell = (level: string, words: string): void => void told.push(`${level}: ${words}`)
  const store = new DiskStore({ folder, sync: 'no', make, syncEvery: 5, tell })
  opened.add(store)
  return store
}

function comparable(store: Store): string[] {
  return load(store)
    .map((record) => JSON.stringify(record))
    .sort()
}

const WILL = { delay: 3, message: message(0, 'will', 'gone', 7) }
const LONG_TOPIC = `long/${'x'.repeat(2000)}`
const subscribed = (clientId: string, filter: string): StoreRecord => {
  const subscription = { filter, qos: 2, noLocal: true, retainAsPublished: false, identifier: 9, owed: 0 } as const
  return { kind: 'subscribed', clientId, subscription }
}
const done = (clientId: string, position: number): StoreRecord => ({ kind: 'done', clientId, position })
const plain = (clientId: string, position: number, messageId: number, qos: 0 | 1 | 2): StoreRecord => {
  return { kind: 'queued', clientId, position, messageId, qos, retain: false, identifiers: null, size: 1 }
}

/** More places than one part of a queue has, and than are moved at once. */
const MANY = 1300

/** What the tree of the old store has. */
function inTree(): StoreRecord[] {
  const records: StoreRecord[] = [session('a', WILL)]
  records.push(subscribed('a', 'x/#'), subscribed('a', '$share/g/y'))
  records.push({ kind: 'inbound', clientId: 'a', packetId: 65_535 })
  records.push({ kind: 'offline', clientId: 'a', at: 1_700_000_000_000, will: true, sent: null })
  records.push(session('b'), session('c'))
  for (let i = 0; i < MANY; i++) {
    records.push({ kind: 'message', message: message(i + 1, `t/${i}`, String(i)) })
    records.push(plain('b', 70_000 + i, i + 1, (i % 3) as 0 | 1 | 2))
  }
  for (let i = 0; i < MANY; i += 7) records.push(done('b', 70_000 + i))
  records.push({ kind: 'received', clientId: 'b', position: 70_002 })
  records.push(queued('a', 5, 2), queued('a', 9, 3), done('a', 2))
  for (const [id, topic] of [
    [2001, 'r'],
    [2002, LONG_TOPIC],
    [2003, 'r/2'],
  ] as const) {
    records.push({ kind: 'message', message: message(id, topic) }, { kind: 'retained', topic, messageId: id, at: 0 })
  }
  return records
}

/** What only its log has. */
function inLog(): StoreRecord[] {
  return [
    { kind: 'message', message: message(2004, 'later', 'x') },
    queued('b', 70_000 + MANY, 2004),
    queued('a', 10, 2004),
    done('b', 70_001),
    { kind: 'received', clientId: 'b', position: 70_005 },
    { kind: 'retainedCleared', topic: 'r/2' },
    { kind: 'unsubscribed', clientId: 'a', filter: 'x/#' },
    { kind: 'sessionEnded', clientId: 'c' },
  ]
}

/** The log that these records make, each group in a segment of its own. */
async function writeLog(folder: string, groups: readonly (readonly StoreRecord[])[]): Promise<void> {
  const scratch = newFolder()
  mkdirSync(join(folder, 'log'), { recursive: true })
  for (const records of groups) {
    const store = openIn(scratch)
    append(store, ...records)
    // What was there before is moved meanwhile; what was written now is not.
    await close(store)
    const last = readdirSync(join(scratch, 'log')).sort().at(-1)!
    cpSync(join(scratch, 'log', last), join(folder, 'log', last))
  }
}

/** A store of format 1: `applied` of its records are in the tree, and these groups in segments of its log. */
async function oldStore(tree: readonly StoreRecord[], log: readonly (readonly StoreRecord[])[]): Promise<string> {
  const folder = newFolder()
  await writeLog(folder, log)
  const old = new Tree1(join(folder, 'tree'))
  old.write(tree)
  await old.close()
  return folder
}

/** The store has this and no more; what differs is shown, not all. */
function hasAll(store: Store, records: readonly string[]): void {
  const found = comparable(store)
  const [has, should] = [new Set(found), new Set(records)]
  assert.deepEqual([found.filter((each) => !should.has(each)), records.filter((each) => !has.has(each))], [[], []])
  assert.equal(found.length, records.length)
}

async function close(store: DiskStore): Promise<void> {
  opened.delete(store)
  await store.close()
}

function expected(...records: StoreRecord[]): string[] {
  const store = new MemoryStore()
  append(store, ...records)
  return comparable(store)
}

/** All keys and values of a tree. */
async function contentOf(folder: string): Promise<string[]> {
  const db: RootDatabase<Buffer, Buffer> = open({
    path: join(folder, 'tree'),
    encoding: 'binary',
    keyEncoding: 'binary',
  })
  const content = [...db.getRange({})].map(
    ({ key, value }) => `${Buffer.from(key).toString('hex')}=${value.toString('hex')}`,
  )
  await db.close()
  return content
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  while (!holds()) {
    assert.ok(Date.now() < end, what)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

describe('a store of format 1', () => {
  it('has after the start what it had, with what its log has on top, and says so once', async () => {
    const folder = await oldStore(inTree(), [inTree(), inLog()])
    const all = expected(...inTree(), ...inLog())
    told.length = 0
    const store = openIn(folder)
    const state = [...store.load()]
    assert.deepEqual(
      state.filter(({ kind }) => kind === 'messageIds'),
      [{ kind: 'messageIds', next: 2005 }],
    )
    const left = Array.from({ length: MANY }, (_, i) => i).filter((i) => i % 7 !== 0 && i !== 1)
    const waiting = left.filter((i) => i !== 2 && i !== 5).length + 1
    assert.deepEqual(
      state.filter((record) => record.kind === 'queue' && record.clientId === 'b'),
      [{ kind: 'queue', clientId: 'b', head: 70_002, tail: 70_000 + MANY + 1, bytes: waiting }],
    )
    await close(store)
    assert.deepEqual(told, [`notice: The store in ${folder} was brought from format 1 to ${SCHEMA_VERSION}`])
    const again = openIn(folder)
    hasAll(again, all)
    await close(again)
    assert.equal(told.length, 1)
  })

  for (const [words, log] of [
    ['those too of which all was in the tree', [inTree(), inLog()]],
    ['that too of which a part was in the tree', [[...inTree(), ...inLog()]]],
  ] as const) {
    it(`gives its segments up when they are moved, ${words}`, async () => {
      const folder = await oldStore(inTree(), log)
      const store = openIn(folder)
      hasAll(store, expected(...inTree(), ...inLog()))
      await until('the old segments are gone', () => readdirSync(join(folder, 'log')).length === 1)
      append(store, done('a', 5), queued('b', 80_000, 2004), { kind: 'sessionEnded', clientId: 'a' })
      await close(store)
      const again = openIn(folder)
      const records = [...inTree(), ...inLog(), queued('b', 80_000, 2004)]
      hasAll(again, expected(...records, { kind: 'sessionEnded', clientId: 'a' }))
      await close(again)
    })
  }

  it('without a log is one whose log is all in the tree', async () => {
    const folder = await oldStore(inTree(), [])
    const store = openIn(folder)
    hasAll(store, expected(...inTree()))
    append(store, { kind: 'retainedCleared', topic: LONG_TOPIC })
    await close(store)
    const again = openIn(folder)
    hasAll(again, expected(...inTree(), { kind: 'retainedCleared', topic: LONG_TOPIC }))
    await close(again)
  })

  it('is left as it is if something fails on the way, and can be opened when that is mended', async () => {
    const folder = await oldStore(inTree(), [])
    const before = await contentOf(folder)
    const fails: MakeMessage = () => {
      throw new Error('no more')
    }
    assert.throws(() => openIn(folder, fails), /it is of format 1, and could not be brought to \d: no more/)
    assert.deepEqual(await contentOf(folder), before)
    const store = openIn(folder)
    hasAll(store, expected(...inTree()))
    await close(store)
    assert.notDeepEqual(await contentOf(folder), before)
  })
})

describe('a store of another format', () => {
  for (const [schema, words] of [
    [SCHEMA_VERSION + 1, /written by a newer version/],
    [0, /could not be brought/],
  ] as const) {
    it(`that is ${schema} is refused and not touched`, async () => {
      const folder = newFolder()
      const old = new Tree1(join(folder, 'tree'))
      old.write(inTree(), schema)
      await old.close()
      const before = await contentOf(folder)
      assert.throws(() => openIn(folder), words)
      assert.deepEqual(await contentOf(folder), before)
    })
  }
})

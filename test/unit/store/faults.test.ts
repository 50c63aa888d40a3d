import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { restoreMessage, type StoreRecord } from '../../../src/broker/index.ts'
import { DiskStore, type DiskStoreOptions } from '../../../src/store/disk/disk-store.ts'
import { MemoryStore } from '../../../src/store/index.ts'
import { Random } from '../../fuzz/random.ts'
import { effort } from '../../support/effort.ts'
import { type Fault, FaultyFiles, type Operation } from '../../support/faulty-files.ts'
import { PATIENCE_MS } from '../../support/patience.ts'
import { sourceSeed } from '../../support/source-seed.ts'
import { append, load, message, queued, session } from './contract.ts'

/** In memory where that can be had: thousands of syncs take their time on a disk. */
const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
const root = mkdtempSync(join(base, 'nightjar-faults-'))
after(() => rmSync(root, { recursive: true, force: true }))

let folders = 0
const newFolder = (): string => join(root, String(folders++))

function open(folder: string, options: Partial<DiskStoreOptions> = {}): DiskStore {
  return new DiskStore({ folder, sync: 'always', make: restoreMessage, segmentBytes: 900, syncEvery: 10, ...options })
}

/** What a broker might append: turn after turn, something of everything. */
const TURNS: readonly (readonly StoreRecord[])[] = Array.from({ length: 14 }, (_, turn) => {
  if (turn === 0) return [session('a'), session('b')]
  const id = turn
  const records: StoreRecord[] = [
    { kind: 'message', message: message(id, `t/${turn % 3}`, 'payload '.repeat(turn)) },
    queued('a', turn, id),
    { kind: 'retained', topic: `t/${turn % 3}`, messageId: id, at: 5 },
    { kind: 'inbound', clientId: 'b', packetId: turn },
  ]
  if (turn % 2 === 0) records.push(queued('b', turn, id))
  if (turn > 4) records.push({ kind: 'done', clientId: 'a', position: turn - 4 })
  if (turn > 6) records.push({ kind: 'received', clientId: 'a', position: turn - 2 })
  return records
})

/** The state after so many records, by a store that has nothing to do with disks. */
function stateAfter(records: number): string[] {
  const store = new MemoryStore()
  append(store, ...TURNS.flat().slice(0, records))
  return comparable(store)
}

function comparable(store: DiskStore | MemoryStore): string[] {
  return load(store)
    .map((record) => JSON.stringify(record))
    .sort()
}

/** Positions at which a turn ends. */
const ENDS: ReadonlySet<number> = new Set(
  [0, ...TURNS.keys()].map((turn, i) => TURNS.slice(0, i === 0 ? 0 : turn + 1).flat().length),
)

const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))

async function durable(store: DiskStore, position: number): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  while (store.durable < position) {
    assert.ok(Date.now() < end, `${store.durable} of ${position} are durable: ${store.trouble}`)
    store.commit()
    await soon()
  }
}

async function met(condition: () => boolean, why: string): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  while (!condition()) {
    assert.ok(Date.now() < end, why)
    await soon()
  }
}

async function untilHealed(store: DiskStore): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  while (store.trouble !== null) {
    assert.ok(Date.now() < end, `it still has trouble: ${store.trouble}`)
    await soon()
  }
}

/** What is found when the folder is opened anew: the state of one moment, and not before what was durable. */
async function checkFolder(folder: string, atLeast: number): Promise<void> {
  const store = open(folder)
  try {
    const found = store.durable
    assert.ok(found >= atLeast, `${atLeast} records were durable, ${found} are there`)
    assert.ok(ENDS.has(found), `a turn is there as a whole, or not at all (${found})`)
    assert.deepEqual(comparable(store), stateAfter(found))
  } finally {
    await store.close()
  }
}

/** Runs all turns over a disk that fails at one place; false if the fault was never met. */
async function strike(sync: 'always' | 'everysec', operation: Operation, fault: Fault, at: number): Promise<boolean> {
  const folder = newFolder()
  let healed = false
  // Once, and what comes right after it: a disk that is full is full for more than one call.
  const fails = (which: Operation, count: number): Fault | null =>
    !healed && which === operation && count >= at && count < at + 3 ? fault : null
  const files = new FaultyFiles(fails)
  let store: DiskStore
  try {
    store = open(folder, { files, sync })
  } catch (error) {
    assert.match(String(error), /ENOSPC|EIO/)
    await checkFolder(folder, 0)
    return true
  }
  try {
    const appended = await runTurns(store, folder)
    healed = true
    await durable(store, appended)
    // A sync that failed before is tried again with the next one: all is safe a moment before that is told.
    await untilHealed(store)
    await store.close()
    await checkFolder(folder, appended)
  } catch (error) {
    await store.close()
    throw error
  }
  return files.struck > 0
}

/** Appends all; in the middle it looks at what a process that ends there would leave. Returns the last position. */
async function runTurns(store: DiskStore, folder: string): Promise<number> {
  let appended = 0
  for (const [turn, records] of TURNS.entries()) {
    for (const record of records) appended = store.append(record)
    store.commit()
    assert.ok(store.durable <= appended)
    await soon()
    if (turn !== 5) continue
    const copy = newFolder()
    const promised = store.durable
    cpSync(folder, copy, { recursive: true })
    await checkFolder(copy, promised)
  }
  return appended
}

const CASES: readonly [Operation, Fault][] = [
  ['write', 'ENOSPC'],
  ['write', 'torn'],
  ['write', 'short'],
  ['open', 'ENOSPC'],
  ['truncate', 'EIO'],
  ['sync', 'EIO'],
  ['syncFolder', 'EIO'],
]

describe('the store on a disk that fails', () => {
  for (const sync of ['always', 'everysec'] as const) {
    for (const [operation, fault] of CASES) {
      it(`${sync}: ${operation} fails (${fault}) at the 1st, 2nd, 3rd ... time: what was durable is there`, async () => {
        let at = 1
        // Further steps further on: the first ones differ most.
        while (await strike(sync, operation, fault, at)) at += at < 3 ? 1 : effort(24, 8)
        assert.ok(at > 2, 'the fault was met')
      })
    }
  }

  it('nothing is durable while nothing can be written, and all is when it can again', async () => {
    let full = false
    const told: string[] = []
    const files = new FaultyFiles((which) => (full && which === 'write' ? 'ENOSPC' : null))
    const tell = (level: string, words: string): void => void told.push(`${level}: ${words}`)
    const store = open(newFolder(), { files, sync: 'everysec', waitingBytes: 300, tell })
    append(store, session('a'))
    assert.equal(store.durable, 1)
    full = true
    append(store, session('b'))
    assert.equal(store.durable, 1)
    assert.match(store.trouble!, /writing 0000000001\.log: ENOSPC/)
    assert.equal(store.full, false)
    append(store, { kind: 'message', message: message(1, 't', 'x'.repeat(400)) }, queued('a', 0, 1))
    assert.equal(store.full, true)
    // What waits can be read like the rest.
    assert.deepEqual(
      store.read('a', 0, 9)!.map((entry) => entry.message.payloadLength),
      [400],
    )
    full = false
    store.commit()
    assert.deepEqual([store.durable, store.trouble, store.full], [4, null, false])
    assert.equal(told.length, 2)
    assert.match(told[0]!, /^error: The store in .* cannot be written \(writing 0000000001\.log: ENOSPC/)
    assert.match(told[1]!, /^notice: The store in .* can be written again$/)
    await store.close()
  })

  for (const sync of ['always', 'everysec'] as const) {
    it(`${sync}: what is read back after a failed sync is looked at, and is not called safe if it is something else`, async () => {
      let failing = false
      const files = new FaultyFiles((which) => (failing && which === 'sync' ? 'EIO' : null))
      const folder = newFolder()
      const store = open(folder, { files, sync })
      append(store, ...TURNS[0]!)
      await durable(store, TURNS[0]!.length)
      failing = true
      append(store, ...TURNS.slice(1).flat())
      await met(() => store.trouble?.includes('EIO') === true, `no trouble: ${store.trouble}`)
      // As a page cache may have it that drops what it could not write: the system shows what the disk had before.
      const path = join(folder, 'log', '0000000001.log')
      const whole = readFileSync(path)
      const spoiled = Buffer.from(whole)
      spoiled[whole.length - 3]! ^= 0x20
      writeFileSync(path, spoiled)
      const before = store.durable
      failing = false
      const trouble = /^syncing 0000000001\.log again: what was written after byte \d+ is not there any more$/
      await met(() => trouble.test(store.trouble ?? ''), `it says ${store.trouble}`)
      append(store, { kind: 'inbound', clientId: 'b', packetId: 99 })
      assert.equal(store.durable, before)
      const now = readFileSync(path)
      assert.deepEqual(now.subarray(0, whole.length), spoiled, 'it was not written once more')
      writeFileSync(path, Buffer.concat([whole, now.subarray(whole.length)]))
      await met(() => store.trouble === null, `it still says ${store.trouble}`)
      await durable(store, TURNS.flat().length + 1)
      await store.close()
    })
  }
})

describe('the store after a power cut', () => {
  it('always: has all that was durable', async () => {
    for (let cut = 0; cut < TURNS.length; cut += 5) await powerCut('always', cut)
  })

  it('everysec: has all up to the last sync, and of the rest a beginning', async () => {
    for (let cut = 0; cut < TURNS.length; cut += 5) await powerCut('everysec', cut)
  })

  /** What is left is what was synced; what was removed from the folder may be back. */
  async function powerCut(sync: 'always' | 'everysec', cut: number): Promise<void> {
    const folder = newFolder()
    const files = new FaultyFiles()
    const store = open(folder, { files, sync })
    let syncedUpTo = 0
    const random = new Random(sourceSeed + cut)
    for (const records of TURNS.slice(0, cut + 1)) {
      append(store, ...records)
      const { sync: before } = files.counts
      const position = TURNS.slice(0, TURNS.indexOf(records) + 1).flat().length
      if (sync === 'always') await durable(store, position)
      else {
        // Two syncs that began later have ended: what was there before is safe.
        while (files.counts.sync < before + 2 && random.below(50) > 0) await soon()
        if (files.counts.sync >= before + 3) syncedUpTo = position
      }
    }
    const promised = sync === 'always' ? store.durable : syncedUpTo
    const left = newFolder()
    mkdirSync(left)
    files.leaveInto(join(left, 'log'))
    // What the mover writes is safe when it says so.
    for (const part of ['kept', 'tree']) cpSync(join(folder, part), join(left, part), { recursive: true })
    await checkFolder(left, promised)
    await store.close()
  }
})

describe('a damaged log', () => {
  /** A folder with several segments that no mover has taken yet, and how long each turn's end lies in them. */
  async function written(segmentBytes = 1_000_000): Promise<string> {
    const folder = newFolder()
    const store = open(folder, { segmentBytes })
    for (const records of TURNS) append(store, ...records)
    const copy = newFolder()
    cpSync(folder, copy, { recursive: true })
    await store.close()
    return copy
  }

  it('is cut at the damage wherever that is, and what is cut off is set aside', async () => {
    const folder = await written()
    const path = join(folder, 'log', '0000000001.log')
    const whole = readFileSync(path)
    const told: string[] = []
    for (let at = 16; at < whole.length; at += effort(633, 211)) {
      const damaged = Buffer.from(whole)
      damaged[at]! ^= 0x40
      const copy = newFolder()
      cpSync(folder, copy, { recursive: true })
      writeFileSync(join(copy, 'log', '0000000001.log'), damaged)
      const store = open(copy, { tell: (_level, words) => told.push(words) })
      assert.deepEqual(comparable(store), stateAfter(store.durable), `byte ${at}`)
      assert.ok(ENDS.has(store.durable) && store.durable < TURNS.flat().length)
      const [aside] = readdirSync(join(copy, 'damaged'))
      assert.ok(aside !== undefined && told.at(-1)!.includes(aside), told.at(-1))
      const offset = Number(aside.split('.').at(-1))
      assert.deepEqual(readFileSync(join(copy, 'damaged', aside)), damaged.subarray(offset))
      await store.close()
      await checkFolder(copy, store.durable)
    }
  })

  it('ends anywhere: what is whole is there', async () => {
    const folder = await written()
    const path = join(folder, 'log', '0000000001.log')
    const whole = readFileSync(path)
    for (let length = 0; length <= whole.length; length += effort(921, 307)) {
      writeFileSync(path, whole.subarray(0, length))
      const copy = newFolder()
      cpSync(folder, copy, { recursive: true })
      await checkFolder(copy, 0)
    }
  })

  it('in an earlier segment: what comes after the gap is not mixed with what comes before', async () => {
    const folder = newFolder()
    const big = await written()
    const lines = readFileSync(join(big, 'log', '0000000001.log'))
    cpSync(big, folder, { recursive: true })
    // The same frames in two files, of which the first has a hole at its end.
    const half = frameNear(lines, lines.length / 2)
    writeFileSync(join(folder, 'log', '0000000001.log'), lines.subarray(0, half - 5))
    writeFileSync(join(folder, 'log', '0000000002.log'), Buffer.concat([lines.subarray(0, 16), lines.subarray(half)]))
    await checkFolder(folder, 1)
    assert.equal(readdirSync(join(folder, 'damaged')).length, 2)
    await checkFolder(folder, 1)
  })

  it('of a newer version is not touched', async () => {
    const folder = await written()
    const path = join(folder, 'log', '0000000001.log')
    const bytes = readFileSync(path)
    bytes[15] = 2
    writeFileSync(path, bytes)
    assert.throws(() => open(folder), /0000000001\.log was written by a newer version of nightjar/)
    assert.deepEqual(readFileSync(path), bytes)
    // And nobody holds the folder.
    bytes[15] = 1
    writeFileSync(path, bytes)
    await checkFolder(folder, TURNS.flat().length)
  })
})

describe('a tree whose file is none', () => {
  for (const [name, content] of [
    ['empty', Buffer.alloc(0)],
    ['half a page', Buffer.alloc(2048)],
    ['zeros', Buffer.alloc(8192)],
  ] as const) {
    it(`is set aside, and the store begins with what is in the log: ${name}`, async () => {
      const folder = newFolder()
      const store = open(folder, { segmentBytes: 1_000_000 })
      for (const records of TURNS) append(store, ...records)
      await durable(store, TURNS.flat().length)
      await store.close()
      writeFileSync(join(folder, 'tree', 'data.mdb'), content)
      const told: string[] = []
      const again = open(folder, { tell: (level, words) => told.push(`${level}: ${words}`) })
      assert.deepEqual(comparable(again), stateAfter(again.durable))
      await again.close()
      assert.match(
        told.join('\n'),
        /^error: The store's tree was damaged \(data\.mdb: .*\): it was set aside in .*tree\.1,/,
      )
      assert.deepEqual(readFileSync(join(folder, 'damaged', 'tree.1', 'data.mdb')), content)
      assert.ok(existsSync(join(folder, 'damaged', 'kept.1')))
      await checkFolder(folder, 0)
    })
  }

  it('and so is one that was cut off before its root', async () => {
    const folder = newFolder()
    const store = open(folder)
    for (const records of TURNS) append(store, ...records)
    await store.close()
    const path = join(folder, 'tree', 'data.mdb')
    writeFileSync(path, readFileSync(path).subarray(0, 2 * 4096))
    const told: string[] = []
    const again = open(folder, { tell: (_level, words) => told.push(words) })
    await again.close()
    assert.match(told[0]!, /\(data\.mdb: its end is missing, it has only 8192 bytes\)/)
  })
})

/** Where a frame begins, at or after that place. */
function frameNear(bytes: Buffer, place: number): number {
  let at = 16
  while (at < place) at += 20 + bytes.readUInt32LE(at)
  return at
}

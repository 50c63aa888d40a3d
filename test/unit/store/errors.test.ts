import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { restoreMessage, type StoreRecord } from '../../../src/broker/index.ts'
import { DiskStore, type DiskStoreOptions } from '../../../src/store/disk/disk-store.ts'
import { MemoryStore } from '../../../src/store/index.ts'
import { effort } from '../../support/effort.ts'
import { ERRORS, FaultyFiles, OPERATIONS, type Operation } from '../../support/faulty-files.ts'
import { PATIENCE_MS } from '../../support/patience.ts'
import { append, load, message, queued, session } from './contract.ts'

/** In memory where that can be had: thousands of syncs take their time on a disk. */
const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
const root = mkdtempSync(join(base, 'nightjar-errors-'))
after(() => rmSync(root, { recursive: true, force: true }))
let folders = 0
const newFolder = (): string => join(root, String(folders++))

/** Tiny, so that a short history meets all of it: files are opened, closed, followed and removed all the time. */
const TINY = {
  segmentBytes: 300,
  blockBytes: 64,
  blocks: 2,
  openFiles: 1,
  syncEvery: 2,
  tidyEvery: 5,
  tidyLatest: 2,
  readAgainAfter: 1,
  readAgainLatest: 4,
  moveAgainAfter: 2,
  forgetStep: 1,
  chunkEntries: 2,
} as const

const open = (folder: string, options: Partial<DiskStoreOptions> = {}): DiskStore =>
  new DiskStore({ folder, sync: 'everysec', make: restoreMessage, ...TINY, ...options })

/** A Session that is away, one that takes what it gets, and retained messages. */
const TURNS: readonly (readonly StoreRecord[])[] = Array.from({ length: 14 }, (_, turn) => {
  if (turn === 0) return [session('away'), session('fast')]
  const records: StoreRecord[] = [
    { kind: 'message', message: message(turn, `t/${turn % 3}`, `payload ${turn} `.repeat(4)) },
    queued('away', turn, turn),
    queued('fast', turn, turn),
  ]
  if (turn % 5 === 0) records.push({ kind: 'retained', topic: `t/${turn % 3}`, messageId: turn, at: 1 })
  if (turn > 3) records.push({ kind: 'done', clientId: 'fast', position: turn - 3 })
  return records
})

function comparable(store: DiskStore | MemoryStore): string[] {
  return load(store)
    .map((record) => JSON.stringify(record))
    .sort()
}

const EXPECTED = ((): string[] => {
  const model = new MemoryStore()
  append(model, ...TURNS.flat())
  return comparable(model)
})()

/** Reads as a broker does: what cannot be read now is asked for again when the store says so. */
async function readAll(store: DiskStore, clientId: string): Promise<number[]> {
  const ids: number[] = []
  for (let from = 0; ; ) {
    const entries = store.read(clientId, from, 3)
    if (entries === null) {
      await readable(store)
      continue
    }
    if (entries.length === 0) return ids
    for (const { message, position } of entries) {
      assert.equal(message.topic, `t/${message.id % 3}`)
      ids.push(message.id)
      from = position + 1
    }
  }
}

function readable(store: DiskStore): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`it is not readable: ${store.trouble}`)), PATIENCE_MS)
    store.onReadable = () => {
      clearTimeout(late)
      resolve()
    }
  })
}

const ALL_IDS = TURNS.map((_, i) => i).slice(1)

async function until(what: () => boolean, why: () => string): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  while (!what()) {
    assert.ok(Date.now() < end, why())
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

/** What the files of a store are, to see whether they change. */
function picture(folder: string): string[] {
  return ['log', 'kept'].flatMap((part) =>
    readdirSync(join(folder, part)).map((name) => {
      const path = join(folder, part, name)
      return `${part}/${name} ${statSync(path).size} ${readFileSync(path).toString('base64')}`
    }),
  )
}

const DAMAGE = /damage|lost|gone/

/** The whole history, over files of which one operation fails at the nth time, and the next two; false: it never did. */
async function strike(operation: Operation, error: keyof typeof ERRORS, at: number): Promise<boolean> {
  const folder = newFolder()
  const told: string[] = []
  const files = new FaultyFiles((which, count) => (which === operation && count >= at && count < at + 3 ? error : null))
  const tell = (level: string, words: string): void => void told.push(`${level}: ${words}`)
  const what = `${operation} ${error} ${at}`
  // At start: an error that says what cannot be done. After it all goes as if nothing had been.
  let store: DiskStore | null = null
  while (store === null) {
    try {
      store = open(folder, { files, tell })
    } catch (failure) {
      assert.match(String(failure), new RegExp(error), what)
    }
  }
  for (const [turn, records] of TURNS.entries()) {
    append(store, ...records)
    if (turn % 7 === 0) await readAll(store, 'away')
    else await new Promise((resolve) => setImmediate(resolve))
  }
  const { durable } = store
  const position = TURNS.flat().length
  await until(
    () => commit(store!) >= position,
    () => `${what}: ${durable} of ${position} are durable: ${store!.trouble}`,
  )
  assert.deepEqual(await readAll(store, 'away'), ALL_IDS, what)
  await until(
    () => store!.trouble === null,
    () => `${what}: it still has trouble: ${store!.trouble}`,
  )
  await store.close()
  assert.deepEqual(
    told.filter((words) => DAMAGE.test(words)),
    [],
    what,
  )
  const again = open(folder, { tell })
  assert.deepEqual(comparable(again), EXPECTED, what)
  await again.close()
  assert.deepEqual(
    told.filter((words) => DAMAGE.test(words)),
    [],
    what,
  )
  rmSync(folder, { recursive: true })
  return files.struck > 0
}

function commit(store: DiskStore): number {
  store.commit()
  return store.durable
}

describe('an error of the file system', () => {
  for (const operation of OPERATIONS) {
    it(`in ${operation}, at the 1st, 2nd, 3rd ... time: nothing is lost, and nothing is called damaged`, async () => {
      const errors = Object.keys(ERRORS) as (keyof typeof ERRORS)[]
      let at = 1
      // Further steps further on: the first ones differ most.
      while (await strike(operation, errors[at % errors.length]!, at)) at += at < errors.length ? 1 : effort(389, 97)
    })
  }

  it('says something at start, whatever it is: that is an error, and all is as it was', async () => {
    const folder = newFolder()
    const store = open(folder, { sync: 'no', tidyEvery: 10_000, segmentBytes: 900 })
    for (const records of TURNS) append(store, ...records)
    // All but the last two are moved.
    await until(
      () => readdirSync(join(folder, 'log')).length <= 2,
      () => 'segments are not moved',
    )
    assert.ok(readdirSync(join(folder, 'kept')).length > 1, 'messages are kept in files')
    const left = newFolder()
    cpSync(folder, left, { recursive: true })
    await store.close()
    for (const operation of OPERATIONS) {
      let at = 1
      while (await strikeAtStart(left, operation, at % 2 === 0 ? 'EIO' : 'EMFILE', at))
        at += at < 3 ? 1 : effort(47, 11)
    }
  })
})

/** False: there was no such operation. */
async function strikeAtStart(
  from: string,
  operation: Operation,
  error: keyof typeof ERRORS,
  at: number,
): Promise<boolean> {
  const folder = newFolder()
  cpSync(from, folder, { recursive: true })
  const told: string[] = []
  const tell = (level: string, words: string): void => void told.push(`${level}: ${words}`)
  const files = new FaultyFiles((which, count) => (which === operation && count === at ? error : null))
  const what = `${operation} ${error} ${at} at start`
  const before = picture(folder)
  let store: DiskStore | null = null
  try {
    store = open(folder, { files, tell, segmentBytes: 900 })
    assert.ok([...store.load()].length > 0, what)
    assert.deepEqual(await readAll(store, 'away'), ALL_IDS, what)
    await store.close()
  } catch (failure) {
    await store?.close()
    if (failure instanceof assert.AssertionError) throw failure
    assert.match(String(failure), new RegExp(error), what)
    const now = new Set(picture(folder))
    // If it was opened, its mover has begun.
    const changed = store === null ? before.filter((file) => !now.has(file)).map((file) => file.split(' ')[0]) : []
    assert.deepEqual(changed, [], `${what}: it changed something`)
    rmSync(folder, { recursive: true })
    return true
  }
  const again = open(folder, { tell })
  assert.deepEqual(comparable(again), EXPECTED, what)
  await again.close()
  assert.deepEqual(
    told.filter((words) => DAMAGE.test(words)),
    [],
    what,
  )
  rmSync(folder, { recursive: true })
  return files.struck > 0
}

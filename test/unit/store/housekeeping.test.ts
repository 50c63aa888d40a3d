import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { restoreMessage, type StoreRecord } from '../../../src/broker/index.ts'
import { DiskStore, type DiskStoreOptions } from '../../../src/store/disk/disk-store.ts'
import { type Files, readFully, systemFiles, writeAll } from '../../../src/store/disk/files.ts'
import { Mover } from '../../../src/store/disk/mover.ts'
import { FaultyFiles } from '../../support/faulty-files.ts'
import { PATIENCE_MS } from '../../support/patience.ts'
import { append, load, message, queued, session } from './contract.ts'

const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
const root = mkdtempSync(join(base, 'nightjar-housekeeping-'))
after(() => rmSync(root, { recursive: true, force: true }))
let folders = 0
const newFolder = (): string => join(root, String(folders++))

const SMALL = { segmentBytes: 300, syncEvery: 2, tidyEvery: 5, tidyLatest: 2, moveAgainAfter: 2 } as const
const open = (folder: string, options: Partial<DiskStoreOptions> = {}): DiskStore =>
  new DiskStore({ folder, sync: 'everysec', make: restoreMessage, ...SMALL, ...options })

/** One turn of a broker that has a message for a client. */
const turn = (id: number): StoreRecord[] => [
  { kind: 'message', message: message(id, 't', 'x'.repeat(100)) },
  queued('a', id, id),
]

async function met(condition: () => boolean, why: () => string): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  while (!condition()) {
    assert.ok(Date.now() < end, why())
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

const filesIn = (folder: string, part: string): string[] => readdirSync(join(folder, part))

describe('a file that is not needed any more', () => {
  it('and cannot be removed is told once, and is tried again until it can', async () => {
    const folder = newFolder()
    const told: string[] = []
    let failing = true
    const files = new FaultyFiles((which) => (failing && which === 'remove' ? 'EACCES' : null))
    const tell = (level: string, words: string): void => void told.push(`${level}: ${words}`)
    const store = open(folder, { files, tell })
    append(store, session('a'))
    for (let id = 1; id < 20; id++) append(store, ...turn(id))
    await met(
      () => files.struck > 5,
      () => `${files.struck} were tried`,
    )
    assert.match(
      told[0]!,
      /^warning: 0000000001\.log is not needed any more, and cannot be removed: EACCES.*\. It is tried again$/,
    )
    assert.equal(told.length, 1)
    assert.equal(store.trouble, null, 'that is no trouble of the store')
    failing = false
    await met(
      () => filesIn(folder, 'log').length <= 2,
      () => `still there: ${filesIn(folder, 'log')}`,
    )
    await met(
      () => told.length === 2,
      () => told.join('\n'),
    )
    assert.equal(told[1], 'notice: What is not needed any more is removed')
    await store.close()
  })

  it('nor at a start: that starts, and tries again', async () => {
    const folder = newFolder()
    const before = open(folder)
    append(before, session('a'), ...turn(1))
    await before.close()
    // What a process leaves that ends before it could tell the tree.
    const orphan = '0000000099.msg'
    writeFileSync(join(folder, 'kept', orphan), 'x')
    const told: string[] = []
    let failing = true
    const files = new FaultyFiles((which) => (failing && which === 'remove' ? 'EIO' : null))
    const store = open(folder, { files, tell: (_level, words) => told.push(words) })
    assert.match(told[0]!, /^0000000099\.msg is not needed any more, and cannot be removed: EIO/)
    assert.equal(load(store).filter(({ kind }) => kind === 'queued').length, 1)
    failing = false
    await met(
      () => !filesIn(folder, 'kept').includes(orphan),
      () => 'it is still there',
    )
    await store.close()
  })
})

describe('a segment that no other can follow', () => {
  /** A store whose second segment cannot be made while `failing`. */
  function stuck(bounds: Partial<DiskStoreOptions>): { store: DiskStore; told: string[]; folder: string; end(): void } {
    const folder = newFolder()
    const told: string[] = []
    let failing = true
    const files = new FaultyFiles()
    files.before = (operation, path) => {
      if (!failing || operation !== 'open' || !path.endsWith('2.log')) return
      throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' })
    }
    const tell = (level: string, words: string): void => void told.push(`${level}: ${words}`)
    const store = open(folder, { files, tell, ...bounds })
    const end = (): void => {
      failing = false
    }
    return { store, told, folder, end }
  }

  it('grows, is told as trouble, takes what is to be kept up to its bound, and goes on when it can', async () => {
    const { store, told, folder, end } = stuck({ longestSegment: 900 })
    append(store, session('a'))
    let id = 0
    while (!store.full) {
      append(store, ...turn(++id))
      assert.equal(store.durable, 1 + 2 * id, 'what it takes is kept')
      assert.ok(id < 50, 'it is never full')
    }
    assert.ok(id >= 4, `full after ${id}`)
    assert.match(store.trouble!, /^beginning 0000000002\.log: EMFILE/)
    assert.deepEqual(filesIn(folder, 'log'), ['0000000001.log'])
    assert.equal(told.length, 1)
    assert.match(
      told[0]!,
      /^error: The log in .* cannot go on in another file, and grows \(beginning 0000000002\.log: EMFILE/,
    )
    end()
    await met(
      () => store.trouble === null,
      () => `it still says ${store.trouble}`,
    )
    assert.equal(store.full, false)
    assert.match(told[1]!, /^notice: The log in .* goes on in another file again$/)
    append(store, ...turn(++id))
    await store.close()
    const again = open(folder)
    assert.equal(load(again).filter(({ kind }) => kind === 'queued').length, id)
    await again.close()
  })

  for (const longestFile of [400, 700, 1500]) {
    it(`never gets longer than a file may be: ${longestFile} bytes`, async () => {
      const { store, folder } = stuck({ longestFile })
      append(store, session('a'))
      let id = 0
      while (!/it has grown too long/.test(store.trouble ?? '')) {
        append(store, ...turn(++id))
        assert.ok(id < 50, `it says ${store.trouble}`)
      }
      assert.equal(store.durable, 1 + 2 * (id - 1), 'what is not written is not safe')
      await store.close()
      const again = open(folder)
      assert.equal(load(again).filter(({ kind }) => kind === 'queued').length, id - 1)
      await again.close()
    })
  }
})

describe('lengths of 2 GiB and more', () => {
  const GIB = 2 ** 30
  for (const [length, parts] of [
    [GIB, [GIB]],
    [2 * GIB - 1, [GIB, GIB - 1]],
    [2 * GIB, [GIB, GIB]],
    [4 * GIB + 5, [GIB, GIB, GIB, GIB, 5]],
  ] as const) {
    it(`are never asked of the system in one call: ${length}`, () => {
      const calls: [number, number][] = []
      const files: Files = {
        ...systemFiles,
        write: (_fd, _bytes, from, count, position) => {
          assert.equal(position, from + 7)
          return calls.push([from, count]) && count
        },
        read: (_fd, _bytes, count, position) => calls.push([position - 7, count]) && count,
      }
      const expected = parts.map((part, i) => [i * GIB, part])
      const nothing = new Uint8Array(0)
      writeAll(files, 1, nothing, length, 7)
      assert.deepEqual(calls.splice(0), expected)
      assert.equal(readFully(files, 1, nothing, length, 7), length)
      assert.deepEqual(calls, expected)
    })
  }
})

describe('a mover that gets no thread', () => {
  it('says so, and tries again', async () => {
    // What cannot be handed to a thread: `new Worker` throws, as it does when the system has no thread for us.
    const bounds = { moveAgainAfter: 1, none: (): void => undefined }
    const told: { segment: number; error?: string }[] = []
    const folders = { logFolder: '', keptFolder: '', treePath: '', map: null, bounds }
    const order = (segment: number) => ({ segment, last: 1, spent: null, late: [] })
    const mover = new Mover(folders as never, order, (result) => told.push(result))
    mover.move(3)
    await met(
      () => told.length > 2,
      () => `${told.length} tries`,
    )
    for (const { segment, error } of told) {
      assert.equal(segment, 3)
      assert.match(error!, /could not be cloned/)
    }
    await mover.close()
  })
})

import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { restoreMessage, type StoreRecord } from '../../../src/broker/index.ts'
import { DiskStore } from '../../../src/store/disk/disk-store.ts'
import { MemoryStore } from '../../../src/store/index.ts'
import { effort } from '../../support/effort.ts'
import { fc } from '../../support/fast-check.ts'
import { PATIENCE_MS } from '../../support/patience.ts'
import { append, load, message, queued, session } from './contract.ts'

const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
const root = mkdtempSync(join(base, 'nightjar-moves-'))
after(() => rmSync(root, { recursive: true, force: true }))

let folders = 0
const newFolder = (): string => join(root, String(folders++))
const open = (folder: string, moverIdle = 10_000): DiskStore =>
  new DiskStore({ folder, sync: 'no', make: restoreMessage, segmentBytes: 400, syncEvery: 5, tidyEvery: 20, moverIdle })

function comparable(store: DiskStore | MemoryStore): string[] {
  return load(store)
    .map((record) => JSON.stringify(record))
    .sort()
}

const filesIn = (folder: string, part: string): string[] => readdirSync(join(folder, part))

/** Segments are moved but for the last two, whose turn has not come. */
async function moved(folder: string): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  while (filesIn(folder, 'log').length > 2) {
    assert.ok(Date.now() < end, `segments are not moved: ${filesIn(folder, 'log')}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** Changes when any file does. */
function looksOf(folder: string): string {
  return ['kept', 'log', 'tree']
    .flatMap((part) => filesIn(folder, part).map((name) => join(folder, part, name)))
    .map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false })
      return `${path} ${stat?.size} ${stat?.mtimeMs}`
    })
    .join()
}

/** The state that a process would find which starts on what there is now. */
async function found(folder: string): Promise<string[]> {
  const copy = newFolder()
  // Copying takes time, and a process that ends does not: nothing may have changed meanwhile.
  for (let before = ''; before !== looksOf(folder); ) {
    before = looksOf(folder)
    rmSync(copy, { recursive: true, force: true })
    try {
      cpSync(folder, copy, { recursive: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      before = ''
    }
  }
  const store = open(copy)
  const state = comparable(store)
  await store.close()
  rmSync(copy, { recursive: true })
  return state
}

type Client = 'a' | 'b' | 'c'

/** A broker's life in short: what happens is chosen by numbers, and always makes sense. */
class Life {
  readonly #tails: Map<Client, number> = new Map()
  readonly #owed: Map<Client, number[]> = new Map()
  #messages = 0

  turn(kind: number, client: Client, size: number): StoreRecord[] {
    if (!this.#owed.has(client) || kind === 0) return this.#begin(client)
    const owed = this.#owed.get(client)!
    switch (kind) {
      case 1:
        return this.#publish([client], size)
      case 2:
        return this.#publish([...this.#owed.keys()], size)
      case 3:
        // The oldest, as a client mostly does.
        return this.#take(client, owed.shift())
      case 4:
        return this.#take(client, owed.pop())
      case 5:
        return owed.length === 0 ? [] : [{ kind: 'received', clientId: client, position: owed[0]! }]
      case 6:
        return this.#retain(size)
      case 7:
        return [{ kind: 'retainedCleared', topic: `r/${size % 3}` }]
      case 8:
        this.#owed.delete(client)
        this.#tails.delete(client)
        return [{ kind: 'sessionEnded', clientId: client }]
      default:
        // A fast client: all that it is owed at once, and a message that it has in the same turn.
        return [
          ...owed.splice(0).flatMap((position) => this.#take(client, position)),
          ...this.#publish([client], size),
          ...owed.splice(0).flatMap((position) => this.#take(client, position)),
        ]
    }
  }

  #begin(client: Client): StoreRecord[] {
    if (!this.#owed.has(client)) this.#owed.set(client, [])
    return [session(client)]
  }

  #publish(clients: readonly Client[], size: number): StoreRecord[] {
    const id = ++this.#messages
    const records: StoreRecord[] = [{ kind: 'message', message: message(id, 't', 'x'.repeat(size)) }]
    for (const client of clients) {
      const position = this.#tails.get(client) ?? 0
      this.#tails.set(client, position + 1)
      this.#owed.get(client)!.push(position)
      records.push(queued(client, position, id))
    }
    return records
  }

  #take(client: Client, position: number | undefined): StoreRecord[] {
    return position === undefined ? [] : [{ kind: 'done', clientId: client, position }]
  }

  #retain(size: number): StoreRecord[] {
    const id = ++this.#messages
    const topic = `r/${size % 3}`
    return [
      { kind: 'message', message: message(id, topic, 'x'.repeat(size)) },
      { kind: 'retained', topic, messageId: id, at: 5 },
    ]
  }

  /** All are gone, and nothing is retained. */
  end(): StoreRecord[] {
    const ends = [...this.#owed.keys()].map((clientId): StoreRecord => ({ kind: 'sessionEnded', clientId }))
    return [...ends, ...[0, 1, 2].map((n): StoreRecord => ({ kind: 'retainedCleared', topic: `r/${n}` }))]
  }
}

const turn = fc.tuple(
  fc.nat(12),
  fc.constantFrom<Client>('a', 'a', 'a', 'b', 'c'),
  fc.oneof({ weight: 4, arbitrary: fc.nat(60) }, { weight: 1, arbitrary: fc.nat(900) }),
)

describe('segments that move into the tree', () => {
  it('the state is the same before, while and after they move, whenever the process ends', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(turn, { minLength: 40, maxLength: 160 }),
        fc.array(fc.nat(30)),
        fc.constantFrom(1, 10_000),
        async (turns, looks, moverIdle) => {
          const folder = newFolder()
          const model = new MemoryStore()
          const life = new Life()
          let store = open(folder, moverIdle)
          const lookAt = new Map(looks.map((look, i) => [(look * 5 + i) % turns.length, look]))
          for (const [i, [kind, client, size]] of turns.entries()) {
            const records = life.turn(kind, client, size)
            append(store, ...records)
            append(model, ...records)
            const look = lookAt.get(i)
            if (look === undefined) continue
            // At any moment of the move, or when it is over.
            if (look % 3 > 0) await new Promise((resolve) => setTimeout(resolve, look % 7))
            else await moved(folder)
            assert.deepEqual(await found(folder), comparable(model), `after turn ${i}`)
            if (look % 4 > 0) continue
            await store.close()
            store = open(folder, moverIdle)
            // As a broker does, which reads the state before it goes on.
            assert.deepEqual(comparable(store), comparable(model), `started again after turn ${i}`)
          }
          await store.close()
          assert.deepEqual(await found(folder), comparable(model))
        },
      ),
      // Each run takes long, so what fails is shown as it is.
      { numRuns: effort(6, 15), endOnFailure: true },
    )
  })

  it('nothing is left on the disk of what is over', async () => {
    const folder = newFolder()
    const store = open(folder)
    const life = new Life()
    for (let i = 0; i < 300; i++)
      append(store, ...life.turn(i % 3 === 0 ? 2 : 1 + (i % 2) * 5, 'abc'[i % 3] as Client, 200))
    await moved(folder)
    assert.ok(filesIn(folder, 'kept').length > 20, 'messages are kept in files')
    append(store, ...life.end())
    const end = Date.now() + PATIENCE_MS
    while (filesIn(folder, 'kept').length > 0) {
      assert.ok(Date.now() < end, `still kept: ${filesIn(folder, 'kept')}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await store.close()
  })

  it('a segment of which nothing is left is not moved, and takes nothing along that is', async () => {
    const folder = newFolder()
    const store = open(folder)
    append(store, session('away'), session('fast'))
    const model = new MemoryStore()
    append(model, session('away'), session('fast'))
    for (let id = 1; id < 200; id++) {
      const records: StoreRecord[] = [
        { kind: 'message', message: message(id, 't', 'x'.repeat(100)) },
        queued('fast', id, id),
        ...(id % 40 === 0 ? [queued('away', id, id)] : []),
      ]
      append(store, ...records)
      append(model, ...records)
      // Some are acknowledged in the segment that has them, some in the next.
      if (id % 3 !== 0) continue
      const done = [id - 2, id - 1, id].map((position): StoreRecord => ({ kind: 'done', clientId: 'fast', position }))
      append(store, ...done)
      append(model, ...done)
    }
    await moved(folder)
    assert.deepEqual(await found(folder), comparable(model))
    await store.close()
  })
  it('the thread that moves them ends when there is nothing to move, and another one moves what comes later', async () => {
    const [started, ended]: [Worker[], Worker[]] = [[], []]
    const note = (worker: Worker): void => {
      started.push(worker)
      worker.once('exit', () => ended.push(worker))
    }
    process.on('worker', note)
    try {
      const folder = newFolder()
      const store = open(folder, 1)
      const model = new MemoryStore()
      const life = new Life()
      for (let round = 1; round <= 3; round++) {
        for (let i = 0; i < 20; i++) {
          const records = life.turn(i === 0 ? 0 : 1, 'a', 100)
          append(store, ...records)
          append(model, ...records)
        }
        await moved(folder)
        const end = Date.now() + PATIENCE_MS
        while (started.length < round || ended.length < started.length) {
          assert.ok(Date.now() < end, `round ${round}: of ${started.length} threads ${ended.length} have ended`)
          await new Promise((resolve) => setTimeout(resolve, 2))
        }
      }
      await store.close()
      assert.deepEqual(await found(folder), comparable(model))
    } finally {
      process.off('worker', note)
    }
  })
})

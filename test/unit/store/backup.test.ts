import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { restoreMessage, type Store, type StoreRecord } from '../../../src/broker/index.ts'
import { backupStore } from '../../../src/store/disk/backup.ts'
import { checkStore } from '../../../src/store/disk/check.ts'
import { DiskStore } from '../../../src/store/disk/disk-store.ts'
import { segmentName } from '../../../src/store/disk/segments.ts'
import { append, load, message, queued, session } from './contract.ts'

const BUSY = fileURLToPath(new URL('../../support/busy-store.js', import.meta.url))
const root = mkdtempSync(join(tmpdir(), 'nightjar-backup-'))
after(() => rmSync(root, { recursive: true, force: true }))

let folders = 0
const newFolder = (): string => join(root, String(folders++))
const open = (folder: string, segmentBytes = 2000): DiskStore =>
  new DiskStore({ folder, sync: 'no', make: restoreMessage, segmentBytes, syncEvery: 5 })
const backup = (folder: string, target: string) => backupStore(folder, target, restoreMessage)

function comparable(store: Store): string[] {
  return load(store)
    .map((record) => JSON.stringify(record))
    .sort()
}

/** What is in a client's queue, by the numbers of the messages. */
function queueOf(store: DiskStore, clientId: string): number[] {
  return store.read(clientId, 0, Number.POSITIVE_INFINITY)!.map((entry) => entry.message.id)
}

async function fill(folder: string): Promise<string[]> {
  const store = open(folder)
  append(store, session('a'), session('b'))
  for (let id = 1; id <= 100; id++) {
    const records: StoreRecord[] = [{ kind: 'message', message: message(id, 't', 'x'.repeat(100)) }]
    records.push(queued('a', id - 1, id), queued('b', id - 1, id))
    if (id % 10 === 0) records.push({ kind: 'retained', topic: `t/${id % 3}`, messageId: id, at: 5 })
    if (id % 3 !== 0) records.push({ kind: 'done', clientId: 'b', position: id - 1 })
    append(store, ...records)
  }
  await store.close()
  const again = open(folder)
  const state = comparable(again)
  await again.close()
  return state
}

describe('a backup', () => {
  it('is what the store had, in one tree with an empty log', async () => {
    const [folder, target] = [newFolder(), newFolder()]
    const state = await fill(folder)
    const { found, owner, queued: waiting, bytes } = await backup(folder, target)
    assert.deepEqual({ found, owner, waiting, log: bytes.log }, { found: 0, owner: null, waiting: 133, log: 0 })
    assert.deepEqual(readdirSync(target).sort(), ['kept', 'log', 'tree'])
    assert.deepEqual(readdirSync(join(target, 'log')), [])
    rmSync(folder, { recursive: true })
    const store = open(target)
    assert.deepEqual(comparable(store), state)
    append(store, { kind: 'message', message: message(101) }, queued('a', 100, 101))
    assert.equal(queueOf(store, 'a').length, 101)
    await store.close()
  })

  it('shares no file with the store', async () => {
    const [folder, target] = [newFolder(), newFolder()]
    await fill(folder)
    await backup(folder, target)
    const inodes = (of: string): number[] =>
      ['log', 'kept', 'tree'].flatMap((part) =>
        readdirSync(join(of, part)).map((name) => statSync(join(of, part, name)).ino),
      )
    assert.ok(readdirSync(join(target, 'kept')).length > 0)
    const own = new Set(inodes(folder))
    assert.deepEqual(
      inodes(target).filter((inode) => own.has(inode)),
      [],
    )
  })

  it('ends where the log is torn', async () => {
    const [folder, target] = [newFolder(), newFolder()]
    const state = await fill(folder)
    const last = readdirSync(join(folder, 'log')).sort().at(-1)!
    writeFileSync(join(folder, 'log', last), Buffer.alloc(30, 7), { flag: 'a' })
    assert.equal((await backup(folder, target)).found, 0)
    const store = open(target)
    assert.deepEqual(comparable(store), state)
    await store.close()
  })

  it('goes into an empty folder, and into no other', async () => {
    const [folder, target] = [newFolder(), newFolder()]
    await fill(folder)
    mkdirSync(target)
    await backup(folder, target)
    await assert.rejects(backup(folder, target), /is there and is not empty/)
  })

  it('that cannot be made leaves nothing behind', async () => {
    const [folder, target] = [newFolder(), newFolder()]
    await fill(folder)
    rmSync(join(folder, 'kept'), { recursive: true })
    await assert.rejects(backup(folder, target), /kept\/\d+\.msg is gone while it is needed/)
    assert.ok(!existsSync(target))
    mkdirSync(target)
    await assert.rejects(backup(folder, target))
    assert.deepEqual(readdirSync(target), [])
  })

  it('does not need segments that are in the tree', async () => {
    const [folder, target] = [newFolder(), newFolder()]
    const state = await fill(folder)
    writeFileSync(join(folder, 'log', segmentName(1)), 'left over')
    await backup(folder, target)
    const store = open(target)
    assert.deepEqual(comparable(store), state)
    await store.close()
  })
})

describe('a backup beside a store that another process writes to', () => {
  it('has all that was durable before it began, is of one moment, and so is a check', async () => {
    const folder = newFolder()
    const child = spawn(process.execPath, [BUSY, folder, '6000'], { stdio: ['pipe', 'pipe', 'inherit'] })
    const gone = new Promise((resolve) => child.once('exit', resolve))
    after(() => child.kill('SIGKILL'))
    let text = ''
    let wake = (): void => undefined
    child.stdout.setEncoding('utf8').on('data', (more: string) => {
      text = (text + more).slice(-64)
      wake()
    })
    const durable = (): number => Number(text.split('\n').at(-2) ?? 0)
    const reached = async (count: number): Promise<void> => {
      while (durable() < count) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
    for (let round = 1; round <= 6; round++) {
      // Far enough that kept files have been given up since the round before.
      await reached(durable() + 700)
      const before = durable()
      const target = newFolder()
      const { found, findings } = await backup(folder, target)
      assert.deepEqual({ found, findings }, { found: 0, findings: [] })
      const running = await checkStore(folder, restoreMessage)
      assert.deepEqual({ owner: running.owner, findings: running.findings }, { owner: child.pid, findings: [] })
      const store = open(target)
      const all = queueOf(store, 'late')
      const away = queueOf(store, 'away')
      await store.close()
      const last = all.at(-1)!
      assert.ok(last >= before, `${last} is the last, ${before} was durable`)
      assert.deepEqual(
        all,
        Array.from({ length: 300 }, (_, i) => last - 299 + i),
      )
      assert.deepEqual(
        away,
        Array.from({ length: last / 20 }, (_, i) => (i + 1) * 20),
      )
    }
    child.kill('SIGKILL')
    await gone
  })
})

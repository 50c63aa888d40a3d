import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { restoreMessage, type StoreRecord } from '../../../src/broker/index.ts'
import { backupStore } from '../../../src/store/disk/backup.ts'
import { checkStore, findStore, type StoreReport } from '../../../src/store/disk/check.ts'
import { DiskStore } from '../../../src/store/disk/disk-store.ts'
import { FRAME_BYTES, sealFrame } from '../../../src/store/disk/frames.ts'
import { blockKey, boundsKey, keptKey, messageKey, queueKey, sessionKey } from '../../../src/store/disk/keys.ts'
import { lockFolder } from '../../../src/store/disk/lock.ts'
import { Tree } from '../../../src/store/disk/tree.ts'
import { NIGHTJAR, runProgram } from '../../support/nightjar.ts'
import { PATIENCE_MS } from '../../support/patience.ts'
import { append, load, message, queued, session, subscription } from './contract.ts'

const root = mkdtempSync(join(tmpdir(), 'nightjar-check-'))
after(() => rmSync(root, { recursive: true, force: true }))
const sound = join(root, 'sound')
let copies = 0

const check = (folder: string): Promise<StoreReport> => checkStore(folder, restoreMessage)
const filesIn = (folder: string, part: string): string[] => readdirSync(join(folder, part)).sort()

/** What is in the sound store's tree under some numbers: message 1 for Session 2 is a value of its own, others are kept. */
const ALONE = 1

/** A store that has a bit of everything: messages in the tree, kept ones, retained ones, and a log of two segments. */
async function fill(folder: string): Promise<void> {
  const store = new DiskStore({ folder, sync: 'no', make: restoreMessage, segmentBytes: 4000, syncEvery: 5 })
  const records: StoreRecord[] = [session('a'), session('b')]
  records.push({ kind: 'message', message: message(ALONE) }, queued('b', 0, ALONE))
  append(store, ...records)
  for (let id = 2; id < 150; id++) {
    const publish: StoreRecord = { kind: 'message', message: message(id, `t/${id % 5}`, 'x'.repeat(100)) }
    // Of the first segment nothing is left but the one message.
    if (id < 40) append(store, publish, queued('b', id - 1, id), { kind: 'done', clientId: 'b', position: id - 1 })
    else if (id % 10 === 0) append(store, publish, { kind: 'retained', topic: `t/${id % 3}`, messageId: id, at: 5 })
    else append(store, publish, queued('a', id, id), queued('b', id, id))
  }
  const end = Date.now() + PATIENCE_MS
  while (filesIn(folder, 'log').length > 2) {
    assert.ok(Date.now() < end, 'segments are not moved')
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  append(store, { kind: 'message', message: message(150) }, queued('a', 150, 150))
  append(store, { kind: 'done', clientId: 'a', position: 41 })
  await store.close()
}

before(async () => {
  await fill(sound)
  assert.ok(filesIn(sound, 'kept').length >= 2, 'there are kept files')
  assert.equal(filesIn(sound, 'log').length, 2)
  const tree = new Tree(join(sound, 'tree'), restoreMessage)
  assert.ok(tree.message(ALONE) !== null, 'a message is in the tree')
  await tree.close()
})

function copyOf(folder: string): string {
  const copy = join(root, `copy-${copies++}`)
  cpSync(folder, copy, { recursive: true })
  return copy
}

/** Changes a byte in the middle. */
function flip(path: string, at: number = Math.floor(readFileSync(path).length / 2)): void {
  const bytes = readFileSync(path)
  bytes[at]! ^= 0xff
  writeFileSync(path, bytes)
}

async function inTree(folder: string, change: (tree: Tree) => void): Promise<void> {
  const tree = new Tree(join(folder, 'tree'), restoreMessage)
  tree.transact(tree.applied(), () => change(tree))
  await tree.close()
}

const logOf = (folder: string, index: number): string => join(folder, 'log', filesIn(folder, 'log').at(index)!)
const keptFile = (folder: string): string => join(folder, 'kept', filesIn(folder, 'kept')[0]!)

/** One frame more at the end of the log, with a record that nobody knows. */
function appendRubbish(folder: string): void {
  const frame = Buffer.alloc(FRAME_BYTES + 1, 99)
  const tree = new Tree(join(folder, 'tree'), restoreMessage)
  sealFrame(frame, frame.length, tree.applied().position, 2)
  void tree.close()
  writeFileSync(logOf(folder, -1), frame, { flag: 'a' })
}

/** One kind of damage, and the words that must tell of it. */
type Damage = [name: string, damage: (folder: string) => void | Promise<void>, words: RegExp]

const DAMAGES: readonly Damage[] = [
  [
    'a byte of a kept file',
    (folder) => flip(keptFile(folder)),
    /^message \d+ in kept\/\d+\.msg at byte \d+ is not what was written: those who wait for it do not get it$/,
  ],
  [
    'the head of a kept file',
    (folder) => flip(keptFile(folder), 3),
    /^kept\/\d+\.msg does not begin as such a file does/,
  ],
  [
    'a kept file that is gone',
    (folder) => rmSync(keptFile(folder)),
    /^kept\/\d+\.msg is gone, and with it \d+ messages/,
  ],
  [
    'a byte of the log',
    (folder) => flip(logOf(folder, 0)),
    /^\d+\.log is not sound from byte \d+ on \(\d+ bytes\): the next/,
  ],
  ['what follows such a byte', (folder) => flip(logOf(folder, 0)), /^\d+\.log lacks \d+ records before byte 16/],
  ['the head of a log', (folder) => flip(logOf(folder, 0), 2), /^\d+\.log does not begin as a log does/],
  ['a segment that is gone', (folder) => rmSync(logOf(folder, 0)), /^\d+\.log lacks \d+ records/],
  ['a torn end of the log', (folder) => cut(logOf(folder, -1)), /^\d+\.log is not sound from byte/],
  ['a record of no known kind', appendRubbish, /^\d+\.log has a record after byte \d+ that cannot be read/],
  [
    'a message that is gone',
    (folder) => inTree(folder, (tree) => tree.db.removeSync(messageKey(ALONE))),
    /^message 1, queued for Session 2 at 0, is not there: those who wait/,
  ],
  [
    'wrong uses',
    (folder) => inTree(folder, (tree) => tree.useMessage(ALONE, 3)),
    /^message 1 is held 1 times, but 4 are counted/,
  ],
  [
    'wrong bytes',
    (folder) => inTree(folder, (tree) => tree.putBounds(1, { ...tree.bounds(1)!, bytes: 7 })),
    /^\d+ bytes wait for Session 1, but 7 are counted/,
  ],
  [
    'a queue beyond its end',
    (folder) => inTree(folder, (tree) => tree.putBounds(1, { ...tree.bounds(1)!, tail: 43 })),
    /^the queue of Session 1 at position \d+ has position 43, but ends before 43/,
  ],
  [
    'a value that was altered',
    (folder) => inTree(folder, (tree) => alter(tree, sessionKey(1))),
    /^the tree's value s 1 is not what was written \(its checksum is wrong\): what it held is lost/,
  ],
  [
    'a value that is altered with its checksum right',
    (folder) => inTree(folder, (tree) => tree.db.putSync(messageKey(77), tree.db.get(messageKey(ALONE))!)),
    /^the tree's value M 77 cannot be read \(it is message 1\)/,
  ],
  [
    'places that stand twice',
    (folder) => inTree(folder, (tree) => tree.putQueue(1, [...tree.queue(1, 44, 46)].slice(-1))),
    /^the queue of Session 1 at position \d+ has position \d+ after \d+: those places/,
  ],
  [
    'a Session without bounds',
    (folder) => inTree(folder, (tree) => tree.db.removeSync(boundsKey(1))),
    /^Session 1 \(a\) has no/,
  ],
  [
    'a queue without its Session',
    (folder) => inTree(folder, (tree) => tree.db.removeSync(sessionKey(1))),
    /^a queue is there for Session 1, which is not/,
  ],
  [
    'a kept segment that is forgotten',
    (folder) => inTree(folder, (tree) => tree.db.removeSync(keptKey(tree.keptSegments()[0]!))),
    /^the tree does not know that messages of segment \d+ are kept/,
  ],
  [
    'a kept segment without its messages',
    (folder) => inTree(folder, (tree) => removeBlock(tree)),
    /^it is not known where the messages of segment \d+ are/,
  ],
  [
    'a key of no known kind',
    (folder) => inTree(folder, (tree) => tree.db.putSync(Buffer.from('zz'), Buffer.alloc(9))),
    /^the tree's value 7a7a is of no known kind/,
  ],
]

function cut(path: string): void {
  truncateSync(path, readFileSync(path).length - 3)
}

function removeBlock(tree: Tree): void {
  const [segment] = tree.keptSegments()
  const firstId = tree.db.get(keptKey(segment!))!.readDoubleLE(4)
  tree.db.removeSync(blockKey(firstId))
}

function alter(tree: Tree, key: Buffer): void {
  const value = Buffer.from(tree.db.get(key)!)
  value[value.length - 1]! ^= 1
  tree.db.putSync(key, value)
}

describe('topics, Topic Filters and Client Identifiers of any length', () => {
  // LMDB's keys end at 1,978 bytes, ours for a topic at 1,500; three bytes a character at most.
  const LENGTHS = [1, 504, 505, 506, 1500, 1501, 1978, 1979, 4096, 65_535]
  const long = (length: number, what: string): string =>
    what + 'ü'.repeat((length - 1) >> 1) + 'x'.repeat((length - 1) % 2)

  it('are no reason for a finding, and are in a backup', async () => {
    const [folder, target] = [join(root, 'long'), join(root, 'backup-of-long')]
    const store = new DiskStore({ folder, sync: 'no', make: restoreMessage, segmentBytes: 4000, syncEvery: 5 })
    let id = 0
    for (const length of LENGTHS) {
      const [clientId, topic] = [long(length, 'c'), long(length, 't')]
      assert.equal(Buffer.byteLength(topic), length)
      for (const again of [1, 2]) {
        id++
        const will = { message: message(0, topic), delay: 5 }
        append(
          store,
          session(clientId, will),
          { kind: 'subscribed', clientId, subscription: subscription(topic) },
          { kind: 'message', message: message(id, topic, `${again}`) },
          queued(clientId, again, id),
          { kind: 'retained', topic, messageId: id, at: 5 },
        )
      }
    }
    await store.close()
    const moving = new DiskStore({ folder, sync: 'no', make: restoreMessage, syncEvery: 5, tidyEvery: 5 })
    const end = Date.now() + PATIENCE_MS
    while (filesIn(folder, 'log').length > 1) {
      assert.ok(Date.now() < end, 'segments are not moved')
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    await moving.close()
    const { found, findings, sessions, retained } = await check(folder)
    assert.deepEqual(
      findings.map((words) => words.slice(0, 200)),
      [],
    )
    assert.deepEqual({ found, sessions, retained }, { found: 0, sessions: LENGTHS.length, retained: LENGTHS.length })
    const copied = await backupStore(folder, target, restoreMessage)
    assert.deepEqual([copied.found, copied.retained], [0, LENGTHS.length])
    const [one, other] = [folder, target].map(
      (path) => new DiskStore({ folder: path, sync: 'no', make: restoreMessage }),
    )
    const state = load(one!).map((record) => JSON.stringify(record))
    // Of each a Session, a subscription, two in a queue, of which one is retained, and their two messages.
    assert.equal(state.length, 7 * LENGTHS.length)
    assert.deepEqual(
      load(other!).map((record) => JSON.stringify(record)),
      state,
    )
    await one!.close()
    await other!.close()
  })
})

describe('a store that is sound', () => {
  it('has no findings, and is counted as it would be found at start', async () => {
    const { findings, notes, sessions, queued: waiting, retained, owner } = await check(sound)
    assert.deepEqual({ findings, notes, owner }, { findings: [], notes: [], owner: null })
    // 110 messages from 40 on, of which 11 are retained, for both; the first and the last one; and one was taken.
    assert.deepEqual({ sessions, waiting, retained }, { sessions: 2, waiting: 2 * 99 + 1 + 1 - 1, retained: 3 })
  })

  it('is not changed', async () => {
    const files = (): string[] =>
      ['log', 'kept', 'tree'].flatMap((part) =>
        filesIn(sound, part)
          .filter((name) => name !== 'lock.mdb')
          .map((name) => `${part}/${name} ${readFileSync(join(sound, part, name)).toString('base64')}`),
      )
    const then = files()
    await check(sound)
    assert.deepEqual(files(), then)
  })

  it('may have set something aside before', async () => {
    const folder = copyOf(sound)
    mkdirSync(join(folder, 'damaged'))
    writeFileSync(join(folder, 'damaged', '0000000001.log.16'), 'x')
    const { found, notes } = await check(folder)
    assert.equal(found, 0)
    assert.match(notes[0]!, /damaged has 1 files: parts of the log that a broker set aside/)
  })

  it('may have a frame at its end that is being written, if somebody has the lock', async () => {
    const folder = copyOf(sound)
    cut(logOf(folder, -1))
    const unlock = await lockFolder(folder)
    const { found, owner } = await check(folder)
    unlock()
    assert.deepEqual({ found, owner }, { found: 0, owner: process.pid })
  })

  it('is found by the folder that it is in', () => {
    const folder = join(root, 'location')
    cpSync(sound, join(folder, 'nightjar'), { recursive: true })
    assert.equal(findStore(folder), join(folder, 'nightjar'))
    assert.equal(findStore(sound), sound)
    assert.throws(() => findStore(join(root, 'nowhere')), /there is no store in/)
  })
})

describe('damage is found', () => {
  for (const [name, damage, words] of DAMAGES) {
    it(name, async () => {
      const folder = copyOf(sound)
      await damage(folder)
      const { findings, found } = await check(folder)
      assert.ok(
        findings.some((line) => words.test(line)),
        `${words} in:\n${findings.join('\n')}`,
      )
      assert.ok(found > 0)
    })
  }

  it('of much that is alike only some is told', async () => {
    const folder = copyOf(sound)
    for (const name of filesIn(folder, 'kept')) {
      const path = join(folder, 'kept', name)
      writeFileSync(path, readFileSync(path).fill(0, 16))
    }
    const { findings, found } = await check(folder)
    assert.equal(findings.length, 11)
    assert.equal(findings.at(-1), `and ${found - 10} more of this kind (message)`)
  })
})

describe('nightjar store check', () => {
  const run = (...words: string[]) => runProgram(NIGHTJAR, ['store', 'check', ...words])

  it('ends with 0 if all is sound', async () => {
    const { code, stdout, stderr } = await run(sound)
    assert.equal(`${code} ${stderr}`, '0 ')
    assert.match(
      stdout.toString(),
      /^The store in .* has 2 Sessions, 199 queued messages, 3 retained ones; .*\nIt is sound\n$/,
    )
  })

  it('ends with 1 if something is not', async () => {
    const folder = copyOf(sound)
    await inTree(folder, (tree) => tree.db.removeSync(queueKey(2, 0)))
    const { code, stdout } = await run(folder)
    assert.equal(code, 1)
    assert.match(
      stdout.toString(),
      /\n- message 1 is held 0 times, but 1 are counted: .*\nIt is not sound: \d+ findings\n$/s,
    )
  })

  it('ends with 2 if there is nothing to look at, or if it is called wrongly', async () => {
    const nothing = await run(join(root, 'nowhere'))
    assert.equal(nothing.code, 2)
    assert.match(nothing.stderr, /^nightjar store: cannot read the store: there is no store in/)
    for (const words of [['a', 'b'], ['--nonsense'], ['a', 'b', 'c']]) assert.equal((await run(...words)).code, 2)
    assert.equal((await runProgram(NIGHTJAR, ['store', 'chek'])).code, 2)
    assert.equal((await runProgram(NIGHTJAR, ['store'])).code, 2)
  })

  it('says so if the tree cannot be read at all', async () => {
    const folder = copyOf(sound)
    const path = join(folder, 'tree', 'data.mdb')
    const whole = readFileSync(path)
    writeFileSync(path, whole.subarray(0, 4000))
    const short = await run(folder)
    assert.equal(short.code, 2)
    assert.match(short.stderr, /^nightjar store: cannot read the store: .*data\.mdb is damaged: it does not begin/)
    // All but the heads: what LMDB makes of that is up to it, but it is told, and not that all is well.
    writeFileSync(path, Buffer.concat([whole.subarray(0, 8192), Buffer.alloc(whole.length - 8192, 0xa5)]))
    const { code, stdout, stderr } = await run(folder)
    assert.ok(code === 1 || code === 2, `${code}`)
    assert.match(`${stdout}${stderr}`, /The pages of the tree are damaged|cannot read the store|It is not sound/)
  })

  it('without a folder looks at the usual one', async () => {
    const state = join(root, 'state')
    cpSync(sound, join(state, 'nightjar', '1884'), { recursive: true })
    const { code } = await runProgram(NIGHTJAR, ['store', 'check', '-p', '1884'], '', { XDG_STATE_HOME: state })
    assert.equal(code, 0)
  })
})

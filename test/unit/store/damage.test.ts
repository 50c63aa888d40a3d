import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import { type Message, restoreMessage, type StoreRecord } from '../../../src/broker/index.ts'
import { boundsFrom } from '../../../src/store/disk/bounds.ts'
import { ByteWriter } from '../../../src/store/disk/byte-writer.ts'
import { type Files, systemFiles } from '../../../src/store/disk/files.ts'
import { FRAME_BYTES, isNewer, SEGMENT_HEAD, sealFrame } from '../../../src/store/disk/frames.ts'
import { KeptWriter, keptName } from '../../../src/store/disk/kept.ts'
import { entriesOf } from '../../../src/store/disk/load.ts'
import { Messages } from '../../../src/store/disk/messages.ts'
import { moveSegment } from '../../../src/store/disk/move.ts'
import { Recent } from '../../../src/store/disk/recent.ts'
import { writeRecord } from '../../../src/store/disk/records.ts'
import { Remover } from '../../../src/store/disk/remover.ts'
import { recoverLog } from '../../../src/store/disk/replay.ts'
import { SegmentReader, segmentName } from '../../../src/store/disk/segments.ts'
import { Tree } from '../../../src/store/disk/tree.ts'
import { Random } from '../../fuzz/random.ts'
import { sourceSeed } from '../../support/source-seed.ts'
import { message, queued, session } from './contract.ts'

/** Opening a tree takes longer than all of a short history: one serves them all, each with Sessions and numbers of its own. */
const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
const root = mkdtempSync(join(base, 'nightjar-damage-'))
after(() => rmSync(root, { recursive: true, force: true }))

/** Records that are there as a whole or not at all, and where in the file. */
interface Frame {
  readonly records: readonly StoreRecord[]
  readonly start: number
  readonly end: number
}

/** The bytes from `start` to `end` are not what was written, or not there. */
interface Range {
  readonly start: number
  readonly end: number
  readonly cut?: boolean
}

const NOWHERE: Range = { start: 0, end: 0 }

/** Spoils a file: one bit, a run of zeros, or its end. Returns where. */
function spoil(path: string, random: Random): Range {
  const bytes = readFileSync(path)
  const start = random.below(bytes.length)
  const kind = random.below(4)
  if (kind === 0) {
    writeFileSync(path, bytes.subarray(0, start))
    return { start, end: bytes.length, cut: true }
  }
  const end = kind === 1 ? Math.min(bytes.length, start + 1 + random.below(64)) : start + 1
  const was = Buffer.from(bytes)
  if (kind === 1) bytes.fill(0, start, end)
  else bytes[start]! ^= 1 << random.below(8)
  writeFileSync(path, bytes)
  // Zeros where there were zeros spoil nothing.
  const differs = (_: number, at: number): boolean => bytes[at] !== was[at]
  const first = bytes.findIndex(differs)
  return first === -1 ? NOWHERE : { start: first, end: bytes.findLastIndex(differs) + 1 }
}

const meets = (a: Range, b: Range): boolean => a.start < b.end && b.start < a.end

/** What somebody has who read all: of each client, what waits at which place. Null: it is told as lost. */
type State = Map<string, Map<number, string | null>>

/** What those records make of nothing. */
function stateOf(frames: readonly Frame[]): State {
  const state: State = new Map()
  const messages = new Map<number, string>()
  for (const record of frames.flatMap(({ records }) => records)) {
    if (record.kind === 'session') state.set(record.clientId, new Map())
    else if (record.kind === 'message') messages.set(record.message.id, textOf(record.message))
    else if (record.kind === 'done') state.get(record.clientId)?.delete(record.position)
    else if (record.kind === 'queued') {
      state.get(record.clientId)?.set(record.position, messages.get(record.messageId) ?? null)
    }
  }
  return state
}

function textOf({ id, topic, bytes, payloadStart, payloadEnd }: Message): string {
  return `${id} ${topic} ${Buffer.from(bytes.subarray(payloadStart, payloadEnd)).toString('latin1')}`
}

/** Files of which nobody looks at a checksum: whoever reads is given one that is right for what is there. */
function unchecked(): Files {
  const paths = new Map<number, string>()
  return {
    ...systemFiles,
    openToRead: (path) => {
      const fd = systemFiles.openToRead(path)
      paths.set(fd, path)
      return fd
    },
    read: (fd, bytes, length, position) => {
      const read = systemFiles.read(fd, bytes, length, position)
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, read)
      if (paths.get(fd)!.endsWith('.msg')) buffer.writeUInt32LE(crc32(buffer.subarray(4)), 0)
      else sealAll(buffer)
      return read
    },
  }
}

function sealAll(segment: Buffer): void {
  for (let at = SEGMENT_HEAD.length; at + FRAME_BYTES <= segment.length; ) {
    const end = at + FRAME_BYTES + segment.readUInt32LE(at)
    if (end > segment.length) return
    segment.writeUInt32LE(crc32(segment.subarray(at + 8, end)), at + 4)
    at = end
  }
}

/** That many histories find out who does not look at checksums; mostly a few do. */
const WITHIN_SEEDS = 1000

const LOG = join(root, 'log')
const KEPT = join(root, 'kept')

/** Short histories, one after the other: each writes a segment, which is spoiled, found at a start, and moved. */
class Histories {
  readonly #tree: Tree
  /** Those of who moves segments. */
  readonly #files: Files
  readonly #out: ByteWriter = new ByteWriter()
  #told: string[] = []
  #segment = 0
  #position = 0
  #session = 1
  #message = 1

  constructor(files: Files, name: string) {
    for (const folder of [LOG, KEPT]) {
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(folder)
    }
    this.#files = files
    this.#tree = new Tree(join(root, name), restoreMessage, () => this.#told.push('a value of the tree'))
  }

  close(): Promise<void> {
    return this.#tree.close()
  }

  /** Throws if something comes back that was not written, or is not there and nobody was told. */
  run(seed: number): void {
    const random = new Random(seed)
    this.#told = []
    const before = this.#position
    const clients = [`a${seed}`, `b${seed}`]
    const numbers = new Map(clients.map((client) => [client, this.#session++]))
    const written = this.#write(
      turnsOf(random, clients, () => this.#message++),
      numbers,
    )
    const path = join(LOG, segmentName(this.#segment))
    const whole = readFileSync(path)
    let range = random.below(5) === 0 ? NOWHERE : spoil(path, random)
    if (isNewer(readFileSync(path).subarray(0, SEGMENT_HEAD.length))) {
      // One bit makes it a segment of a newer version: then nothing of it is touched.
      assert.throws(() => this.#move(random), /newer version/)
      writeFileSync(path, whole)
      range = NOWHERE
    }
    this.#checkStart(written, range, clients, before)
    const sound = written.filter((frame) => !meets(frame, range))
    const expected = stateOf(sound)
    this.#move(random)
    const lost = sound.length < written.length
    assert.equal(this.#told.length > 0, lost || meets(HEAD, range), `moved, told: ${this.#told}`)
    this.#checkTree(expected, numbers, KEPT_WHOLE)
    this.#spoilKept(random, expected, numbers)
    const ends = clients.map((clientId): StoreRecord => ({ kind: 'sessionEnded', clientId }))
    this.#write([ends], numbers)
    this.#move(random)
    assert.deepEqual([...this.#tree.sessions()], [], 'all have ended')
    assert.deepEqual(this.#tree.keptSegments(), [], 'nothing is kept')
  }

  /** Some of it is acknowledged, and what is left of it may move on into the tree: of a file that is not sound any more. */
  #spoilKept(random: Random, expected: State, numbers: ReadonlyMap<string, number>): void {
    const path = join(KEPT, keptName(this.#segment))
    const isKept = this.#tree.keptSegments().includes(this.#segment)
    const block = { segment: this.#segment, range: isKept ? spoil(path, random) : NOWHERE }
    const done: StoreRecord[] = []
    for (const [clientId, queue] of expected) {
      for (const position of queue.keys()) {
        if (random.below(3) === 0) continue
        done.push({ kind: 'done', clientId, position })
        queue.delete(position)
      }
    }
    if (done.length > 0) {
      this.#write([done], numbers)
      this.#told = []
      this.#move(random)
    }
    this.#checkTree(expected, numbers, block)
  }

  #write(turns: readonly (readonly StoreRecord[])[], numbers: ReadonlyMap<string, number>): Frame[] {
    const parts = [SEGMENT_HEAD]
    const frames: Frame[] = []
    let start = SEGMENT_HEAD.length
    for (const records of turns) {
      this.#out.clear()
      this.#out.bytes(Buffer.alloc(FRAME_BYTES), 0, FRAME_BYTES)
      for (const record of records) {
        writeRecord(this.#out, record, 'clientId' in record ? numbers.get(record.clientId)! : 0)
      }
      sealFrame(this.#out.buffer, this.#out.length, this.#position + 1, records.length)
      this.#position += records.length
      parts.push(Buffer.from(this.#out.written))
      frames.push({ records, start, end: start + this.#out.length })
      start += this.#out.length
    }
    writeFileSync(join(LOG, segmentName(++this.#segment)), Buffer.concat(parts))
    return frames
  }

  #move(random: Random): void {
    const [tree, files] = [this.#tree, this.#files]
    const writer = new KeptWriter(systemFiles, KEPT, 1 + random.below(300))
    const bounds = { worthFile: random.pick([0.01, 2]), worthKeeping: random.pick([0.01, 0.5, 2]) }
    const log = new SegmentReader(files, LOG)
    const parts = { tree, files, log, writer, keptFolder: KEPT, make: restoreMessage, bounds }
    const moved = moveSegment(parts, this.#segment, this.#position)
    this.#told.push(...moved.damaged)
    rmSync(join(LOG, segmentName(this.#segment)))
  }

  /** What a process would find that starts on this: all up to the first byte that is not as it was written. */
  #checkStart(written: readonly Frame[], range: Range, clients: readonly string[], before: number): void {
    const [tree, recent, remover] = [this.#tree, new Recent(boundsFrom({})), new Remover(systemFiles, () => undefined)]
    const recovered = recoverLog({ tree, recent, files: systemFiles, folder: LOG, make: restoreMessage, remover })
    const whole = range === NOWHERE ? written : written.filter(({ end }) => end <= range.start)
    const sound = range !== NOWHERE && range.start < SEGMENT_HEAD.length ? [] : whole
    const records = sound.flatMap((frame) => frame.records).length
    assert.equal(recovered.position, before + records, 'where what is found ends')
    // A file that ends where a frame does, or in its head, is what a process leaves that ends there.
    const plain = range.cut && (range.start <= SEGMENT_HEAD.length || written.some(({ end }) => end === range.start))
    const lost = range !== NOWHERE && !plain
    assert.equal(recovered.damaged.length > 0, lost, `found at start, told: ${recovered.damaged.length}`)
    const messages = this.#messages(recent)
    const found: State = new Map()
    for (const client of clients) {
      const session = recent.session(client)
      if (session !== undefined) found.set(client, new Map(readAll(messages, entriesOf(tree, session, 0))))
    }
    messages.close()
    assert.deepEqual(found, stateOf(sound), 'what is found')
  }

  #checkTree(expected: State, numbers: ReadonlyMap<string, number>, spoiled: { segment: number; range: Range }): void {
    this.#tree.refresh()
    const messages = this.#messages(new Recent(boundsFrom({})))
    const found: State = new Map()
    const wanted: State = new Map()
    for (const [client, number] of numbers) {
      if (this.#tree.session(number) === null) continue
      const entries = [...this.#tree.queue(number, 0, Number.POSITIVE_INFINITY)]
      found.set(client, new Map(readAll(messages, entries)))
    }
    messages.close()
    const { range } = spoiled
    for (const [client, queue] of expected) {
      // What lay in the bytes that are not as they were may be gone, if that is told: anything else may not come.
      const gone = [...queue].map(([position, text]): [number, string | null] =>
        range !== NOWHERE && this.#told.length > 0 && found.get(client)?.get(position) === null
          ? [position, null]
          : [position, text],
      )
      wanted.set(client, new Map(gone))
    }
    assert.deepEqual(found, wanted, `what is in the tree: ${this.#told}`)
  }

  #messages(recent: Recent): Messages {
    const kept = new Set(this.#tree.keptSegments())
    const places = { files: systemFiles, folder: root, make: restoreMessage, bounds: boundsFrom({}), recent }
    return new Messages({ ...places, tree: this.#tree, kept }, (what) => this.#told.push(what))
  }
}

const HEAD: Range = { start: 0, end: SEGMENT_HEAD.length }
const KEPT_WHOLE = { segment: 0, range: NOWHERE }

function* readAll(
  messages: Messages,
  entries: Iterable<Parameters<Messages['find']>[0] & { position: number }>,
): Iterable<[number, string | null]> {
  for (const entry of entries) {
    const found = messages.find(entry)
    yield [entry.position, found === null ? null : textOf(found)]
  }
}

/** Two clients that come, get messages, one at a time or both, and have some of them. */
function turnsOf(random: Random, clients: readonly string[], newId: () => number): StoreRecord[][] {
  const turns: StoreRecord[][] = [clients.map((client) => session(client))]
  const tails = clients.map(() => 0)
  const ids: number[] = []
  for (let turn = 2 + random.below(6); turn > 0; turn--) {
    const records: StoreRecord[] = []
    for (let left = 1 + random.below(3); left > 0; left--) {
      if (ids.length > 0 && random.below(4) === 0) records.push(queued(clients[1]!, tails[1]!++, random.pick(ids)))
      const id = newId()
      ids.push(id)
      const payload = String.fromCharCode(97 + random.below(26)).repeat(random.below(80))
      records.push({ kind: 'message', message: message(id, `t/${random.below(5)}`, payload) })
      const both = random.below(2) === 0
      for (const [i, client] of clients.entries()) {
        if (both || i === 0) records.push(queued(client, tails[i]!++, id))
      }
      if (random.below(4) === 0)
        records.push({ kind: 'done', clientId: clients[0]!, position: random.below(tails[0]!) })
    }
    turns.push(records)
  }
  return turns
}

describe('bytes that turned bad', () => {
  it('never come back as something else, nor with a checksum that is right, and what is lost is told', async () => {
    const histories = new Histories(systemFiles, 'tree')
    for (let i = 0; i < 300; i++) {
      const seed = (sourceSeed + i) >>> 0
      try {
        histories.run(seed)
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error })
      }
    }
    await histories.close()
  })

  it('are found by the same histories if what is moved is not looked at', async (t) => {
    let histories = new Histories(unchecked(), 'unchecked')
    let finding: unknown = null
    let seed = 1
    for (; finding === null && seed <= WITHIN_SEEDS; seed++) {
      try {
        histories.run(seed)
      } catch (error) {
        if (error instanceof assert.AssertionError) finding = error
        // It stumbled over what it took for records, and told nothing wrong.
        else {
          await histories.close()
          histories = new Histories(unchecked(), `unchecked ${seed}`)
        }
      }
    }
    assert.ok(finding !== null, `not found in ${seed} seeds`)
    t.diagnostic(`seed ${seed - 1}: ${(finding as Error).message}`)
    await histories.close()
  })
})

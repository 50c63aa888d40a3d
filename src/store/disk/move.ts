import { Buffer } from 'node:buffer'
import { MessageBlock } from './block.ts'
import type { StoreBounds } from './bounds.ts'
import { SegmentChanges, type SessionChange } from './changes.ts'
import { IN_TREE, type Place, type QueueEntry } from './entry.ts'
import type { Files } from './files.ts'
import { FRAME_BYTES, type Frame, nextFrame, readFrame } from './frames.ts'
import { KeptFile, type KeptWriter, keptName } from './kept.ts'
import type { LateChange } from './recent.ts'
import type { MakeMessage } from './records.ts'
import { scanRecords } from './scan.ts'
import { type SegmentReader, segmentName } from './segments.ts'
import { SessionState } from './session-state.ts'
import type { Applied, Tree } from './tree.ts'
import { isDamage } from './trouble.ts'

/** Apart from its kind, a message looks the same in the log and in the tree. */
const KIND_BYTES = 1

/** Where the parts of a store are, and how to reach them. */
export interface MoverParts {
  readonly tree: Tree
  readonly files: Files
  readonly log: SegmentReader
  readonly writer: KeptWriter
  readonly keptFolder: string
  readonly make: MakeMessage
  readonly bounds: MoverBounds
}

type MoverBounds = Pick<StoreBounds, 'worthFile' | 'worthKeeping'>

export interface Moved {
  readonly applied: Applied
  /** Whether the segment has a kept file. */
  readonly kept: boolean
  /** Segments whose kept files are no longer needed. */
  readonly unneeded: readonly number[]
  /** What was damaged, and is left out. */
  readonly damaged: readonly string[]
}

/**
 * Moves what is left of a full segment into the tree. What was queued and acknowledged within the segment costs nothing.
 * One transaction does it, and also notes how far the log is in the tree: after a crash it has happened or it has not.
 *
 * `last`: the position of the segment's last record. It was safe once, so a bad frame before it is damage: it is left out
 * and reported, and the frames after it count. Null: unknown, so the segment ends at the first bad frame, as a power cut
 * leaves it.
 */
export function moveSegment(parts: MoverParts, segment: number, last: number | null): Moved {
  const { tree, log, make } = parts
  const before = tree.applied()
  const changes = new SegmentChanges()
  const damaged: string[] = []
  let { position } = before
  const take = (bytes: Buffer, frame: Frame): boolean => {
    const end = frame.position + frame.records - 1
    if (last === null ? frame.position > position + 1 : end > last) return false
    const passed = before.position + 1 - frame.position
    scanRecords(bytes, frame.start, frame.end, passed, (number) => String(number), make, changes)
    position = Math.max(position, end)
    return true
  }
  const { buffer, soundEnd } = log.read(segment, take)
  let at = soundEnd
  while (last === null ? at < buffer.length : position < last) {
    const frame = last === null ? null : nextFrame(buffer, at, position, last)
    const end = frame === null ? buffer.length : frame.start - FRAME_BYTES
    damaged.push(`bytes ${at} to ${end} of ${segmentName(segment)}`)
    if (frame === null) break
    at = Math.max(takeSound(buffer, end, take), end + 1)
  }
  position = Math.max(position, last ?? 0)
  const nextMessageId = Math.max(before.nextMessageId, changes.firstId + changes.uses.length)
  const time = changes.time ?? before.time
  const applied = { position, segment: Math.max(before.segment, segment), nextMessageId, time }
  const move = new Move(parts, segment, buffer, changes)
  tree.transact(applied, () => move.write())
  return { applied, kept: move.kept, unneeded: move.unneeded, damaged: [...damaged, ...move.damaged] }
}

/** Applies the sound frames from there on; returns where they end. */
function takeSound(buffer: Buffer, from: number, take: (bytes: Buffer, frame: Frame) => boolean): number {
  let at = from
  for (let frame = readFrame(buffer, at); frame !== null && take(buffer, frame); frame = readFrame(buffer, at)) {
    at = frame.end
  }
  return at
}

/** For a segment with nothing left: only its changes to the tree, and how far the log is in it. */
export function applyLate(parts: MoverParts, applied: Applied, late: readonly LateChange[]): Moved {
  const changes = new SegmentChanges()
  for (const { session, position, received } of late) {
    if (received) changes.received(session, position)
    else changes.done(session, position)
  }
  const move = new Move(parts, applied.segment, NOTHING, changes)
  parts.tree.transact(applied, () => move.write())
  return { applied, kept: move.kept, unneeded: move.unneeded, damaged: move.damaged }
}

const NOTHING = Buffer.alloc(0)

class Move {
  readonly unneeded: number[] = []
  readonly damaged: string[] = []
  kept = false
  readonly #parts: MoverParts
  readonly #tree: Tree
  readonly #segment: number
  readonly #content: Buffer
  readonly #changes: SegmentChanges
  /** Null: what is left goes into the tree. */
  readonly #writer: KeptWriter | null
  /** Where the segment's own messages are from now on, by their id minus that of the first. */
  readonly #places: Place[] = []

  constructor(parts: MoverParts, segment: number, content: Buffer, changes: SegmentChanges) {
    this.#parts = parts
    this.#tree = parts.tree
    this.#segment = segment
    this.#content = content
    this.#changes = changes
    const { lengths, uses } = changes
    const bytes = lengths.reduce((sum, length, i) => sum + (uses[i]! > 0 ? length : 0), 0)
    this.#writer = bytes > 0 && bytes >= content.length * parts.bounds.worthFile ? parts.writer : null
    this.#writer?.begin(segment)
  }

  write(): void {
    const { sessions, retained } = this.#changes
    for (const change of sessions.values()) this.#writeSession(change)
    for (const [topic, now] of retained) {
      const before = this.#tree.setRetained(topic, now)
      if (before !== null) this.#changes.use(before, -1)
      if (now !== null) this.#changes.use(now.messageId, 1)
    }
    // Last, when all is known: a message may have left one queue and entered another.
    this.#countOthers()
    this.#writeOwn()
  }

  #writeSession(change: SessionChange): void {
    const { number } = change
    const tree = this.#tree
    if (change.ended) {
      tree.removeSession(number, ({ messageId }) => this.#changes.use(messageId, -1))
      return
    }
    const bounds = tree.bounds(number)
    const first = change.records[0]
    // Records of a Session that has ended do not apply to a new one.
    if (bounds === null && first?.kind !== 'session') {
      for (const id of change.ids) if (id !== 0) this.#changes.use(id, -1)
      return
    }
    if (first !== undefined) {
      const fresh = first.kind === 'session' ? new SessionState(number, first.clientId) : null
      const state = tree.session(number) ?? fresh
      for (const record of change.records) state?.apply(record)
      if (state !== null) tree.putSession(state)
    }
    let bytes = (bounds?.bytes ?? 0) - this.#writeChanged(change)
    const entries = change.left((id) => this.#placeOf(id))
    for (const { received, size } of entries) if (!received) bytes += size
    tree.putQueue(number, entries)
    tree.putBounds(number, { tail: Math.max(bounds?.tail ?? 0, change.tail), bytes })
  }

  /** Removes what is done from the tree's queue; returns its payload bytes. */
  #writeChanged({ number, doneBefore, receivedBefore }: SessionChange): number {
    const tree = this.#tree
    const done = new Set(doneBefore)
    const positions = [...done, ...receivedBefore].sort((a, b) => a - b)
    let bytes = 0
    for (let i = 0; i < positions.length; ) {
      const chunk = tree.chunkAt(number, positions[i]!)
      if (chunk === null) break
      const left: QueueEntry[] = []
      for (const entry of chunk.entries) {
        const isDone = done.has(entry.position)
        const isReceived = entry.received || receivedBefore.has(entry.position)
        if (!entry.received && (isDone || isReceived)) bytes += entry.size
        if (isDone) this.#changes.use(entry.messageId, -1)
        else left.push({ ...entry, received: isReceived })
      }
      tree.replaceChunk(number, chunk.first, left)
      while (i < positions.length && positions[i]! <= chunk.last) i++
    }
    return bytes
  }

  /** Where a message is from now on. */
  #placeOf(id: number): Place {
    const at = this.#changes.indexOf(id)
    if (at < 0) {
      const block = this.#tree.blockOf(id)
      return block === null ? IN_TREE : block.place(id)
    }
    // Lost, with a part of the segment.
    if (this.#changes.lengths[at] === 0) return IN_TREE
    let place = this.#places[at]
    if (place === undefined) {
      place = this.#writer?.add(this.#bytesOf(at)) ?? IN_TREE
      this.#places[at] = place
    }
    return place
  }

  /** Updates the reference counts of messages that were in the tree before. */
  #countOthers(): void {
    const uses = [...this.#changes.otherUses].filter(([, change]) => change !== 0).sort(([a], [b]) => a - b)
    for (let i = 0; i < uses.length; ) {
      const [id, change] = uses[i]!
      const block = this.#tree.blockOf(id)
      if (block === null) {
        this.#tree.useMessage(id, change)
        i++
        continue
      }
      for (; i < uses.length && block.has(uses[i]![0]); i++) block.uses[uses[i]![0] - block.firstId]! += uses[i]![1]
      if (block.liveBytes >= block.end * this.#parts.bounds.worthKeeping) this.#tree.putBlock(block)
      else this.#giveUp(block)
    }
  }

  /** Moves what is left of a kept file into the tree. */
  #giveUp(block: MessageBlock): void {
    const { files, keptFolder } = this.#parts
    const left = [...block.uses.entries()].filter(([, uses]) => uses > 0)
    try {
      const file = left.length > 0 ? new KeptFile(files, keptFolder, block.segment) : null
      for (const [i, uses] of left) this.#moveKept(file!, block, i, uses)
      file?.close()
    } catch (error) {
      if (!isDamage(error)) throw error
      this.damaged.push(`${keptName(block.segment)} (${(error as Error).message})`)
    }
    this.#tree.removeBlock(block)
    this.unneeded.push(block.segment)
  }

  /** A damaged message must not get a fresh checksum: it is lost to whoever waits for it. */
  #moveKept(file: KeptFile, block: MessageBlock, i: number, uses: number): void {
    const id = block.firstId + i
    try {
      this.#tree.putMessage(id, uses, file.read(block.place(id)))
    } catch (error) {
      if (!isDamage(error)) throw error
      this.damaged.push(`message ${id} (${(error as Error).message})`)
    }
  }

  /** The segment's own messages that are still referenced. */
  #writeOwn(): void {
    const { firstId, uses, lengths } = this.#changes
    const places: Place[] = uses.map((count, i) => (count > 0 ? this.#placeOf(firstId + i) : IN_TREE))
    this.kept = places.some((place) => place !== IN_TREE)
    if (this.kept) {
      const [at, long] = [places.map(({ offset }) => offset), places.map(({ length }) => length)]
      this.#tree.putBlock(new MessageBlock(this.#segment, firstId, at, long, uses))
      this.#writer!.finish()
      return
    }
    for (const [i, count] of uses.entries()) {
      if (count > 0 && lengths[i]! > 0) this.#tree.putMessage(firstId + i, count, this.#bytesOf(i))
    }
  }

  /** One of the segment's own, as `writeMessage` has it. */
  #bytesOf(at: number): Buffer {
    const { offsets, lengths } = this.#changes
    return this.#content.subarray(offsets[at]! + KIND_BYTES, offsets[at]! + lengths[at]!)
  }
}

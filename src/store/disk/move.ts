import type { Buffer } from 'node:buffer'
import { MessageBlock } from './block.ts'
import { SegmentChanges, type SessionChange } from './changes.ts'
import { IN_TREE, type Place, type QueueEntry } from './entry.ts'
import type { SegmentReader } from './segments.ts'
import type { MakeMessage } from './records.ts'
import { scanRecords } from './scan.ts'
import { SessionState } from './session-state.ts'
import type { Applied, Tree } from './tree.ts'

/**
 * A segment is kept for its messages as long as these are at least this part of it. When fewer are left they move into the
 * tree, and the segment goes: so the log takes at most four times the room of what it is kept for.
 */
const WORTH_KEEPING = 0.25
/** After its kind, a message in the log is as it is in the tree. */
const KIND_BYTES = 1

export interface Moved {
  readonly applied: Applied
  /** Segments that nobody needs any more. */
  readonly unneeded: readonly number[]
}

/**
 * Moves a full segment into the tree: only what is left of it, so what was queued and acknowledged within the segment
 * costs nothing. Messages stay where they are, as long as many are left: the tree then says where. All is one transaction,
 * with how far the log is in the tree: after a crash it has happened or not.
 */
export function moveSegment(tree: Tree, log: SegmentReader, segment: number, make: MakeMessage): Moved {
  const before = tree.applied()
  const changes = new SegmentChanges()
  let { position } = before
  const { buffer } = log.read(segment, (buffer, frame) => {
    if (frame.position > position + 1) return false
    const passed = Math.max(0, before.position + 1 - frame.position)
    scanRecords(buffer, frame.start, frame.end, passed, (number) => String(number), make, changes)
    position = Math.max(position, frame.position + frame.records - 1)
    return true
  })
  const nextMessageId = Math.max(before.nextMessageId, changes.firstId + changes.uses.length)
  const applied = { position, segment: Math.max(before.segment, segment), nextMessageId }
  const move = new Move(tree, log, segment, buffer, changes)
  tree.transact(applied, () => move.write())
  return { applied, unneeded: move.unneeded }
}

class Move {
  readonly unneeded: number[] = []
  readonly #tree: Tree
  readonly #log: SegmentReader
  readonly #segment: number
  readonly #content: Buffer
  readonly #changes: SegmentChanges

  constructor(tree: Tree, log: SegmentReader, segment: number, content: Buffer, changes: SegmentChanges) {
    this.#tree = tree
    this.#log = log
    this.#segment = segment
    this.#content = content
    this.#changes = changes
  }

  write(): void {
    const { sessions, retained } = this.#changes
    for (const change of sessions.values()) this.#writeSession(change)
    for (const [topic, messageId] of retained) {
      const before = this.#tree.setRetained(topic, messageId)
      if (before !== null) this.#changes.use(before, -1)
      if (messageId !== null) this.#changes.use(messageId, 1)
    }
    // Last, when all is known: a message may have left one queue and entered another.
    this.#countOthers()
    this.#keepOrMove(this.#block())
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
    // What comes for a Session that has ended is not for a new one.
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
    const entries = this.#changes.left(this.#segment, change).map((entry) => this.#placed(entry))
    for (const { received, size } of entries) if (!received) bytes += size
    tree.putQueue(number, entries)
    tree.putBounds(number, { tail: Math.max(bounds?.tail ?? 0, change.tail), bytes })
  }

  #placed(entry: QueueEntry): QueueEntry {
    return entry.place === null ? { ...entry, place: placeOf(this.#tree.blockOf(entry.messageId), entry.messageId) } : entry
  }

  /** Takes what is done out of the tree's queue; returns how many payload bytes wait no more. */
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

  /** Messages that were there before: held by more, or by fewer. */
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
      this.#keepOrMove(block)
    }
  }

  #block(): MessageBlock | null {
    const { firstId, offsets, lengths, uses } = this.#changes
    if (firstId > 0) return new MessageBlock(this.#segment, firstId, offsets, lengths, uses)
    this.unneeded.push(this.#segment)
    return null
  }

  /** Keeps the segment of these messages, if that is worth it; else moves what is left of them into the tree. */
  #keepOrMove(block: MessageBlock | null): void {
    if (block === null) return
    const bytes = block.liveBytes
    if (bytes > 0 && bytes >= block.end * WORTH_KEEPING) {
      this.#tree.putBlock(block)
      return
    }
    for (const [i, uses] of block.uses.entries()) {
      if (uses <= 0) continue
      const place = { segment: block.segment, offset: block.offsets[i]!, length: block.lengths[i]! }
      this.#tree.putMessage(block.firstId + i, uses, this.#bytes(place))
    }
    this.#tree.removeBlock(block)
    this.unneeded.push(block.segment)
  }

  #bytes({ segment, offset, length }: Place): Uint8Array {
    const bytes =
      segment === this.#segment ? this.#content.subarray(offset, offset + length) : this.#log.bytes(segment, offset, length)
    return bytes.subarray(KIND_BYTES)
  }
}

function placeOf(block: MessageBlock | null, id: number): Place {
  if (block === null) return IN_TREE
  const at = id - block.firstId
  return { segment: block.segment, offset: block.offsets[at]!, length: block.lengths[at]! }
}

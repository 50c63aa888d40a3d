import type { Message, StoreRecord } from '../../broker/contracts.ts'
import { ByteReader } from './byte-writer.ts'
import type { Files } from './files.ts'
import { readSegment } from './log.ts'
import { type MakeMessage, readRecord } from './records.ts'
import { SessionState } from './session-state.ts'
import type { QueueEntry, Tree } from './tree.ts'

/** What a segment comes to for one Session, before it is written. */
interface SessionChange {
  /** Null: it is over. */
  state: SessionState | null
  readonly queued: Map<number, QueueEntry>
  /** Places that were in the tree before. */
  readonly done: Set<number>
  readonly received: Set<number>
}

/**
 * Moves a full segment into the tree: only what is left of it, so what was queued and acknowledged within the segment
 * costs nothing. One transaction, with the position up to which all is applied: after a crash it has happened or not.
 */
export function moveSegment(tree: Tree, files: Files, folder: string, segment: number, make: MakeMessage): number {
  const { applied } = tree.version()
  const move = new Move(tree)
  let position = applied
  readSegment(files, folder, segment, (buffer, frame) => {
    if (frame.position > position + 1) return false
    const from = new ByteReader(buffer, frame.start, frame.end)
    for (let at = frame.position; at < frame.position + frame.records; at++) {
      const { session, record } = readRecord(from, (number) => String(number), make)
      if (at > applied) move.apply(session, record)
    }
    position = Math.max(position, frame.position + frame.records - 1)
    return true
  })
  if (position > applied) tree.transact(position, () => move.write())
  return position
}

class Move {
  readonly #tree: Tree
  readonly #sessions: Map<number, SessionChange> = new Map()
  readonly #messages: Map<number, Message> = new Map()
  readonly #uses: Map<number, number> = new Map()
  /** By topic; null: cleared. */
  readonly #retained: Map<string, number | null> = new Map()

  constructor(tree: Tree) {
    this.#tree = tree
  }

  apply(number: number, record: StoreRecord): void {
    switch (record.kind) {
      case 'message':
        this.#messages.set(record.message.id, record.message)
        return
      case 'retained':
        this.#retained.set(record.topic, record.messageId)
        return
      case 'retainedCleared':
        this.#retained.set(record.topic, null)
        return
      default:
        this.#applyToSession(number, record)
    }
  }

  write(): void {
    const tree = this.#tree
    for (const [number, change] of this.#sessions) {
      if (change.state === null) {
        for (const id of tree.removeSession(number)) this.#use(id, -1)
        continue
      }
      this.#writeQueue(number, change, change.state)
      tree.putSession(change.state)
    }
    for (const [topic, messageId] of this.#retained) {
      this.#unuse(tree.setRetained(topic, messageId))
      if (messageId !== null) this.#use(messageId, 1)
    }
    // Last, when all is known: a message may have left one queue and entered another.
    for (const [id, change] of this.#uses) {
      if (change !== 0) tree.useMessage(id, change, this.#messages.get(id) ?? null)
    }
  }

  #writeQueue(number: number, change: SessionChange, state: SessionState): void {
    const tree = this.#tree
    for (const position of change.received) {
      const entry = tree.queued(number, position)
      if (entry === null || entry.received) continue
      state.bytes -= entry.size
      tree.putQueued(number, { ...entry, received: true })
    }
    for (const position of change.done) {
      const entry = tree.queued(number, position)
      if (entry === null) continue
      if (!entry.received) state.bytes -= entry.size
      tree.removeQueued(number, position)
      this.#use(entry.messageId, -1)
    }
    for (const entry of change.queued.values()) {
      if (!entry.received) state.bytes += entry.size
      tree.putQueued(number, entry)
    }
  }

  #applyToSession(number: number, record: StoreRecord): void {
    if (record.kind === 'sessionEnded') {
      const ended = this.#sessions.get(number)
      if (ended !== undefined) for (const { messageId } of ended.queued.values()) this.#use(messageId, -1)
      this.#sessions.set(number, { state: null, queued: new Map(), done: new Set(), received: new Set() })
      return
    }
    const change = this.#changeOf(number, record)
    if (change.state === null) return
    change.state.apply(record)
    if (record.kind === 'queued') {
      const { position, messageId, qos, retain, identifiers, size, shared = null } = record
      const entry = { position, messageId, qos, retain, identifiers, shared, received: false, size }
      change.queued.set(position, entry)
      this.#use(messageId, 1)
    } else if (record.kind === 'received') {
      const queued = change.queued.get(record.position)
      if (queued === undefined) change.received.add(record.position)
      else queued.received = true
    } else if (record.kind === 'done') {
      this.#done(change, record.position)
    }
  }

  #done(change: SessionChange, position: number): void {
    const queued = change.queued.get(position)
    if (queued === undefined) {
      change.done.add(position)
      return
    }
    change.queued.delete(position)
    this.#use(queued.messageId, -1)
  }

  #changeOf(number: number, record: StoreRecord): SessionChange {
    let change = this.#sessions.get(number)
    if (change === undefined) {
      // What comes for a Session that has ended is not for a new one.
      const fresh = record.kind === 'session' ? new SessionState(number, record.clientId) : null
      const state = this.#tree.session(number) ?? fresh
      change = { state, queued: new Map(), done: new Set(), received: new Set() }
      this.#sessions.set(number, change)
    }
    return change
  }

  #unuse(messageId: number | null): void {
    if (messageId !== null) this.#use(messageId, -1)
  }

  #use(messageId: number, change: number): void {
    this.#uses.set(messageId, (this.#uses.get(messageId) ?? 0) + change)
  }
}

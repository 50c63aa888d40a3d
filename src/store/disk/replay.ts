import { Buffer } from 'node:buffer'
import { join } from 'node:path'
import type { StoreRecord } from '../../broker/contracts.ts'
import { type Files, readAll } from './files.ts'
import { type Frame, isBegun, readFrame, SEGMENT_HEAD } from './frames.ts'
import type { Recent } from './recent.ts'
import type { RecentSession } from './recent-session.ts'
import type { MakeMessage } from './records.ts'
import type { Remover } from './remover.ts'
import type { Retained } from './retained.ts'
import { type Delivery, type RecordSink, scanRecords } from './scan.ts'
import { SegmentReader, segmentName, segmentsIn } from './segments.ts'
import { SessionState } from './session-state.ts'
import type { Bounds, Tree } from './tree.ts'

export interface Damage {
  readonly segment: number
  /** Where its sound part ends. */
  readonly from: number
  readonly bytes: Buffer
}

/** A Session as it was found at start: the tree's state with the log's on top. */
export interface RecoveredSession {
  readonly state: SessionState
  readonly recent: RecentSession
  /** As the tree has them. */
  readonly bounds: Bounds
  /** The position after the last that was ever used. */
  tail: number
  /** Where the queue in the tree begins; infinity: there is nothing in it. Null: nobody asked yet. */
  firstInTree: number | null
}

/** What was found at start. */
export interface Recovered {
  /** By their number. */
  readonly sessions: Map<number, RecoveredSession>
  /** By topic. */
  readonly retained: Map<string, Retained>
  /** Of the last record. */
  position: number
  nextSession: number
  nextSegment: number
  /** Segments to be moved into the tree, and the last record of each that is used. */
  readonly segments: Map<number, number>
  /** Segments that have a kept file. */
  readonly kept: Set<number>
  readonly damaged: Damage[]
}

export interface RecoverParts {
  readonly tree: Tree
  readonly recent: Recent
  readonly files: Files
  /** Of the log. */
  readonly folder: string
  readonly make: MakeMessage
  readonly remover: Remover
}

const EMPTY: Bounds = { tail: 0, bytes: 0 }

/**
 * Reads what the tree has, and replays the log's segments that are not in it. Of each, what comes after damage or after a
 * gap is not used: then all that follows begins after a gap, and what is found is the state of one moment.
 */
export function recoverLog({ tree, recent, files, folder, make, remover }: RecoverParts): Recovered {
  const applied = tree.applied()
  const recovered: Recovered = {
    sessions: new Map(),
    retained: new Map(),
    position: applied.position,
    nextSession: 1,
    nextSegment: applied.segment + 1,
    segments: new Map(),
    kept: new Set(tree.keptSegments()),
    damaged: [],
  }
  recent.nextMessageId = applied.nextMessageId
  for (const state of tree.sessions()) {
    const bounds = tree.bounds(state.number) ?? EMPTY
    addSession(recovered, recent, state, bounds)
  }
  recent.time = applied.time
  for (const [topic, retained] of tree.retained()) recovered.retained.set(topic, retained)
  const replay = new Replay(tree, recent, recovered)
  const log = new SegmentReader(files, folder)
  for (const segment of segmentsIn(files, folder)) {
    recovered.nextSegment = Math.max(recovered.nextSegment, segment + 1)
    if (segment > applied.segment) replaySegment(replay, log, segment, make, recovered, recent)
    // What was left of it is in the tree: the process ended before it was removed.
    else remover.remove(join(folder, segmentName(segment)))
  }
  return recovered
}

/**
 * The tree is gone, and its place has a new one: the log is replayed from its first frame, whatever came before that. Tells
 * the tree, so that the mover does not take it for a gap.
 */
export function beginAtLog({ tree, files, folder }: Pick<RecoverParts, 'tree' | 'files' | 'folder'>): void {
  for (const segment of segmentsIn(files, folder)) {
    const bytes = contentOf(files, join(folder, segmentName(segment)))
    const frame = readFrame(bytes, SEGMENT_HEAD.length)
    if (frame !== null) {
      // Each message had a record of its own: none has a higher number.
      const applied = { position: frame.position - 1, segment: segment - 1, nextMessageId: frame.position, time: null }
      tree.transact(applied, () => undefined)
      return
    }
    if (bytes.length > SEGMENT_HEAD.length) return
  }
}

function contentOf(files: Files, path: string): Buffer {
  const fd = files.openToRead(path)
  try {
    return readAll(files, fd)
  } finally {
    files.close(fd)
  }
}

function replaySegment(
  replay: Replay,
  log: SegmentReader,
  segment: number,
  make: MakeMessage,
  recovered: Recovered,
  recent: Recent,
): void {
  const clientOf = (number: number): string => recovered.sessions.get(number)?.state.clientId ?? ''
  recent.begin(segment)
  const { buffer, soundEnd } = log.read(segment, (bytes: Buffer, frame: Frame) => {
    const { position } = recovered
    // A gap: what comes after it must not be taken for what follows.
    if (frame.position > position + 1) return false
    scanRecords(bytes, frame.start, frame.end, position + 1 - frame.position, clientOf, make, replay)
    recovered.position = Math.max(position, frame.position + frame.records - 1)
    return true
  })
  recovered.segments.set(segment, recovered.position)
  if (soundEnd === buffer.length || isBegun(buffer)) return
  recovered.damaged.push({ segment, from: soundEnd, bytes: Buffer.from(buffer.subarray(soundEnd)) })
}

function addSession(recovered: Recovered, recent: Recent, state: SessionState, bounds: Bounds): RecoveredSession {
  const { number, clientId } = state
  const session: RecoveredSession = {
    state,
    recent: recent.open(clientId, () => number),
    bounds,
    tail: bounds.tail,
    firstInTree: null,
  }
  recovered.sessions.set(number, session)
  recovered.nextSession = Math.max(recovered.nextSession, number + 1)
  return session
}

/** Puts the log's records on top of what the tree has. */
class Replay implements RecordSink {
  readonly #tree: Tree
  readonly #recent: Recent
  readonly #recovered: Recovered

  constructor(tree: Tree, recent: Recent, recovered: Recovered) {
    this.#tree = tree
    this.#recent = recent
    this.#recovered = recovered
  }

  message(id: number, offset: number, length: number): void {
    this.#recent.message(id, offset, length)
  }

  queued(number: number, position: number, messageId: number, size: number, delivery: Delivery): void {
    const session = this.#recovered.sessions.get(number)
    this.#seen(number)
    this.#recent.messageSeen(messageId)
    if (session === undefined) return
    session.tail = Math.max(session.tail, position + 1)
    this.#recent.queued(session.recent, position, messageId, size, delivery)
  }

  received(number: number, position: number): void {
    const session = this.#recovered.sessions.get(number)
    if (session === undefined || this.#recent.received(session.recent, position)) return
    if (this.#firstInTree(session) <= position) session.recent.receivedInTree(position)
  }

  done(number: number, position: number): void {
    const session = this.#recovered.sessions.get(number)
    if (session === undefined) return
    session.tail = Math.max(session.tail, position + 1)
    if (this.#recent.done(session.recent, position)) return
    const first = this.#firstInTree(session)
    if (first <= position) session.recent.doneInTree(position, first)
  }

  other(number: number, record: StoreRecord): void {
    const { retained, sessions } = this.#recovered
    if (record.kind === 'retained') {
      retained.set(record.topic, record)
      this.#recent.messageSeen(record.messageId)
    } else if (record.kind === 'retainedCleared') retained.delete(record.topic)
    if (number === 0) {
      this.#recent.other(null, record)
      return
    }
    this.#seen(number)
    let session = sessions.get(number)
    if (session === undefined) {
      if (record.kind !== 'session') return
      session = addSession(this.#recovered, this.#recent, new SessionState(number, record.clientId), EMPTY)
    }
    session.state.apply(record)
    this.#recent.other(session.recent, record)
    if (record.kind === 'sessionEnded') sessions.delete(number)
  }

  /** Numbers are not given a second time, even if what had them is lost. */
  #seen(number: number): void {
    this.#recovered.nextSession = Math.max(this.#recovered.nextSession, number + 1)
  }

  #firstInTree(session: RecoveredSession): number {
    if (session.firstInTree === null) {
      const [first] = this.#tree.queue(session.state.number, 0, Number.POSITIVE_INFINITY)
      session.firstInTree = first?.position ?? Number.POSITIVE_INFINITY
    }
    return session.firstInTree
  }
}

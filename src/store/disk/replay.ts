import type { Buffer } from 'node:buffer'
import { join } from 'node:path'
import type { StoreRecord } from '../../broker/contracts.ts'
import { ByteReader } from './byte-writer.ts'
import type { Files } from './files.ts'
import { readSegment, segmentName, segmentsIn } from './log.ts'
import type { Recent } from './recent.ts'
import { type MakeMessage, readRecord, skipMessage } from './records.ts'
import { SessionState } from './session-state.ts'
import type { Tree } from './tree.ts'

export interface Damage {
  readonly segment: number
  /** Where its sound part ends. */
  readonly from: number
  readonly bytes: Buffer
}

/** What was found at start: the tree's state with the log's on top. */
export interface Recovered {
  /** By their number. */
  readonly sessions: Map<number, SessionState>
  /** Topic -> message. */
  readonly retained: Map<string, number>
  /** Of the last record. */
  position: number
  nextSession: number
  nextMessageId: number
  nextSegment: number
  /** Segments to be moved into the tree. */
  readonly segments: number[]
  readonly damaged: Damage[]
}

/**
 * Reads what the tree has, and replays the log's segments that are not in it. Of each, what comes after damage or after a
 * gap is not used: then all that follows begins after a gap, and what is found is the state of one moment.
 */
export function recoverLog(tree: Tree, recent: Recent, files: Files, folder: string, make: MakeMessage): Recovered {
  const recovered: Recovered = {
    sessions: new Map(),
    retained: new Map(),
    position: tree.version().applied,
    nextSession: 1,
    nextMessageId: tree.nextMessageId(),
    nextSegment: 1,
    segments: [],
    damaged: [],
  }
  for (const state of tree.sessions()) {
    recovered.sessions.set(state.number, state)
    recent.open(state.clientId, () => state.number)
    recovered.nextSession = Math.max(recovered.nextSession, state.number + 1)
  }
  for (const [topic, messageId] of tree.retained()) recovered.retained.set(topic, messageId)
  for (const segment of segmentsIn(files, folder)) {
    recovered.nextSegment = segment + 1
    replaySegment(recent, files, folder, segment, make, recovered)
  }
  return recovered
}

function replaySegment(
  recent: Recent,
  files: Files,
  folder: string,
  segment: number,
  make: MakeMessage,
  recovered: Recovered,
): void {
  const applied = recovered.position
  const clientOf = (number: number): string => recovered.sessions.get(number)?.clientId ?? ''
  const { buffer, soundEnd } = readSegment(files, folder, segment, (bytes, frame) => {
    // A gap: what comes after it must not be taken for what follows.
    if (frame.position > recovered.position + 1) return false
    const from = new ByteReader(bytes, frame.start, frame.end)
    for (let position = frame.position; position < frame.position + frame.records; position++) {
      const offset = from.at
      const messageId = skipMessage(from)
      if (messageId > 0) {
        if (position > applied) recent.messages.add(messageId, { segment, offset, length: from.at - offset })
        recovered.nextMessageId = Math.max(recovered.nextMessageId, messageId + 1)
      } else {
        const { session, record } = readRecord(from, clientOf, make)
        if (position <= applied) continue
        apply(recovered, recent, session, record, { segment, offset, length: from.at - offset })
      }
      recovered.position = Math.max(recovered.position, position)
    }
    return true
  })
  if (soundEnd < buffer.length) recovered.damaged.push({ segment, from: soundEnd, bytes: buffer.subarray(soundEnd) })
  if (recovered.position > applied) recovered.segments.push(segment)
  else if (soundEnd === buffer.length) files.remove(join(folder, segmentName(segment)))
}

function apply(
  recovered: Recovered,
  recent: Recent,
  number: number,
  record: StoreRecord,
  place: { segment: number; offset: number; length: number },
): void {
  if (record.kind === 'retained') {
    recovered.retained.set(record.topic, record.messageId)
  } else if (record.kind === 'retainedCleared') {
    recovered.retained.delete(record.topic)
  }
  if (!('clientId' in record)) {
    recent.note(null, record, place, true)
    return
  }
  recovered.nextSession = Math.max(recovered.nextSession, number + 1)
  if (record.kind === 'session' && !recovered.sessions.has(number)) {
    recovered.sessions.set(number, new SessionState(number, record.clientId))
  }
  const state = recovered.sessions.get(number)
  if (state === undefined) return
  const session = recent.open(state.clientId, () => number)
  state.apply(record)
  recent.note(session, record, place, true)
  if (record.kind === 'sessionEnded') recovered.sessions.delete(number)
}

import type { StoreRecord } from '../../broker/contracts.ts'
import type { TreeView } from './check-tree.ts'
import { type Files, readAll } from './files.ts'
import type { Findings } from './findings.ts'
import { isNewer, readFrame, SEGMENT_HEAD } from './frames.ts'
import type { MakeMessage } from './records.ts'
import { type RecordSink, scanRecords } from './scan.ts'
import { segmentName } from './segments.ts'

/** A segment of the log that was opened before the tree was looked at: it stays readable when the mover removes it. */
export interface OpenSegment {
  readonly number: number
  readonly fd: number
}

/** Puts the log's records on top of what the tree has, and looks whether they are sound and follow each other. */
export class LogCheck implements RecordSink {
  readonly #tree: TreeView
  readonly #findings: Findings
  readonly #files: Files
  readonly #make: MakeMessage
  readonly #messages: Set<number> = new Set()
  #position: number
  #read = 0

  constructor(tree: TreeView, findings: Findings, files: Files, make: MakeMessage) {
    this.#tree = tree
    this.#findings = findings
    this.#files = files
    this.#make = make
    this.#position = tree.applied.position
  }

  /** `growing`: a broker writes to the last one, whose end may be a frame in the middle of being written. */
  check(segments: readonly OpenSegment[], growing: boolean): void {
    for (const [i, segment] of segments.entries()) this.#segment(segment, growing && i === segments.length - 1)
    this.#findMessages()
  }

  message(id: number): void {
    this.#read++
    this.#messages.add(id)
  }

  queued(session: number, position: number, messageId: number): void {
    this.#read++
    if (!this.#tree.sessions.has(session)) return
    const queue = this.#tree.queues.get(session)
    if (queue === undefined) this.#tree.queues.set(session, new Map([[position, messageId]]))
    else queue.set(position, messageId)
  }

  received(): void {
    this.#read++
  }

  done(session: number, position: number): void {
    this.#read++
    this.#tree.queues.get(session)?.delete(position)
  }

  other(session: number, record: StoreRecord): void {
    this.#read++
    const { retained, sessions, queues } = this.#tree
    if (record.kind === 'retained') retained.set(record.topic, record.messageId)
    else if (record.kind === 'retainedCleared') retained.delete(record.topic)
    else if (record.kind === 'session') sessions.set(session, record.clientId)
    else if (record.kind === 'sessionEnded') {
      sessions.delete(session)
      queues.delete(session)
    }
  }

  #segment({ number, fd }: OpenSegment, growing: boolean): void {
    const name = segmentName(number)
    const buffer = readAll(this.#files, fd)
    const head = buffer.subarray(0, SEGMENT_HEAD.length)
    if (isNewer(head)) throw new Error(`${name} was written by a newer version of nightjar`)
    if (!head.equals(SEGMENT_HEAD)) {
      if (!growing || buffer.length >= SEGMENT_HEAD.length)
        this.#findings.add('log', `${name} does not begin as a log does`)
      return
    }
    let at = SEGMENT_HEAD.length
    for (let frame = readFrame(buffer, at); frame !== null; frame = readFrame(buffer, at)) {
      const gap = frame.position - this.#position - 1
      if (gap > 0) {
        this.#findings.add('log', `${name} lacks ${gap} records before byte ${at}`)
        return
      }
      const passed = Math.min(-gap, frame.records)
      const before = this.#read
      try {
        scanRecords(buffer, frame.start, frame.end, passed, String, this.#make, this)
      } catch (error) {
        this.#findings.add(
          'log',
          `${name} has a record after byte ${at} that cannot be read (${(error as Error).message})`,
        )
        return
      }
      const records = this.#read - before + passed
      if (records !== frame.records) {
        this.#findings.add('log', `${name} has ${records} records at byte ${at}, and not ${frame.records}`)
      }
      this.#position = Math.max(this.#position, frame.position + frame.records - 1)
      at = frame.end
    }
    if (at < buffer.length && !growing) {
      this.#findings.add('log', `${name} is not sound from byte ${at} on (${buffer.length - at} bytes)`)
    }
  }

  /** Of what waits according to the log. What the tree lacks is told already. */
  #findMessages(): void {
    const { retained, queues } = this.#tree
    const lacks = (id: number): boolean => !this.#messages.has(id) && !this.#tree.isKnown(id)
    for (const [topic, id] of retained) {
      if (lacks(id)) this.#findings.add('message', `message ${id}, retained for ${topic}, is not in the log`)
    }
    for (const [session, queue] of queues) {
      for (const [position, id] of queue) {
        const what = `message ${id}, queued for Session ${session} at ${position}, is not in the log`
        if (lacks(id)) this.#findings.add('message', what)
      }
    }
  }
}

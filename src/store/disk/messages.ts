import { join } from 'node:path'
import type { Message } from '../../broker/contracts.ts'
import type { StoreBounds } from './bounds.ts'
import { ByteReader } from './byte-writer.ts'
import type { Place, QueueEntry } from './entry.ts'
import type { Files } from './files.ts'
import { keptName, readKept } from './kept.ts'
import type { Log } from './log.ts'
import { ReadBack } from './read-back.ts'
import type { Recent } from './recent.ts'
import { Kind, type MakeMessage, readMessage } from './records.ts'
import { segmentName } from './segments.ts'
import type { Tree } from './tree.ts'
import { Damage, isDamage } from './trouble.ts'

/** The parts of the store in which a message may be. */
export interface Places {
  readonly files: Files
  readonly folder: string
  readonly make: MakeMessage
  readonly bounds: StoreBounds
  readonly recent: Recent
  readonly tree: Tree
  /** Segments that have a kept file. */
  readonly kept: Set<number>
}

/** Finds messages: in the log, in kept files, in the tree. */
export class Messages {
  /** Null until the log is open: then nothing waits to be written. */
  log: Log | null = null
  readonly #places: Places
  readonly #logged: ReadBack
  readonly #kept: ReadBack
  /** Called for a message that is missing or damaged. */
  readonly #damaged: (what: string) => void

  constructor(places: Places, damaged: (what: string) => void) {
    const { files, folder, bounds } = places
    this.#places = places
    this.#damaged = damaged
    this.#logged = new ReadBack(files, join(folder, 'log'), segmentName, bounds)
    this.#kept = new ReadBack(files, join(folder, 'kept'), keptName, bounds)
  }

  /** Null: it is damaged. Throws if it cannot be read now. */
  find({ messageId, place }: Pick<QueueEntry, 'messageId' | 'place'>): Message | null {
    const inLog = this.#places.recent.place(messageId)
    try {
      const message = inLog === null ? this.#oldMessage(messageId, place) : this.#messageInLog(inLog)
      if (message !== null && message.id === messageId) return message
      throw new Damage('it is not what was written')
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#damaged(`message ${messageId} (${(error as Error).message})`)
      return null
    }
  }

  /** The file of a segment will go. */
  forgetLogged(segment: number): void {
    this.#logged.forget(segment)
  }

  forgetKept(segment: number): void {
    this.#kept.forget(segment)
  }

  close(): void {
    this.#logged.close()
    this.#kept.close()
  }

  /** A message that is no longer in the log. `place`: where it is according to the tree, if known. */
  #oldMessage(messageId: number, place: Place | null): Message | null {
    const { tree, kept, make } = this.#places
    const at = place ?? tree.blockOf(messageId)?.place(messageId) ?? null
    if (at === null || !kept.has(at.segment)) return tree.message(messageId)
    return readKept(this.#kept.read(at.segment, at.offset, at.length), at, messageId, make)
  }

  #messageInLog({ segment, offset, length }: Place): Message | null {
    const bytes = this.log?.unwritten(segment, offset, length) ?? this.#logged.read(segment, offset, length)
    if (bytes[0] !== Kind.message || bytes.length < length) return null
    return readMessage(new ByteReader(bytes, 1, length), this.#places.make)
  }
}

import type { Buffer } from 'node:buffer'
import type { RootDatabase } from 'lmdb'
import { type MessageBlock, readBlock } from './block.ts'
import { ByteReader } from './byte-writer.ts'
import { QueueChunk } from './chunk.ts'
import type { QueueEntry } from './entry.ts'
import type { Findings } from './findings.ts'
import { idOf, positionOf, retainedKey } from './keys.ts'
import { type MakeMessage, readMessage } from './records.ts'
import { readRetained } from './retained.ts'
import { firstFrom } from './search.ts'
import { decodeSession } from './session-state.ts'
import { type Applied, type Bounds, checkSchema, readApplied, soundBody } from './tree.ts'

const VERSION = 'v'

/** What stands in the tree, as far as it is sound, and what of it does not fit together. */
export class TreeView {
  applied: Applied = readApplied(undefined)
  /** Client Identifiers, by the Session's number. */
  readonly sessions: Map<number, string> = new Map()
  /** Position -> message of all places, by the Session's number. */
  readonly queues: Map<number, Map<number, number>> = new Map()
  readonly retained: Map<string, number> = new Map()
  /** By the first message's number, in that order. */
  readonly blocks: MessageBlock[] = []
  readonly #make: MakeMessage
  readonly #findings: Findings
  /** How many hold it, as the tree has it. */
  readonly #messages: Map<number, number> = new Map()
  readonly #kept: Map<number, number> = new Map()
  readonly #bounds: Map<number, Bounds> = new Map()
  /** The last place of a queue so far. */
  readonly #lasts: Map<number, number> = new Map()
  readonly #waitingBytes: Map<number, number> = new Map()
  /** How many hold a message, as counted. */
  readonly #uses: Map<number, number> = new Map()
  readonly #readers: Readonly<Record<string, (key: Buffer, body: Buffer) => void>> = {
    M: (key, body) => this.#message(idOf(key), body),
    R: (key, body) => this.#retained(key, body),
    b: (key, body) => this.#boundsOf(key.readUInt32BE(1), body),
    k: (key, body) => void this.#kept.set(key.readUInt32BE(1), body.readDoubleLE(0)),
    m: (key, body) => void this.blocks.push(readBlock(idOf(key), body)),
    q: (key, body) => this.#chunk(key.readUInt32BE(1), positionOf(key), body),
    r: (key, body) => this.#retained(key, body),
    s: (key, body) => this.#session(key.readUInt32BE(1), body),
  }

  constructor(make: MakeMessage, findings: Findings) {
    this.#make = make
    this.#findings = findings
  }

  /** Reads all keys in one turn, so that it is one moment's. Throws if a newer version wrote it. */
  read(db: RootDatabase<Buffer, Buffer>): void {
    // Messages come before the queues that hold them, as the keys lie in that order.
    for (const { key, value } of db.getRange({})) this.#readValue(key as unknown as Buffer, value)
    this.#compareRetained()
    this.#compareSessions()
    this.#compareKept()
    this.#compareUses()
  }

  /** Whether the tree has the message, or names it at all: if it lacks one that it names, that is told already. */
  isKnown(id: number): boolean {
    return this.#messages.has(id) || this.#uses.has(id) || this.blockOf(id) !== null
  }

  get keptSegments(): ReadonlySet<number> {
    return new Set(this.#kept.keys())
  }

  blockOf(id: number): MessageBlock | null {
    const block = this.blocks[firstFrom(this.blocks, id + 1, ({ firstId }) => firstId) - 1]
    return block?.has(id) === true ? block : null
  }

  #readValue(key: Buffer, value: Buffer): void {
    const letter = String.fromCharCode(key[0]!)
    if (letter === VERSION) {
      checkSchema(value.readUInt32LE(0))
      this.applied = readApplied(value)
      return
    }
    const name = `the tree's value ${keyName(key)}`
    const read = this.#readers[letter]
    const body = soundBody(value)
    try {
      if (read === undefined) this.#findings.add('key', `${name} is of no known kind`)
      else if (body === null) this.#findings.add('value', `${name} is not what was written (its checksum is wrong)`)
      else read(key, body)
    } catch (error) {
      this.#findings.add('value', `${name} cannot be read (${(error as Error).message})`)
    }
  }

  #message(id: number, body: Buffer): void {
    const from = new ByteReader(body, 0, body.length)
    const uses = from.uint32()
    const found = readMessage(from, this.#make)
    if (found.id !== id) throw new RangeError(`it is message ${found.id}`)
    this.#messages.set(id, uses)
  }

  #boundsOf(session: number, body: Buffer): void {
    this.#bounds.set(session, { tail: body.readDoubleLE(0), bytes: body.readDoubleLE(8) })
  }

  #session(number: number, body: Buffer): void {
    this.sessions.set(number, decodeSession(number, body, this.#make).clientId)
  }

  #retained(key: Buffer, body: Buffer): void {
    const { topic, messageId: id } = readRetained(body)
    if (!key.equals(retainedKey(topic))) throw new RangeError('it is of another topic')
    this.retained.set(topic, id)
    this.#use(id)
  }

  #chunk(session: number, first: number, body: Buffer): void {
    const { entries } = new QueueChunk(first, body)
    const name = `the queue of Session ${session} at position ${first}`
    if (entries.length === 0) throw new RangeError('there is nothing in it')
    const queue = this.#queueOf(session)
    let last = this.#lasts.get(session) ?? -1
    if (entries[0]!.position !== first) this.#findings.add('queue', `${name} begins with ${entries[0]!.position}`)
    const tail = this.#bounds.get(session)?.tail
    for (const entry of entries) {
      const { position, messageId, received, size } = entry
      if (position <= last) this.#findings.add('queue', `${name} has position ${position} after ${last}`)
      if (tail !== undefined && position >= tail) {
        this.#findings.add('queue', `${name} has position ${position}, but ends before ${tail}`)
      }
      last = position
      queue.set(position, messageId)
      this.#use(messageId)
      if (!received) this.#waitingBytes.set(session, (this.#waitingBytes.get(session) ?? 0) + size)
      if (!this.#isThere(entry)) {
        this.#findings.add(
          'message',
          `message ${messageId}, queued for Session ${session} at ${position}, is not there`,
        )
      }
    }
    this.#lasts.set(session, last)
  }

  /** As the broker looks for it: where the entry says, if messages of that segment are kept, else in the tree. */
  #isThere({ messageId, place }: QueueEntry): boolean {
    if (place === null || !this.#kept.has(place.segment)) return this.#messages.has(messageId)
    const block = this.blockOf(messageId)
    if (block === null || block.segment !== place.segment) return false
    const { offset, length } = block.place(messageId)
    return offset === place.offset && length === place.length
  }

  #use(id: number): void {
    this.#uses.set(id, (this.#uses.get(id) ?? 0) + 1)
  }

  #queueOf(session: number): Map<number, number> {
    let queue = this.queues.get(session)
    if (queue === undefined) {
      queue = new Map()
      this.queues.set(session, queue)
    }
    return queue
  }

  /** Only now: the keys of long topics come before those of kept messages. */
  #compareRetained(): void {
    for (const [topic, id] of this.retained) {
      const block = this.blockOf(id)
      const there = (block !== null && this.#kept.has(block.segment)) || this.#messages.has(id)
      if (!there) this.#findings.add('message', `message ${id}, retained for ${topic}, is not there`)
    }
  }

  #compareSessions(): void {
    for (const [number, clientId] of this.sessions) {
      if (!this.#bounds.has(number)) {
        this.#findings.add('session', `Session ${number} (${clientId}) has no record of where its queue ends`)
      }
    }
    for (const [number, { bytes }] of this.#bounds) {
      if (!this.sessions.has(number))
        this.#findings.add('session', `the end of a queue is there for Session ${number}, which is not`)
      const waiting = this.#waitingBytes.get(number) ?? 0
      if (waiting !== bytes) {
        this.#findings.add('bytes', `${waiting} bytes wait for Session ${number}, but ${bytes} are counted`)
      }
    }
    for (const number of this.queues.keys()) {
      if (!this.sessions.has(number))
        this.#findings.add('session', `a queue is there for Session ${number}, which is not`)
    }
  }

  #compareKept(): void {
    const blocks = new Map(this.blocks.map((block) => [block.segment, block]))
    for (const [segment, firstId] of this.#kept) {
      const block = blocks.get(segment)
      if (block === undefined)
        this.#findings.add('kept', `it is not known where the messages of segment ${segment} are`)
      else if (block.firstId !== firstId) {
        this.#findings.add(
          'kept',
          `the messages of segment ${segment} begin with ${block.firstId}, and not with ${firstId}`,
        )
      }
    }
    for (const { segment } of this.blocks) {
      if (!this.#kept.has(segment))
        this.#findings.add('kept', `the tree does not know that messages of segment ${segment} are kept`)
    }
  }

  #compareUses(): void {
    for (const [id, uses] of this.#messages) this.#compare(id, uses)
    for (const { firstId, uses } of this.blocks)
      for (const [i, count] of uses.entries()) this.#compare(firstId + i, count)
  }

  #compare(id: number, counted: number): void {
    const uses = this.#uses.get(id) ?? 0
    if (uses !== counted) this.#findings.add('uses', `message ${id} is held ${uses} times, but ${counted} are counted`)
  }
}

function keyName(key: Buffer): string {
  const letter = String.fromCharCode(key[0]!)
  if (letter === 'r') return `r ${key.toString('utf8', 1)}`
  if (key.length === 5) return `${letter} ${key.readUInt32BE(1)}`
  if (key.length === 9) return `${letter} ${idOf(key)}`
  if (letter === 'q' && key.length === 13) return `q ${key.readUInt32BE(1)} ${positionOf(key)}`
  return key.toString('hex')
}

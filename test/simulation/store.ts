import {
  type LoadRecord,
  type Message,
  type MessageParts,
  restoreMessage,
  type Store,
  type StoredEntry,
  type StoreRecord,
} from '../../src/broker/index.ts'
import { MemoryStore } from '../../src/store/index.ts'

/**
 * `commit`: what was committed survives the death of the process, which is what a broker relies on in the mode `everysec`.
 * `sync`: only what was synced survives, and that comes later than the commit: the mode `always`.
 */
export type Durability = 'commit' | 'sync'

/** A log of records with the state that they make. A crash keeps a beginning of it, of whole turns. */
export class SimStore implements Store {
  onDurable: (() => void) | null = null
  onReadable: (() => void) | null = null
  durable = 0
  readonly trouble = null
  readonly full = false
  /** Called before anything is committed. */
  onCommit: (() => void) | null = null
  /** Whether what is asked for now cannot be read. */
  failsToRead: (clientId: string) => boolean = () => false
  readonly #durability: Durability
  /** What was there at start, and what was appended since. */
  readonly #log: StoreRecord[]
  readonly #state: MemoryStore = new MemoryStore()
  readonly #started: number
  /** Where turns ended, as lengths of the log. */
  readonly #turns: number[]
  #pressing = false
  #committed: number
  #synced: number

  constructor(durability: Durability, log: readonly StoreRecord[] = []) {
    this.#durability = durability
    this.#log = [...log]
    for (const record of log) this.#state.append(copyOf(record))
    this.#started = log.length
    this.#turns = [log.length]
    this.#committed = log.length
    this.#synced = log.length
  }

  append(record: StoreRecord, pressing = true): number {
    this.#log.push(copyOf(record))
    this.#state.append(copyOf(record))
    if (pressing) this.#pressing = true
    return this.#log.length - this.#started
  }

  /** As the store on disk does it. */
  commit(): void {
    if (this.#pressing) this.commitNow()
  }

  /** Something waits, as it is not pressing. */
  get waits(): boolean {
    return this.#committed < this.#log.length
  }

  commitNow(): void {
    if (!this.waits) return
    this.#pressing = false
    this.onCommit?.()
    this.#committed = this.#log.length
    this.#turns.push(this.#committed)
    if (this.#durability === 'commit') this.durable = this.#committed - this.#started
  }

  /** What is waiting to be synced, as a length of the log; 0 if all is. */
  get unsynced(): number {
    return this.#synced === this.#committed ? 0 : this.#committed
  }

  /** The disk has all up to this length of the log. */
  synced(length: number): void {
    this.#synced = Math.max(this.#synced, length)
    if (this.#durability !== 'sync') return
    this.durable = this.#synced - this.#started
    this.onDurable?.()
  }

  read(clientId: string, from: number, limit: number): StoredEntry[] | null {
    if (this.failsToRead(clientId)) return null
    const entries = this.#state.read(clientId, from, limit)
    return entries.map((entry) => ({ ...entry, message: copyOfMessage(entry.message) }))
  }

  *load(): Iterable<LoadRecord> {
    for (const record of this.#state.load()) yield copyOf(record)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  /** What a new broker finds after the process was killed: all that was committed. */
  afterKill(): SimStore {
    return this.#cut(this.#committed)
  }

  /** What it finds after the power went: all that was synced, and of the turns after that `pick(n)` of n. */
  afterPowerLoss(pick: (turns: number) => number): SimStore {
    const later = this.#turns.filter((length) => length > this.#synced)
    const kept = pick(later.length)
    return this.#cut(kept === 0 ? this.#synced : later[kept - 1]!)
  }

  #cut(length: number): SimStore {
    return new SimStore(this.#durability, this.#log.slice(0, length))
  }
}

/** A disk holds bytes: what the broker changes later in an object that it handed over must not reach it. */
function copyOf<R extends LoadRecord>(record: R): R {
  if (record.kind === 'message') return { ...record, message: copyOfMessage(record.message) }
  if (record.kind === 'session' && record.will !== null) {
    return { ...record, will: { ...record.will, message: copyOfMessage(record.will.message) } }
  }
  return { ...record }
}

function copyOfMessage(message: Message): Message {
  const { id, topic, qos, retain, expiresAt, publisher } = message
  const parts: MessageParts = {
    id,
    topic,
    bytes: Uint8Array.from([
      ...message.topicBytes.subarray(message.topicStart, message.topicEnd),
      ...message.bytes.subarray(message.propertiesStart, message.payloadEnd),
    ]),
    topicLength: message.topicEnd - message.topicStart,
    propertiesLength: message.propertiesEnd - message.propertiesStart,
    payloadLength: message.payloadLength,
    qos,
    retain,
    expiresAt,
    publisher,
  }
  return restoreMessage(parts)
}

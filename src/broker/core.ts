import { inWords, type PublishExtras, type Slab, type SlabPool, type Text } from '../protocol/index.ts'
import { type HashSeed, RetainedIndex } from '../topics/index.ts'
import { AtDoor, ConnectionRate, TakeoverWatch } from './connect/index.ts'
import type { Outlet } from './connection/index.ts'
import type { Connection } from './connection.ts'
import type { Access, Clock, EventSink, Random, Store, StoreRecord } from './contracts.ts'
import { Delivery, Publication, type Verdict } from './deliver/index.ts'
import { type BrokerEvent, type EventDetails, type EventId, EventSinks, Repeats, type Subject } from './events/index.ts'
import { type Message, MessageKeeper } from './message/index.ts'
import { Router } from './route/index.ts'
import { settleReaders } from './rules/index.ts'
import { Queues, type Session } from './sessions/index.ts'
import { type Listener, limitsOf, type SessionLimits, type Settings } from './settings/index.ts'
import { Metrics } from './status/index.ts'
import { BrokerTime, TimerWheel, Work } from './time/index.ts'

export interface CoreParts {
  readonly clock: Clock
  readonly random: Random
  readonly store: Store
  readonly access: Access
  readonly text: Text
  readonly pool: SlabPool
  /** The first to be told of events; `Broker.addSink` adds others. */
  readonly events: EventSink
  /** Bytes of memory that the process uses, for `$SYS/broker/heap/current`. */
  readonly memory: () => number
}

/** The state that all parts of the broker share. What is done with it stands in the files named by what they do. */
export class Core {
  /** Changed in place: see `reconfigure`. */
  readonly settings: Settings
  /** Of Sessions whose clients have not come by any listener since the start. */
  readonly limits: SessionLimits
  readonly listeners: Set<Listener> = new Set()
  readonly clock: Clock
  readonly time: BrokerTime
  readonly random: Random
  readonly store: Store
  readonly access: Access
  readonly text: Text
  readonly pool: SlabPool
  readonly memory: () => number
  readonly sessions: Map<string, Session> = new Map()
  readonly connections: Set<Connection> = new Set()
  /** Sessions whose next messages the store could not read: they go on when it can. */
  readonly unread: Set<Session> = new Set()
  /** Those of them whose turn has come. */
  rereading: Session[] = []
  /** Sessions that have ended, but for what the store could not read of their queues yet; by Client Identifier. */
  readonly ending: Map<string, Session> = new Map()
  readonly router: Router
  /** Counts up when what was decided about who may do what has to be asked anew. */
  accessVersion = 0
  readonly retained: RetainedIndex<Message>
  readonly keeper: MessageKeeper
  readonly wheel: TimerWheel
  readonly metrics: Metrics = new Metrics()
  readonly work: Work
  /** Connections with something to send, in this turn. */
  dirty: Outlet[] = []
  /** Connections that earlier turns had no time to write to. */
  readonly late: Outlet[] = []
  /** Of `dirty`, those that could not be sent to in the turn before: they wait for the store. */
  gated = 0
  /** The other list, so that a turn makes none. */
  spareDirty: Outlet[] = []
  /** Connections that are to end with this turn. See `doom`. */
  readonly doomed: Connection[] = []
  /** One object serves for every publish, as none happens within another. */
  readonly publication: Publication = new Publication()
  /** The broker's time in milliseconds, read once a turn. */
  now: number
  /** In the broker's time. */
  startedAt: number
  /** What waits in the queues of all Sessions. */
  readonly queues: Queues = new Queues()
  /** Those whose links have not taken all that was sent. */
  readonly slow: Set<Outlet> = new Set()
  /** What the waiting messages of all queues cost in memory. */
  keptBytes = 0
  /** Bytes of memory that unfinished packets take of those who have not proved who they are. */
  unprovedBytes = 0
  /** Clients online now. */
  online = 0
  /** The position in the store's log of the last record that something sent may rely on. */
  logPosition = 0
  /** What a PUBLISH carries beyond its message: one object serves all, as it is written at once. */
  readonly spareExtras: PublishExtras = {
    messageExpiryInterval: -1,
    subscriptionIdentifiers: null,
    topicAlias: 0,
    omitTopic: false,
  }
  /** What is on its way to one Session: one object serves all, as it is acted on at once. */
  readonly delivery: Delivery = new Delivery()
  /** Is told what became of each message for each Session that its route reaches; null: nobody wants to know. */
  trace: ((verdict: Verdict, session: Session, delivery: Delivery) => void) | null = null
  readonly takeovers: TakeoverWatch
  /** Who waits to be let in. */
  readonly atDoor: AtDoor = new AtDoor()
  readonly connectionRate: ConnectionRate
  readonly repeats: Repeats
  /** Set at orderly stop: no new connection is taken. */
  stopping = false
  readonly sinks: EventSinks = new EventSinks((error) => this.failed('telling an event', null, error))
  #untold: BrokerEvent[] = []
  #nextMessageId = 1

  constructor(settings: Settings, parts: CoreParts) {
    this.settings = { ...settings }
    this.limits = limitsOf(settings)
    this.clock = parts.clock
    this.random = parts.random
    this.store = parts.store
    this.access = parts.access
    this.text = parts.text
    this.pool = parts.pool
    this.memory = parts.memory
    this.sinks.add(parts.events)
    this.time = new BrokerTime(parts.clock, settings.bounds)
    this.now = this.time.now()
    this.startedAt = this.now
    const { bounds } = settings
    this.wheel = new TimerWheel(this.now, bounds)
    this.wheel.onFailure = (error) => this.failed('acting on what was due', null, error)
    this.keeper = new MessageKeeper(bounds)
    this.takeovers = new TakeoverWatch(bounds)
    this.connectionRate = new ConnectionRate(bounds.addressesCounted)
    this.repeats = new Repeats(this)
    this.work = new Work(bounds, parts.clock)
    this.work.onFailure = (error) => this.failed('doing what was too much for one turn', null, error)
    // Seeds that no client knows: topics must not be chosen so that they collide.
    this.router = new Router(parts.text, seedOf(parts.random), seedOf(parts.random), bounds, this.work)
    this.retained = new RetainedIndex(seedOf(parts.random), bounds)
    this.access.onChange = () => this.accessChanged()
    this.accessChanged()
  }

  /** What was decided about who may do what is asked anew. */
  accessChanged(): void {
    this.accessVersion++
    this.router.settle = this.access.rules === null ? null : (route) => settleReaders(this, route)
    this.router.forgetAll()
  }

  event(id: EventId, from: Subject | null, details: EventDetails = NO_DETAILS): void {
    const { client, address, username } = from === null ? NOBODY : from.identity
    this.#untold.push({ id, at: this.clock.wall(), client, address, username, details })
  }

  /** Events that happened, and were not told yet. */
  get untold(): boolean {
    return this.#untold.length > 0
  }

  /**
   * Tells what happened in this turn. Only now, as the program around the broker may answer an event by publishing, and an
   * event often happens in the middle of a change of state. What one throws is told once, as an event.
   */
  tellEvents(): void {
    const events = this.#untold
    this.#untold = []
    for (const event of events) this.sinks.tell(event)
  }

  /** Something threw that must not: it is told, and nobody but the one that it was about comes to harm. */
  failed(doing: string, subject: Subject | null, error: unknown): void {
    const words = error instanceof Error ? (error.stack ?? error.message) : inWords(error)
    this.repeats.note('internalError', subject ?? { identity: NOBODY }, `an internal error while ${doing}`, {
      doing,
      error: words
        .split('\n', STACK_LINES)
        .map((line) => line.trim())
        .join(' '),
    })
  }

  append(record: StoreRecord): number {
    this.logPosition = this.store.append(record)
    return this.logPosition
  }

  /** The store notes what the time is, if it does not know. `pressing`: at the end of the turn, whatever else there is. */
  noteTime(pressing = false): void {
    const time = this.time.note(this.now)
    if (time !== null) this.store.append({ kind: 'time', ...time }, pressing)
  }

  /** The store's number of a message, which is stored if it was not. */
  storedId(message: Message): number {
    if (message.id === 0) {
      // Of one that expires no more may be left after a restart than was: the store must know how late it is.
      if (message.expiresAt !== 0) this.noteTime()
      message.id = this.takeMessageId()
      this.append({ kind: 'message', message })
    }
    return message.id
  }

  /** A number between those of the messages that were stored and those that will be. */
  takeMessageId(): number {
    return this.#nextMessageId++
  }

  /** After a restart: numbers go on after those that the store knows. */
  messageIdSeen(id: number): void {
    if (id >= this.#nextMessageId) this.#nextMessageId = id + 1
  }

  giveSlabs(slabs: readonly Slab[]): void {
    for (const slab of slabs) this.pool.give(slab)
  }
}

function seedOf(random: Random): HashSeed {
  return { start: random.uint32() | 0, end: random.uint32() | 0 }
}

export interface Identity {
  readonly client: string | null
  readonly address: string | null
  readonly username: string | null
}

const NOBODY: Identity = { client: null, address: null, username: null }
/** Of a stack, so many lines say where. */
const STACK_LINES = 4
const NO_DETAILS: EventDetails = {}

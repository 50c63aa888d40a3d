import { AnonymousAccess } from '../../src/access/index.ts'
import {
  Broker,
  type BrokerEvent,
  type Clock,
  type Connection,
  defaultListener,
  defaultSettings,
  describe,
  type Listener,
  type Store,
} from '../../src/broker/index.ts'
import { ReasonCode, reasonCodeName, SlabPool } from '../../src/protocol/index.ts'
import { text } from '../unit/protocol/support.ts'
import { checkTotals } from './checks.ts'
import { type History, Violation } from './history.ts'
import type { BrokerEnd, SimLink } from './network.ts'
import type { LiveLimits, Plan } from './plan.ts'
import { randomOf, type SimRandom } from './random.ts'
import { SlowAccess } from './rules.ts'
import { SimStore } from './store.ts'
import type { Time } from './time.ts'

const TICK_MS = 100
const SYNC_INTERVAL_MS = 1000
/** After so long what is not pressing is committed, too. */
const LATE_MS = 10
const LONGEST_UNREADABLE_MS = 2000

/** Makes the broker break a promise, to prove that this is found. */
export interface Saboteur {
  /** What stands before the store. */
  store?(store: Store): Store
  /** What stands before the clock, of one life of the broker. */
  clock?(clock: Clock): Clock
  connection?(connection: Connection): void
  broker?(broker: Broker): void
}

export type Death = 'kill' | 'power loss'

/** Thrown out of the broker in the middle of what it does. */
class Dies extends Error {}

/** What no run may bring about: nobody breaks the protocol. */
const NEVER_HAPPENS = new Set<BrokerEvent['id']>([
  'connectRefused',
  'protocolError',
  'packetTooLarge',
  'internalError',
  'answersNotRead',
  'publishRefused',
  'subscriptionRefused',
  'messageTooLargeForClient',
])

/** What a client is told as long as its last Session, which has ended, still waits for the disk. */
const BUSY = reasonCodeName(ReasonCode.ServerBusy)

/** The machine on which the broker runs: it dies, and is started again on what its disk has. */
export class Host implements BrokerEnd {
  broker: Broker | null = null
  store: SimStore
  /** Milliseconds: when the broker last died or began. */
  changed: number
  readonly links: Set<SimLink> = new Set()
  /** The power went, and with it some of what was acknowledged. */
  onLoss: () => void = () => {}
  /** Where the broker's log lines go. */
  readonly #tell: (words: string) => void
  readonly #plan: Plan
  #limits: LiveLimits
  readonly #time: Time
  readonly #history: History
  readonly #random: SimRandom
  readonly #saboteur: Saboteur
  readonly #reads: SimRandom
  readonly #rules: SimRandom
  /** The disk gives no more trouble. */
  #calm = false
  #inTurn = false
  /** A stamp: what the broker tells of happened after it. */
  #turnBegan = 0
  #life = 0
  #listener: Listener | null = null
  #doom: { death: Death; steps: number; down: number } | null = null
  #syncing = false
  #late = false
  /** Milliseconds: the wall clock less the time that really is, and steps of it that the broker may not have noted yet. */
  #wallAhead = 0
  #wasSet = false
  /** Milliseconds that a clock set back while it is away hides: those, and those before that were not noted. */
  #hidden = 0
  #unseen: { at: number; by: number }[] = []
  /** Clients whose queues cannot be read at the moment. */
  readonly #unreadable: Set<string> = new Set()
  /** Milliseconds: what was committed before is on the disk. */
  #syncedAt: number

  constructor(plan: Plan, time: Time, history: History, saboteur: Saboteur, tell: (words: string) => void) {
    this.#plan = plan
    this.#limits = plan.limits
    this.#time = time
    this.#history = history
    this.#saboteur = saboteur
    this.#tell = tell
    this.#random = randomOf(plan.seed, 'host')
    this.#reads = randomOf(plan.seed, 'unreadable')
    this.#rules = randomOf(plan.seed, 'rules')
    this.#syncedAt = time.now
    this.changed = time.now
    this.store = new SimStore(plan.mode === 'sync' ? 'sync' : 'commit')
    this.start()
    if (plan.mode === 'power') this.#syncNowAndThen()
  }

  start(): void {
    const { store } = this
    store.onCommit = () => this.#step()
    const seen = this.#saboteur.store?.(store) ?? store
    store.onDurable = () => this.turn(() => {})
    store.onReadable = () => this.turn((broker) => broker.readable())
    store.failsToRead = (clientId) => this.#failsToRead(clientId)
    const life = ++this.#life
    const began = this.#time.now
    // It counts from any moment, and has fractions, as Node's.
    const clock: Clock = { now: () => this.#time.now - began + 0.7, wall: () => this.#time.now + this.#wallAhead }
    this.changed = this.#time.now
    const { maximumInFlight, queueFullPolicy, queueQoS0, bounds } = this.#plan
    const limits = { maximumInFlight, queueFullPolicy, queueQoS0, ...this.#limits }
    this.broker = new Broker(
      { ...defaultSettings, ...limits, sysInterval: 0, bounds },
      {
        clock: this.#saboteur.clock?.(clock) ?? clock,
        random: this.#random,
        store: seen,
        access: this.#plan.slowRules ? this.#slowAccess(life) : new AnonymousAccess('everybody'),
        text,
        pool: new SlabPool(new Uint8Array(0), 0, bounds),
        events: (event) => this.#event(event),
        memory: () => 0,
      },
    )
    this.#listener = this.broker.listener(defaultListener)
    // What throws inside goes through: it is the end of this life, or a finding.
    this.broker.core.failed = (_doing, _subject, error) => {
      throw error
    }
    this.#saboteur.broker?.(this.broker)
    this.#tick(life)
  }

  #slowAccess(life: number): SlowAccess {
    return new SlowAccess(this.#rules, this.#time, (act) => {
      if (life === this.#life) this.turn(act)
    })
  }

  accept(link: SimLink): void {
    this.links.add(link)
    this.turn((broker) => {
      link.connection = broker.accept(link, this.#listener!)
      this.#saboteur.connection?.(link.connection)
    })
  }

  /** Something is done within a turn, which ends when all of this instant is done. */
  turn(act: (broker: Broker) => void): void {
    const { broker } = this
    if (broker === null) return
    this.#survive(() => {
      if (!this.#inTurn) {
        this.#turnBegan = this.#time.stamp()
        broker.began()
      }
      this.#inTurn = true
      act(broker)
    })
  }

  instantOver(): void {
    if (!this.#inTurn || this.broker === null) return
    this.#inTurn = false
    this.#survive(() => {
      // Another turn follows at once, but what has come meanwhile is in it.
      if (this.broker!.endTurn()) this.#time.after(0, () => this.turn(() => {}))
      checkTotals(this.broker!.core)
    })
    this.#syncSoon()
    this.#commitLater()
  }

  #commitLater(): void {
    const { store } = this
    if (!store.waits || this.#late) return
    this.#late = true
    this.#time.after(LATE_MS, () => {
      this.#late = false
      if (this.store !== store) return
      this.#survive(() => store.commitNow())
      this.#syncSoon()
    })
  }

  writes(): void {
    this.#step()
  }

  /** The broker dies when it is about to write or commit for the nth time from now on. */
  doom(death: Death, steps: number, down: number): void {
    if (this.broker !== null) this.#doom = { death, steps, down }
  }

  spare(): void {
    this.#doom = null
    this.#calm = true
  }

  /** Milliseconds until it is there again. */
  die(death: Death, down: number): void {
    this.#tell(`The broker dies (${death}), for ${down} ms`)
    this.broker = null
    this.#life++
    this.#inTurn = false
    this.#doom = null
    const lived = this.#time.now - this.changed
    this.changed = this.#time.now
    this.#history.crashes.push(this.#time.now)
    this.#history.queueHasRoom(null, this.#time.stamp())
    for (const { at, by } of this.#unseen) if (this.#time.now - at <= this.#notedWithin) this.#history.skipped += by
    this.#unseen = []
    const { timeNotedMs, timeNotedBehindMs } = this.#plan.bounds
    this.#hidden = down + Math.min(lived, timeNotedMs + this.#notedWithin)
    if (this.#wasSet) this.#history.missed += down + Math.min(lived, timeNotedBehindMs + this.#notedWithin)
    const { store } = this
    store.onDurable = null
    store.onReadable = null
    this.#unreadable.clear()
    this.store = death === 'kill' ? store.afterKill() : store.afterPowerLoss((turns) => this.#random.between(0, turns))
    for (const link of this.links) link.die()
    this.links.clear()
    if (death === 'power loss' && this.#plan.mode === 'power') this.#lost()
    this.#time.after(down, () => {
      this.start()
      this.#tell('The broker is back')
    })
  }

  reconfigure(limits: LiveLimits): void {
    this.#tell(`Other limits: ${JSON.stringify(limits)}`)
    this.#limits = limits
    this.turn((broker) => void broker.reconfigure(limits))
  }

  setClock(by: number): void {
    this.#tell(`The clock is set by ${by / 3_600_000} h`)
    this.#wallAhead += by
    // Set back while the broker is away: it cannot know how long it was.
    if (this.broker === null && !this.#wasSet) this.#history.missed += this.#hidden
    this.#wasSet = true
    if (by < 0) return
    if (this.broker === null) this.#history.skipped += by
    else this.#unseen.push({ at: this.#time.now, by })
  }

  /** Of what happened so long ago the disk knows. */
  get #notedWithin(): number {
    const { mode, syncDelay } = this.#plan
    const onDisk = { commit: 0, sync: 3 * syncDelay, power: 2 * SYNC_INTERVAL_MS }
    return TICK_MS + 2 * LATE_MS + onDisk[mode]
  }

  #lost(): void {
    this.#history.powerLosses.push({ at: this.#time.now, syncedAt: this.#syncedAt })
    this.onLoss()
  }

  #survive(act: () => void): void {
    try {
      act()
    } catch (error) {
      if (!(error instanceof Dies)) throw error
      const { death, down } = this.#doom!
      this.die(death, down)
    }
  }

  #step(): void {
    if (this.#doom !== null && this.#doom.steps-- === 0) throw new Dies()
  }

  /** As the store on disk does it: what was refused is refused until a timer has gone off. */
  #failsToRead(clientId: string): boolean {
    if (this.#unreadable.has(clientId)) return true
    if (this.#calm || !this.#reads.chance(this.#plan.unreadable)) return false
    if (this.#unreadable.size === 0) {
      const { store } = this
      this.#time.after(this.#reads.between(1, LONGEST_UNREADABLE_MS), () => {
        if (this.store !== store) return
        this.#unreadable.clear()
        store.onReadable?.()
      })
    }
    this.#unreadable.add(clientId)
    return true
  }

  #tick(life: number): void {
    this.#time.after(TICK_MS, () => {
      if (this.#life !== life) return
      this.turn((broker) => broker.tick())
      this.#tick(life)
    })
  }

  /** In the mode `sync` the disk begins with the next as soon as it has done the last. */
  #syncSoon(): void {
    const { store } = this
    const length = store.unsynced
    if (this.#plan.mode !== 'sync' || this.#syncing || length === 0) return
    this.#syncing = true
    this.#time.after(this.#random.between(1, this.#plan.syncDelay), () => {
      this.#syncing = false
      if (this.store !== store) return
      store.synced(length)
      this.#syncSoon()
    })
  }

  #syncNowAndThen(): void {
    const { store } = this
    const length = store.unsynced
    const began = this.#time.now
    this.#time.after(this.#random.between(1, 50), () => {
      if (this.store !== store) return
      store.synced(length)
      this.#syncedAt = began
    })
    this.#time.after(SYNC_INTERVAL_MS, () => this.#syncNowAndThen())
  }

  #event(event: BrokerEvent): void {
    if (event.id === 'clientConnected') this.#placeQueue(event.client!)
    if (event.id === 'clientDisconnected') {
      for (const link of this.links) {
        if (link.address !== event.address) continue
        link.notedEnd()
        link.goodbyeNoted = event.details['reason'] === 'it said goodbye'
      }
    }
    this.#noteQueue(event)
    const turnedAway = event.id === 'connectRefused' && event.details['code'] === BUSY
    if (NEVER_HAPPENS.has(event.id) && !turnedAway) throw new Violation(`the broker says: ${describe(event)}`)
    this.#tell(`Broker: ${describe(event)}`)
  }

  #noteQueue({ id, client, details }: BrokerEvent): void {
    if (id === 'queueFull') this.#history.queueFull(client!, this.#turnBegan)
    const over = id === 'queueRecovered' || (id === 'repeated' && details['what'] === 'its queue was full')
    if (over) this.#history.queueHasRoom(client, this.#time.stamp())
  }

  /** A queue in which nothing was yet begins where the plan has it. */
  #placeQueue(clientId: string): void {
    const outbound = this.broker?.core.sessions.get(clientId)?.outbound
    const { firstPosition } = this.#plan
    if (outbound?.tail === 0 && firstPosition > 0) outbound.restore(firstPosition, firstPosition)
  }
}

import { endNow } from '../../src/broker/connection/doomed.ts'
import type { Broker, Connection, Store, StoredEntry, StoreRecord } from '../../src/broker/index.ts'
import type { Route } from '../../src/broker/route/route.ts'
import type { Subscription } from '../../src/broker/sessions/subscription.ts'
import { bytesOf } from '../support/packets.ts'
import type { Saboteur } from './host.ts'

type Kind = StoreRecord['kind']

/** A store in front of another. */
class Before implements Store {
  readonly store: Store
  last: Kind | null = null

  constructor(store: Store) {
    this.store = store
  }

  get durable(): number {
    return this.store.durable
  }

  get trouble(): string | null {
    return this.store.trouble
  }

  get full(): boolean {
    return this.store.full
  }

  get onDurable(): (() => void) | null {
    return this.store.onDurable
  }

  set onDurable(told: (() => void) | null) {
    this.store.onDurable = told
  }

  get onReadable(): (() => void) | null {
    return this.store.onReadable
  }

  set onReadable(told: (() => void) | null) {
    this.store.onReadable = told
  }

  append(record: StoreRecord, pressing?: boolean): number {
    this.last = record.kind
    return this.store.append(record, pressing)
  }

  commit(): void {
    this.store.commit()
  }

  load(): ReturnType<Store['load']> {
    return this.store.load()
  }

  read(clientId: string, from: number, limit: number): ReturnType<Store['read']> {
    return this.store.read(clientId, from, limit)
  }

  close(): Promise<void> {
    return this.store.close()
  }
}

/** Nothing relies on records of this kind; some are not even written. */
class Careless extends Before {
  readonly #kind: Kind
  readonly #writes: boolean
  #position = 0

  constructor(store: Store, kind: Kind, writes: boolean) {
    super(store)
    this.#kind = kind
    this.#writes = writes
  }

  override append(record: StoreRecord, pressing?: boolean): number {
    if (record.kind !== this.#kind) this.#position = super.append(record, pressing)
    else if (this.#writes) super.append(record, false)
    return this.#position
  }
}

/** What is written in a turn is committed in the next one, and said to be safe at once. */
class Late extends Before {
  #due = false
  #position = 0

  override get durable(): number {
    return this.#position
  }

  override append(record: StoreRecord, pressing?: boolean): number {
    this.#position = super.append(record, pressing)
    return this.#position
  }

  override commit(): void {
    if (this.#due) super.commit()
    this.#due = !this.#due
  }
}

/** What cannot be read now is taken for not there. */
class Hasty extends Before {
  override read(clientId: string, from: number, limit: number): StoredEntry[] {
    return super.read(clientId, from, limit) ?? []
  }
}

/** A start forgets which retained messages are owed. */
class Forgetful extends Before {
  override *load(): ReturnType<Store['load']> {
    for (const record of super.load()) {
      if (record.kind !== 'subscribed') yield record
      else yield { ...record, subscription: { ...record.subscription, owed: 0 } }
    }
  }
}

function forgets(kind: Kind): Saboteur {
  return { store: (store) => new Careless(store, kind, false) }
}

/** Whose packets do not wait, when what was written last is of one of these kinds. */
function ungated(whose: 'sender' | 'other', ...kinds: Kind[]): Saboteur {
  let before: Before
  let sender: Connection | null = null
  return {
    store: (store) => {
      before = new Before(store)
      return before
    },
    connection: (connection) => {
      const receive = connection.receive.bind(connection)
      connection.receive = (bytes, start, end) => {
        sender = connection
        receive(bytes, start, end)
        sender = null
      }
      const promised = connection.promised.bind(connection)
      connection.promised = () => {
        const mine = whose === 'sender' ? connection === sender : connection !== sender
        if (!mine || before.last === null || !kinds.includes(before.last)) promised()
      }
    },
  }
}

/** Whose queue is full is ended in the middle of what fills it. */
function endsAtOnce({ core }: Connection): void {
  core.doomed.push = (...connections) => {
    for (const connection of connections) endNow(connection)
    return 0
  }
}

/** A subscription makes a route outdated that is cached; one that has left the cache, and that a connection holds, looks current. */
function keepsEvicted({ core: { router } }: Broker): void {
  const outdated = new WeakSet<Route>()
  const { current, add, remove } = router
  const noting = (change: (subscription: Subscription) => void) => (subscription: Subscription) => {
    const topic = bytesOf(subscription.filter.filter)
    const cached = router.known(topic, 0, topic.length)
    if (cached !== null) outdated.add(cached)
    change.call(router, subscription)
  }
  router.add = noting(add)
  router.remove = noting(remove)
  router.current = (route) => {
    if (outdated.has(route)) return false
    route.outdated = false
    return current.call(router, route)
  }
}

/** Bugs, each of which the simulator must find. Made anew for every run. */
export const saboteurs: Readonly<Record<string, () => Saboteur>> = {
  'PUBACK and PUBREC do not wait for the log': () => ungated('sender', 'queued', 'retained', 'retainedCleared'),
  'PUBLISH of QoS 2 does not wait for the log': () => ungated('other', 'queued'),
  'PUBREL does not wait for the log': () => ungated('sender', 'received'),
  'PUBCOMP does not wait for the log': () => ungated('sender', 'inboundReleased'),
  'SUBACK does not wait for the log': () => ungated('sender', 'subscribed'),
  'CONNACK does not wait for the log': () => ungated('sender', 'session', 'sessionEnded'),
  'what is done is not written although something is sent in its place': () => ({
    store: (store) => new Careless(store, 'done', true),
  }),
  'what cannot be read now is taken for lost': () => ({ store: (store) => new Hasty(store) }),
  'a turn writes before it commits': () => ({ store: (store) => new Late(store) }),
  'that PUBREC was seen is not recorded': () => forgets('received'),
  'that a QoS 2 message came is not recorded': () => forgets('inbound'),
  'that an identifier was released is not recorded': () => forgets('inboundReleased'),
  'what is retained is not recorded': () => forgets('retained'),
  'that a message is done is not recorded': () => forgets('done'),
  'what is too much for a turn is begun, and its rest forgotten': () => ({
    connection: ({ core: { work } }) => {
      if (Object.hasOwn(work, 'add')) return
      let jobs = 0
      const add = work.add.bind(work)
      work.add = (job) => {
        if (++jobs % 5 > 0) add(job)
      }
    },
  }),
  'a connection ends in the middle of a fan-out': () => ({ connection: endsAtOnce }),
  'what goes to disk is the wall clock of the start, and what passed since': () => ({
    clock: (clock) => {
      const origin = clock.wall() - clock.now()
      return { now: () => clock.now(), wall: () => origin + clock.now() }
    },
  }),
  'timers run on the wall clock': () => ({ clock: (clock) => ({ now: () => clock.wall(), wall: () => clock.wall() }) }),
  'what the time was is not recorded': () => forgets('time'),
  'the retained messages that are owed are forgotten at a restart': () => ({ store: (store) => new Forgetful(store) }),
  'which retained messages of QoS 2 were sent is forgotten': () => forgets('replayed'),
  'a route that left the cache looks current': () => ({ broker: keepsEvicted }),
}

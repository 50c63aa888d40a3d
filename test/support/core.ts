import assert from 'node:assert/strict'
import { AnonymousAccess } from '../../src/access/index.ts'
import { Core } from '../../src/broker/core.ts'
import {
  type Access,
  Broker,
  type BrokerEvent,
  type Clock,
  type Connection,
  defaultListener,
  defaultSettings,
  type Link,
  type Listener,
  type Peer,
  type Settings,
  type Store,
} from '../../src/broker/index.ts'
import {
  type ConnackPacket,
  type FullSlab,
  type Packet,
  PacketType,
  type ProtocolVersion,
  type PublishPacket,
  SlabPool,
} from '../../src/protocol/index.ts'
import { MemoryStore } from '../../src/store/index.ts'
import { decodeAll, encodeToBytes, joined, text } from '../unit/protocol/support.ts'
import {
  type ConnectOptions,
  connect,
  type PublishOptions,
  publish,
  type SubscribeOptions,
  subscribe,
  subscription,
  textOf,
} from './packets.ts'

/** How often the edge looks at the time. */
const TICK_MS = 100

/** Time as a test has it pass; and what is added to it on the wall. */
export class TestClock implements Clock {
  time = 1_700_000_000_000
  set = 0

  now(): number {
    return this.time
  }

  wall(): number {
    return this.time + this.set
  }
}

/** The broker's core with a clock that stands still unless it is told to go on, and links that only remember. */
export class TestCore {
  readonly broker: Broker
  readonly events: BrokerEvent[] = []
  readonly store: Store
  readonly settings: Settings
  readonly clock: TestClock
  readonly listener: Listener
  readonly #gone: (() => void)[] = []
  #inTurn = false

  constructor(
    settings: Partial<Settings> = {},
    store: Store = new MemoryStore(),
    clock: TestClock = new TestClock(),
    access: Access = new AnonymousAccess('private'),
  ) {
    this.settings = { ...defaultSettings, sysInterval: 0, ...settings }
    this.store = store
    this.clock = clock
    let random = 1
    this.broker = new Broker(this.settings, {
      clock,
      random: {
        uint32: () => {
          random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0
          return random
        },
      },
      store,
      access,
      text,
      pool: new SlabPool(new Uint8Array(0), 0),
      events: (event) => this.events.push(event),
      memory: () => 0,
    })
    this.listener = this.broker.listener(defaultListener)
    this.broker.core.failed = (_doing, _subject, error) => {
      throw error
    }
  }

  /** What throws inside the broker is an event of it; here it fails the test, but where that is what is looked at. */
  tellFailures(): void {
    const { core } = this.broker
    core.failed = Core.prototype.failed.bind(core)
  }

  /** What a broker makes of this one's store, after a crash: no connection was told anything. It may have other settings. */
  restart(settings: Partial<Settings> = {}): TestCore {
    return new TestCore({ ...this.settings, ...settings }, this.store, this.clock)
  }

  /** A turn; what is done within another is part of that. What ended in it is told in the next one. */
  turn<T>(act: (broker: Broker) => T): T {
    if (this.#inTurn) return act(this.broker)
    this.broker.began()
    this.#inTurn = true
    const result = act(this.broker)
    this.#inTurn = false
    while (this.broker.endTurn()) this.broker.began()
    const gone = this.#gone.splice(0)
    if (gone.length > 0) {
      this.turn(() => {
        for (const tell of gone) tell()
      })
    }
    return result
  }

  /** Time passes, in the steps in which the edge looks at it. */
  pass(seconds: number): void {
    const end = this.clock.time + seconds * 1000
    while (this.clock.time < end) {
      this.clock.time = Math.min(end, this.clock.time + TICK_MS)
      this.turn((broker) => broker.tick())
    }
  }

  /** A new Network Connection, on which nothing was sent yet. */
  open(version: ProtocolVersion = 5, host = '127.0.0.1', listener: Listener = this.listener): TestClient {
    return new TestClient(this, version, { host, listener }, (tell) => this.#gone.push(tell))
  }

  /** A client that is connected; CONNACK stands in its `connack`. */
  client(options: ConnectOptions = {}): TestClient {
    const client = this.open(options.version)
    client.send(connect(options))
    client.takeConnack()
    return client
  }

  count(id: BrokerEvent['id']): number {
    return this.events.filter((event) => event.id === id).length
  }
}

/** The edge's end of a connection: it remembers what the core sends. */
class RecordingLink implements Link {
  readonly address: string
  readonly peer: Peer
  /** `send` answers false: the memory is not given back yet. */
  slow = false
  bytes: Uint8Array[] = []
  readonly #gone: () => void

  constructor(host: string, gone: () => void) {
    this.peer = { kind: 'tcp', address: host, port: 50_000 }
    this.address = `${host}:50000`
    this.#gone = gone
  }

  send(full: readonly FullSlab[] | null, bytes: Uint8Array, start: number, end: number): boolean {
    if (full !== null) for (const { slab, end: to } of full) this.bytes.push(slab.bytes.slice(slab.start, to))
    this.bytes.push(bytes.slice(start, end))
    return !this.slow
  }

  pause(): void {}

  resume(): void {}

  close(): void {
    this.#gone()
  }

  abort(): void {
    this.#gone()
  }
}

/** A client without a network. */
export class TestClient {
  readonly connection: Connection
  connack: ConnackPacket | null = null
  /** The Network Connection is over. */
  ended = false
  readonly #core: TestCore
  readonly #version: ProtocolVersion
  readonly #link: RecordingLink
  #packets: Packet[] = []

  constructor(
    core: TestCore,
    version: ProtocolVersion,
    { host, listener }: { host: string; listener: Listener },
    later: (tell: () => void) => void,
  ) {
    this.#core = core
    this.#version = version
    this.#link = new RecordingLink(host, () => {
      if (this.ended) return
      this.ended = true
      later(() => this.connection.closed('closed by the broker'))
    })
    this.connection = core.turn((broker) => broker.accept(this.#link, listener))
  }

  /** Hands these packets over, in one turn. */
  send(...packets: Packet[]): void {
    this.#core.turn(() => {
      for (const packet of packets) {
        const bytes = encodeToBytes(packet, this.#version)
        this.connection.receive(bytes, 0, bytes.length)
        // The core must have copied what it keeps.
        bytes.fill(0xff)
      }
    })
  }

  takeConnack(): void {
    const [connack, ...rest] = this.take()
    assert.equal(connack?.type, PacketType.Connack)
    this.connack = connack as ConnackPacket
    this.#packets = rest
  }

  /** All that came since the last call. */
  take(): Packet[] {
    const packets = this.#packets.concat(decodeAll(joined(this.#link.bytes), this.#version))
    this.#packets = []
    this.#link.bytes = []
    return packets
  }

  /** The PUBLISH packets that came since the last call. */
  published(): PublishPacket[] {
    return this.take().filter((packet): packet is PublishPacket => packet.type === PacketType.Publish)
  }

  /** Their payloads as text. */
  payloads(): string[] {
    return this.published().map(({ payload }) => textOf(payload))
  }

  subscribe(filter: string, options: SubscribeOptions = {}, identifier = 0): void {
    const properties = identifier === 0 ? {} : { subscriptionIdentifiers: [identifier] }
    this.send(subscribe(1, [subscription(filter, options)], properties))
  }

  publish(topic: string, payload: string, options: PublishOptions = {}): void {
    this.send(publish(topic, payload, options))
  }

  /** From now on the client takes its time to read; at most one more write is taken. */
  stall(): void {
    this.#link.slow = true
  }

  /** It has read all. */
  drain(): void {
    this.#link.slow = false
    this.#core.turn(() => this.connection.drained())
  }

  /** The client is gone, without DISCONNECT. */
  drop(): void {
    if (this.ended) return
    this.ended = true
    this.#core.turn(() => this.connection.closed('dropped by the test'))
  }
}

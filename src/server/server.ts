import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import {
  AnonymousAccess,
  type AnonymousPolicy,
  type AuthenticationMethod,
  AuthenticationMethods,
} from '../access/index.ts'
import {
  Broker,
  type BrokerEvent,
  defaultListener,
  type ListenerSettings,
  type Settings,
  type Store,
} from '../broker/index.ts'
import { SlabPool } from '../protocol/index.ts'
import { MemoryStore } from '../store/index.ts'
import { type Acceptor, type ClientTransport, memoryPair } from '../transport/index.ts'
import { nodeText, type ReadInto, Room, SharedRead, TcpListener } from '../transport/node/index.ts'
import { ListenerAccess } from './access.ts'
import { descriptors } from './descriptors.ts'
import { Loop } from './loop.ts'
import { ResidentMemory } from './resident.ts'
import { SystemClock } from './system-clock.ts'

/** Address space, not memory: what is not used costs nothing. */
const ARENA_BYTES = 64 * 1024 * 1024
const READ_BYTES = 64 * 1024

export interface ListenOptions {
  /** 0: a free one. */
  readonly port: number
  /** Undefined: every address of the machine. */
  readonly host?: string | undefined
  /** Where a Unix socket is made; it takes the place of port and host. */
  readonly path?: string | undefined
  /** Whether an IPv6 address takes no IPv4 clients. */
  readonly ipv6Only?: boolean
  readonly access: AnonymousPolicy
  readonly noDelay: boolean
  /** -1: no limit. */
  readonly maximumConnections: number
  readonly settings: Omit<ListenerSettings, 'name'>
  /** For one who wants to see what goes in and out. */
  readonly watched?: (acceptor: Acceptor) => Acceptor
}

const asItIs = (acceptor: Acceptor): Acceptor => acceptor

/** A broker with its edges: sockets, time, store, log. */
export class Server {
  readonly broker: Broker
  readonly #loop: Loop
  readonly #access: ListenerAccess
  readonly #read: ReadInto
  readonly #listeners: TcpListener[] = []
  readonly #room: Room
  readonly #descriptors = descriptors()
  readonly #inProcess: ListenerSettings = defaultListener

  /**
   * `methods` are those of enhanced authentication, by name. The store is the server's from now on, and closed with it.
   * `maximumConnections` holds for all listeners together; -1: no limit.
   */
  constructor(
    settings: Settings,
    events: (event: BrokerEvent) => void,
    methods: ReadonlyMap<string, AuthenticationMethod> = new Map(),
    store: Store = new MemoryStore(),
    maximumConnections = -1,
  ) {
    this.#room = new Room(maximumConnections, 'global_max_connections')
    this.#access = new ListenerAccess(new AuthenticationMethods(methods, () => this.#loop.began()))
    // Not a Buffer but its memory: the parts of a plain array cost less to make.
    const arena = new Uint8Array(Buffer.allocUnsafeSlow(ARENA_BYTES).buffer)
    this.#read = { shared: new SharedRead(arena, 0, READ_BYTES), memory: arena, start: 0 }
    const memory = new ResidentMemory()
    const clock = new SystemClock()
    this.broker = new Broker(settings, {
      clock,
      random: { uint32: () => randomBytes(4).readUInt32LE() },
      store,
      access: this.#access,
      text: nodeText,
      pool: new SlabPool(arena, READ_BYTES, settings.bounds),
      events,
      memory: () => memory.read(),
    })
    this.#loop = new Loop(this.broker, clock)
    this.#access.set(this.#inProcess.name, new AnonymousAccess('everybody'))
  }

  /** Opens a listener; resolves with its port (of a Unix socket: 0). Rejects with the system's error if it cannot. */
  async listen(options: ListenOptions): Promise<number> {
    const { port, host, path, ipv6Only = false, noDelay, maximumConnections, watched = asItIs } = options
    const listener = { ...options.settings, name: path ?? (host === undefined ? String(port) : `${host}:${port}`) }
    this.#access.set(listener.name, new AnonymousAccess(options.access))
    const { limit, lastForConnections } = this.#descriptors
    const tcp = new TcpListener(
      {
        port,
        host,
        path,
        ipv6Only,
        noDelay,
        maximumConnections,
        shared: this.#room,
        lastDescriptor: lastForConnections,
      },
      this.#read,
      watched(this.#loop.acceptor(listener, limit)),
    )
    const opened = await tcp.listen()
    this.#listeners.push(tcp)
    return opened
  }

  /** A client's end of a connection that needs no socket. */
  connect(): ClientTransport {
    return memoryPair(this.#loop.acceptor(this.#inProcess, this.#descriptors.limit), setImmediate)
  }

  /** Runs something that changes the broker's state as a turn of its own, so that what it sends goes out. */
  act<T>(what: (broker: Broker) => T): T {
    this.#loop.began()
    return what(this.broker)
  }

  /** Stops in order: no new clients, those who are here are told, what was written goes out. Resolves when all are gone. */
  async close(milliseconds = 2000): Promise<void> {
    for (const listener of this.#listeners) listener.close()
    this.act((broker) => broker.stop())
    const end = performance.now() + milliseconds
    while (this.broker.core.connections.size > 0 && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    for (const connection of this.broker.core.connections) connection.link.abort()
    await new Promise((resolve) => setImmediate(resolve))
    this.#loop.stop()
    await this.broker.core.store.close()
  }
}

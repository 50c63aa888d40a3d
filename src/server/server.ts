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
  type Kept,
  type Listener,
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

/** Address space, not memory: unused parts cost nothing. */
const ARENA_BYTES = 64 * 1024 * 1024
const READ_BYTES = 64 * 1024

export interface ListenOptions {
  /** 0: a free one. */
  readonly port: number
  /** Undefined: every address of the machine. */
  readonly host?: string | undefined
  /** The path of a Unix socket, instead of port and host. */
  readonly path?: string | undefined
  /** Whether an IPv6 address takes no IPv4 clients. */
  readonly ipv6Only?: boolean
  readonly access: AnonymousPolicy
  readonly noDelay: boolean
  /** -1: no limit. */
  readonly maximumConnections: number
  readonly settings: Omit<ListenerSettings, 'name'>
  /** For tracing what goes in and out. */
  readonly watched?: (acceptor: Acceptor) => Acceptor
}

/** All that a broker is told by its configuration, and may be told again. */
export interface ServerSettings {
  readonly settings: Settings
  /** Of all listeners together; -1: no limit. */
  readonly maximumConnections: number
  readonly listeners: readonly ListenOptions[]
}

/** An option that stays as it is, though another value was asked for. */
export interface Unchanged {
  readonly option: string
  /** Why, for people. */
  readonly reason: string
}

interface OpenListener {
  readonly tcp: TcpListener
  readonly listener: Listener
  readonly options: ListenOptions
}

/** What is known by another name as an option; the rest has none. */
const OPTIONS: Partial<Record<Kept['setting'], string>> = { starWildcard: 'star_wildcard', sysAlias: 'sys_alias' }

/** How people name a listener: '1883', '127.0.0.1:1884', '/run/nightjar.sock'. */
function listenerName({ port, host, path }: Pick<ListenOptions, 'port' | 'host' | 'path'>): string {
  return path ?? (host === undefined ? String(port) : `${host}:${port}`)
}

const asItIs = (acceptor: Acceptor): Acceptor => acceptor

/** A broker with its edges: sockets, time, store, log. */
export class Server {
  readonly broker: Broker
  readonly #loop: Loop
  readonly #access: ListenerAccess
  readonly #read: ReadInto
  /** By the name of the listener. */
  readonly #open: Map<string, OpenListener> = new Map()
  readonly #room: Room
  readonly #descriptors = descriptors()
  readonly #inProcess: Listener

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
    // Not a Buffer but its memory: subarrays of a plain Uint8Array are cheaper.
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
    this.#inProcess = this.broker.listener(defaultListener)
    this.#access.set(this.#inProcess.name, new AnonymousAccess('everybody'))
  }

  /**
   * Opens a listener, also while the broker runs; resolves with its port (of a Unix socket: 0). Rejects with the system's error
   * if it cannot.
   */
  async listen(options: ListenOptions): Promise<number> {
    const { port, host, path, ipv6Only = false, noDelay, maximumConnections, watched = asItIs } = options
    const name = listenerName(options)
    const listener = this.broker.listener({ ...options.settings, name })
    const { limit, lastForConnections } = this.#descriptors
    const where = { port, host, path, ipv6Only, noDelay, maximumConnections }
    const tcp = new TcpListener(
      { ...where, shared: this.#room, lastDescriptor: lastForConnections },
      this.#read,
      watched(this.#loop.acceptor(listener, limit)),
    )
    const opened = await tcp.listen()
    this.#access.set(name, new AnonymousAccess(options.access))
    this.#open.set(name, { tcp, listener, options })
    return opened
  }

  /**
   * Closes a listener: nobody comes by it any more. Who came by it stays, or is told to go with `endConnections`. False if
   * there is none of that name.
   */
  unlisten(name: string, endConnections = false): boolean {
    const open = this.#open.get(name)
    if (open === undefined) return false
    this.#open.delete(name)
    open.tcp.close()
    if (endConnections) this.act((broker) => broker.endConnections(open.listener))
    return true
  }

  /**
   * Other settings and listeners from now on, as far as they can change while the broker runs; what a client was told at its
   * CONNECT holds for its connection. Listeners that are not among them are closed, and their clients stay. Resolves with what
   * could not change. Not to be called again before it has.
   */
  async reconfigure({ settings, maximumConnections, listeners }: ServerSettings): Promise<Unchanged[]> {
    const kept = this.act((broker) => broker.reconfigure(settings))
    const unchanged = kept.map(({ setting, reason }) => ({ option: OPTIONS[setting] ?? setting, reason }))
    this.#room.maximum = maximumConnections
    const wanted = new Map(listeners.map((options) => [listenerName(options), options]))
    for (const name of this.#open.keys()) if (!wanted.has(name)) this.unlisten(name)
    for (const [name, options] of wanted) {
      const open = this.#open.get(name)
      try {
        if (open === undefined) await this.listen(options)
        else unchanged.push(...this.#change(name, open, options))
      } catch (error) {
        unchanged.push({ option: `listener ${name}`, reason: (error as Error).message })
      }
    }
    return unchanged
  }

  #change(name: string, { tcp, listener, options: before }: OpenListener, options: ListenOptions): Unchanged[] {
    this.#access.set(name, new AnonymousAccess(options.access))
    listener.change({ ...options.settings, name }, this.broker.core.settings)
    tcp.change(options)
    const ipv6Only = before.ipv6Only ?? false
    this.#open.set(name, { tcp, listener, options: { ...options, ipv6Only } })
    if (ipv6Only === (options.ipv6Only ?? false)) return []
    return [
      { option: 'socket_domain', reason: `listener ${name} is open, and its socket cannot be turned into another` },
    ]
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

  /** Clean shutdown: no new clients, connected ones are told, output is flushed. Resolves when all are gone. */
  async close(milliseconds = 2000): Promise<void> {
    for (const { tcp } of this.#open.values()) tcp.close()
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

import { createServer, type Server, type Socket } from 'node:net'
import type { Acceptor } from '../index.ts'
import { Room } from './room.ts'
import type { SharedRead } from './shared-read.ts'
import { TcpLink } from './tcp-link.ts'
import { prepareSocketPath } from './unix-socket.ts'

export interface TcpListenerOptions {
  readonly port: number
  /** Undefined: every address of the machine, IPv6 and IPv4. */
  readonly host: string | undefined
  /** Where a Unix socket is made; it takes the place of port and host. */
  readonly path?: string | undefined
  /** Whether an IPv6 address takes no IPv4 clients. */
  readonly ipv6Only: boolean
  readonly noDelay: boolean
  /** Connections at once; more are closed as they come. -1: no limit. */
  readonly maximumConnections: number
  /** What there is room for in all listeners that share it. */
  readonly shared?: Room
  /** The highest file descriptor that a connection may have. Default: any. */
  readonly lastDescriptor?: number
}

/** Where sockets are read into, and how. */
export interface ReadInto {
  readonly shared: SharedRead
  readonly memory: Uint8Array
  readonly start: number
}

const BACKLOG = 4096

/** What a connection by a Unix socket has in the place of an IP address. */
const UNIX_HOST = 'unix'

/** -1 where the system has no such numbers, or Node does not tell. */
function descriptorOf(socket: Socket): number {
  return (socket as unknown as { _handle: { fd?: number } | null })._handle?.fd ?? -1
}

/** Accepts connections by TCP, or by a Unix socket. */
export class TcpListener {
  readonly #server: Server
  readonly #options: TcpListenerOptions
  readonly #acceptor: Acceptor
  readonly #read: ReadInto
  readonly #rooms: readonly Room[]

  constructor(options: TcpListenerOptions, read: ReadInto, acceptor: Acceptor) {
    this.#options = options
    this.#read = read
    this.#acceptor = acceptor
    const own = new Room(options.maximumConnections, 'max_connections')
    this.#rooms = options.shared === undefined ? [own] : [own, options.shared]
    const pauseOnConnect = read.shared.works
    this.#server = createServer({ noDelay: options.noDelay, pauseOnConnect }, (socket) => this.#arrived(socket))
  }

  /** Resolves with the port, or rejects with why it cannot listen (an Error with a `code` such as EADDRINUSE). */
  async listen(): Promise<number> {
    const { port, host, path, ipv6Only } = this.#options
    if (path !== undefined) await prepareSocketPath(path)
    const where = path === undefined ? { port, host, ipv6Only } : { path }
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ ...where, backlog: BACKLOG }, () => {
        this.#server.off('error', reject)
        // Out of file descriptors, say: the broker goes on with those it has.
        this.#server.on('error', () => {})
        const address = this.#server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    })
  }

  /** No new connections; those that are open go on. A Unix socket is removed. */
  close(): void {
    this.#server.close()
  }

  get #full(): Room | undefined {
    return this.#rooms.find((room) => room.full)
  }

  /** Where there is no room, those who leave in this round of the event loop may be heard of only after who comes. */
  #arrived(accepted: Socket): void {
    if (descriptorOf(accepted) > (this.#options.lastDescriptor ?? Number.POSITIVE_INFINITY)) {
      // At once: of those who come in one round of the event loop, each would hold one meanwhile.
      accepted.destroy()
      this.#acceptor.began()
      this.#acceptor.outOfDescriptors()
      return
    }
    if (this.#full === undefined) this.#accept(accepted)
    else setImmediate(() => this.#acceptIfRoom(accepted))
  }

  #acceptIfRoom(accepted: Socket): void {
    const full = this.#full
    if (full === undefined) {
      this.#accept(accepted)
      return
    }
    const from = this.#from(accepted)
    accepted.destroy()
    if (from === null) return
    this.#acceptor.began()
    this.#acceptor.turnedAway(from.address, full.option, full.maximum)
  }

  #accept(accepted: Socket): void {
    const from = this.#from(accepted)
    if (from === null) {
      accepted.destroy()
      return
    }
    for (const room of this.#rooms) room.open++
    const { host, address } = from
    const { shared } = this.#read
    const socket = shared.works ? shared.adopt(accepted, (length) => received(length)) : accepted
    const received = this.#serve(socket, host, address)
    if (shared.works) socket.resume()
  }

  /** Null if it is gone already. */
  #from({ remoteAddress, remotePort }: Socket): { host: string; address: string } | null {
    const { path } = this.#options
    if (path !== undefined) return { host: UNIX_HOST, address: path }
    if (remoteAddress === undefined) return null
    const host = remoteAddress.startsWith('::ffff:') ? remoteAddress.slice(7) : remoteAddress
    return { host, address: host.includes(':') ? `[${host}]:${remotePort}` : `${host}:${remotePort}` }
  }

  /** Joins the socket to the broker; returns what takes the bytes that were read into the shared memory. */
  #serve(socket: Socket, host: string, address: string): (length: number) => void {
    const acceptor = this.#acceptor
    const { memory, start, shared } = this.#read
    let reason = 'the client closed the connection without DISCONNECT'
    const drained = (): void => {
      acceptor.began()
      handler.drained()
    }
    acceptor.began()
    const handler = acceptor.accept(new TcpLink(socket, host, address, drained))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      reason = error.code === 'ECONNRESET' ? 'the connection was reset' : error.message
    })
    let counted = true
    const leave = (): void => {
      if (counted) for (const room of this.#rooms) room.open--
      counted = false
    }
    // 'close' comes rounds of the event loop later: whoever comes in its place would find no room.
    socket.on('end', leave)
    socket.on('close', () => {
      leave()
      acceptor.began()
      handler.closed(reason)
    })
    if (!shared.works) {
      socket.on('data', (chunk: Buffer) => {
        acceptor.began()
        // Not a Buffer: its `slice` copies nothing, and what the core keeps would hold the whole chunk.
        handler.receive(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length), 0, chunk.length)
      })
    }
    return (length) => {
      acceptor.began()
      handler.receive(memory, start, start + length)
    }
  }
}

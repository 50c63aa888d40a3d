import { createServer, type Server, type Socket } from 'node:net'
import type { Peer } from '../../broker/contracts.ts'
import { type Acceptor, Entrance, type Entry, type LinkHandler } from '../index.ts'
import { Room } from './room.ts'
import type { SharedRead } from './shared-read.ts'
import { inWords, TcpLink } from './tcp-link.ts'
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
  /** What is done with the first bytes of each connection before it is accepted; default: nothing. */
  readonly entry?: Entry | undefined
  /** Milliseconds in which they must have come. Default: 10,000. */
  readonly entryMs?: number | undefined
}

/** Where sockets are read into, and how. */
export interface ReadInto {
  readonly shared: SharedRead
  readonly memory: Uint8Array
  readonly start: number
}

const BACKLOG = 4096

/** Milliseconds and bytes that the step before `accept` may take to decide. PROXY protocol needs up to 536 bytes. */
const ENTRY_MS = 10_000
const ENTRY_BYTES = 4096

const UNIX: Peer = { kind: 'unix', address: null, port: null }

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
  readonly #own: Room
  readonly #rooms: readonly Room[]
  #noDelay: boolean
  /** Connections whose first bytes have not decided yet. */
  readonly #undecided: Set<Socket> = new Set()

  constructor(options: TcpListenerOptions, read: ReadInto, acceptor: Acceptor) {
    this.#options = options
    this.#read = read
    this.#acceptor = acceptor
    this.#own = new Room(options.maximumConnections, 'max_connections')
    this.#noDelay = options.noDelay
    this.#rooms = options.shared === undefined ? [this.#own] : [this.#own, options.shared]
    const pauseOnConnect = read.shared.works
    this.#server = createServer({ pauseOnConnect }, (socket) => this.#arrived(socket))
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

  /** No new connections; those that were accepted go on. A Unix socket is removed. */
  close(): void {
    this.#server.close()
    for (const socket of this.#undecided) socket.destroy()
  }

  /** For connections that come from now on. */
  change({ maximumConnections, noDelay }: Pick<TcpListenerOptions, 'maximumConnections' | 'noDelay'>): void {
    this.#own.maximum = maximumConnections
    this.#noDelay = noDelay
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
    const peer = this.#peer(accepted)
    accepted.destroy()
    if (peer === null) return
    this.#acceptor.began()
    this.#acceptor.turnedAway(this.#address(peer), full.option, full.maximum)
  }

  #accept(accepted: Socket): void {
    const peer = this.#peer(accepted)
    if (peer === null) {
      accepted.destroy()
      return
    }
    for (const room of this.#rooms) room.open++
    if (this.#noDelay) accepted.setNoDelay(true)
    const { shared } = this.#read
    const socket = shared.works ? shared.adopt(accepted, (length) => received(length)) : accepted
    const received = this.#serve(socket, peer)
    if (shared.works) socket.resume()
  }

  /** Null if it is gone already. */
  #peer({ remoteAddress, remotePort }: Socket): Peer | null {
    if (this.#options.path !== undefined) return UNIX
    if (remoteAddress === undefined) return null
    const address = remoteAddress.startsWith('::ffff:') ? remoteAddress.slice(7) : remoteAddress
    return { kind: 'tcp', address, port: remotePort ?? 0 }
  }

  /** For people. */
  #address(peer: Peer): string {
    return peer.kind === 'unix' ? this.#options.path! : inWords(peer)
  }

  /** Joins the socket to the broker; returns what takes the bytes that were read into the shared memory. */
  #serve(socket: Socket, peer: Peer): (length: number) => void {
    const acceptor = this.#acceptor
    const { memory, start, shared } = this.#read
    const { entry, path = '' } = this.#options
    let reason = 'the client closed the connection without DISCONNECT'
    const drained = (): void => {
      acceptor.began()
      handler.drained()
    }
    acceptor.began()
    const accept = (who: Peer): LinkHandler => acceptor.accept(new TcpLink(socket, who, path, drained))
    let handler: LinkHandler =
      entry === undefined
        ? accept(peer)
        : this.#enter(socket, peer, entry, (who) => {
            handler = accept(who)
            return handler
          })
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

  /** The first bytes decide whether and as whom the broker gets it. */
  #enter(socket: Socket, peer: Peer, entry: Entry, accept: (who: Peer) => LinkHandler): LinkHandler {
    const { entryMs = ENTRY_MS } = this.#options
    const decided = (): void => {
      clearTimeout(timer)
      this.#undecided.delete(socket)
    }
    const refuse = (reason: string): void => {
      decided()
      this.#acceptor.began()
      this.#acceptor.refused(this.#address(peer), reason)
      socket.destroy()
    }
    const timer = setTimeout(() => refuse(`it did not say what it is within ${entryMs / 1000} s`), entryMs)
    this.#undecided.add(socket)
    socket.once('close', decided)
    const outcome = {
      accept: (who: Peer): LinkHandler => {
        decided()
        return accept(who)
      },
      refuse,
    }
    return new Entrance(entry(peer), outcome, ENTRY_BYTES)
  }
}

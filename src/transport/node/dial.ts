import { Buffer } from 'node:buffer'
import { type LookupAddress, type LookupAllOptions, lookup as systemLookup } from 'node:dns'
import { connect, isIP, type NetConnectOpts, type Socket } from 'node:net'
import type { FullSlab } from '../../protocol/index.ts'
import type { ClientTransport, ClientTransportHandler } from '../index.ts'

/** Where to: a name, or an IPv4 or IPv6 address (without brackets); or a Unix socket. */
export type DialTarget = { host: string; port: number } | { path: string }

export type DialOptions = DialTarget & {
  /** Gives up when it fires; rejects with its reason. */
  signal: AbortSignal
  /** Finds the addresses of a name; the system's own way if it is left out. */
  lookup?: (
    host: string,
    options: LookupAllOptions,
    found: (error: Error | null, addresses: LookupAddress[]) => void,
  ) => void
}

const READ_BYTES = 65_536
/** Milliseconds after which the next address of a name is tried as well (RFC 8305). */
const STAGGER = 250

/** One for all sockets, because what was read is handled before the next read: nothing is allocated per read. */
let readBuffer: Uint8Array | null = null

/**
 * Opens a connection. Of a name with several addresses all are tried, each a moment after the one before it, and none is
 * given up for being slow: the first that answers is it. Rejects with Node's own error when all have failed.
 */
export async function dial({ signal, lookup = systemLookup, ...target }: DialOptions): Promise<ClientTransport> {
  signal.throwIfAborted()
  readBuffer ??= new Uint8Array(READ_BYTES)
  if ('path' in target) return await firstOf([target], signal)
  const { host, port } = target
  if (isIP(host) !== 0) return await firstOf([target], signal)
  const addresses = await new Promise<LookupAddress[]>((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    lookup(host, { all: true }, (error, found) => {
      signal.removeEventListener('abort', abort)
      if (error === null) resolve(found)
      else reject(error)
    })
  })
  signal.throwIfAborted()
  return await firstOf(
    alternating(addresses).map(({ address }) => ({ host: address, port })),
    signal,
  )
}

/** By turns of one family and the other, as a network may have one that leads nowhere. */
function alternating(addresses: readonly LookupAddress[]): LookupAddress[] {
  const first = addresses.filter(({ family }) => family === addresses[0]!.family)
  const other = addresses.filter(({ family }) => family !== addresses[0]!.family)
  return addresses.map((_, i) => (i % 2 === 0 ? (first.shift() ?? other.shift()!) : (other.shift() ?? first.shift()!)))
}

/** The connection that is open first; the others are given up then. */
function firstOf(targets: readonly DialTarget[], signal: AbortSignal): Promise<ClientTransport> {
  return new Promise((resolve, reject) => {
    const opening = new Set<Socket>()
    const errors: NodeJS.ErrnoException[] = []
    let tried = 0
    let timer: ReturnType<typeof setTimeout> | undefined
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      for (const socket of opening) {
        socket.removeAllListeners().on('error', () => {})
        socket.destroy()
      }
    }
    const abort = (): void => {
      end()
      reject(signal.reason)
    }
    const next = (): void => {
      clearTimeout(timer)
      if (tried < targets.length) {
        attempt(targets[tried++]!)
        if (tried < targets.length) timer = setTimeout(next, STAGGER)
      } else if (opening.size === 0) {
        end()
        // That there is no way to one family says less than what the other answered.
        reject(errors.find(({ code }) => code !== 'ENETUNREACH') ?? errors[0])
      }
    }
    const attempt = (target: DialTarget): void => {
      const transport = new TcpClientTransport()
      const socket = open(target, transport)
      opening.add(socket)
      socket.once('error', (error) => {
        opening.delete(socket)
        errors.push(error)
        next()
      })
      socket.once('connect', () => {
        opening.delete(socket)
        socket.removeAllListeners('error')
        end()
        transport.opened(socket, 'path' in target ? target.path : addressOf(socket))
        resolve(transport)
      })
    }
    signal.addEventListener('abort', abort, { once: true })
    next()
  })
}

function open(target: DialTarget, transport: TcpClientTransport): Socket {
  const options: NetConnectOpts = {
    ...target,
    noDelay: true,
    onread: { buffer: readBuffer!, callback: (length, buffer) => transport.read(buffer, length) },
  }
  return connect(options)
}

class TcpClientTransport implements ClientTransport {
  address = ''
  #socket: Socket | null = null
  #handler: ClientTransportHandler | null = null
  #error: Error | null = null
  #closed = false

  opened(socket: Socket, address: string): void {
    this.#socket = socket
    this.address = address
    // Until someone listens nothing may be read: it would be lost.
    socket.pause()
    socket.on('error', (error) => {
      this.#error = error
    })
    socket.on('close', () => {
      this.#closed = true
      this.#handler?.closed(this.#error)
    })
  }

  start(handler: ClientTransportHandler): void {
    this.#handler = handler
    if (this.#closed) queueMicrotask(() => handler.closed(this.#error))
    else this.#socket?.resume()
  }

  /** Answers whether reading is to go on: always, as `pause` is told to the socket itself. */
  read(buffer: Uint8Array, length: number): boolean {
    this.#handler?.received(buffer, 0, length)
    return true
  }

  send(full: readonly FullSlab[] | null, bytes: Uint8Array, start: number, end: number): boolean {
    const socket = this.#socket!
    if (full === null) {
      socket.write(view(bytes, start, end), this.#written)
    } else {
      socket.cork()
      for (const part of full) socket.write(view(part.slab.bytes, part.slab.start, part.end))
      socket.write(view(bytes, start, end), this.#written)
      socket.uncork()
    }
    this.#waiting = socket.writableLength > 0
    return !this.#waiting
  }

  #waiting = false

  readonly #written = (): void => {
    if (!this.#waiting || this.#socket!.writableLength > 0) return
    this.#waiting = false
    if (!this.#closed && !this.#socket!.destroyed) this.#handler?.drained()
  }

  pause(): void {
    this.#socket?.pause()
  }

  resume(): void {
    this.#socket?.resume()
  }

  close(): void {
    this.#socket?.end()
    // What still comes is read and dropped, or the end of the other side would not be seen.
    this.#socket?.resume()
  }

  abort(): void {
    this.#socket?.destroy()
  }
}

/** A view on the same memory: no bytes are copied. */
function view(bytes: Uint8Array, start: number, end: number): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start)
}

function addressOf(socket: Socket): string {
  const { remoteAddress, remotePort } = socket
  if (remoteAddress === undefined) return 'unknown'
  return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`
}

import { Buffer } from 'node:buffer'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import type { FullSlab } from '../protocol/index.ts'
import type { ClientTransport, ClientTransportHandler } from './client-transport.ts'

/** Where to: a name, or an IPv4 or IPv6 address (without brackets); or a Unix socket. */
export type DialTarget = { host: string; port: number } | { path: string }

export type DialOptions = DialTarget & {
  /** Gives up when it fires; rejects with its reason. */
  signal: AbortSignal
}

const READ_BYTES = 65_536

/** One for all sockets, because what was read is handled before the next read: nothing is allocated per read. */
let readBuffer: Uint8Array | null = null

/** Opens a connection (an IPv6 and an IPv4 address of a name are both tried). Rejects with Node's own error. */
export function dial({ signal, ...target }: DialOptions): Promise<ClientTransport> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason)
      return
    }
    readBuffer ??= new Uint8Array(READ_BYTES)
    const transport = new TcpClientTransport()
    const options: NetConnectOpts = {
      ...target,
      noDelay: true,
      onread: { buffer: readBuffer, callback: (length, buffer) => transport.read(buffer, length) },
    }
    const socket = connect(options)
    const abort = () => {
      socket.removeListener('error', failed)
      socket.on('error', () => {})
      socket.destroy()
      reject(signal.reason)
    }
    const failed = (error: Error) => {
      signal.removeEventListener('abort', abort)
      reject(error)
    }
    signal.addEventListener('abort', abort, { once: true })
    socket.once('error', failed)
    socket.once('connect', () => {
      signal.removeEventListener('abort', abort)
      socket.removeListener('error', failed)
      transport.opened(socket, 'path' in target ? target.path : addressOf(socket))
      resolve(transport)
    })
  })
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

import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import type { Link, Peer } from '../../broker/contracts.ts'
import type { FullSlab } from '../../protocol/index.ts'

const NOTHING: Buffer = Buffer.alloc(0)

/** The broker's end of one socket: bytes out. */
export class TcpLink implements Link {
  readonly peer: Peer
  readonly #socket: Socket
  /** Of the Unix socket. */
  readonly #path: string
  readonly #drained: () => void

  /** `drained` is called after each `send` that answered false, when its memory is free again. */
  constructor(socket: Socket, peer: Peer, path: string, drained: () => void) {
    this.#socket = socket
    this.peer = peer
    this.#path = path
    this.#drained = drained
  }

  get address(): string {
    return this.peer.kind === 'unix' ? this.#path : inWords(this.peer)
  }

  send(full: readonly FullSlab[] | null, bytes: Uint8Array, start: number, end: number): boolean {
    const socket = this.#socket
    if (!socket.writable) return true
    if (full === null) {
      socket.write(view(bytes, start, end))
    } else {
      socket.cork()
      for (const { slab, end: to } of full) socket.write(view(slab.bytes, slab.start, to))
      socket.write(view(bytes, start, end))
      socket.uncork()
    }
    // What the kernel took at once is gone when write returns, without any callback: that is the common case.
    if (socket.writableLength === 0) return true
    socket.write(NOTHING, this.#drained)
    return false
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  close(): void {
    this.#socket.end()
  }

  abort(): void {
    this.#socket.destroy()
  }
}

/** An address and its port, for people. */
export function inWords({ address, port }: Peer): string {
  return address!.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

function view(bytes: Uint8Array, start: number, end: number): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start)
}

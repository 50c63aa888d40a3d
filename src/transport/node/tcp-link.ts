import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import type { Link } from '../../broker/contracts.ts'
import type { FullSlab } from '../../protocol/index.ts'

const NOTHING: Buffer = Buffer.alloc(0)

/** The broker's end of one socket: bytes out. */
export class TcpLink implements Link {
  readonly address: string
  readonly host: string
  readonly #socket: Socket
  readonly #drained: () => void

  /** `drained` is called after each `send` that answered false, when its memory is free again. */
  constructor(socket: Socket, host: string, address: string, drained: () => void) {
    this.#socket = socket
    this.host = host
    this.address = address
    this.#drained = drained
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

function view(bytes: Uint8Array, start: number, end: number): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start)
}

import { Buffer } from 'node:buffer'
import { fstatSync, type Stats, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { CommandError } from './exit.ts'

/** Milliseconds between two tries, where a terminal or a pipe that must not block is slow. */
const RETRY = 2
const NAMES: Readonly<Record<number, string>> = { 1: 'stdout', 2: 'stderr' }

/** Writes all of it before it returns. False if nobody reads there any more; throws a CommandError if it cannot be written. */
export function writeAll(descriptor: number, bytes: Uint8Array): boolean {
  let from = 0
  while (from < bytes.length) {
    try {
      from += writeSync(descriptor, bytes, from)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EPIPE') return false
      if (code !== 'EAGAIN') throw writeError(descriptor, error as NodeJS.ErrnoException)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY)
    }
  }
  return true
}

function writeError(descriptor: number, { message }: NodeJS.ErrnoException): CommandError {
  return new CommandError('other', `cannot write to ${NAMES[descriptor]}: ${message}`)
}

/**
 * stdout or stderr of a command that has more to do than to write. A pipe or socket whose other end does not read holds up
 * nothing: what it does not take waits here, and signals and the connection to the broker are served meanwhile. A file or
 * a terminal is written to at once.
 */
export class Output {
  readonly #descriptor: number
  readonly #socket: Socket | null
  readonly #onEnd: (error: CommandError | null) => void
  #ended = false

  /** `onEnd` is told once why nothing more can be written; null: nobody reads any more. */
  constructor(descriptor: number, onEnd: (error: CommandError | null) => void) {
    this.#descriptor = descriptor
    this.#onEnd = onEnd
    this.#socket = openSocket(descriptor)
    this.#socket?.on('error', (error: NodeJS.ErrnoException) => {
      // EBADF is what reading from the end that is for writing says (see watchedPipe).
      const unread = error.code === 'EPIPE' || error.code === 'ECONNRESET' || error.code === 'EBADF'
      this.#end(unread ? null : writeError(descriptor, error))
    })
  }

  /** The bytes are the caller's again on return. */
  write(bytes: Uint8Array): void {
    if (this.#ended) return
    if (this.#socket !== null) {
      this.#socket.write(Buffer.from(bytes))
      return
    }
    try {
      if (!writeAll(this.#descriptor, bytes)) this.#end(null)
    } catch (error) {
      this.#end(error as CommandError)
    }
  }

  /** Bytes that the other end has not taken. */
  get waiting(): number {
    return this.#ended ? 0 : (this.#socket?.writableLength ?? 0)
  }

  /** Resolves when all has been taken that was written before, or nothing more can be written. */
  taken(): Promise<void> {
    if (this.waiting === 0) return Promise.resolve()
    return new Promise((resolve) => void this.#socket!.write('', () => resolve()))
  }

  #end(error: CommandError | null): void {
    if (this.#ended) return
    this.#ended = true
    this.#onEnd(error)
  }
}

/** Null: no pipe and no socket. */
function openSocket(descriptor: number): Socket | null {
  let kind: Stats
  try {
    kind = fstatSync(descriptor)
  } catch {
    return null
  }
  if (kind.isFIFO()) return watchedPipe(descriptor) ?? new Socket({ fd: descriptor, readable: false, writable: true })
  return kind.isSocket() ? new Socket({ fd: descriptor, readable: false, writable: true }) : null
}

/** What this file counts on of Node's insides. */
interface TcpWrap {
  readonly TCP: new (type: number) => { open(descriptor: number): number }
  readonly constants: { readonly SOCKET: number }
}

/**
 * A pipe that notices that nobody reads it any more, even while nothing is written (poll(2) says so, but Node has no way to
 * ask it). libuv reads no pipe that is open for writing only, but a TCP socket always: so it is told that this is one. The
 * read fails at the moment when the last reader has gone. Null where that does not work; then the next write tells.
 */
function watchedPipe(descriptor: number): Socket | null {
  if (process.platform !== 'linux') return null
  try {
    const { binding } = process as unknown as { binding(name: 'tcp_wrap'): TcpWrap }
    const { TCP, constants } = binding('tcp_wrap')
    const handle = new TCP(constants.SOCKET)
    if (handle.open(descriptor) !== 0) return null
    return new Socket({ handle } as ConstructorParameters<typeof Socket>[0]).resume()
  } catch {
    return null
  }
}

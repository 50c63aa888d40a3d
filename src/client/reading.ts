import type { Decoder } from '../protocol/index.ts'
import type { ClientTransport } from '../transport/index.ts'

/** Bytes that are read, and kept, while nothing is to be read: more than a kernel keeps of a connection. */
const KEPT_BYTES = 8 * 1024 * 1024

/**
 * What a connection reads. It stops at a packet's border: what was read beyond is kept and comes first afterwards. While it
 * is stopped it can listen, for the broker's silence would say nothing: what comes then is kept, too.
 */
export class Reading {
  paused = false
  /** Within the decoder: nothing may be handed to the transport, which may answer at once. */
  decoding = false
  readonly #decoder: Decoder
  readonly #transport: ClientTransport
  readonly #failed: (error: unknown) => void
  readonly #limit: number
  /** Kept, beyond what the decoder itself keeps. */
  #kept: Uint8Array[] = []
  #keptBytes = 0

  constructor(
    decoder: Decoder,
    transport: ClientTransport,
    failed: (error: unknown) => void,
    limit: number = KEPT_BYTES,
  ) {
    this.#decoder = decoder
    this.#transport = transport
    this.#failed = failed
    this.#limit = limit
  }

  received(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#decoder.suspended) {
      this.#decode(plain(bytes), start, end)
      return
    }
    this.#kept.push(plain(bytes).slice(start, end))
    this.#keptBytes += end - start
    if (this.#keptBytes >= this.#limit) this.#transport.pause()
  }

  pause(): void {
    if (this.paused) return
    this.paused = true
    this.#decoder.suspend()
    this.#transport.pause()
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    // Not at once: whoever calls may be in the middle of a packet, or of taking a message out of a buffer.
    queueMicrotask(this.#goOn)
  }

  /** While paused: hears whether the other side is there. False if no more can be kept. */
  listen(): boolean {
    if (this.#keptBytes >= this.#limit) return false
    this.#transport.resume()
    return true
  }

  /** Nothing more is decoded; what comes is dropped, until the end of the other side is seen. */
  stop(): void {
    this.#decoder.stop()
    this.#kept = []
    if (this.paused) this.#transport.resume()
    this.paused = false
  }

  readonly #goOn = (): void => {
    if (this.paused) return
    this.#decode(null, 0, 0)
    while (this.#kept.length > 0 && !this.paused) {
      const bytes = this.#kept.shift()!
      this.#keptBytes -= bytes.length
      this.#decode(bytes, 0, bytes.length)
    }
    if (!this.paused) this.#transport.resume()
  }

  /** Decodes what the decoder itself keeps, or these bytes. */
  #decode(bytes: Uint8Array | null, start: number, end: number): void {
    this.decoding = true
    try {
      if (bytes === null) this.#decoder.resume()
      else this.#decoder.receive(bytes, start, end)
    } catch (error) {
      this.#failed(error)
    } finally {
      this.decoding = false
    }
  }
}

/** A Buffer's own `slice` copies nothing, and what is kept of a message has to be a copy. */
function plain(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

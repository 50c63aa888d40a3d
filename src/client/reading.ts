import type { Decoder } from '../protocol/index.ts'
import type { ClientTransport } from '../transport/index.ts'

/** Bytes held at most while reading is paused: more than a kernel buffers for a connection. */
const KEPT_BYTES = 8 * 1024 * 1024

/**
 * Reads a connection, and pauses it between two packets. Bytes that were already read are held and decoded first after
 * the pause. During a pause `listen` reads on into memory, to find out whether the broker is still there.
 */
export class Reading {
  paused = false
  /** The decoder is running. Nothing may be sent now, as the transport may answer at once. */
  decoding = false
  readonly #decoder: Decoder
  readonly #transport: ClientTransport
  readonly #failed: (error: unknown) => void
  readonly #limit: number
  /** Bytes held, besides those that the decoder holds. */
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
    // Not now: the caller may be in the middle of a packet, or of taking a message out of a buffer.
    queueMicrotask(this.#goOn)
  }

  /** During a pause: reads on into memory. False if no more can be held. */
  listen(): boolean {
    if (this.#keptBytes >= this.#limit) return false
    this.#transport.resume()
    return true
  }

  /** Nothing more is decoded. Bytes are dropped until the other side closes. */
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

  /** Decodes these bytes, or, if null, those that the decoder holds. */
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

/** A Uint8Array of the same bytes: `slice` of a Buffer does not copy, and messages need a copy. */
function plain(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

import type { Link, Peer } from '../broker/contracts.ts'
import type { FullSlab } from '../protocol/index.ts'
import type { Acceptor, LinkHandler } from './acceptor.ts'
import type { ClientTransport, ClientTransportHandler } from './client-transport.ts'

const ADDRESS = 'in-process'
const PEER: Peer = { kind: 'in-process', address: null, port: null }
/** Bytes that may lie between the two ends before the sender has to wait. */
const HELD_BYTES_MAX = 1024 * 1024

/** Runs the callback soon: after what is being done now, never within the call. Node: `setImmediate`. */
export type Later = (callback: () => void) => void

/** One direction: what was sent lies here, copied, until the next turn takes it over. */
class Pipe {
  readonly #later: Later
  readonly #deliver: (bytes: Uint8Array) => void
  readonly #drained: () => void
  readonly #ended: () => void
  #chunks: Uint8Array[] = []
  #held = 0
  #waiting = false
  #scheduled = false
  #ending = false
  #over = false
  paused = false

  constructor(later: Later, deliver: (bytes: Uint8Array) => void, drained: () => void, ended: () => void) {
    this.#later = later
    this.#deliver = deliver
    this.#drained = drained
    this.#ended = ended
  }

  send(full: readonly FullSlab[] | null, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#over) return true
    if (full !== null) for (const { slab, end: to } of full) this.#take(slab.bytes, slab.start, to)
    this.#take(bytes, start, end)
    this.wake()
    this.#waiting = this.#held > HELD_BYTES_MAX
    return !this.#waiting
  }

  end(): void {
    this.#ending = true
    this.wake()
  }

  /** The connection is over: nothing is told any more, what was not taken over is dropped. */
  stop(): void {
    this.#over = true
    this.#chunks = []
  }

  /** Never within the sender's call: both ends are in one program, and a turn must be over before the next begins. */
  wake(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#later(this.#run)
  }

  #take(bytes: Uint8Array, start: number, end: number): void {
    this.#chunks.push(bytes.slice(start, end))
    this.#held += end - start
  }

  readonly #run = (): void => {
    this.#scheduled = false
    while (this.#chunks.length > 0 && !this.paused) {
      const chunk = this.#chunks.shift()!
      this.#held -= chunk.length
      this.#deliver(chunk)
    }
    if (this.#over) return
    if (this.#waiting && this.#held <= HELD_BYTES_MAX) {
      this.#waiting = false
      this.#drained()
    }
    if (this.#ending && this.#chunks.length === 0) this.#ended()
  }
}

/**
 * A Network Connection without a network: joins a client in this program to the broker in this program. `later` runs what
 * hands the bytes over.
 */
export function memoryPair(acceptor: Acceptor, later: Later): ClientTransport {
  let client: ClientTransportHandler | null = null
  let open = true
  const toClient = new Pipe(
    later,
    (bytes) => client?.received(bytes, 0, bytes.length),
    () => {
      acceptor.began()
      broker.drained()
    },
    () => over('the broker closed the connection'),
  )
  const toBroker = new Pipe(
    later,
    (bytes) => {
      acceptor.began()
      broker.receive(bytes, 0, bytes.length)
    },
    () => client?.drained(),
    () => over('the client closed the connection without DISCONNECT'),
  )
  const over = (reason: string): void => {
    if (!open) return
    open = false
    toClient.stop()
    toBroker.stop()
    acceptor.began()
    broker.closed(reason)
    client?.closed(null)
  }
  const abort = (): void => later(() => over('the connection was ended'))
  const link: Link = {
    address: ADDRESS,
    peer: PEER,
    send: (full, bytes, start, end) => toClient.send(full, bytes, start, end),
    pause: () => {
      toBroker.paused = true
    },
    resume: () => {
      toBroker.paused = false
      toBroker.wake()
    },
    close: () => toClient.end(),
    abort,
  }
  acceptor.began()
  const broker: LinkHandler = acceptor.accept(link)
  return clientEnd(toBroker, toClient, abort, (handler) => {
    client = handler
  })
}

function clientEnd(
  out: Pipe,
  back: Pipe,
  abort: () => void,
  start: (handler: ClientTransportHandler) => void,
): ClientTransport {
  return {
    address: ADDRESS,
    start,
    send: (full, bytes, from, to) => out.send(full, bytes, from, to),
    pause: () => {
      back.paused = true
    },
    resume: () => {
      back.paused = false
      back.wake()
    },
    close: () => out.end(),
    abort,
  }
}

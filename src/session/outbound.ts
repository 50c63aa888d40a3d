import type { QoS } from '../protocol/index.ts'

/** Where a message stands on its way to the receiver. */
export const OutboundState = {
  /** Done or dropped: the place stays until all before it are done, too. */
  Done: 0,
  WaitingQoS0: 1,
  WaitingQoS1: 2,
  WaitingQoS2: 3,
  /** Sent on an earlier Network Connection, to be sent again with DUP [MQTT-3.3.1-1]. */
  ResendQoS1: 4,
  ResendQoS2: 5,
  /** PUBREC was seen on an earlier Network Connection: PUBREL is to be sent again [MQTT-4.4.0-1]. */
  ReleaseAgain: 6,
  AwaitingPuback: 7,
  AwaitingPubrec: 8,
  AwaitingPubcomp: 9,
  /** A client's SUBSCRIBE or UNSUBSCRIBE: it shares the Packet Identifiers, and takes no part of the window. */
  AwaitingControl: 10,
} as const
export type OutboundState = (typeof OutboundState)[keyof typeof OutboundState]

const IDENTIFIERS = 65_535

export interface OutboundBounds {
  /** Places of a ring when its first message comes. A power of two. Default 8: 136 bytes. */
  ringPlacesAtLeast: number
  /** A ring of at most this size is kept when it runs empty, so that a busy window does not reallocate. Default 64. */
  ringPlacesKept: number
  /** How far a receiver may go ahead of a message that it never acknowledges, in windows. 1 or more. Default 16. */
  windowsAhead: number
  /** And how many places it may always go ahead. 1 to 65,535. Default 1024. */
  placesAheadAtLeast: number
}

export const defaultOutboundBounds: OutboundBounds = {
  ringPlacesAtLeast: 8,
  ringPlacesKept: 64,
  windowsAhead: 16,
  placesAheadAtLeast: 1024,
}

/** Messages that wait in several queues together. */
export interface Waiting {
  messages: number
}

/**
 * What is owed to one receiver, in order: first what is in flight, then what waits.
 *
 *     head             next        kept     tail        positions, counting up for ever
 *      | P  C  .  P  P  | W  W  W  W  W  W   |
 *      in flight          waiting
 *      (. = done already, out of order)
 *
 * It is a ring of two arrays indexed by position, and the Packet Identifier follows from the position, so neither an
 * acknowledgement nor a message needs a map or an object, and after a crash the identifier follows from the queue.
 */
export class Outbound<M> {
  /** The oldest position that is not done. */
  head = 0
  /** The first position that is still to be sent on this Network Connection: never one that is done. */
  next = 0
  /**
   * From this position on, messages are only in the store; `keep` loads them when their turn comes. Usually `tail`: all are
   * in memory.
   */
  kept = 0
  /** The position that the next message will get. */
  tail = 0
  /** PUBLISH packets of QoS 1 and 2 sent and not done: what counts against Receive Maximum [MQTT-4.9.0-2]. */
  inFlight = 0
  /** PUBREL packets that are to be sent again; `sendRelease` does, before anything else is sent. */
  releases = 0
  /** The window: the smaller of the receiver's Receive Maximum and our own limit, 1..65,535. */
  maximumInFlight: number
  readonly #bounds: OutboundBounds
  #all: Waiting
  #messages: (M | null)[] = NOTHING as (M | null)[]
  #states: Uint8Array = NO_STATES
  #mask = -1
  /** A control packet, or a PUBREL, was sent past messages that wait. */
  #ahead = false
  /** There is no PUBREL to be sent again before this position. */
  #releaseFrom = 0

  /** `all`: its messages are counted there, together with those of others. */
  constructor(maximumInFlight: number, bounds: OutboundBounds = defaultOutboundBounds, all: Waiting = { messages: 0 }) {
    this.maximumInFlight = maximumInFlight
    this.#bounds = bounds
    this.#all = all
  }

  /** Messages that have not been sent on this Network Connection. */
  get waiting(): number {
    return this.tail - this.next
  }

  /** Whether every Packet Identifier is taken, or stands behind one that is: then nothing can be appended. */
  get exhausted(): boolean {
    return this.tail - this.head >= IDENTIFIERS
  }

  /** Whether the window lets another PUBLISH of QoS 1 or 2 go. */
  get open(): boolean {
    const { windowsAhead, placesAheadAtLeast } = this.#bounds
    return (
      this.inFlight < this.maximumInFlight &&
      this.next - this.head < Math.min(IDENTIFIERS, Math.max(placesAheadAtLeast, windowsAhead * this.maximumInFlight))
    )
  }

  /** Appends a message that waits; returns its position. */
  enqueue(message: M, qos: QoS): number {
    this.#all.messages++
    return this.#append(message, (OutboundState.WaitingQoS0 + qos) as OutboundState)
  }

  /** Appends a waiting message that is only in the store; returns its position. */
  enqueueCold(): number {
    this.#all.messages++
    return this.tail++
  }

  /** Loads the next message that was only in the store: at `kept` or after it; those between are done. */
  keep(position: number, message: M | null, state: OutboundState): void {
    if (this.head === this.kept) this.restore(position, this.tail)
    while (this.kept < position) this.#place(null, OutboundState.Done)
    this.#place(message, state)
    if (state === OutboundState.ReleaseAgain) this.releases++
    this.#pass()
  }

  /** Nothing is left of what was only in the store. */
  noMore(): void {
    if (this.head === this.kept) this.restore(this.tail, this.tail)
    while (this.kept < this.tail) this.#place(null, OutboundState.Done)
    this.#pass()
  }

  /** After a restart: the queue has these bounds, and nothing of it is in memory. */
  restore(head: number, tail: number): void {
    this.#all.messages += tail - head - this.waiting
    this.head = head
    this.next = head
    this.kept = head
    this.tail = tail
  }

  /**
   * Appends a message of QoS 1 or 2 as sent; returns its Packet Identifier. Only if nothing waits and the window is open.
   * `message` may be null where nothing will ever be sent again (a Session that ends with its Network Connection).
   */
  send(message: M | null, qos: QoS): number {
    const position = this.#append(message, qos === 1 ? OutboundState.AwaitingPuback : OutboundState.AwaitingPubrec)
    this.next = position + 1
    this.inFlight++
    return packetIdAt(position)
  }

  /**
   * Appends a client's SUBSCRIBE or UNSUBSCRIBE as sent; returns its Packet Identifier. It does not wait for messages that
   * do [MQTT-3.3.4-8]: their turn passes over it. Only if fewer than 65,535 places are taken.
   */
  sendControl(request: M): number {
    const position = this.#append(request, OutboundState.AwaitingControl)
    if (this.next === position) this.next = position + 1
    else {
      this.#ahead = true
      this.#all.messages++
    }
    return packetIdAt(position)
  }

  /**
   * The oldest PUBREL that is to be sent again, now sent: returns its Packet Identifier. Only if there is one. It does not
   * wait for PUBLISH packets before it, as the window does not concern it [MQTT-4.9.0-3]; but what it releases counts until
   * PUBCOMP, as before [MQTT-4.9.0-2].
   */
  sendRelease(): number {
    let position = Math.max(this.#releaseFrom, this.next)
    while (this.#states[position & this.#mask] !== OutboundState.ReleaseAgain) position++
    this.#releaseFrom = position + 1
    this.#states[position & this.#mask] = OutboundState.AwaitingPubcomp
    this.releases--
    this.inFlight++
    if (position !== this.next) this.#ahead = true
    this.#pass()
    return packetIdAt(position)
  }

  /** The message at `next`, now sent: returns its Packet Identifier. Its state says what was to be sent. No PUBREL is left. */
  sendNext(): number {
    const position = this.#goOn()
    const place = position & this.#mask
    switch (this.#states[place]) {
      case OutboundState.WaitingQoS1:
      case OutboundState.ResendQoS1:
        this.#states[place] = OutboundState.AwaitingPuback
        this.inFlight++
        break
      case OutboundState.WaitingQoS2:
      case OutboundState.ResendQoS2:
        this.#states[place] = OutboundState.AwaitingPubrec
        this.inFlight++
        break
      default:
        this.#done(position)
    }
    this.#pass()
    return packetIdAt(position)
  }

  /** Drops the message at `next` without sending it. */
  dropNext(): void {
    this.#done(this.#goOn())
    this.#pass()
  }

  state(position: number): OutboundState {
    if (position < this.head || position >= this.kept) return OutboundState.Done
    return this.#states[position & this.#mask] as OutboundState
  }

  message(position: number): M | null {
    return this.#messages[position & this.#mask] ?? null
  }

  /** The position of what was sent with this Packet Identifier and is not done, or -1. */
  find(packetId: number): number {
    const start = this.head % IDENTIFIERS
    let ahead = packetId - 1 - start
    if (ahead < 0) ahead += IDENTIFIERS
    const position = this.head + ahead
    return this.state(position) >= OutboundState.AwaitingPuback ? position : -1
  }

  /** PUBREC came: the message itself will not be sent again [MQTT-4.3.3-6], PUBREL is what is owed now. */
  received(position: number): void {
    const place = position & this.#mask
    this.#states[place] = OutboundState.AwaitingPubcomp
    this.#messages[place] = null
  }

  /** PUBACK, PUBCOMP, a refusing PUBREC, SUBACK or UNSUBACK came: the identifier is free again. */
  finish(position: number): void {
    if (this.#states[position & this.#mask] !== OutboundState.AwaitingControl) this.inFlight--
    this.#done(position)
  }

  /** A new Network Connection resumes the Session: what was in flight is to be sent again, in order [MQTT-4.4.0-1] [MQTT-4.6.0-1]. */
  resume(maximumInFlight: number): void {
    const end = this.#ahead ? this.kept : this.next
    for (let position = this.head; position < end; position++) {
      const place = position & this.#mask
      const again = AGAIN[this.#states[place]!]!
      if (again === OutboundState.ReleaseAgain && this.#states[place] !== again) this.releases++
      this.#states[place] = again
    }
    this.#ahead = false
    this.#releaseFrom = this.head
    this.maximumInFlight = maximumInFlight
    this.#all.messages += this.next - this.head
    this.next = this.head
    this.inFlight = 0
    this.#pass()
  }

  /** Calls visit for each message in memory that is not done, oldest first. It may finish what it is shown. */
  forEach(visit: (message: M | null, state: OutboundState, position: number) => void): void {
    for (let position = this.head; position < this.kept; position++) {
      const state = this.state(position)
      if (state !== OutboundState.Done) visit(this.message(position), state, position)
    }
  }

  /** The queue ends: its messages no longer count in the total. */
  leave(): void {
    this.#all.messages -= this.waiting
    this.#all = { messages: this.waiting }
  }

  #append(message: M | null, state: OutboundState): number {
    this.tail++
    return this.#place(message, state)
  }

  #place(message: M | null, state: OutboundState): number {
    if (this.kept - this.head > this.#mask) this.#grow()
    const position = this.kept++
    const place = position & this.#mask
    this.#messages[place] = message
    this.#states[place] = state
    return position
  }

  /** One waits less; returns which. */
  #goOn(): number {
    this.#all.messages--
    return this.next++
  }

  /** Moves `next` past what needs no sending: it was done out of order, or it went ahead. */
  #pass(): void {
    while (this.next < this.kept) {
      const state = this.#states[this.next & this.#mask]
      if (state === OutboundState.Done) this.#done(this.#goOn())
      else if (state === OutboundState.AwaitingControl || state === OutboundState.AwaitingPubcomp) this.#goOn()
      else return
    }
  }

  #done(position: number): void {
    const place = position & this.#mask
    this.#states[place] = OutboundState.Done
    this.#messages[place] = null
    if (position !== this.head) return
    let head = position + 1
    while (head < this.next && this.#states[head & this.#mask] === OutboundState.Done) head++
    this.head = head
    if (head === this.kept && this.#mask >= this.#bounds.ringPlacesKept) {
      this.#messages = NOTHING as (M | null)[]
      this.#states = NO_STATES
      this.#mask = -1
    }
  }

  #grow(): void {
    const size = this.#mask < 0 ? this.#bounds.ringPlacesAtLeast : (this.#mask + 1) * 2
    const messages = new Array<M | null>(size).fill(null)
    const states = new Uint8Array(size)
    for (let position = this.head; position < this.kept; position++) {
      messages[position & (size - 1)] = this.#messages[position & this.#mask] ?? null
      states[position & (size - 1)] = this.#states[position & this.#mask]!
    }
    this.#messages = messages
    this.#states = states
    this.#mask = size - 1
  }
}

/** Identifiers count up with the positions: 1..65,535, and over again. */
export function packetIdAt(position: number): number {
  return (position % IDENTIFIERS) + 1
}

const NOTHING: readonly null[] = []
const NO_STATES: Uint8Array = new Uint8Array(0)

/** What each state becomes when the Session is resumed. A request of the client is not repeated: its caller was told. */
const AGAIN: Uint8Array = Uint8Array.of(
  OutboundState.Done,
  OutboundState.WaitingQoS0,
  OutboundState.WaitingQoS1,
  OutboundState.WaitingQoS2,
  OutboundState.ResendQoS1,
  OutboundState.ResendQoS2,
  OutboundState.ReleaseAgain,
  OutboundState.ResendQoS1,
  OutboundState.ResendQoS2,
  OutboundState.ReleaseAgain,
  OutboundState.Done,
)

import type { Packet, QoS } from '../../src/protocol/index.ts'
import { subscribe, subscription, unsubscribe } from '../support/packets.ts'
import type { Surroundings } from './client.ts'
import { isShared, type SimSession, Violation } from './history.ts'
import type { Operation } from './plan.ts'
import type { Publisher } from './publisher.ts'

interface Request {
  readonly kind: 'subscribe' | 'unsubscribe'
  readonly filter: string
  readonly qos: QoS
  readonly noLocal: boolean
  /** The stamp since when retained messages are owed to it; null: it asked for none. */
  readonly replay: number | null
}

export type Subscribe = Extract<Operation, { kind: 'subscribe' }>

/** The part of a client that asks for subscriptions, and knows which of them are there for certain. */
export class Subscriber {
  readonly #client: string
  readonly #around: Pick<Surroundings, 'history' | 'time'>
  readonly #publisher: Publisher
  readonly #send: (packet: Packet) => void
  /** By Packet Identifier: what was not answered on this connection. */
  readonly #requests: Map<number, Request> = new Map()

  constructor(
    client: string,
    around: Pick<Surroundings, 'history' | 'time'>,
    publisher: Publisher,
    send: (packet: Packet) => void,
  ) {
    this.#client = client
    this.#around = around
    this.#publisher = publisher
    this.#send = send
  }

  get idle(): boolean {
    return this.#requests.size === 0
  }

  /** The connection is gone: nothing will be answered. */
  lost(): void {
    this.#requests.clear()
    this.#publisher.requests.clear()
  }

  subscribe({ filter, qos, noLocal, retainAsPublished, retainHandling, identifier }: Subscribe): void {
    const session = this.#session
    if (session === null) return
    session.subscribes++
    // What comes with QoS 0 is no promise.
    if (qos === 0) session.replays.delete(filter)
    if (isShared(filter)) session.shared.add(filter)
    if (identifier > 0) session.identifiers.add(`${identifier} ${filter}`)
    const known = session.subscriptions.get(filter)
    if (known === undefined) session.uncertain.add(filter)
    else {
      known.qos = Math.min(known.qos, qos) as QoS
      known.noLocal ||= noLocal
    }
    const replay = retainHandling === 0 && qos > 0 && !isShared(filter) ? this.#around.time.stamp() : null
    const packetId = this.#request({ kind: 'subscribe', filter, qos, noLocal, replay })
    const properties = identifier === 0 ? {} : { subscriptionIdentifiers: [identifier] }
    const request = subscription(filter, { qos, noLocal, retainAsPublished, retainHandling })
    this.#send(subscribe(packetId, [request], properties))
  }

  unsubscribe(filter: string): void {
    const session = this.#session
    if (session === null) return
    session.replays.delete(filter)
    if (session.subscriptions.delete(filter)) session.uncertain.add(filter)
    this.#around.history.leaves(this.#client, [filter], this.#around.time.stamp())
    const packetId = this.#request({ kind: 'unsubscribe', filter, qos: 0, noLocal: false, replay: null })
    this.#send(unsubscribe(packetId, [filter]))
  }

  subscribed(packetId: number, reasonCodes: readonly number[]): void {
    const { kind, filter, qos, noLocal, replay } = this.#answered(packetId, 'SUBACK')
    const session = this.#session
    if (kind !== 'subscribe' || reasonCodes.length !== 1)
      throw new Violation(`SUBACK ${packetId} answers something else`)
    if (reasonCodes[0] !== qos)
      throw new Violation(`${this.#client} got SUBACK ${reasonCodes[0]} for ${filter}, QoS ${qos}`)
    if (session === null || this.#asks('unsubscribe', filter)) return
    session.uncertain.delete(filter)
    // Another SUBSCRIBE for the filter may be on its way.
    const later = [...this.#requests.values()].filter((each) => each.kind === 'subscribe' && each.filter === filter)
    const lowest = Math.min(qos, ...later.map((each) => each.qos)) as QoS
    if (replay !== null && lowest > 0) session.replays.set(filter, replay)
    if (session.subscriptions.has(filter)) return
    const local = noLocal || later.some((each) => each.noLocal)
    session.subscriptions.set(filter, { filter, qos: lowest, noLocal: local, since: this.#around.time.stamp() })
  }

  unsubscribed(packetId: number): void {
    const { kind, filter } = this.#answered(packetId, 'UNSUBACK')
    if (kind !== 'unsubscribe') throw new Violation(`UNSUBACK ${packetId} answers something else`)
    this.#around.history.left(this.#client, this.#around.time.stamp())
    if (!this.#asks('subscribe', filter)) this.#session?.uncertain.delete(filter)
  }

  #asks(kind: Request['kind'], filter: string): boolean {
    return [...this.#requests.values()].some((request) => request.kind === kind && request.filter === filter)
  }

  #request(request: Request): number {
    const packetId = this.#publisher.freeIdentifier()
    this.#requests.set(packetId, request)
    this.#publisher.requests.add(packetId)
    return packetId
  }

  #answered(packetId: number, name: string): Request {
    const request = this.#requests.get(packetId)
    if (request === undefined) throw new Violation(`${name} ${packetId} answers nothing`)
    this.#requests.delete(packetId)
    this.#publisher.requests.delete(packetId)
    return request
  }

  get #session(): SimSession | null {
    return this.#around.history.sessions.get(this.#client) ?? null
  }
}

import { type AcknowledgementPacket, PacketType, type PublishPacket, type QoS } from '../../src/protocol/index.ts'
import { Inbound } from '../../src/session/index.ts'
import { type History, isShared, keyOf, matches, type SimMessage, type SimSession, Violation } from './history.ts'
import type { SimLink } from './network.ts'
import type { Time } from './time.ts'

/** Milliseconds that a message may be on its way, besides the time for which its client does not read. */
const ON_ITS_WAY_MS = 1000

/** Sends an acknowledgement now or later, in order. */
export type Acknowledge = (type: AcknowledgementPacket['type'], packetId: number, sent: () => void) => void

/** The receiving half of a client: takes each QoS 2 message once, and looks at whether all is as it should be. */
export class Receiver {
  readonly #client: string
  readonly #history: History
  readonly #time: Time
  #inbound = new Inbound()
  /** What the identifiers in `#inbound` stand for. */
  readonly #held: Map<number, string> = new Map()
  /** On this connection: PUBLISH packets that are not acknowledged to the end. */
  #unfinished: Set<number> = new Set()
  #link: SimLink | null = null
  #window = 0
  readonly #aliases: Map<number, string> = new Map()

  constructor(client: string, history: History, time: Time) {
    this.#client = client
    this.#history = history
    this.#time = time
  }

  forget(): void {
    this.#inbound = new Inbound()
    this.#held.clear()
  }

  connected(link: SimLink, window: number): void {
    this.#link = link
    this.#window = window
    this.#unfinished = new Set()
    this.#aliases.clear()
  }

  publish(packet: PublishPacket, session: SimSession, acknowledge: Acknowledge): void {
    const { qos, packetId, payload } = packet
    const topic = this.#topicOf(packet)
    const message = this.#messageOf(packet, topic)
    const key = message?.key ?? `nothing on ${topic}`
    this.#checkIdentifiers(packet, topic, session)
    if (message !== null && !packet.dup) this.#checkTime(message)
    if (qos > 0) this.#begun(packetId, key)
    if (qos === 2 && this.#again(packet, key)) {
      acknowledge(PacketType.Pubrec, packetId, () => {})
      return
    }
    if (qos === 2) {
      this.#inbound.add(packetId)
      this.#held.set(packetId, key)
    }
    if (payload.length > 0 && message !== null) this.#take(packet, message, session)
    const unfinished = this.#unfinished
    if (qos === 1) acknowledge(PacketType.Puback, packetId, () => unfinished.delete(packetId))
    if (qos === 2) acknowledge(PacketType.Pubrec, packetId, () => {})
  }

  release(packetId: number, acknowledge: Acknowledge): void {
    this.#inbound.release(packetId)
    this.#held.delete(packetId)
    const unfinished = this.#unfinished
    acknowledge(PacketType.Pubcomp, packetId, () => unfinished.delete(packetId))
  }

  #topicOf({ topic, properties }: PublishPacket): string {
    const { topicAlias } = properties
    if (topicAlias === undefined) return topic
    if (topic !== '') this.#aliases.set(topicAlias, topic)
    const known = this.#aliases.get(topicAlias)
    if (known === undefined)
      throw new Violation(`${this.#client} got the Topic Alias ${topicAlias}, which has no topic`)
    return known
  }

  #messageOf({ payload, qos, properties }: PublishPacket, topic: string): SimMessage | null {
    if (payload.length === 0) return null
    const message = this.#history.messages.get(keyOf(payload))
    if (message === undefined) throw new Violation(`${this.#client} got a message that nobody sent`)
    const same = message.payload.length === payload.length && message.payload.every((byte, i) => byte === payload[i])
    if (!same) throw new Violation(`${this.#client} got ${message.key} with another payload`)
    if (message.topic !== topic) throw new Violation(`${this.#client} got ${message.key} on ${topic}`)
    if (qos > message.qos) throw new Violation(`${this.#client} got ${message.key} with QoS ${qos}`)
    if ((properties.messageExpiryInterval ?? 0) > (message.expiry ?? 0)) {
      throw new Violation(`${this.#client} got ${message.key} with more time than it had`)
    }
    return message
  }

  #checkIdentifiers({ properties }: PublishPacket, topic: string, session: SimSession): void {
    for (const identifier of properties.subscriptionIdentifiers ?? []) {
      const used = [...session.identifiers].map((each) => each.split(' '))
      if (used.some(([number, filter]) => Number(number) === identifier && matches(filter!, topic))) continue
      throw new Violation(`${this.#client} got the Subscription Identifier ${identifier} with a message on ${topic}`)
    }
  }

  /** What is sent for the first time has not expired; it may have been on its way for a while. */
  #checkTime({ key, expiry, acknowledgedAt }: SimMessage): void {
    const onItsWay = ON_ITS_WAY_MS + (this.#link?.idleFor ?? 0) + this.#history.missed
    if (expiry === null || this.#time.now < acknowledgedAt + expiry * 1000 + onItsWay) return
    throw new Violation(`${this.#client} got ${key} after its time`)
  }

  #begun(packetId: number, key: string): void {
    if (this.#unfinished.has(packetId)) {
      throw new Violation(`${this.#client} got ${key} with the identifier ${packetId}, which is in use`)
    }
    this.#unfinished.add(packetId)
    if (this.#unfinished.size > this.#window) {
      throw new Violation(`${this.#client} got ${this.#unfinished.size} messages at once, its limit is ${this.#window}`)
    }
  }

  /** Whether this QoS 2 message was taken before: by its identifier, as the standard has it. */
  #again({ packetId, dup }: PublishPacket, key: string): boolean {
    if (!this.#inbound.has(packetId)) return false
    const held = this.#held.get(packetId)
    if (held !== key) {
      throw new Violation(`${this.#client} got ${key} with the identifier ${packetId}, under which it holds ${held}`)
    }
    if (!dup) throw new Violation(`${this.#client} got ${key} again, without DUP`)
    return true
  }

  #take({ qos, retain }: PublishPacket, message: SimMessage, session: SimSession): void {
    const { key, topic, publisher, order } = message
    this.#history.deliveries++
    const taken = session.taken.get(key) ?? { times: 0, exactly: 0, first: this.#time.now, retained: -1 }
    session.taken.set(key, taken)
    if (retain) taken.retained = this.#time.stamp()
    const lost = this.#history.mayBeDropped(this.#client, message)
    if (taken.times++ === 0 && !retain && inOrder(session, message, qos, lost)) {
      const name = `${publisher}, ${topic}, QoS ${message.qos} as QoS ${qos}`
      const last = session.orders.get(name) ?? -1
      if (order < last) throw new Violation(`${this.#client} got ${key} after a later message of ${name}`)
      session.orders.set(name, order)
    }
    if (qos < 2) return
    taken.exactly++
    const copies = [...session.shared].filter((filter) => matches(filter, topic)).length
    const most = Math.max(1, copies) + (message.retain ? session.subscribes : 0)
    if (taken.exactly > most) throw new Violation(`${this.#client} got ${key} ${taken.exactly} times with QoS 2`)
  }
}

/**
 * Whether the order holds for it: the subscription was there, with this QoS, when it was sent first, so that it cannot come
 * into the queue only when it is sent again; and it is not shared.
 */
function inOrder({ subscriptions, client }: SimSession, message: SimMessage, qos: QoS, lost: boolean): boolean {
  const { topic, sent, resent, expiry } = message
  // Wills come when they are due.
  if (topic.startsWith('w/')) return false
  // Accepted twice, as QoS 1 may be: the first copy may be lost with QoS 0, or expire, or find no room in a queue, and the
  // second comes after later ones.
  if (resent && message.qos === 1 && (qos === 0 || expiry !== null || lost)) return false
  for (const { filter, since, noLocal, qos: lowest } of subscriptions.values()) {
    if (noLocal && message.publisher === client) continue
    if (since < sent && lowest >= qos && !isShared(filter) && matches(filter, topic)) return true
  }
  return false
}

import { setTimeout as sleep } from 'node:timers/promises'
import { PacketType } from '../../src/protocol/index.ts'
import type { BrokerProcess } from '../support/broker.ts'
import { publish, subscription, textOf } from '../support/packets.ts'
import { PATIENCE_MS } from '../support/patience.ts'
import { decodeAll } from '../unit/protocol/support.ts'
import { Publisher, payloadOf, sequenceOf } from './publisher.ts'
import { Subscriber } from './subscriber.ts'
import type { Got, Published, Story, Subscribed } from './verdict.ts'

/** Of each publisher; with 30,000 bytes each it is more than a segment. */
const ENOUGH = 150

/** The clients of one round, with names of its own, and what they saw before the cut and after it. */
export class PowerClients {
  readonly #prefix: string
  readonly #bytes: number
  readonly #publishers: Publisher[]
  readonly #away: Subscriber
  readonly #online: Subscriber[]
  /** Of what each subscriber got from each publisher: how much had come at the cut, and when all of that moment had. */
  readonly #marks: Map<Subscriber, Map<string, number[]>> = new Map()
  #again: Map<Publisher, number[]> = new Map()
  #retained: Map<string, number> = new Map()
  #cut = false

  /** Each message has so many bytes. */
  constructor(prefix: string, bytes: number) {
    this.#prefix = prefix
    this.#bytes = bytes
    this.#publishers = [
      new Publisher(`${prefix}once-4`, 4, 1, bytes),
      new Publisher(`${prefix}once-5`, 5, 1, bytes),
      new Publisher(`${prefix}exactly-4`, 4, 2, bytes),
      new Publisher(`${prefix}exactly-5`, 5, 2, bytes),
    ]
    const expected = { prefix, bytes }
    this.#online = [
      new Subscriber(`${prefix}online-1`, 5, 1, expected),
      new Subscriber(`${prefix}online-2`, 4, 2, expected),
    ]
    this.#away = new Subscriber(`${prefix}away`, 5, 2, expected)
  }

  get #subscribers(): Subscriber[] {
    return [this.#away, ...this.#online]
  }

  /** Subscribers whose Session is gone: nothing can come to them any more. */
  get sessionsLost(): number {
    return this.#subscribers.filter(({ sessionsLost }) => sessionsLost > 0).length
  }

  get halves(): number {
    return this.#subscribers.reduce((sum, { halves }) => sum + halves, 0)
  }

  async subscribe(port: number): Promise<void> {
    for (const subscriber of this.#subscribers) await subscriber.begin(port)
    for (const subscriber of this.#subscribers) subscriber.drop()
  }

  async begin(port: number): Promise<void> {
    for (const subscriber of this.#online) await subscriber.open(port)
    for (const publisher of this.#publishers) {
      await publisher.open(port)
      publisher.start()
    }
  }

  /** The subscriber that is away comes for a while, and goes again; of these clients nothing can be judged any more. */
  async visit(port: number, here: number, away: number): Promise<void> {
    await sleep(away)
    await this.#away.open(port)
    await sleep(here)
    this.#away.drop()
  }

  /** Publishes until segments have filled up, and ends it. */
  async settle(): Promise<void> {
    const enough = (): boolean => this.#publishers.every(({ acknowledged }) => acknowledged.length > ENOUGH)
    await until('the publishers have published enough', enough)
    for (const publisher of this.#publishers) publisher.finish()
    await until('the publishers have their acknowledgements', () => this.#publishers.every(({ settled }) => settled))
  }

  /** The broker is gone. */
  cut(): void {
    for (const peer of [...this.#publishers, ...this.#subscribers]) peer.drop()
    if (this.#cut) return
    this.#cut = true
    this.#mark()
    for (const publisher of this.#publishers) {
      publisher.finish()
      this.#again.set(publisher, publisher.unacknowledged)
    }
  }

  /**
   * All come back: first the subscribers, for what was kept, then the publishers, to send again what was not acknowledged.
   * `forget`: the broker may have gone back in time, so that Packet Identifiers of before mean nothing.
   */
  async resume(broker: BrokerProcess, forget: boolean): Promise<void> {
    this.#retained = await this.#readRetained(broker)
    for (const subscriber of this.#subscribers) await subscriber.open(broker.port)
    if (this.sessionsLost > 0) {
      this.#mark()
      return
    }
    await this.#drain(broker, 1, this.#subscribers)
    this.#mark()
    if (forget) for (const subscriber of this.#subscribers) subscriber.forgetUnreleased()
    for (const publisher of this.#publishers) await publisher.open(broker.port)
    await until('the publishers have their acknowledgements', () => this.#publishers.every(({ settled }) => settled))
    await this.#drain(broker, 2, this.#subscribers)
    this.#mark()
  }

  story(cutAt: number, mayLose: number): Story {
    return {
      publishers: this.#published(),
      away: this.#subscribed(this.#away),
      online: this.#online.map((subscriber) => this.#subscribed(subscriber)),
      retained: this.#retained,
      cutAt,
      mayLose,
    }
  }

  /** What is there at another moment, as a client sees it that was away until then. */
  async inspect(broker: BrokerProcess): Promise<Omit<Story, 'cutAt' | 'mayLose'> & { halves: number }> {
    const retained = await this.#readRetained(broker)
    const { clientId, version, qos } = this.#away
    const away = new Subscriber(clientId, version, qos, { prefix: this.#prefix, bytes: this.#bytes })
    await away.open(broker.port)
    await this.#drain(broker, 1, [away])
    away.drop()
    const from = new Map<string, Got>()
    for (const { clientId: name } of this.#publishers) {
      from.set(name, { before: [], after: away.from(name).all, later: [], doneAt: new Map() })
    }
    const publishers = this.#published().map((published) => ({ ...published, again: [], sessionLost: false }))
    return { publishers, away: { qos, from }, online: [], retained, halves: away.halves }
  }

  #published(): Published[] {
    return this.#publishers.map((publisher) => ({
      name: publisher.clientId,
      qos: publisher.qos,
      sentAt: publisher.sentAt,
      acknowledgedAt: publisher.acknowledgedAt,
      again: this.#again.get(publisher)!,
      sessionLost: publisher.sessionsLost > 0,
    }))
  }

  #subscribed(subscriber: Subscriber): Subscribed {
    const from = new Map<string, Got>()
    for (const { clientId } of this.#publishers) {
      const { all, doneAt } = subscriber.from(clientId)
      const [cut = 0, kept = 0, end = 0] = this.#marks.get(subscriber)!.get(clientId)!
      const got = { before: all.slice(0, cut), after: all.slice(cut, kept), later: all.slice(kept, end), doneAt }
      from.set(clientId, got)
    }
    return { qos: subscriber.qos, from }
  }

  #mark(): void {
    for (const subscriber of this.#subscribers) {
      const marks = this.#marks.get(subscriber) ?? new Map<string, number[]>()
      this.#marks.set(subscriber, marks)
      for (const { clientId } of this.#publishers) {
        marks.set(clientId, [...(marks.get(clientId) ?? []), subscriber.from(clientId).all.length])
      }
    }
  }

  /** All that was queued has come when what is queued now has. */
  async #drain(broker: BrokerProcess, number: number, subscribers: readonly Subscriber[]): Promise<void> {
    const marker = `${this.#prefix}marker`
    const publisher = await broker.client()
    publisher.send(publish(`load/${marker}`, payloadOf(number, this.#bytes), { qos: 1 }))
    await publisher.next()
    publisher.kill()
    const came = (subscriber: Subscriber): boolean => subscriber.from(marker).sequences.has(number)
    await until('all that is queued has come', () => subscribers.every(came))
  }

  async #readRetained(broker: BrokerProcess): Promise<Map<string, number>> {
    const retained = new Map<string, number>()
    const reader = await broker.client()
    const filter = `state/${this.#prefix}#`
    reader.send({ type: 8, packetId: 1, subscriptions: [subscription(filter)], properties: {} })
    await reader.next()
    reader.send('c0 00')
    for (let bytes = await reader.next(); bytes[0] !== 0xd0; bytes = await reader.next()) {
      const [packet] = decodeAll(bytes, 5)
      if (packet?.type !== PacketType.Publish) throw new Error('something came that is not retained')
      const sequence = sequenceOf(textOf(packet.payload), this.#bytes)
      retained.set(packet.topic.slice('state/'.length), sequence ?? Number.NaN)
    }
    reader.kill()
    return retained
  }
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  while (!isSo()) {
    if (Date.now() > end) throw new Error(`not in ${PATIENCE_MS} ms: ${what}`)
    await sleep(5)
  }
}

import type { BrokerProcess } from '../support/broker.ts'
import { publish, subscription } from '../support/packets.ts'
import { payloadOf, Publisher, sequenceOf } from './publisher.ts'
import { Subscriber } from './subscriber.ts'
import type { Got, Story, Subscribed } from './verdict.ts'

/** So large that segments fill up within a few seconds. */
const BYTES = 1000
const PATIENCE_MS = 30_000

/** The clients of one round, with names of its own, and what they saw before the cut and after it. */
export class PowerClients {
  readonly #prefix: string
  readonly #publishers: Publisher[]
  readonly #away: Subscriber
  readonly #online: Subscriber[]
  /** Of what each subscriber got from each publisher: how much had come at the cut, and when all of that moment had. */
  readonly #marks: Map<Subscriber, Map<string, number[]>> = new Map()
  #again: Map<Publisher, number[]> = new Map()
  #retained: Map<string, number> = new Map()
  #cut = false

  constructor(prefix: string) {
    this.#prefix = prefix
    this.#publishers = [
      new Publisher(`${prefix}once-4`, 4, 1, BYTES),
      new Publisher(`${prefix}once-5`, 5, 1, BYTES),
      new Publisher(`${prefix}exactly-4`, 4, 2, BYTES),
      new Publisher(`${prefix}exactly-5`, 5, 2, BYTES),
    ]
    const expected = { prefix, bytes: BYTES }
    this.#online = [
      new Subscriber(`${prefix}online-1`, 5, 1, expected),
      new Subscriber(`${prefix}online-2`, 4, 2, expected),
    ]
    this.#away = new Subscriber(`${prefix}away`, 5, 2, expected)
  }

  get #subscribers(): Subscriber[] {
    return [this.#away, ...this.#online]
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
    await this.#readRetained(broker)
    for (const subscriber of this.#subscribers) await subscriber.open(broker.port)
    await this.#drain(broker, 1)
    this.#mark()
    if (forget) for (const subscriber of this.#subscribers) subscriber.forgetUnreleased()
    for (const publisher of this.#publishers) await publisher.open(broker.port)
    await until('the publishers have their acknowledgements', () => this.#publishers.every(({ settled }) => settled))
    await this.#drain(broker, 2)
    this.#mark()
  }

  story(cutAt: number, mayLose: number): Story {
    return {
      publishers: this.#publishers.map((publisher) => ({
        name: publisher.clientId,
        qos: publisher.qos,
        sentAt: publisher.sentAt,
        acknowledgedAt: publisher.acknowledgedAt,
        again: this.#again.get(publisher)!,
        sessionLost: publisher.sessionsLost > 0,
      })),
      away: this.#subscribed(this.#away),
      online: this.#online.map((subscriber) => this.#subscribed(subscriber)),
      retained: this.#retained,
      cutAt,
      mayLose,
    }
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
  async #drain(broker: BrokerProcess, number: number): Promise<void> {
    const marker = `${this.#prefix}marker`
    const publisher = await broker.client()
    publisher.send(publish(`load/${marker}`, payloadOf(number, BYTES), { qos: 1 }))
    await publisher.next()
    publisher.kill()
    const came = (subscriber: Subscriber): boolean => subscriber.from(marker).sequences.has(number)
    await until('all that is queued has come', () => this.#subscribers.every(came))
  }

  async #readRetained(broker: BrokerProcess): Promise<void> {
    const reader = await broker.client()
    const filter = `state/${this.#prefix}#`
    reader.send({ type: 8, packetId: 1, subscriptions: [subscription(filter)], properties: {} })
    await reader.next()
    reader.send('c0 00')
    for (let bytes = await reader.next(); bytes[0] !== 0xd0; bytes = await reader.next()) {
      // An MQTT 5.0 packet, whose length takes two bytes; one more stands for no properties.
      const topicLength = (bytes[3]! << 8) | bytes[4]!
      const text = new TextDecoder().decode(bytes.subarray(5))
      const name = text.slice('state/'.length, topicLength)
      this.#retained.set(name, sequenceOf(text.slice(topicLength + 1), BYTES) ?? Number.NaN)
    }
    reader.kill()
  }
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  while (!isSo()) {
    if (Date.now() > end) throw new Error(`not in ${PATIENCE_MS} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

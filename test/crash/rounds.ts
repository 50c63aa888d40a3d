import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from '../fuzz/random.ts'
import { type BrokerProcess, startBroker } from '../support/broker.ts'
import { subscription } from '../support/packets.ts'
import { PATIENCE_MS } from '../support/patience.ts'
import { Publisher } from './publisher.ts'
import { Subscriber } from './subscriber.ts'

export interface Options {
  /** How often the broker is killed. */
  readonly rounds: number
  /** The load runs for a random time up to this before each kill. */
  readonly milliseconds: number
  readonly sync: 'always' | 'everysec' | 'no'
  /** How long the load runs each time follows from it. */
  readonly seed: number
  readonly say?: (line: string) => void
}

/** What went wrong is counted; what went right too, so that one sees that there was something to go wrong. */
export interface Counts {
  acknowledged: number
  delivered: number
  lost: number
  repeatedQoS2: number
  disordered: number
  retainedRead: number
  retainedStale: number
  sessionsLost: number
}

const SETTLE_MS = PATIENCE_MS
const KILL_AFTER_MS = 50

/** Kills the broker with `kill -9` under load, again and again on one store, and counts what its clients then miss. */
export async function crashRounds({ rounds, milliseconds, sync, seed, say }: Options): Promise<Counts> {
  const folder = mkdtempSync(join(tmpdir(), 'nightjar-crash-'))
  const persistence = ['persistence true', `persistence_location ${folder}`, `persistence_sync ${sync}`]
  const start = (): Promise<BrokerProcess> => startBroker('max_queued_messages 0', ...persistence)
  const world = new World()
  const random = new Random(seed)
  let broker = await start()
  try {
    await world.begin(broker.port)
    for (let round = 1; round <= rounds; round++) {
      await sleep(KILL_AFTER_MS + random.below(milliseconds))
      await broker.stop('SIGKILL')
      world.drop()
      broker = await start()
      await world.checkRetained(broker)
      await world.reconnect(broker.port, round)
      const { acknowledged, delivered } = world.counts()
      say?.(`round ${round}: ${acknowledged} acknowledged, ${delivered} delivered so far`)
    }
    await world.settle(broker.port)
    return world.counts()
  } finally {
    world.drop()
    await broker.stop('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The clients of both QoS and two versions; some subscribers are online all the time, one is away until the end. */
class World {
  readonly #publishers = [
    new Publisher('once-4', 4, 1),
    new Publisher('once-5', 5, 1),
    new Publisher('exactly-4', 4, 2),
    new Publisher('exactly-5', 5, 2),
  ]
  readonly #online = [new Subscriber('online-1', 5, 1), new Subscriber('online-2', 4, 2)]
  readonly #sometimes = new Subscriber('sometimes', 4, 2)
  readonly #offline = new Subscriber('offline', 5, 2)
  #retainedRead = 0
  #retainedStale = 0

  get #subscribers(): Subscriber[] {
    return [...this.#online, this.#sometimes, this.#offline]
  }

  async begin(port: number): Promise<void> {
    for (const subscriber of this.#subscribers) await subscriber.begin(port)
    this.#offline.drop()
    for (const publisher of this.#publishers) {
      await publisher.open(port)
      publisher.start()
    }
  }

  drop(): void {
    for (const peer of [...this.#publishers, ...this.#subscribers]) peer.drop()
  }

  async reconnect(port: number, round: number): Promise<void> {
    const back = [...this.#online, ...(round % 2 === 0 ? [this.#sometimes] : []), ...this.#publishers]
    for (const peer of back) await peer.open(port)
  }

  /** What is retained must be what was acknowledged last, or what was sent after that. */
  async checkRetained(broker: BrokerProcess): Promise<void> {
    const reader = await broker.client()
    const expected = this.#publishers.filter(({ retained }) => retained > 0)
    reader.send({
      type: 8,
      packetId: 1,
      subscriptions: [subscription('state/#', { qos: 0 })],
      properties: {},
    })
    await reader.next()
    reader.send('c0 00')
    const values = new Map<string, number>()
    for (let bytes = await reader.next(); bytes[0] !== 0xd0; bytes = await reader.next()) {
      const topicLength = (bytes[2]! << 8) | bytes[3]!
      const text = new TextDecoder().decode(bytes.subarray(4))
      // An MQTT 5.0 packet: one byte stands for no properties.
      values.set(text.slice('state/'.length, topicLength), Number(text.slice(topicLength + 1)))
    }
    for (const { clientId, retained } of expected) {
      this.#retainedRead++
      if (!((values.get(clientId) ?? 0) >= retained)) this.#retainedStale++
    }
    reader.kill()
  }

  /** All that is owed is delivered, or time is up. */
  async settle(port: number): Promise<void> {
    for (const publisher of this.#publishers) publisher.finish()
    this.#sometimes.drop()
    for (const subscriber of [this.#sometimes, this.#offline]) await subscriber.open(port)
    // As long as something comes: with many messages, on a busy machine, that takes its time.
    for (let [end, delivered] = [Date.now() + SETTLE_MS, 0]; Date.now() < end; await sleep(500)) {
      const counts = this.counts()
      if (counts.lost === 0 && this.#publishers.every((publisher) => publisher.settled)) break
      if (counts.delivered > delivered) end = Date.now() + SETTLE_MS
      delivered = counts.delivered
    }
    // What came twice may come a little later.
    await sleep(200)
  }

  counts(): Counts {
    const counts: Counts = {
      acknowledged: 0,
      delivered: 0,
      lost: 0,
      repeatedQoS2: 0,
      disordered: 0,
      retainedRead: this.#retainedRead,
      retainedStale: this.#retainedStale,
      sessionsLost: 0,
    }
    for (const peer of [...this.#publishers, ...this.#subscribers]) counts.sessionsLost += peer.sessionsLost
    for (const { clientId, qos, acknowledged } of this.#publishers) {
      counts.acknowledged += acknowledged.length
      for (const subscriber of this.#subscribers) {
        const came = subscriber.from(clientId)
        counts.delivered += came.sequences.size
        counts.disordered += came.disordered
        for (const sequence of acknowledged) if (!came.sequences.has(sequence)) counts.lost++
        if (qos === 2 && subscriber.qos === 2) counts.repeatedQoS2 += came.repeated
      }
    }
    return counts
  }
}

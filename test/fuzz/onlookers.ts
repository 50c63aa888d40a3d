import assert from 'node:assert/strict'
import { PacketType, type QoS } from '../../src/protocol/index.ts'
import { connect, subscribe, subscription } from '../support/packets.ts'
import { RawClient } from '../support/raw-client.ts'

const TOPIC = 'onlookers/quiet corner'
const QOS: readonly QoS[] = [0, 1, 2]
/** Milliseconds from one message to the next. */
const PAUSE = 2

/** Two clients that mind their own business, and must not notice what others do to the broker. */
export class Onlookers {
  exchanged = 0
  /** Milliseconds that the slowest exchange took. */
  slowest = 0
  /** Rejects with what they noticed; resolves after `stop`. */
  readonly finished: Promise<void>
  readonly #publisher: RawClient
  readonly #subscriber: RawClient
  #stopped = false

  private constructor(publisher: RawClient, subscriber: RawClient) {
    this.#publisher = publisher
    this.#subscriber = subscriber
    this.finished = this.#exchange()
    this.finished.catch(() => {})
  }

  static async arrive(port: number): Promise<Onlookers> {
    const publisher = await RawClient.open(port, 4)
    publisher.send(connect({ version: 4, clientId: 'onlooker-publisher' }))
    assert.equal((await publisher.connack()).reasonCode, 0)
    const subscriber = await RawClient.open(port, 5)
    subscriber.send(connect({ clientId: 'onlooker-subscriber' }), subscribe(1, [subscription(TOPIC, { qos: 2 })]))
    assert.equal((await subscriber.connack()).reasonCode, 0)
    await subscriber.expect(PacketType.Suback)
    return new Onlookers(publisher, subscriber)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    try {
      await this.finished
    } finally {
      this.#publisher.kill()
      this.#subscriber.kill()
    }
  }

  async #exchange(): Promise<void> {
    while (!this.#stopped) {
      const qos = QOS[this.exchanged % QOS.length]!
      const start = performance.now()
      assert.equal(await this.#publisher.publish(TOPIC, String(this.exchanged), { qos }), 0)
      const message = await this.#subscriber.take()
      assert.deepEqual([message.payload, message.qos, message.dup], [String(this.exchanged), qos, false])
      this.slowest = Math.max(this.slowest, performance.now() - start)
      this.exchanged++
      await new Promise((resolve) => setTimeout(resolve, PAUSE))
    }
  }
}

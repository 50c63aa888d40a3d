import assert from 'node:assert/strict'
import type { Config } from '../../src/config/index.ts'
import { PacketType, type ProtocolVersion, type QoS } from '../../src/protocol/index.ts'
import { connect, subscribe, subscription } from '../support/packets.ts'
import { PATIENCE_MS } from '../support/patience.ts'
import { RawClient } from '../support/raw-client.ts'

/** A single level, so that no limit on levels is in its way. */
const TOPIC = 'quiet corner'
const QOS: readonly QoS[] = [0, 1, 2]
/** Milliseconds from one message to the next. */
const PAUSE = 2
/** Milliseconds until one who was not let in tries again: rates are counted by the second. */
const AGAIN = 100
/** Bytes that each packet of theirs has room in. */
const ROOMY = 100
/** Seconds of keep alive: enough for a machine however busy. */
const KEEP_ALIVE = 100

/** Two clients that mind their own business, and must not notice what others do to the broker. */
export class Onlookers {
  exchanged = 0
  /** Milliseconds that the slowest exchange took. */
  slowest = 0
  /** Rejects with what they noticed; resolves after `stop`. */
  readonly finished: Promise<void>
  readonly #publisher: RawClient
  readonly #subscriber: RawClient
  readonly #maximumQoS: QoS
  readonly #upgraded: boolean
  #stopped = false

  private constructor(publisher: RawClient, subscriber: RawClient, config: Config) {
    this.#publisher = publisher
    this.#subscriber = subscriber
    this.#maximumQoS = config.listeners[0]?.maxQos ?? 2
    this.#upgraded = config.general.upgradeOutgoingQos
    this.finished = this.#exchange()
    this.finished.catch(() => {})
  }

  /** Both are let in, as the configuration has room for them (`excuse`). */
  static async arrive(port: number, config: Config): Promise<Onlookers> {
    const versions = speaks(config)
    const publisher = await admitted(port, versions.find((version) => version !== 5) ?? 5, 'onlooker-publisher')
    const subscriber = await admitted(port, versions[0]!, 'onlooker-subscriber')
    subscriber.send(subscribe(1, [subscription(TOPIC, { qos: 2 })]))
    await subscriber.expect(PacketType.Suback)
    return new Onlookers(publisher, subscriber, config)
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
      const qos = Math.min(QOS[this.exchanged % QOS.length]!, this.#maximumQoS) as QoS
      // One byte, so that no limit on bytes is in its way.
      const payload = String(this.exchanged % 10)
      const start = performance.now()
      assert.equal(await this.#publisher.publish(TOPIC, payload, { qos }), 0)
      const message = await this.#subscriber.take()
      assert.deepEqual([message.payload, message.qos, message.dup], [payload, this.#upgraded ? 2 : qos, false])
      this.slowest = Math.max(this.slowest, performance.now() - start)
      this.exchanged++
      await new Promise((resolve) => setTimeout(resolve, PAUSE))
    }
  }
}

/** Connects, and again if the broker has its reasons: who comes too late, or when too many do, is sent away. */
async function admitted(port: number, version: ProtocolVersion, clientId: string): Promise<RawClient> {
  const end = performance.now() + PATIENCE_MS
  for (;;) {
    const client = await RawClient.open(port, version)
    client.send(connect({ version, clientId, keepAlive: KEEP_ALIVE }))
    const code = await client.connack().then(
      ({ reasonCode }) => reasonCode,
      () => -1,
    )
    if (code === 0) return client
    client.kill()
    assert.ok(performance.now() < end, `${clientId} is not let in: ${code}`)
    await new Promise((resolve) => setTimeout(resolve, AGAIN))
  }
}

/** Versions that they may speak and be served, the best first. */
function speaks({ general, listeners }: Config): ProtocolVersion[] {
  const small = general.maxPacketSizeMqtt3 > 0 && general.maxPacketSizeMqtt3 < ROOMY
  return ([5, 4, 3] as const)
    .filter((version) => listeners[0]?.acceptProtocolVersions.includes(version) ?? true)
    .filter((version) => version === 5 || !small)
}

/** The option by which they cannot be served as they expect it, or null. Nothing else excuses the broker. */
export function excuse(config: Config): string | null {
  const { general } = config
  const listener = config.listeners[0]
  const little = (limit: number, least: number): boolean => limit > 0 && limit < least
  if ((listener?.allowAnonymous ?? general.allowAnonymous) === false) return 'allow_anonymous'
  if (speaks(config).length === 0) return 'accept_protocol_versions'
  if (general.maxKeepalive < KEEP_ALIVE) return 'max_keepalive'
  if (general.maxPacketSize < ROOMY) return 'max_packet_size'
  if (little(general.globalMaxClients, 2)) return 'global_max_clients'
  if (little(general.globalMaxConnections, 2)) return 'global_max_connections'
  if (listener !== undefined && listener.maxConnections >= 0 && listener.maxConnections < 2) return 'max_connections'
  if (little(general.maxPublishRate, 10_000)) return 'max_publish_rate'
  if (little(general.maxPublishByteRate, 10_000)) return 'max_publish_byte_rate'
  return null
}

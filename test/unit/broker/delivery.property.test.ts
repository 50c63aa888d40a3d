import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType, type QoS } from '../../../src/protocol/index.ts'
import { type TestClient, TestCore } from '../../support/core.ts'
import { fc } from '../../support/fast-check.ts'
import { acknowledgement, publish, textOf } from '../../support/packets.ts'

const { Publish, Puback, Pubrec, Pubrel, Pubcomp } = PacketType
const TOPIC = 'to/receiver'

type Version = 4 | 5

function join(core: TestCore, clientId: string, version: Version): TestClient {
  const properties = version === 5 ? { sessionExpiryInterval: 3600 } : {}
  return core.client({ clientId, version, cleanStart: false, properties })
}

/** A client that publishes as the standard has it, and remembers over connections what is not acknowledged. */
class Sender {
  client: TestClient | null = null
  #lastId = 0
  readonly #open: { packetId: number; qos: QoS; payload: string; released: boolean }[] = []

  get done(): boolean {
    return this.#open.length === 0
  }

  connect(core: TestCore, version: Version): void {
    this.client = join(core, 'sender', version)
    for (const { packetId, qos, payload, released } of this.#open) {
      if (released) this.client.send(acknowledgement(Pubrel, packetId))
      else this.client.send(publish(TOPIC, payload, { qos, packetId, dup: true }))
    }
  }

  /** No more at once than the broker takes of a client of MQTT 5.0. */
  publish(payload: string, qos: QoS, most: number): boolean {
    if (this.#open.length >= most) return false
    const packetId = ++this.#lastId
    this.#open.push({ packetId, qos, payload, released: false })
    this.client?.send(publish(TOPIC, payload, { qos, packetId }))
    return true
  }

  read(): void {
    for (const packet of this.client?.take() ?? []) {
      if (!('packetId' in packet)) continue
      const at = this.#open.findIndex(({ packetId }) => packetId === packet.packetId)
      if (packet.type === Pubrec) {
        if (at >= 0) this.#open[at]!.released = true
        this.client?.send(acknowledgement(Pubrel, packet.packetId))
      } else if ((packet.type === Puback || packet.type === Pubcomp) && at >= 0) {
        this.#open.splice(at, 1)
      }
    }
  }
}

/** A client that takes what comes as the standard has it: a QoS 2 message once. */
class Receiver {
  client: TestClient | null = null
  readonly came: string[] = []
  readonly #unreleased: Set<number> = new Set()

  connect(core: TestCore, version: Version): void {
    this.client = join(core, 'receiver', version)
  }

  read(): boolean {
    const packets = this.client?.take() ?? []
    for (const packet of packets) {
      if (packet.type === Publish) {
        if (packet.qos === 1 || !this.#unreleased.has(packet.packetId)) this.came.push(textOf(packet.payload))
        if (packet.qos === 2) this.#unreleased.add(packet.packetId)
        this.client?.send(acknowledgement(packet.qos === 1 ? Puback : Pubrec, packet.packetId))
      } else if (packet.type === Pubrel) {
        this.#unreleased.delete(packet.packetId)
        this.client?.send(acknowledgement(Pubcomp, packet.packetId))
      }
    }
    return packets.length > 0
  }
}

type Step =
  | 'publish 1'
  | 'publish 2'
  | 'sender reads'
  | 'receiver reads'
  | 'sender drops'
  | 'receiver drops'
  | 'sender connects'
  | 'receiver connects'
  | 'broker restarts'

const step = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom<Step>('publish 1', 'publish 2') },
  { weight: 8, arbitrary: fc.constantFrom<Step>('sender reads', 'receiver reads') },
  { weight: 3, arbitrary: fc.constantFrom<Step>('sender connects', 'receiver connects') },
  { weight: 1, arbitrary: fc.constantFrom<Step>('sender drops', 'receiver drops', 'broker restarts') },
)

const WINDOW = 4

/** A sender, a receiver, and a broker that may be lost at any time with all that it did not store. */
class World {
  core: TestCore = new TestCore({ maximumInFlight: WINDOW, maximumQueuedMessages: 0 })
  readonly sender = new Sender()
  readonly receiver = new Receiver()
  readonly published: { payload: string; qos: QoS }[] = []
  readonly #version: Version

  constructor(version: Version) {
    this.#version = version
    this.receiver.connect(this.core, version)
    this.receiver.client!.subscribe(TOPIC, { qos: 2 })
  }

  do(what: Step): void {
    const { sender, receiver } = this
    switch (what) {
      case 'publish 1':
      case 'publish 2': {
        const qos = what === 'publish 1' ? 1 : 2
        const payload = `${this.published.length} ${qos}`
        if (sender.publish(payload, qos, WINDOW)) this.published.push({ payload, qos })
        break
      }
      case 'sender reads':
        sender.read()
        break
      case 'receiver reads':
        receiver.read()
        break
      case 'sender drops':
        this.#drop(sender)
        break
      case 'receiver drops':
        this.#drop(receiver)
        break
      case 'sender connects':
        // Also while it is connected: it takes its own Session over.
        sender.connect(this.core, this.#version)
        break
      case 'receiver connects':
        receiver.connect(this.core, this.#version)
        break
      case 'broker restarts':
        this.core = this.core.restart()
        sender.client = null
        receiver.client = null
    }
  }

  /** Both are connected and read until nothing more comes. */
  settle(): void {
    this.do('sender connects')
    this.do('receiver connects')
    for (let round = 0, idle = 0; idle < 3; round++) {
      assert.ok(round < 10_000, 'it goes on and on')
      this.sender.read()
      idle = this.receiver.read() || !this.sender.done ? 0 : idle + 1
    }
  }

  #drop(side: Sender | Receiver): void {
    side.client?.drop()
    side.client = null
  }
}

describe('whatever is lost in between, connections or the broker', () => {
  for (const version of [4, 5] as const) {
    it(`version ${version}: QoS 1 comes at least once, QoS 2 exactly once, all in order, and nothing is left over`, () => {
      fc.assert(
        fc.property(fc.array(step, { minLength: 30, maxLength: 150, size: 'max' }), (steps) => {
          const world = new World(version)
          for (const each of steps) world.do(each)
          world.settle()
          const { came } = world.receiver
          assert.deepEqual(
            came.filter((payload) => payload.endsWith('2')),
            world.published.filter(({ qos }) => qos === 2).map(({ payload }) => payload),
          )
          assert.deepEqual(
            came.filter((payload, i) => came.indexOf(payload) === i),
            world.published.map(({ payload }) => payload),
          )
          // An empty queue is told for the identifiers: they go on where they were.
          const left = [...world.core.store.load()]
            .filter((record) => record.kind !== 'time' && (record.kind !== 'queue' || record.head < record.tail))
            .map(({ kind }) => kind)
          assert.deepEqual(left.sort(), ['session', 'session', 'subscribed'])
          const { outbound, inFlightBytes, queuedBytes } = world.core.broker.core.sessions.get('receiver')!
          assert.deepEqual([outbound.waiting, outbound.inFlight, inFlightBytes, queuedBytes], [0, 0, 0, 0])
        }),
        { numRuns: 400 },
      )
    })
  }
})

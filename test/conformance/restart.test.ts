import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { PacketType, type QoS, ReasonCode } from '../../src/protocol/index.ts'
import { type BrokerProcess, startBroker } from '../support/broker.ts'
import { acknowledgement, connect, disconnect, textOf } from '../support/packets.ts'
import type { RawClient } from '../support/raw-client.ts'
import { decodeAll } from '../unit/protocol/support.ts'

const KEPT = { clientId: 'kept', cleanStart: false, properties: { sessionExpiryInterval: 600 } }

/** Runs `first` with a broker, ends that with the signal, and runs `second` with the next one on the same store. */
async function restarted(
  signal: NodeJS.Signals,
  first: (broker: BrokerProcess) => Promise<void>,
  second: (broker: BrokerProcess) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'nightjar-restart-'))
  const config = ['persistence true', `persistence_location ${folder}/`]
  try {
    for (const [part, end] of [
      [first, signal],
      [second, 'SIGTERM'],
    ] as const) {
      const broker = await startBroker(...config)
      try {
        await part(broker)
      } finally {
        await broker.stop(end)
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A client that subscribed with QoS 1 and left. */
async function away(broker: BrokerProcess): Promise<void> {
  const client = await broker.client(KEPT)
  await client.subscribe('x', { qos: 1 })
  client.send(disconnect())
  await client.expectClosed()
}

async function publish(broker: BrokerProcess, payload: string, qos: QoS, seconds?: number): Promise<void> {
  const publisher = await broker.client()
  const properties = seconds === undefined ? {} : { messageExpiryInterval: seconds }
  await publisher.publish('x', payload, { qos, properties })
}

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  describe(`after a restart, ended with ${signal}`, () => {
    it('[MQTT-3.3.1-1] what came for a client that was away comes without DUP', async () => {
      await restarted(
        signal,
        async (broker) => {
          await away(broker)
          await publish(broker, 'waited', 1)
        },
        async (broker) => {
          const client = await broker.client(KEPT)
          const { payload, dup } = await client.receive()
          assert.deepEqual([payload, dup], ['waited', false])
        },
      )
    })

    it('[MQTT-3.3.2-5] what was never sent and has expired does not come', async () => {
      await restarted(
        signal,
        async (broker) => {
          await away(broker)
          await publish(broker, 'short', 1, 1)
          await publish(broker, 'long', 1)
        },
        async (broker) => {
          // So long that the time of the first one is over, whatever the restart has taken of it.
          await new Promise((resolve) => setTimeout(resolve, 1100))
          const client = await broker.client(KEPT)
          const { payload, dup } = await client.receive()
          assert.deepEqual([payload, dup], ['long', false])
          await client.quiet()
        },
      )
    })

    it('[MQTT-4.4.0-1] what was sent and not acknowledged comes with DUP, though it has expired', async () => {
      await restarted(
        signal,
        async (broker) => {
          const client = await broker.client(KEPT)
          await client.subscribe('x', { qos: 1 })
          await publish(broker, 'sent', 1, 1)
          assert.equal((await client.receive()).dup, false)
          // An orderly stop ends the connection, a kill breaks it off.
        },
        async (broker) => {
          await new Promise((resolve) => setTimeout(resolve, 1100))
          const client = await broker.client(KEPT)
          const { payload, dup } = await client.receive()
          assert.deepEqual([payload, dup], ['sent', true])
        },
      )
    })
  })
}

const RETAINED = 200
const WINDOW = { clientId: 'window', cleanStart: false, properties: { sessionExpiryInterval: 600, receiveMaximum: 20 } }

/** Acknowledges all that comes, as its QoS asks for, until the broker has sent each of these. Returns all payloads that came. */
async function takeThem(client: RawClient, wanted: ReadonlySet<string>): Promise<string[]> {
  const taken: string[] = []
  const missing = new Set(wanted)
  let unreleased = 0
  while (missing.size > 0 || unreleased > 0) {
    const packet = decodeAll(await client.next(), 5)[0]!
    if (packet.type === PacketType.Pubrel) {
      client.send(acknowledgement(PacketType.Pubcomp, packet.packetId))
      unreleased--
      continue
    }
    assert.equal(packet.type, PacketType.Publish)
    const { payload, packetId, qos } = packet
    taken.push(textOf(payload))
    missing.delete(textOf(payload))
    if (qos === 2) unreleased++
    client.send(acknowledgement(qos === 2 ? PacketType.Pubrec : PacketType.Puback, packetId))
  }
  return taken
}

for (const qos of [1, 2] as const) {
  describe(`killed while retained messages of QoS ${qos} are sent`, () => {
    it('[MQTT-3.1.2-23] a kept Session gets all of them from the next broker', async () => {
      const all = Array.from({ length: RETAINED }, (_, i) => String(i))
      const completed = new Set<string>()
      await restarted(
        'SIGKILL',
        async (broker) => {
          const publisher = await broker.client()
          for (const payload of all) await publisher.publish(`r/${payload}`, payload, { qos, retain: true })
          const client = await broker.client(WINDOW)
          assert.equal(await client.subscribe('r/+', { qos }), qos)
          for (const payload of await client.takeAll(30)) completed.add(payload)
          // The broker has seen all of that: only then it sends so many more.
          for (let i = 0; i < 20; i++) await client.receive()
        },
        async (broker) => {
          const client = await broker.open()
          client.send(connect(WINDOW))
          const { reasonCode, sessionPresent } = await client.connack()
          assert.deepEqual([reasonCode, sessionPresent], [ReasonCode.Success, true])
          const owed = new Set(all.filter((payload) => !completed.has(payload)))
          const taken = await takeThem(client, owed)
          if (qos === 1) return
          assert.deepEqual(taken.toSorted(), [...owed].toSorted(), 'each once, and none that was acknowledged')
          await client.quiet()
        },
      )
    })
  })
}

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { QoS } from '../../src/protocol/index.ts'
import { type BrokerProcess, startBroker } from '../support/broker.ts'
import { disconnect } from '../support/packets.ts'

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

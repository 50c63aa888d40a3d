import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { logged, startProgram } from '../../support/broker-program.ts'
import { connect, disconnect, unsubscribe } from '../../support/packets.ts'
import { RawClient } from '../../support/raw-client.ts'

/** What the log tells of packets and subscriptions, and that it tells of none unless it is asked to. */

/** A client that subscribes, publishes to itself, unsubscribes and leaves. Returns what the log says of it all. */
async function session(...lines: string[]): Promise<string> {
  const { broker, port } = await startProgram(lines)
  const client = await RawClient.open(port, 5)
  client.send(connect({ clientId: 'lamp' }))
  await client.connack()
  const packetId = await client.subscribe('home/#', { qos: 1 })
  await client.publish('other', 'on', { qos: 1 })
  client.send(unsubscribe(packetId, ['home/#']))
  await client.next()
  client.send(disconnect())
  await logged(broker, /lamp disconnected/)
  return (await broker.stop()).stdout
}

describe('the log', () => {
  it('with log_type all tells of each packet and subscription', async () => {
    const log = await session('log_type all')
    for (const line of [
      /debug: Received CONNECT from lamp$/m,
      /debug: Sending CONNACK to lamp \(rc0\)$/m,
      /debug: Received SUBSCRIBE from lamp \(m\d+\)$/m,
      /subscribe: lamp subscribed to home\/# \(QoS 1\)$/m,
      /debug: Received PUBLISH from lamp \(d0, q1, r0, m\d+, 'other', 2 bytes\)$/m,
      /debug: Sending PUBACK to lamp \(m\d+, rc\d+\)$/m,
      /unsubscribe: lamp unsubscribed from home\/#$/m,
      /debug: Received DISCONNECT from lamp \(rc0\)$/m,
    ])
      assert.match(log, line)
  })

  it('with log_type subscribe tells of subscriptions, and of no packets', async () => {
    const log = await session('log_type subscribe', 'log_type notice')
    assert.match(log, / subscribe: lamp subscribed to home\/# \(QoS 1\)$/m)
    assert.doesNotMatch(log, /SUBSCRIBE|unsubscribe/)
  })

  it('tells of neither otherwise', async () => {
    assert.doesNotMatch(await session(), /subscribe|PUBLISH/i)
  })
})

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Client, connect, type Subscription, text } from '../../src/client/index.ts'
import { type BrokerProcess, startBroker } from '../support/broker.ts'
import { PATIENCE_MS } from '../support/patience.ts'

let broker: BrokerProcess
let client: Client

before(async () => {
  broker = await startBroker()
  client = await connect(`mqtt://127.0.0.1:${broker.port}`)
})
after(async () => {
  await client.close()
  await broker.stop()
})

/** The next two payloads, sorted: a broker sends retained messages in any order. */
async function two(subscription: Subscription<string>): Promise<string[]> {
  const payloads: string[] = []
  for (let i = 0; i < 2; i++) payloads.push((await subscription.next({ timeout: PATIENCE_MS })).payload)
  return payloads.sort()
}

describe('a second subscription to the same filter', () => {
  it('has its retained messages, and does not bring the first its own again', async () => {
    for (const topic of ['same/1', 'same/2']) await client.publish(topic, topic, { retain: true, qos: 1 })
    const first = await client.subscribe('same/+', { codec: text })
    assert.deepEqual(await two(first), ['same/1', 'same/2'])
    const second = await client.subscribe('same/+', { codec: text })
    assert.deepEqual(await two(second), ['same/1', 'same/2'])
    await client.publish('same/1', 'live', { qos: 1 })
    for (const subscription of [first, second]) {
      const { payload, retain } = await subscription.next({ timeout: PATIENCE_MS })
      assert.deepEqual([payload, retain], ['live', false])
    }
  })

  it('brings each what it has not had, when two subscribe at the same time', async () => {
    const topics = Array.from({ length: 200 }, (_, i) => `many/${i}`)
    await Promise.all(topics.map((topic) => client.publish(topic, topic, { retain: true, qos: 1 })))
    const both = await Promise.all([client.subscribe('many/#', { qos: 1 }), client.subscribe('many/#', { qos: 1 })])
    await client.publish('many/end', '', { qos: 1 })
    for (const subscription of both) {
      const seen = new Set<string>()
      while (!(seen.size === topics.length && seen.has('many/0'))) {
        const { topic, retain } = await subscription.next({ timeout: PATIENCE_MS })
        if (retain) seen.add(topic)
      }
      assert.deepEqual([...seen].sort(), [...topics].sort())
    }
  })
})

import assert from 'node:assert/strict'
import type { BrokerProcess } from '../support/broker.ts'

const AFTERWARDS = 20
/**
 * Milliseconds that a message and its acknowledgement may take: they go on, however busy the machine is. How quickly,
 * bench/hostile.mjs measures on a quiet one.
 */
const LONGEST_MS = 10_000

/** Two clients exchange messages while `misdeed` goes on, and for a while after it. They must not notice. */
export async function unnoticed(broker: BrokerProcess, misdeed: () => Promise<void>): Promise<void> {
  const subscriber = await broker.client({ version: 4 })
  const publisher = await broker.client({ version: 5 })
  await subscriber.subscribe('bystanders/+', { qos: 1 })
  let left = Infinity
  let slowest = 0
  let exchanged = 0
  const exchange = (async () => {
    for (; left > 0; left--, exchanged++) {
      const start = performance.now()
      assert.equal(await publisher.publish('bystanders/x', String(exchanged), { qos: 1 }), 0)
      const message = await subscriber.take()
      assert.deepEqual([message.payload, message.dup], [String(exchanged), false])
      slowest = Math.max(slowest, performance.now() - start)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  })()
  try {
    await Promise.race([exchange, misdeed()])
  } finally {
    left = AFTERWARDS
    await exchange
  }
  assert.ok(slowest < LONGEST_MS, `a message took ${slowest} ms`)
  for (const client of [subscriber, publisher]) {
    await client.quiet()
    client.kill()
  }
}

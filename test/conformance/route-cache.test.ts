import assert from 'node:assert/strict'
import { it } from 'node:test'
import { PacketType } from '../../src/protocol/index.ts'
import { useBroker } from '../support/broker.ts'
import { unsubscribe } from '../support/packets.ts'

const broker = await useBroker()
/** More bytes of Topic Names than the cache of routes holds. */
const LONG_TOPICS = 150
const LONG = 'x'.repeat(60_000)

it('a route that others pushed out of the cache is computed anew for who publishes by it', async () => {
  const publisher = await broker.client()
  const early = await broker.client()
  await early.subscribe('house/lamp')
  await publisher.publish('house/lamp', 'before')
  assert.equal((await early.receive()).payload, 'before')

  const stranger = await broker.client()
  for (let i = 0; i < LONG_TOPICS; i++) await stranger.publish(`${LONG}${i}`, '')

  const late = await broker.client()
  await late.subscribe('house/lamp', { qos: 1 })
  early.send(unsubscribe(9, ['house/lamp']))
  await early.expect(PacketType.Unsuback)
  for (let i = 0; i < 5; i++) {
    assert.equal(await publisher.publish('house/lamp', `after ${i}`, { qos: 1 }), 0)
    assert.equal((await late.take()).payload, `after ${i}`)
  }
  await early.quiet()
})

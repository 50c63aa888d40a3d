import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { connect } from '../../../src/client/index.ts'
import { PacketType } from '../../../src/protocol/index.ts'
import { AT_ONCE, scene } from './support/with-broker.ts'

const stage = scene()
let warnings: Error[] = []
const note = (warning: Error) => warnings.push(warning)

beforeEach(() => {
  warnings = []
  process.on('warning', note)
})
afterEach(() => {
  process.off('warning', note)
})

/** Every call that takes a signal, twenty times each, with one for all. */
async function useMuch(signal: AbortSignal) {
  const connecting = connect(stage.broker.url, { signal, reconnect: AT_ONCE })
  const peer = await stage.broker.welcome()
  const client = await connecting
  const subscribing = Array.from({ length: 20 }, (_, i) => client.subscribe(`f/${i}`, { signal }))
  for (let i = 0; i < 20; i++) await peer.grant()
  const subscriptions = await Promise.all(subscribing)
  const waiting = [
    ...subscriptions.map((subscription) => subscription.next({ signal })),
    ...subscriptions.map(() => client.publish('a', '', { qos: 1, signal })),
    ...subscriptions.map(() => client.request('service', '', { signal })),
    ...subscriptions.map(() => client.events({ signal })[Symbol.asyncIterator]().next()),
  ] as Promise<unknown>[]
  return { client, peer, waiting }
}

describe('one AbortSignal for many calls', () => {
  it('has one listener, makes Node warn of nothing, and ends them all', async () => {
    const stop = new AbortController()
    const { client, waiting } = await useMuch(stop.signal)
    assert.equal(getEventListeners(stop.signal, 'abort').length, 1)
    stop.abort()
    const settled = await Promise.allSettled(waiting)
    for (const one of settled.filter(({ status }) => status === 'rejected')) {
      const { code } = (one as PromiseRejectedResult).reason
      assert.ok(code === 'ERR_ABORTED' || code === 'ERR_CLOSED', code)
    }
    await client.closed
    assert.equal(getEventListeners(stop.signal, 'abort').length, 0)
    assert.deepEqual(warnings, [])
  })

  it('has no listener left when they have ended by themselves', async () => {
    const { signal } = new AbortController()
    const { client, peer, waiting } = await useMuch(signal)
    for (let i = 0; i < 20; i++) await peer.expect(PacketType.Publish)
    const ended = Promise.allSettled(waiting)
    await client.close()
    await ended
    client.events({ signal })
    assert.equal(getEventListeners(signal, 'abort').length, 0)
    assert.deepEqual(warnings, [])
  })

  it('is let go by calls that end while the client lives', async () => {
    const { client, peer } = await stage.join()
    const { signal } = new AbortController()
    const published = client.publish('a', '', { qos: 1, signal })
    await peer.acknowledge()
    await published
    const events = client.events({ signal })[Symbol.asyncIterator]()
    await events.return?.()
    const subscribing = client.subscribe('b', { signal })
    await peer.grant()
    await assert.rejects((await subscribing).next({ signal, timeout: 1 }), { code: 'ERR_TIMEOUT' })
    await (await subscribing)[Symbol.asyncIterator]().return?.()
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defaultBounds, describe as words } from '../../../src/broker/index.ts'
import { type TestClient, TestCore } from '../../support/core.ts'
import { connect } from '../../support/packets.ts'

/** A client whose messages are refused: it publishes so many to $SYS. */
function refused(client: TestClient, times: number): void {
  for (let i = 0; i < times; i++) client.publish(`$SYS/${i}`, 'x')
}

describe('what happens again and again', () => {
  it('is told when it begins, and with its count when ten seconds have passed without it', () => {
    const core = new TestCore()
    const client = core.client({ clientId: 'loud' })
    refused(client, 500)
    core.pass(9)
    refused(client, 500)
    core.pass(9)
    assert.deepEqual([core.count('publishRefused'), core.count('repeated')], [1, 0])
    core.pass(2)
    assert.deepEqual([core.count('publishRefused'), core.count('repeated')], [1, 1])
    assert.equal(
      words(core.events.findLast(({ id }) => id === 'repeated')!),
      'loud at 127.0.0.1:50000, 1000 times in all: a message was refused (not authorized)',
    )
    core.pass(100)
    refused(client, 1)
    assert.deepEqual([core.count('publishRefused'), core.count('repeated')], [2, 1])
  })

  it('is counted as far as its texts find room, and told again when there is some', () => {
    const bounds = { ...defaultBounds, repeatBytes: 3000 }
    const core = new TestCore({ bounds })
    for (let i = 0; i < 10; i++) refused(core.client({ clientId: `${i}${'x'.repeat(400)}` }), 3)
    assert.equal(core.count('publishRefused'), 1)
    core.pass(11)
    assert.equal(core.count('repeated'), 1)
    refused(core.client({ clientId: 'short' }), 1)
    assert.equal(core.count('publishRefused'), 2)
  })

  it('an Authentication Method of any length takes what people read of it', () => {
    const core = new TestCore()
    const properties = { authenticationMethod: 'm'.repeat(60_000) }
    for (let i = 0; i < 3; i++) core.open().send(connect({ clientId: 'x', properties }))
    assert.equal(core.count('connectRefused'), 1)
    const { details } = core.events.find(({ id }) => id === 'connectRefused')!
    assert.ok(JSON.stringify(details).length < 1000)
  })

  it('once is told once', () => {
    const core = new TestCore()
    refused(core.client(), 1)
    core.pass(60)
    assert.deepEqual([core.count('publishRefused'), core.count('repeated')], [1, 0])
  })

  it('is counted by client, and by what it is', () => {
    const core = new TestCore({ messageSizeLimit: 3 })
    const [one, two] = [core.client({ clientId: 'one' }), core.client({ clientId: 'two' })]
    refused(one, 2)
    refused(two, 3)
    for (let i = 0; i < 4; i++) one.publish('large', 'xxxx')
    assert.equal(core.count('publishRefused'), 3)
    core.pass(11)
    const counts = core.events
      .filter(({ id }) => id === 'repeated')
      .map(({ client, details }) => [client, details['count']])
    assert.deepEqual(counts.sort(), [
      ['one', 2],
      ['one', 4],
      ['two', 3],
    ])
  })

  it('is told to its end though the client has gone', () => {
    const core = new TestCore()
    const client = core.client({ clientId: 'gone' })
    refused(client, 7)
    client.drop()
    core.pass(11)
    assert.equal(core.events.findLast(({ id }) => id === 'repeated')?.client, 'gone')
  })

  it('is told once of a client that is refused and comes again, and of each such client', () => {
    const core = new TestCore({ maximumClients: 1 })
    core.client()
    for (let i = 0; i < 5; i++) core.open().send(connect({ clientId: 'one too many' }))
    core.open().send(connect({ clientId: 'another' }))
    // Without a client identifier it is counted by its address.
    for (let i = 0; i < 3; i++) core.open(5, '10.0.0.9').send(connect({ clientId: '' }))
    core.pass(11)
    assert.equal(core.count('connectRefused'), 3)
    const ends = core.events.filter(({ id }) => id === 'repeated').map(words)
    assert.deepEqual(ends.sort(), [
      'a client at 10.0.0.9:50000, 3 times in all: there are too many clients',
      'one too many at 127.0.0.1:50000, 5 times in all: there are too many clients',
    ])
  })

  it('of ten thousand clients is told, and of more it is not', () => {
    const core = new TestCore({ maximumConnectionRate: 1 })
    for (let i = 0; i < 10_050; i++) {
      const host = `10.0.${i >> 8}.${i & 255}`
      for (let k = 0; k < 2; k++) {
        core.open(4, host).send({
          type: 1,
          version: 4,
          cleanStart: true,
          keepAlive: 0,
          clientId: 'c',
          will: null,
          username: null,
          password: null,
          properties: {},
          bridge: false,
        })
      }
    }
    assert.equal(core.count('connectRefused'), 10_000)
    core.pass(11)
    core.open(4, '10.1.0.1')
    core.pass(1)
    assert.equal(core.count('repeated'), 0)
  })
})

describe('drops that have not ended when the client has', () => {
  it('of a slow reader are told with its connection', () => {
    const core = new TestCore({ maximumOutgoingBytes: 1024 })
    const slow = core.client({ clientId: 'slow' })
    slow.subscribe('a')
    slow.stall()
    const publisher = core.client()
    for (let i = 0; i < 10; i++) publisher.publish('a', 'x'.repeat(1000))
    assert.equal(core.count('subscriberSlow'), 1)
    slow.drop()
    const { details } = core.events.findLast(({ id }) => id === 'repeated')!
    assert.equal(details['what'], 'it read too slowly')
    assert.ok((details['count'] as number) > 5)
  })

  it('of a full queue are told with its session', () => {
    const core = new TestCore({ maximumQueuedMessages: 2, maximumInFlight: 1 })
    const full = core.client({ clientId: 'full' })
    full.subscribe('a', { qos: 1 })
    const publisher = core.client()
    for (let i = 1; i <= 10; i++) publisher.publish('a', 'x', { qos: 1, packetId: i })
    full.drop()
    const { client, details } = core.events.findLast(({ id }) => id === 'repeated')!
    assert.deepEqual([client, details], ['full', { count: 7, what: 'its queue was full' }])
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  defaultBounds,
  defaultListener,
  defaultSettings,
  type Listener,
  type ListenerSettings,
} from '../../../src/broker/index.ts'
import { PacketType, ReasonCode } from '../../../src/protocol/index.ts'
import { type TestClient, TestCore } from '../../support/core.ts'
import { type ConnectOptions, connect, publish } from '../../support/packets.ts'

const kept = (clientId: string): ConnectOptions => ({
  clientId,
  cleanStart: false,
  properties: { sessionExpiryInterval: 3600 },
})

/** A client that came by this listener. */
function join(core: TestCore, listener: Listener, options: ConnectOptions = {}): TestClient {
  const client = core.open(5, '127.0.0.1', listener)
  client.send(connect(options))
  client.takeConnack()
  return client
}

function second(core: TestCore, own: Partial<ListenerSettings> = {}): Listener {
  return core.broker.listener({ ...defaultListener, name: 'second', ...own })
}

/** So many messages wait for a client that is away after `sent` more were sent to it. */
function waiting(core: TestCore, clientId: string, sent: number): number {
  const publisher = core.client()
  for (let i = 0; i < sent; i++) publisher.publish(clientId, `${i}`, { qos: 1 })
  publisher.drop()
  const { outbound } = core.broker.core.sessions.get(clientId)!
  return outbound.tail - outbound.head
}

describe('settings that change while the broker runs', () => {
  it('hold at once for the queue of a client that is away', () => {
    const core = new TestCore({ maximumQueuedMessages: 2 })
    const client = core.client(kept('a'))
    client.subscribe('a', { qos: 1 })
    client.drop()
    assert.equal(waiting(core, 'a', 5), 2)
    core.turn((broker) => broker.reconfigure({ maximumQueuedMessages: 4 }))
    assert.equal(waiting(core, 'a', 5), 4)
    core.turn((broker) => broker.reconfigure({ maximumQueuedMessages: 1 }))
    assert.equal(waiting(core, 'a', 5), 4)
    core.turn((broker) => broker.reconfigure({ queueFullPolicy: 'oldest', maximumQueuedMessages: 4 }))
    assert.equal(waiting(core, 'a', 1), 4)
    const again = core.client(kept('a'))
    assert.deepEqual(again.payloads(), ['1', '0', '1', '0'])
  })

  it('hold for a Session that was there before the start', () => {
    const before = new TestCore()
    const client = before.client(kept('a'))
    client.subscribe('a', { qos: 1 })
    client.drop()
    const core = before.restart()
    core.turn((broker) => broker.reconfigure({ maximumQueuedMessages: 3 }))
    assert.equal(waiting(core, 'a', 5), 3)
  })

  it('that a client was told hold for its next connection', () => {
    const core = new TestCore()
    const told = core.client({ clientId: 'a' })
    const changes = { retainAvailable: false, receiveMaximum: 1, maximumPacketSize: 50, maximumKeepAlive: 10 }
    core.turn((broker) => broker.reconfigure({ ...changes, wildcardSubscriptionsAvailable: false }))
    for (const packetId of [1, 2, 3]) told.send(publish('t', 'x'.repeat(100), { qos: 2, packetId, retain: true }))
    told.subscribe('u/#')
    assert.deepEqual(
      told.take().map(({ type }) => type),
      [PacketType.Pubrec, PacketType.Pubrec, PacketType.Pubrec, PacketType.Suback],
    )
    assert.ok(!told.ended)
    const { connack } = core.client({ clientId: 'b' })
    const { retainAvailable, receiveMaximum, maximumPacketSize, serverKeepAlive } = connack!.properties
    assert.deepEqual([retainAvailable, receiveMaximum, maximumPacketSize, serverKeepAlive], [false, 1, 50, 10])
    const next = core.client({ clientId: 'c' })
    next.publish('t', 'x'.repeat(100))
    assert.ok(next.ended)
    const [event] = core.events.filter(({ id }) => id === 'packetTooLarge')
    assert.equal(event?.details['limit'], 50)
  })

  it('measure who publishes already by the new rate, and let go on who was too fast by the old one', () => {
    const core = new TestCore()
    const client = core.client()
    const flood = (): void => client.send(...Array.from({ length: 20 }, () => publish('t', 'x')))
    flood()
    assert.equal(client.connection.reading.paused, false)
    core.turn((broker) => broker.reconfigure({ maximumPublishRate: 2 }))
    flood()
    assert.equal(client.connection.reading.paused, true)
    core.turn((broker) => broker.reconfigure({ maximumPublishRate: 0 }))
    assert.equal(client.connection.reading.paused, false)
    flood()
    assert.equal(client.connection.reading.paused, false)
    assert.equal(core.broker.core.metrics.publishReceived, 60)
  })

  it('bring the next status when it is due by the new interval', () => {
    const core = new TestCore({ sysInterval: 1000 })
    const client = core.client()
    core.pass(1)
    client.subscribe('$SYS/broker/uptime')
    client.take()
    core.pass(20)
    assert.deepEqual(client.payloads(), [])
    core.turn((broker) => broker.reconfigure({ sysInterval: 5 }))
    core.pass(1)
    assert.equal(client.payloads().length, 1)
  })

  it('are all that was not fixed when it began, and the rest is named', () => {
    const core = new TestCore()
    const bounds = { ...defaultBounds, membersTried: 3 }
    const told = core.turn((broker) =>
      broker.reconfigure({ ...defaultSettings, maximumClients: 7, starWildcard: false, bounds }),
    )
    assert.deepEqual(
      told.map(({ setting }) => setting),
      ['starWildcard', 'bounds'],
    )
    for (const { reason } of told) assert.match(reason, /\w+/)
    const { settings } = core.broker.core
    assert.deepEqual([settings.maximumClients, settings.starWildcard, settings.bounds], [7, true, defaultBounds])
    assert.equal(defaultSettings.maximumClients, 0)
    assert.deepEqual(
      core.turn((broker) => broker.reconfigure({ ...settings, bounds: { ...defaultBounds } })),
      [],
    )
  })
})

describe('a listener', () => {
  it('may have terms and limits of its own, which those of the broker do not change', () => {
    const core = new TestCore({ maximumQueuedMessages: 1 })
    const listener = second(core, { maximumQueuedMessages: 3, receiveMaximum: 9 })
    core.turn((broker) => broker.reconfigure({ maximumQueuedMessages: 2, receiveMaximum: 8 }))
    for (const [id, by, most, told] of [
      ['first', core.listener, 2, 8],
      ['second', listener, 3, 9],
    ] as const) {
      const client = join(core, by, kept(id))
      client.subscribe(id, { qos: 1 })
      assert.equal(client.connack?.properties.receiveMaximum, told)
      client.drop()
      assert.equal(waiting(core, id, 5), most)
    }
  })

  it('may change: limits hold at once, terms for who comes next', () => {
    const core = new TestCore()
    const listener = second(core, { maximumQueuedMessages: 2 })
    const client = join(core, listener, kept('a'))
    client.subscribe('a', { qos: 1 })
    listener.change({ ...defaultListener, name: 'second', maximumQoS: 0, maximumQueuedMessages: 4 }, core.settings)
    client.publish('t', 'as it was told', { qos: 1 })
    assert.ok(!client.ended)
    client.drop()
    assert.equal(waiting(core, 'a', 9), 4)
    const other = join(core, listener)
    assert.equal(other.connack?.properties.maximumQoS, 0)
    other.publish('t', 'too much', { qos: 1 })
    assert.ok(other.ended)
  })

  it('gives its limits to a Session whose client comes by it', () => {
    const core = new TestCore({ maximumQueuedMessages: 1 })
    const listener = second(core, { maximumQueuedMessages: 3 })
    const client = core.client(kept('a'))
    client.subscribe('a', { qos: 1 })
    join(core, listener, kept('a')).drop()
    assert.equal(waiting(core, 'a', 5), 3)
  })

  it('may send all away who came by it, and nobody else, as many in a turn as there is time for', () => {
    const core = new TestCore({ bounds: { ...defaultBounds, unitsPerTurn: 30, unitsPerJob: 10, unitsRead: 10 } })
    const listener = second(core)
    const old = Array.from({ length: 20 }, () => join(core, listener))
    listener.change({ ...defaultListener, name: 'second', maximumQoS: 1 }, core.settings)
    const all = [...old, ...Array.from({ length: 20 }, () => join(core, listener))]
    const unproved = core.open(5, '127.0.0.1', listener)
    const others = [core.client(), core.client()]
    core.turn((broker) => broker.endConnections(listener))
    for (const client of all) {
      const [packet] = client.take()
      assert.equal(packet?.type, PacketType.Disconnect)
      if (packet?.type === PacketType.Disconnect) assert.equal(packet.reasonCode, ReasonCode.AdministrativeAction)
    }
    assert.deepEqual(
      [all.every(({ ended }) => ended), unproved.ended, others.some(({ ended }) => ended)],
      [true, true, false],
    )
  })
})

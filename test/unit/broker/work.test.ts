import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defaultBounds } from '../../../src/broker/index.ts'
import { Units } from '../../../src/broker/time/work.ts'
import { PacketType, type SubackPacket } from '../../../src/protocol/index.ts'
import { TestCore } from '../../support/core.ts'
import { connect, disconnect, publish, subscribe, subscription, unsubscribe, will } from '../../support/packets.ts'
import { bytesOf, PING, turns } from './turns.ts'

const BOUNDS = { ...defaultBounds, unitsRead: 10, unitsPerTurn: 10, unitsPerJob: 5 }

describe('what is too much for one turn', () => {
  it('a SUBSCRIBE, then an UNSUBSCRIBE, with many filters: answered whole, and what follows waits behind them', () => {
    const core = new TestCore({ bounds: BOUNDS })
    const client = core.client()
    const filters = Array.from({ length: 500 }, (_, i) => `f/${i}/+`)
    const asks = subscribe(
      1,
      filters.map((filter) => subscription(filter, { qos: 1 })),
    )
    const bytes = bytesOf(asks, { type: PacketType.Pingreq }, unsubscribe(2, [...filters, 'none']))
    let before = 0
    let most = 0
    const taken = turns(
      core,
      () => client.connection.receive(bytes, 0, bytes.length),
      () => {
        const { subscriptions } = core.broker.core.router
        most = Math.max(most, subscriptions - before)
        before = subscriptions
      },
    )
    assert.ok(taken > 100 && most <= 20, `${taken} turns, ${most} filters in one`)
    const answers = client.take()
    assert.deepEqual(
      answers.map(({ type }) => type),
      [PacketType.Suback, PacketType.Pingresp, PacketType.Unsuback],
    )
    assert.deepEqual(new Set((answers[0] as SubackPacket).reasonCodes), new Set([1]))
    assert.equal((answers[0] as SubackPacket).reasonCodes.length, 500)
    assert.equal(core.broker.core.router.subscriptions, 0)
  })

  it('large packets of several clients: one in a turn when it comes, and one of those that wait', () => {
    const bounds = { ...defaultBounds, largePacketBytes: 1000, unitsRead: 20, unitsPerTurn: 20, unitsPerJob: 10 }
    const core = new TestCore({ bounds })
    const clients = Array.from({ length: 5 }, () => core.client())
    const bytes = bytesOf(
      subscribe(
        1,
        Array.from({ length: 300 }, (_, i) => subscription(`f/${i}`.padEnd(100, '/'))),
      ),
    )
    for (const { connection } of clients) core.turn(() => connection.receive(bytes, 0, bytes.length - 1))
    const { metrics } = core.broker.core
    let before = 0
    let most = 0
    turns(
      core,
      () => {
        before = metrics.messagesReceived
        for (const { connection } of clients) connection.receive(bytes, bytes.length - 1, bytes.length)
      },
      () => {
        // Beside the PINGREQ of the bystander.
        most = Math.max(most, metrics.messagesReceived - before - 1)
        before = metrics.messagesReceived
      },
    )
    assert.ok(most <= 2, `${most} in one turn`)
    for (const client of clients)
      assert.deepEqual(new Set((client.take()[0] as SubackPacket).reasonCodes), new Set([0]))
  })

  it('what came before the end of the connection is handled before that: messages, and a DISCONNECT', () => {
    const core = new TestCore({ bounds: BOUNDS })
    const watcher = core.client()
    watcher.subscribe('#')
    const client = core.client({ will: will('will', 'gone') })
    const many = Array.from({ length: 50 }, (_, i) => publish('t', `${i}`))
    const bytes = bytesOf(...many, disconnect())
    core.turn(() => {
      client.connection.receive(bytes, 0, bytes.length)
      client.connection.closed('reset')
    })
    assert.deepEqual(
      watcher.payloads(),
      many.map((_, i) => `${i}`),
    )
    assert.equal(core.broker.core.connections.size, 1)
  })

  it('a SUBSCRIBE whose client is gone, or lost its Session to another, in the middle', () => {
    for (const taken of [false, true]) {
      const core = new TestCore({ bounds: BOUNDS })
      const client = core.client({ clientId: 'a' })
      const many = Array.from({ length: 100 }, (_, i) => subscription(`f/${i}`))
      const bytes = bytesOf(subscribe(1, many))
      const other = core.open()
      core.broker.began()
      client.connection.receive(bytes, 0, bytes.length)
      core.broker.endTurn()
      if (taken) other.send(connect({ clientId: 'a', cleanStart: true }))
      else client.drop()
      core.turn(() => {})
      assert.equal(core.broker.core.router.subscriptions, 0)
      assert.ok(client.take().every(({ type }) => type !== PacketType.Suback))
    }
  })

  it('messages with many subscribers: their publisher waits, in order, and its silence is not held against it', () => {
    const core = new TestCore({ bounds: BOUNDS })
    const subscribers = Array.from({ length: 30 }, () => core.client())
    for (const subscriber of subscribers) subscriber.subscribe('t/+')
    const publisher = core.client({ keepAlive: 2 })
    const messages = Array.from({ length: 50 }, (_, i) => publish(`t/${i}`, String(i)))
    const bytes = bytesOf(...messages)
    const taken = turns(core, () => publisher.connection.receive(bytes, 0, bytes.length))
    assert.ok(taken >= 25, `${taken} turns`)
    const expected = messages.map((_, i) => String(i))
    for (const subscriber of subscribers) assert.deepEqual(subscriber.payloads(), expected)
    assert.equal(publisher.connection.reading.paused, false)
  })

  it('subscriptions of a Session that ends: it gets nothing more, and one that takes its place does', () => {
    const core = new TestCore({ bounds: BOUNDS, queueQoS0: true })
    const client = core.client({ clientId: 'a', cleanStart: true, properties: { sessionExpiryInterval: 100 } })
    for (let i = 0; i < 200; i++) client.subscribe(`f/${i}`, { qos: 1 })
    client.subscribe('$share/g/f/1', { qos: 1 })
    const old = client.connection.session!
    const publisher = core.client()
    let sent = 0
    const taken = turns(
      core,
      () => {
        const bytes = bytesOf(disconnect(0, { sessionExpiryInterval: 0 }))
        client.connection.receive(bytes, 0, bytes.length)
      },
      () => {
        const bytes = bytesOf(publish(`f/${sent++ % 200}`, 'x', { qos: 1, packetId: 1 }))
        publisher.connection.receive(bytes, 0, bytes.length)
      },
    )
    assert.ok(taken > 30, `${taken} turns`)
    assert.equal(old.outbound.tail, 0)
    assert.equal(core.broker.core.router.subscriptions, 0)
    const again = core.client({ clientId: 'a' })
    again.subscribe('f/7', { qos: 1 })
    core.turn(() => {
      const bytes = bytesOf(publish('f/7', 'new', { qos: 1, packetId: 2 }))
      publisher.connection.receive(bytes, 0, bytes.length)
    })
    assert.deepEqual(again.payloads(), ['new'])
  })

  it('retained messages that expire at once, and Wills that fall due at once', () => {
    const core = new TestCore({ bounds: BOUNDS })
    const publisher = core.client()
    const watcher = core.client()
    watcher.subscribe('w')
    for (let i = 0; i < 100; i++) {
      publisher.publish(`r/${i}`, 'x', { retain: true, properties: { messageExpiryInterval: 5 } })
      const gone = will('w', String(i), { properties: { willDelayInterval: 5 } })
      core.client({ clientId: `w${i}`, will: gone, properties: { sessionExpiryInterval: 100 } }).drop()
    }
    core.clock.time += 6000
    const taken = turns(core, () => {
      // A tick that comes late only notes that.
      core.broker.tick()
      core.broker.tick()
    })
    assert.ok(taken > 30, `${taken} turns`)
    assert.equal(core.broker.core.retained.size, 0)
    assert.equal(new Set(watcher.payloads()).size, 100)
  })

  it('connections that break at once, each with a Will', () => {
    const core = new TestCore({ bounds: BOUNDS })
    const watcher = core.client()
    watcher.subscribe('w')
    const clients = Array.from({ length: 50 }, (_, i) => core.client({ will: will('w', String(i)) }))
    const taken = turns(core, () => {
      for (const { connection } of clients) connection.closed('the test broke it')
    })
    assert.ok(taken > 20, `${taken} turns`)
    assert.equal(new Set(watcher.payloads()).size, 50)
    assert.equal(core.broker.core.sessions.size, 2)
  })

  it('clients that connect at once: all come in, one after the other', () => {
    const core = new TestCore({ bounds: BOUNDS })
    const clients = Array.from({ length: 50 }, () => core.open())
    const { metrics } = core.broker.core
    let before = 0
    let most = 0
    const taken = turns(
      core,
      () => {
        before = metrics.connections
        clients.forEach(({ connection }, i) => {
          const bytes = bytesOf(connect({ clientId: `c${i}` }), subscribe(1, [subscription('t')]))
          connection.receive(bytes, 0, bytes.length)
        })
      },
      () => {
        most = Math.max(most, metrics.connections - before)
        before = metrics.connections
      },
    )
    assert.ok(taken >= 25 && most <= 2, `${taken} turns, ${most} in one`)
    for (const client of clients) {
      assert.deepEqual(
        client.take().map(({ type }) => type),
        [PacketType.Connack, PacketType.Suback],
      )
      assert.equal(client.connection.reading.paused, false)
    }
  })

  it('clients that are sent away when the broker stops: each is told, some in each turn', () => {
    const core = new TestCore({ bounds: BOUNDS })
    const clients = Array.from({ length: 50 }, () => core.client())
    const { broker } = core
    broker.began()
    broker.stop()
    let before = broker.core.online
    let taken = 0
    for (let more = true; more; taken++) {
      more = broker.endTurn()
      assert.ok(before - broker.core.online <= 2, `${before - broker.core.online} in one turn`)
      before = broker.core.online
      broker.began()
    }
    assert.ok(taken >= 25, `${taken} turns`)
    for (const client of clients) {
      assert.deepEqual(
        client.take().map(({ type }) => type),
        [PacketType.Disconnect],
      )
    }
  })

  it('Sessions that end at once with much to hand on: few of them in one turn', () => {
    const core = new TestCore({ bounds: { ...defaultBounds, unitsRead: 100, unitsPerTurn: 100, unitsPerJob: 100 } })
    const members = Array.from({ length: 10 }, () => core.client())
    const heir = core.client({ clientId: 'heir', cleanStart: false, properties: { sessionExpiryInterval: 100 } })
    for (const member of [...members, heir]) member.subscribe('$share/g/t', { qos: 1 })
    const publisher = core.client()
    for (let i = 0; i < 330; i++) publisher.publish('t', String(i), { qos: 1, packetId: 1 })
    for (const member of members) member.take()
    const { sessions } = core.broker.core
    let before = sessions.size
    let most = 0
    turns(
      core,
      () => {
        before = sessions.size
        for (const { connection } of members) connection.closed('the test broke it')
      },
      () => {
        most = Math.max(most, before - sessions.size)
        before = sessions.size
      },
    )
    assert.ok(most <= 3, `${most} in one turn`)
    assert.equal(sessions.get('heir')!.outbound.tail, 330)
  })

  it('a message to many: they are written to in several turns, and who comes meanwhile does not wait behind them', () => {
    const bounds = { ...defaultBounds, unitsWritten: 3 * Units.write }
    const core = new TestCore({ bounds })
    const subscribers = Array.from({ length: 100 }, () => core.client())
    for (const subscriber of subscribers) subscriber.subscribe('t')
    const publisher = core.client()
    let most = 0
    let round = 0
    const expected = ['first', 'second']
    const payloads: string[][] = subscribers.map(() => [])
    const send = (payload: string): void => {
      const bytes = bytesOf(publish('t', payload))
      publisher.connection.receive(bytes, 0, bytes.length)
    }
    const taken = turns(
      core,
      () => send(expected[0]!),
      () => {
        let now = 0
        subscribers.forEach((subscriber, i) => {
          const came = subscriber.payloads()
          if (came.length > 0) now++
          payloads[i]!.push(...came)
        })
        most = Math.max(most, now)
        if (round++ === 0) {
          core.broker.began()
          send(expected[1]!)
        }
      },
    )
    assert.ok(taken > 20 && most <= 6, `${taken} turns, ${most} in one`)
    for (const each of payloads) assert.deepEqual(each, expected)
    assert.equal(core.broker.core.late.length, 0)
  })

  it('messages that are retained on new topics count for more than others', () => {
    const core = new TestCore({ bounds: { ...defaultBounds, unitsRead: 100, unitsPerTurn: 100, unitsPerJob: 100 } })
    const publisher = core.client()
    const messages = Array.from({ length: 200 }, (_, i) => publish(`r/${i}`, 'x', { retain: true }))
    const bytes = bytesOf(...messages)
    const { retained } = core.broker.core
    let before = 0
    let most = 0
    turns(
      core,
      () => publisher.connection.receive(bytes, 0, bytes.length),
      () => {
        most = Math.max(most, retained.size - before)
        before = retained.size
      },
    )
    assert.equal(retained.size, 200)
    assert.ok(most <= 20, `${most} in one turn`)
  })

  it('many small packets, and large parts of one: no more is read until the next turn', () => {
    const bounds = { ...defaultBounds, unitsRead: 50, unitsPerTurn: 50, unitsPerJob: 50 }
    const pings = bytesOf(...Array.from({ length: 400 }, () => ({ type: PacketType.Pingreq }) as const))
    const large = bytesOf(publish('t', 'x'.repeat(100_000))).subarray(0, 60_000)
    for (const bytes of [pings, large]) {
      const core = new TestCore({ bounds })
      const client = core.client()
      const taken = turns(core, () => {
        client.connection.receive(PING, 0, PING.length)
        assert.equal(client.connection.reading.paused, false)
        client.connection.receive(bytes, 0, bytes.length)
        assert.equal(client.connection.reading.paused, true)
      })
      assert.ok(taken <= 2, `${taken} turns`)
      assert.equal(client.connection.reading.paused, false)
      assert.equal(client.take().length, bytes === pings ? 401 : 1)
    }
  })

  it('a client that sends little while many Sessions end, each with a Will, waits for none of them', () => {
    const core = new TestCore({ bounds: BOUNDS })
    const watcher = core.client()
    watcher.subscribe('w')
    const clients = Array.from({ length: 50 }, (_, i) => core.client({ will: will('w', String(i)) }))
    const publisher = core.client()
    const bytes = bytesOf(publish('p', 'x', { qos: 1, packetId: 1 }))
    const taken = turns(
      core,
      () => {
        for (const { connection } of clients) connection.closed('the test broke it')
        publisher.connection.receive(bytes, 0, bytes.length)
        publisher.connection.receive(bytes, 0, bytes.length)
      },
      () => {
        assert.equal(publisher.connection.reading.paused, false)
        assert.ok(publisher.take().length >= 1)
        publisher.connection.receive(bytes, 0, bytes.length)
      },
    )
    assert.ok(taken > 20, `${taken} turns`)
  })

  it('a shared subscription with many members who are away: the one who is here is found, and others in turn', () => {
    const core = new TestCore({ bounds: { ...defaultBounds, membersTried: 1 } })
    const kept = { properties: { sessionExpiryInterval: 100 } }
    for (let i = 0; i < 100; i++) {
      const member = core.client({ clientId: `m${i}`, ...kept })
      member.subscribe('$share/g/t', { qos: 1 })
      member.drop()
    }
    const here = [core.client(), core.client({ clientId: 'm50', cleanStart: false, ...kept }), core.client()]
    for (const member of [here[0]!, here[2]!]) member.subscribe('$share/g/t', { qos: 1 })
    const publisher = core.client()
    for (let i = 0; i < 30; i++) publisher.publish('t', String(i))
    assert.deepEqual(
      here.map((member) => member.payloads().length),
      [10, 10, 10],
    )
    for (const member of here) member.drop()
    publisher.publish('t', 'waits', { qos: 1, packetId: 1 })
    const waiting = [...core.broker.core.sessions.values()].filter(({ outbound }) => outbound.waiting > 0)
    assert.equal(waiting.length, 1)
  })
})

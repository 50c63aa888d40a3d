import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type BrokerEvent, defaultBounds, describe as inWords } from '../../../src/broker/index.ts'
import { PacketType } from '../../../src/protocol/index.ts'
import { TestCore } from '../../support/core.ts'
import { acknowledgement, connect, subscribe, subscription, will } from '../../support/packets.ts'

const kept = (clientId: string) => ({ clientId, cleanStart: false, properties: { sessionExpiryInterval: 3600 } })

/** A core in which sending to one client throws, until it is mended. */
function broken(): { core: TestCore; mend: () => void } {
  const core = new TestCore()
  core.tellFailures()
  const victim = core.client({ clientId: 'victim' })
  victim.subscribe('t', { qos: 2 })
  const { outbound } = core.broker.core.sessions.get('victim')!
  const send = outbound.send.bind(outbound)
  outbound.send = () => {
    throw new TypeError('planted')
  }
  return {
    core,
    mend: () => {
      outbound.send = send
    },
  }
}

describe('an error in the broker itself', () => {
  it('ends the connection whose packet met it, and is told; nobody else comes to harm', () => {
    const { core } = broken()
    const watcher = core.client()
    watcher.subscribe('#', { qos: 1 })
    const publisher = core.client({ clientId: 'p', will: will('w', 'gone') })
    publisher.publish('t', 'x', { qos: 1 })
    assert.ok(publisher.ended)
    assert.deepEqual(publisher.take(), [])
    assert.equal(core.count('internalError'), 1)
    assert.match(inWords(core.events.find(({ id }) => id === 'internalError')!), /TypeError: planted.*please report/)
    core.client().publish('u', 'y')
    assert.deepEqual(watcher.payloads().slice(-2), ['gone', 'y'])
  })

  it('takes no QoS 2 message that did not reach all: it comes again, and does', () => {
    const { core, mend } = broken()
    const publisher = core.client(kept('p'))
    publisher.publish('t', 'x', { qos: 2, packetId: 5 })
    assert.ok(publisher.ended)
    mend()
    const again = core.client(kept('p'))
    again.publish('t', 'x', { qos: 2, packetId: 5, dup: true })
    const [pubrec] = again.take()
    assert.equal(pubrec?.type, PacketType.Pubrec)
    again.send(acknowledgement(PacketType.Pubrel, 5))
    assert.equal(core.broker.core.sessions.get('victim')?.outbound.inFlight, 1)
  })

  it('leaves nothing of its message to the next one', () => {
    const { core } = broken()
    const away = core.client(kept('away'))
    away.subscribe('#', { qos: 1 })
    away.drop()
    core.client().publish('t', 'x', { qos: 1, retain: true })
    core.client().publish('u', 'y', { qos: 1 })
    assert.deepEqual(core.client(kept('away')).payloads().slice(-1), ['y'])
  })

  it('in a timer keeps no other timer from its work', () => {
    const { core } = broken()
    const watcher = core.client()
    watcher.subscribe('#')
    for (const topic of ['t', 'u']) {
      const properties = { willDelayInterval: 1 }
      core.client({ ...kept(topic), will: will(topic, `late ${topic}`, { qos: 1, properties }) }).drop()
    }
    core.pass(2)
    assert.deepEqual(watcher.payloads().sort(), ['late t', 'late u'].slice(1))
    assert.equal(core.count('internalError'), 1)
  })
})

describe('an error in the broker itself, in what is done later for a client', () => {
  it('ends the connection whose SUBSCRIBE goes on in later turns', () => {
    const core = new TestCore({ bounds: { ...defaultBounds, unitsRead: 10, unitsPerTurn: 10, unitsPerJob: 5 } })
    core.tellFailures()
    const { router } = core.broker.core
    const add = router.add.bind(router)
    router.add = (one) => {
      if (one.filter.source === 'f/50') throw new TypeError('planted')
      add(one)
    }
    const client = core.client({ clientId: 'c' })
    const many = Array.from({ length: 100 }, (_, i) => subscription(`f/${i}`))
    client.send(subscribe(1, many))
    assert.ok(client.ended)
    assert.deepEqual(client.take(), [])
    assert.equal(core.count('internalError'), 1)
    assert.equal(core.broker.core.sessions.size, 0)
  })

  it('ends the connection to which sending goes on in later turns', () => {
    const core = new TestCore({ bounds: { ...defaultBounds, unitsRead: 10, unitsPerTurn: 10, unitsPerJob: 5 } })
    core.tellFailures()
    core.client(kept('c')).subscribe('t', { qos: 1 })
    core.broker.core.sessions.get('c')?.connection?.closed('gone')
    for (let i = 0; i < 100; i++) core.client().publish('t', `${i}`, { qos: 1 })
    const { outbound } = core.broker.core.sessions.get('c')!
    const sendNext = outbound.sendNext.bind(outbound)
    let left = 15
    outbound.sendNext = () => {
      if (left-- === 0) throw new TypeError('planted')
      return sendNext()
    }
    const client = core.open()
    client.send(connect(kept('c')))
    assert.ok(client.ended)
    assert.equal(core.count('internalError'), 1)
  })

  it('ends the doomed connection whose Will met it, and the turn goes on', () => {
    const { core } = broken()
    const full = { maximumQueuedMessages: 1, maximumInFlight: 1, queueFullPolicy: 'disconnect' } as const
    core.broker.reconfigure(full)
    const doomed = core.client({ clientId: 'doomed', will: will('t', 'gone', { qos: 1 }) })
    doomed.subscribe('u', { qos: 1 })
    doomed.publish('u', 'in flight', { qos: 1 })
    doomed.publish('u', 'waits', { qos: 1 })
    core.client().publish('u', 'one too many', { qos: 1 })
    assert.ok(doomed.ended)
    assert.equal(core.count('internalError'), 1)
    assert.equal(core.broker.core.doomed.length, 0)
    assert.equal(core.broker.core.sessions.has('doomed'), false)
  })
})

describe('who is told of events', () => {
  it('may publish what an event says, and throw: the state is whole, and that is told once', () => {
    const core = new TestCore()
    core.tellFailures()
    const told: BrokerEvent['id'][] = []
    const { push } = core.events
    core.events.push = (event) => {
      told.push(event.id)
      core.turn((broker) => broker.publish(`events/${event.id}`, new Uint8Array(1)))
      push.call(core.events, event)
      throw new Error('planted')
    }
    const watcher = core.client()
    watcher.subscribe('events/#')
    const client = core.client({ clientId: 'c', will: will('w', 'gone') })
    client.drop()
    assert.equal(core.broker.core.sessions.has('c'), false)
    assert.equal(core.broker.core.online, 1)
    const topics = watcher.published().map(({ topic }) => topic)
    assert.deepEqual(topics.slice(-3), ['events/clientConnected', 'events/clientDisconnected', 'events/willPublished'])
    assert.equal(told.filter((id) => id === 'internalError').length, 1)
  })

  it('may throw what cannot be made a text', () => {
    const core = new TestCore()
    core.tellFailures()
    const { push } = core.events
    core.events.push = (event) => {
      push.call(core.events, event)
      throw Object.create(null)
    }
    core.client()
    assert.match(inWords(core.events.find(({ id }) => id === 'internalError')!), /an error without words/)
  })
})

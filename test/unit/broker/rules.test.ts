import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Question, Settings } from '../../../src/broker/index.ts'
import { PacketType, ReasonCode } from '../../../src/protocol/index.ts'
import { MemoryStore } from '../../../src/store/index.ts'
import { type TestClient, TestClock, TestCore } from '../../support/core.ts'
import { bytesOf, connect, disconnect, publish, subscribe, subscription, unsubscribe } from '../../support/packets.ts'
import { TestAccess } from '../../support/rules.ts'

function judged(settings: Partial<Settings> = {}): { core: TestCore; access: TestAccess } {
  const access = new TestAccess()
  return { core: new TestCore(settings, new MemoryStore(), new TestClock(), access), access }
}

const about =
  (action: Question['action'], topic?: string) =>
  (question: Question): boolean =>
    question.action === action && (topic === undefined || question.topic === topic)

const answer = (core: TestCore, access: TestAccess): void => {
  while (access.waiting.length > 0) core.turn(() => access.answerAll())
}

const codes = (client: TestClient): unknown[] =>
  client
    .take()
    .map((packet) => ('reasonCodes' in packet ? packet.reasonCodes : 'reasonCode' in packet && packet.reasonCode))

describe('rules', () => {
  it('refuse a message, and say which rule did', () => {
    const { core, access } = judged()
    access.denies = about('publish', 'secret')
    const reader = core.client()
    reader.subscribe('#')
    reader.take()
    const five = core.client()
    five.publish('secret', 'x', { qos: 1 })
    assert.deepEqual(codes(five), [ReasonCode.NotAuthorized])
    const four = core.client({ version: 4 })
    four.publish('secret', 'x', { qos: 1 })
    assert.deepEqual(
      four.take().map(({ type }) => type),
      [PacketType.Puback],
    )
    five.publish('open', 'y')
    assert.deepEqual(reader.payloads(), ['y'])
    const told = core.events.find(({ id }) => id === 'publishRefused')
    assert.equal(told?.details['rule'], 'no (test.acl:7)')
  })

  it('are asked once for a topic of a client, until they change', () => {
    const { core, access } = judged()
    const clients = [core.client(), core.client()]
    const all = (): void => {
      for (const client of clients) for (const topic of ['a', 'b', 'a', 'b']) client.publish(topic, 'x')
    }
    all()
    all()
    assert.equal(access.count('publish'), 4)
    core.turn(() => access.onChange!())
    all()
    assert.equal(access.count('publish'), 8)
  })

  it('are asked anew where the names of topics take too much to be remembered', () => {
    const { core, access } = judged()
    const client = core.client()
    const long = ['a', 'b', 'c'].map((letter) => letter.repeat(3000))
    for (const topic of [...long, ...long, 'd', 'd']) client.publish(topic, 'x')
    assert.equal(access.count('publish'), 7, '6,100 bytes each: two have room, and the third forgets them')
  })

  it('are asked about each message where QoS, retain or size have a part in it', () => {
    const { core, access } = judged()
    access.eachTime = true
    access.denies = ({ action, size }) => action === 'publish' && size > 2
    const client = core.client()
    for (const payload of ['ab', 'abc', 'ab']) client.publish('t', payload, { qos: 1 })
    assert.deepEqual(codes(client), [
      ReasonCode.NoMatchingSubscribers,
      ReasonCode.NotAuthorized,
      ReasonCode.NoMatchingSubscribers,
    ])
  })

  it('keep a topic from a subscriber, and from members of shared subscriptions', () => {
    const { core, access } = judged()
    let barred = ['bad', 'member1']
    access.denies = ({ action, who }) => action === 'deliver' && barred.includes(who.client)
    const [good, bad, one, two] = ['good', 'bad', 'member1', 'member2'].map((clientId) => core.client({ clientId }))
    good!.subscribe('t/#')
    bad!.subscribe('t/#')
    one!.subscribe('$share/g/t/#')
    two!.subscribe('$share/g/t/#')
    const sender = core.client()
    for (const client of [good, bad, one, two]) client!.take()
    for (let i = 0; i < 4; i++) sender.publish('t/x', `${i}`)
    assert.deepEqual(
      [good, bad, one, two].map((client) => client!.payloads().length),
      [4, 0, 0, 4],
    )
    assert.equal(access.count('deliver'), 4, 'once for each subscriber, not for each message')
    barred = ['good', 'member1', 'member2']
    core.turn(() => access.onChange!())
    sender.publish('t/x', 'x')
    assert.deepEqual(
      [good, bad, one, two].map((client) => client!.payloads().length),
      [0, 1, 0, 0],
    )
  })

  it('refuse filters one by one', () => {
    const { core, access } = judged()
    access.denies = ({ topic }) => topic === 'no'
    const client = core.client()
    client.send(subscribe(1, [subscription('yes'), subscription('no'), subscription('more')]))
    assert.deepEqual(codes(client), [[0, ReasonCode.NotAuthorized, 0]])
    client.send(unsubscribe(2, ['no', 'yes']))
    assert.deepEqual(codes(client), [[ReasonCode.NotAuthorized, 0]])
  })

  it('refuse a Will when it is due', () => {
    const { core, access } = judged()
    const reader = core.client()
    reader.subscribe('#')
    reader.take()
    access.denies = about('will', 'w')
    for (const topic of ['w', 'v']) {
      const will = { topic, payload: bytesOf(topic), qos: 0 as const, retain: false, properties: {} }
      core.client({ will }).drop()
    }
    assert.deepEqual(reader.payloads(), ['v'])
    assert.equal(core.count('publishRefused'), 1)
  })

  it('keep retained messages back', () => {
    const { core, access } = judged()
    const sender = core.client()
    for (const topic of ['r/1', 'r/2', 'r/3']) sender.publish(topic, topic, { retain: true })
    access.denies = about('deliver', 'r/2')
    const reader = core.client()
    reader.subscribe('r/#')
    assert.deepEqual(reader.payloads().sort(), ['r/1', 'r/3'])
  })

  it('that fail open nothing', () => {
    const { core, access } = judged()
    core.tellFailures()
    const client = core.client()
    access.later = () => {
      throw new Error('out of order')
    }
    client.publish('t', 'x', { qos: 1 })
    assert.deepEqual(codes(client), [ReasonCode.NotAuthorized])
    assert.equal(core.count('internalError'), 1)
  })
})

describe('rules that answer later', () => {
  it('let a message wait, and all that its client sends after it, in order; nobody else notices', () => {
    const { core, access } = judged()
    const reader = core.client()
    reader.subscribe('#')
    reader.take()
    access.later = about('publish', 'slow')
    const client = core.client()
    client.send(publish('slow', '1', { qos: 1 }), publish('fast', '2'), publish('slow', '3', { qos: 1, packetId: 2 }))
    client.publish('fast', '4')
    assert.deepEqual(reader.payloads(), [])
    core.client().publish('other', 'x')
    assert.deepEqual(reader.payloads(), ['x'])
    answer(core, access)
    assert.deepEqual(reader.payloads(), ['1', '2', '3', '4'])
    assert.equal(access.waiting.length, 0)
    assert.equal(access.asked.filter(about('publish', 'slow')).length, 1)
    assert.deepEqual(codes(client), [0, 0])
    assert.equal(core.broker.core.metrics.publishReceived, 5, 'each counts once')
  })

  it('may say no', () => {
    const { core, access } = judged()
    access.later = about('publish')
    access.denies = about('publish', 'no')
    const client = core.client()
    client.subscribe('#')
    client.take()
    client.send(publish('no', '1', { qos: 1 }), publish('yes', '2', { qos: 1, packetId: 2 }))
    answer(core, access)
    const [refused, message, acknowledged] = client.take()
    assert.deepEqual(
      [refused, acknowledged].map((packet) => packet && 'reasonCode' in packet && packet.reasonCode),
      [ReasonCode.NotAuthorized, 0],
    )
    assert.equal(message?.type, PacketType.Publish)
  })

  it('are waited for where a client has said good-bye, and its message is not lost', () => {
    const { core, access } = judged()
    const reader = core.client()
    reader.subscribe('#')
    reader.take()
    access.later = about('publish')
    const client = core.client({ clientId: 'gone' })
    client.send(publish('t', 'last words'), disconnect())
    client.drop()
    assert.ok(core.broker.core.sessions.has('gone'))
    answer(core, access)
    assert.deepEqual(reader.payloads(), ['last words'])
    assert.equal(core.broker.core.sessions.has('gone'), false)
    assert.equal(core.broker.core.connections.size, 1)
  })

  it('are not waited for where another connection takes over', () => {
    const { core, access } = judged()
    access.later = about('publish')
    const first = core.client({ clientId: 'c' })
    first.publish('t', 'x')
    first.drop()
    const second = core.client({ clientId: 'c' })
    assert.equal(core.broker.core.connections.size, 1)
    answer(core, access)
    second.publish('u', 'y', { qos: 1 })
    answer(core, access)
    assert.deepEqual(codes(second), [ReasonCode.NoMatchingSubscribers])
  })

  it('let a publisher wait until it is known who may read', () => {
    const { core, access } = judged()
    access.denies = ({ action, who }) => action === 'deliver' && who.client === 'bad'
    access.later = about('deliver')
    const [good, bad] = ['good', 'bad'].map((clientId) => core.client({ clientId }))
    for (const client of [good!, bad!]) client.subscribe('t')
    for (const client of [good!, bad!]) client.take()
    const sender = core.client()
    sender.send(publish('t', '1'), publish('t', '2'))
    core.broker.publish('t', bytesOf('from the program'))
    assert.deepEqual(good!.payloads(), [])
    answer(core, access)
    assert.deepEqual(good!.payloads().sort(), ['1', '2', 'from the program'])
    assert.deepEqual(bad!.payloads(), [])
  })

  it('let a SUBSCRIBE wait, and what comes after it', () => {
    const { core, access } = judged()
    access.later = about('subscribe')
    access.denies = about('subscribe', 'b')
    const client = core.client()
    client.send(
      subscribe(
        1,
        ['a', 'b', 'c'].map((filter) => subscription(filter)),
      ),
      publish('c', 'x'),
    )
    assert.deepEqual(client.take(), [])
    answer(core, access)
    const [suback, message] = client.take()
    assert.deepEqual(suback && 'reasonCodes' in suback && suback.reasonCodes, [0, ReasonCode.NotAuthorized, 0])
    assert.equal(message?.type, PacketType.Publish)
  })

  it('let retained messages wait', () => {
    const { core, access } = judged()
    const sender = core.client()
    for (const topic of ['r/1', 'r/2', 'r/3']) sender.publish(topic, topic, { retain: true, qos: 1 })
    access.later = about('deliver')
    access.denies = about('deliver', 'r/2')
    const reader = core.client()
    reader.subscribe('r/#', { qos: 1 })
    sender.publish('other', 'x')
    assert.deepEqual(reader.payloads(), [])
    answer(core, access)
    assert.deepEqual(reader.payloads().sort(), ['r/1', 'r/3'])
    assert.equal(access.asked.filter(({ action, topic }) => action === 'deliver' && topic.startsWith('r/')).length, 3)
  })

  it('let a Will wait', () => {
    const { core, access } = judged()
    const reader = core.client()
    reader.subscribe('#')
    reader.take()
    access.later = about('will')
    const will = { topic: 'w', payload: bytesOf('w'), qos: 0 as const, retain: false, properties: {} }
    core.client({ will }).drop()
    assert.deepEqual(reader.payloads(), [])
    answer(core, access)
    assert.deepEqual(reader.payloads(), ['w'])
  })
})

describe('a door that opens later', () => {
  it('lets what came with CONNECT wait behind it', () => {
    const { core, access } = judged()
    access.doorLater = true
    const client = core.open()
    client.send(connect({ clientId: 'c' }), subscribe(1, [subscription('t')]), publish('t', 'x', { qos: 1 }))
    client.publish('t', 'y')
    assert.deepEqual(client.take(), [])
    core.turn(() => access.letIn())
    assert.deepEqual(
      client.take().map(({ type }) => type),
      [PacketType.Connack, PacketType.Suback, PacketType.Publish, PacketType.Puback, PacketType.Publish],
    )
  })

  it('stays shut for who is refused', () => {
    const { core, access } = judged()
    access.doorLater = true
    const client = core.open()
    client.send(connect({ clientId: 'c' }), publish('t', 'x', { qos: 1 }))
    core.turn(() => access.letIn({ allowed: false, reasonCode: ReasonCode.NotAuthorized, rule: 'not you' }))
    assert.deepEqual(codes(client), [ReasonCode.NotAuthorized])
    assert.equal(client.ended, true)
    assert.equal(core.broker.core.metrics.publishReceived, 0)
  })

  it('lets nobody in who came before one that is in already', () => {
    const { core, access } = judged()
    access.doorLater = true
    const first = core.open()
    first.send(connect({ clientId: 'c' }))
    access.doorLater = false
    const second = core.client({ clientId: 'c' })
    core.turn(() => access.letIn())
    assert.deepEqual([first.ended, second.ended], [true, false])
    assert.deepEqual(first.take(), [])
    assert.equal(core.count('sessionTakenOver'), 0)
  })

  it('does not stay in doubt for ever', () => {
    const { core, access } = judged({ connectTimeout: 1000 })
    access.doorLater = true
    const client = core.open()
    client.send(connect())
    core.pass(2)
    assert.equal(client.ended, true)
    core.turn(() => access.letIn())
    assert.deepEqual(client.take(), [])
    assert.equal(core.broker.core.sessions.size, 0)
  })
})

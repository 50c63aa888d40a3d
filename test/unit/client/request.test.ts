import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Client, json, text } from '../../../src/client/index.ts'
import { PacketType, type PublishPacket } from '../../../src/protocol/index.ts'
import { FakeClock, settle } from './support/fake-clock.ts'
import type { Peer } from './support/scripted-broker.ts'
import { scene } from './support/with-broker.ts'

const stage = scene()

/** Answers a request as a service would. */
function reply(peer: Peer, question: PublishPacket, payload: string, userProperties?: [string, string][]): void {
  const { responseTopic, correlationData } = question.properties
  peer.publish(responseTopic!, payload, {
    properties: { correlationData: correlationData!, ...(userProperties && { userProperties }) },
  })
}

describe('request', () => {
  it('asks with a Response Topic of its own, and resolves to the answer', async () => {
    const { client, peer } = await stage.join({ clientId: 'a/b' })
    const asking = client.request('sum', [1, 2], { codec: json<number[]>(), answerCodec: json<number>() })
    const { subscriptions } = await peer.grant()
    const question = await peer.expect(PacketType.Publish)
    assert.equal(question.properties.responseTopic, [...subscriptions][0]?.filter)
    assert.equal(question.properties.responseTopic, 'nightjar/answers/a_b')
    reply(peer, question, '3')
    const message = await asking
    assert.equal(message.payload, 3)
    assert.equal(message.topic, 'nightjar/answers/a_b')
  })

  it('tells answers apart, in whatever order they come, and subscribes once', async () => {
    const { client, peer } = await stage.join({}, { properties: { responseInformation: 'mine' } })
    const asking = ['one', 'two', 'three'].map((name) => client.request(name, '', { answerCodec: text }))
    const { subscriptions } = await peer.grant()
    assert.equal([...subscriptions][0]?.filter, `mine/${client.clientId}`)
    const questions = []
    for (let i = 0; i < 3; i++) questions.push(await peer.expect(PacketType.Publish))
    peer.publish(questions[0]!.properties.responseTopic!, 'a stranger', {
      properties: { correlationData: Uint8Array.of(1) },
    })
    for (const question of questions.reverse()) reply(peer, question, `answer to ${question.topic}`)
    const answers = (await Promise.all(asking)).map(({ payload }) => payload)
    assert.deepEqual(answers, ['answer to one', 'answer to two', 'answer to three'])
  })

  const failures: [string, (peer: Peer, question: PublishPacket) => void, string, RegExp][] = [
    [
      'the service says so',
      (peer, question) => reply(peer, question, '', [['error', 'no such room']]),
      'ERR_REMOTE',
      /'ask' answered with an error: no such room/,
    ],
    [
      'nobody serves',
      (peer, { packetId }) => peer.send({ type: PacketType.Puback, packetId, reasonCode: 0x10, properties: {} }),
      'ERR_REMOTE',
      /Nobody serves 'ask'/,
    ],
    [
      'the broker refuses',
      (peer, { packetId }) => peer.send({ type: PacketType.Puback, packetId, reasonCode: 0x87, properties: {} }),
      'ERR_DENIED',
      /not authorized/,
    ],
  ]
  for (const [what, act, code, message] of failures) {
    it(`fails when ${what}`, async () => {
      const { client, peer } = await stage.join()
      const failed = assert.rejects(client.request('ask', '', { qos: 1 }), { code, message })
      await peer.grant()
      act(peer, await peer.expect(PacketType.Publish))
      await failed
    })
  }

  it('fails when it takes too long, when its signal fires, and when the client is closed', async () => {
    const clock = new FakeClock()
    const { client, peer } = await stage.join({ clock })
    const stop = new AbortController()
    const slow = assert.rejects(client.request('slow', '', { timeout: 500 }), { code: 'ERR_TIMEOUT' })
    const given = assert.rejects(client.request('given up', '', { signal: stop.signal }), { code: 'ERR_ABORTED' })
    const closed = assert.rejects(client.request('closed', ''), { code: 'ERR_CLOSED' })
    await peer.grant()
    for (let i = 0; i < 3; i++) await peer.expect(PacketType.Publish)
    clock.advance(500)
    await slow
    stop.abort()
    await given
    await client.close()
    await closed
    assert.equal(clock.pending, 0)
  })

  it('needs MQTT 5.0', async () => {
    const { client } = await stage.join({ protocol: 4 })
    await assert.rejects(client.request('a', ''), { code: 'ERR_UNSUPPORTED', message: /MQTT 5\.0/ })
    await assert.rejects(
      client.serve('a', () => ''),
      { code: 'ERR_UNSUPPORTED' },
    )
  })
})

describe('serve', () => {
  const ask = (peer: Peer, topic: string, payload: string) =>
    peer.publish(topic, payload, {
      properties: { responseTopic: 'back', correlationData: Uint8Array.of(1, 2) },
    })

  it('answers with what the handler returns, or with what it throws', async () => {
    const { client, peer } = await stage.join()
    const serving = client.serve(
      'double/{n}',
      ({ params, payload }) => {
        if (payload !== 'please') throw new Error('say please')
        return `${Number(params.n) * 2}`
      },
      { codec: text, share: 'doublers' },
    )
    assert.equal([...(await peer.grant()).subscriptions][0]?.filter, '$share/doublers/double/+')
    await serving
    ask(peer, 'double/21', 'please')
    const good = await peer.expect(PacketType.Publish)
    assert.deepEqual([good.topic, text.decode(good.payload)], ['back', '42'])
    assert.deepEqual([...good.properties.correlationData!], [1, 2])
    ask(peer, 'double/21', 'now')
    const bad = await peer.expect(PacketType.Publish)
    assert.deepEqual(bad.properties.userProperties, [['error', 'say please']])
  })

  it('handles several at a time, as many as is said, until it is disposed of', async () => {
    const { client, peer } = await stage.join()
    const running: (() => void)[] = []
    const handler = () => new Promise<string>((resolve) => running.push(() => resolve('done')))
    const serving = client.serve('work', handler, { concurrency: 2, codec: text as never })
    await peer.grant()
    const service = await serving
    for (let i = 0; i < 3; i++) ask(peer, 'work', '')
    await settle()
    assert.equal(running.length, 2)
    running.shift()!()
    await peer.expect(PacketType.Publish)
    await settle()
    assert.equal(running.length, 2)
    for (const finish of running) finish()
    const disposing = service[Symbol.asyncDispose]()
    const { packetId } = await peer.expect(PacketType.Unsubscribe)
    for (let i = 0; i < 2; i++) await peer.expect(PacketType.Publish)
    peer.send({ type: PacketType.Unsuback, packetId, reasonCodes: [0], properties: {} })
    await disposing
  })
})

describe('drain', () => {
  async function subscribed(client: Client, peer: Peer) {
    const subscribing = client.subscribe('a', { qos: 1, ack: 'on-next', codec: text })
    await peer.grant()
    return await subscribing
  }

  it('lets what came be worked off and what was published arrive, and then closes', async () => {
    const { client, peer } = await stage.join()
    const subscription = await subscribed(client, peer)
    for (const packetId of [1, 2]) peer.publish('a', `${packetId}`, { qos: 1, packetId })
    await settle()
    const draining = client.drain()
    peer.publish('a', 'too late', { qos: 1, packetId: 3 })
    const seen: string[] = []
    for await (const message of subscription) {
      seen.push(message.payload)
      await settle()
      void client.publish('result', message.payload, { qos: 1 })
    }
    assert.deepEqual(seen, ['1', '2'])
    for (const packetId of [1, 2]) {
      assert.equal(text.decode((await peer.expect(PacketType.Publish)).payload), `${packetId}`)
      assert.equal((await peer.expect(PacketType.Puback)).packetId, packetId)
    }
    assert.equal(client.state, 'online')
    for (const packetId of [2, 3]) peer.send({ type: PacketType.Puback, packetId, reasonCode: 0, properties: {} })
    assert.equal((await peer.expect(PacketType.Disconnect)).reasonCode, 0)
    await draining
    assert.equal(client.state, 'closed')
  })

  it('takes no more subscriptions meanwhile, and close() ends it', async () => {
    const { client, peer } = await stage.join()
    const waiting = assert.rejects(client.publish('a', '', { qos: 1 }), { code: 'ERR_CLOSED' })
    await peer.expect(PacketType.Publish)
    const draining = client.drain()
    await assert.rejects(client.subscribe('a'), { code: 'ERR_CLOSED', message: /being drained/ })
    await client.close()
    await Promise.all([draining, waiting])
  })
})

describe('close', () => {
  it('says DISCONNECT with what is asked for, after what was published', async () => {
    const { client, peer } = await stage.join({ will: { topic: 'gone' } })
    void client.publish('last', 'x'.repeat(200_000))
    const closing = client.close({ reason: 'enough', withWill: true, sessionExpiry: 5 })
    assert.equal((await peer.expect(PacketType.Publish)).payload.length, 200_000)
    const goodbye = await peer.expect(PacketType.Disconnect)
    assert.equal(goodbye.reasonCode, 4)
    assert.deepEqual(goodbye.properties, { reasonString: 'enough', sessionExpiryInterval: 5 })
    await closing
    await peer.closed
  })

  it('ends iterations, closed, events, and everything after it', async () => {
    const { client, peer } = await stage.join()
    const subscribing = client.subscribe('a')
    await peer.grant()
    const subscription = await subscribing
    const loop = (async () => {
      for await (const message of subscription) assert.fail(message.topic)
    })()
    const seen: string[] = []
    const events = (async () => {
      for await (const { type } of client.events()) seen.push(type)
    })()
    await Promise.all([client.close(), client.close()])
    await Promise.all([loop, events])
    assert.deepEqual(seen, ['closed'])
    assert.equal(await client.closed, undefined)
    await assert.rejects(client.publish('a', ''), { code: 'ERR_CLOSED' })
    await assert.rejects(client.subscribe('a'), { code: 'ERR_CLOSED' })
    await client.close()
  })

  it('does not wait for a broker that does not', async () => {
    const clock = new FakeClock()
    const { client, peer } = await stage.join({ clock, keepAlive: 0 })
    peer.pauseReading()
    for (let i = 0; i < 100; i++) void client.publish('a', new Uint8Array(100_000))
    const closing = client.close({ timeout: 300 })
    await settle()
    clock.advance(300)
    await closing
    assert.equal(clock.pending, 0)
  })

  it('in the middle of a wait for a retry leaves no timer', async () => {
    const clock = new FakeClock()
    const { client, peer } = await stage.join({ clock, reconnect: { min: 10_000, max: 10_000, jitter: 0 } })
    peer.drop()
    await settle()
    assert.equal(client.state, 'offline')
    assert.equal(clock.pending, 1)
    await client.close()
    assert.equal(clock.pending, 0)
  })

  it('comes with the signal of connect()', async () => {
    const stop = new AbortController()
    const { client, peer } = await stage.join({ signal: stop.signal })
    stop.abort()
    await peer.expect(PacketType.Disconnect)
    assert.equal((await client.closed)?.code, 'ERR_ABORTED')
  })
})

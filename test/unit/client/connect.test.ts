import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { describe, it } from 'node:test'
import {
  type ClientEvent,
  type ConnectOptions,
  connect,
  type MqttError,
  ReasonCode,
} from '../../../src/client/index.ts'
import { PacketType } from '../../../src/protocol/index.ts'
import { FakeClock, settle } from './support/fake-clock.ts'
import { AT_ONCE, scene } from './support/with-broker.ts'

const stage = scene()

describe('CONNECT', () => {
  it('says what the options say', async () => {
    const { peer, client } = await stage.join({
      clientId: 'ada',
      keepAlive: 7,
      sessionExpiry: 99,
      receiveMaximum: 5,
      maximumPacketSize: 5000,
      credentials: { username: 'u', password: 'p' },
      will: { topic: 'gone', payload: 'bye', qos: 1, retain: true, delay: 3, properties: { contentType: 'text' } },
      userProperties: [['a', 'b']],
    })
    const sent = peer.connect!
    assert.equal(client.clientId, 'ada')
    assert.deepEqual(
      { ...sent, will: null, properties: null },
      {
        type: PacketType.Connect,
        version: 5,
        clientId: 'ada',
        cleanStart: false,
        keepAlive: 7,
        username: 'u',
        password: new TextEncoder().encode('p'),
        will: null,
        properties: null,
        bridge: false,
      },
    )
    assert.equal(sent.properties.receiveMaximum, 5)
    assert.equal(sent.properties.maximumPacketSize, 5000)
    assert.equal(sent.properties.sessionExpiryInterval, 99)
    assert.deepEqual(sent.properties.userProperties, [['a', 'b']])
    assert.equal(sent.will?.topic, 'gone')
    assert.equal(sent.will?.properties.willDelayInterval, 3)
    assert.equal(sent.will?.properties.contentType, 'text')
  })

  for (const protocol of [3, 4] as const) {
    it(`speaks version ${protocol}, without properties`, async () => {
      const { peer, client } = await stage.join({ protocol, clientId: 'x', sessionExpiry: 5 })
      assert.equal(peer.connect?.version, protocol)
      assert.equal(peer.connect?.cleanStart, false)
      assert.equal(client.server.receiveMaximum, 20)
    })
  }

  it('begins a new Session by default, with an identifier of its own', async () => {
    const first = await stage.join()
    const second = await stage.join()
    assert.equal(first.peer.connect?.cleanStart, true)
    assert.match(first.client.clientId, /^nightjar-[a-z0-9]{12}$/)
    assert.notEqual(first.client.clientId, second.client.clientId)
  })

  it('takes the identifier that the broker assigns, and keeps it', async () => {
    const { client, peer } = await stage.join({ clientId: '' }, { properties: { assignedClientIdentifier: 'given' } })
    assert.equal(client.clientId, 'given')
    peer.drop()
    const again = await stage.broker.welcome()
    assert.equal(again.connect?.clientId, 'given')
  })

  it('takes name and password from the URL, below those of the options', async () => {
    const url = stage.broker.url.replace('//', '//ada:secret@')
    const connecting = connect(url, { credentials: { password: 'other' } })
    const peer = await stage.broker.welcome()
    assert.equal(peer.connect?.username, 'ada')
    assert.deepEqual(peer.connect?.password, new TextEncoder().encode('other'))
    await (await connecting).close()
  })

  it('asks for credentials again at each attempt', async () => {
    const asked: number[] = []
    const { peer } = await stage.join({
      credentials: async (attempt) => {
        asked.push(attempt)
        return { username: 'u', password: `token ${asked.length}` }
      },
    })
    peer.drop()
    const again = await stage.broker.welcome()
    assert.deepEqual(again.connect?.password, new TextEncoder().encode('token 2'))
    assert.deepEqual(asked, [1, 1])
  })

  it('reads what the broker says of itself', async () => {
    const { client } = await stage.join(
      { keepAlive: 60 },
      {
        properties: {
          serverKeepAlive: 9,
          receiveMaximum: 3,
          maximumQoS: 1,
          retainAvailable: false,
          maximumPacketSize: 400,
          topicAliasMaximum: 8,
          sharedSubscriptionAvailable: false,
          responseInformation: 'answers/me',
          serverReference: 'other:1883',
        },
      },
    )
    const { keepAlive, receiveMaximum, maximumQoS, retainAvailable, maximumPacketSize, serverReference } = client.server
    assert.deepEqual(
      { keepAlive, receiveMaximum, maximumQoS, retainAvailable, maximumPacketSize, serverReference },
      {
        keepAlive: 9,
        receiveMaximum: 3,
        maximumQoS: 1,
        retainAvailable: false,
        maximumPacketSize: 400,
        serverReference: 'other:1883',
      },
    )
  })
})

describe('a refusal', () => {
  const table: [string, ConnectOptions, number, number, RegExp][] = [
    ['by reason code', {}, 0x87, 0x87, /Refused by 127\.0\.0\.1:\d+: not authorized \(0x87\): no entry\. No user name/],
    [
      'by return code',
      { protocol: 4, credentials: { username: 'ada' } },
      4,
      0x86,
      /user name or password \(0x86\).*'ada'/,
    ],
    ['of the version', {}, 0x84, 0x84, /Try protocol: 4/],
    ['of the identifier', { protocol: 4 }, 2, 0x85, /Choose another clientId/],
  ]
  for (const [what, options, sent, reasonCode, words] of table) {
    it(`${what} rejects, with the reason and what to do`, async () => {
      const connecting = connect(stage.broker.url, options)
      const peer = await stage.broker.accept()
      const properties = options.protocol === 4 ? {} : { reasonString: 'no entry' }
      const refused = assert.rejects(connecting, (error: MqttError) => {
        assert.equal(error.code, 'ERR_REFUSED')
        assert.equal(error.reasonCode, reasonCode)
        assert.match(error.message, words)
        return true
      })
      await peer.welcome({ reasonCode: sent, properties })
      await refused
      await peer.closed
      await settle()
      assert.equal(stage.broker.count, 1)
    })
  }

  it('is tried again, if that is asked for', async () => {
    const connecting = connect(stage.broker.url, { reconnect: { ...AT_ONCE, onRefused: 'retry' } })
    await stage.broker.welcome({ reasonCode: ReasonCode.NotAuthorized })
    await stage.broker.welcome()
    await (await connecting).close()
  })

  it('names the other broker that the broker names', async () => {
    const connecting = connect(stage.broker.url)
    const refused = assert.rejects(connecting, { serverReference: 'b:1883', reasonCode: ReasonCode.ServerMoved })
    await stage.broker.welcome({ reasonCode: ReasonCode.ServerMoved, properties: { serverReference: 'b:1883' } })
    await refused
  })
})

describe('the first connection', () => {
  it('is tried until there is a broker', async () => {
    const holder = createServer()
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
    const { port } = holder.address() as { port: number }
    await new Promise((resolve) => holder.close(resolve))
    const events: ClientEvent[] = []
    const stop = new AbortController()
    const onEvent = (event: ClientEvent) => {
      events.push(event)
      if (events.length === 3) stop.abort()
    }
    const connecting = connect(`mqtt://127.0.0.1:${port}`, { reconnect: AT_ONCE, onEvent, signal: stop.signal })
    await assert.rejects(connecting, { code: 'ERR_ABORTED' })
    const [first, , third] = events
    assert.ok(first?.type === 'retry' && third?.type === 'retry')
    assert.equal(first.error.code, 'ERR_UNREACHABLE')
    assert.match(first.error.message, /Cannot connect to 127\.0\.0\.1:\d+: nothing listens there.*\(ECONNREFUSED\)/)
    assert.equal(third.attempt, 4)
  })

  it('is tried once without reconnect, and as often as is said with a limit', async () => {
    for (const [reconnect, retries] of [
      [false, 0],
      [{ ...AT_ONCE, attempts: 3 }, 2],
    ] as const) {
      let count = 0
      const onEvent = ({ type }: ClientEvent) => {
        if (type === 'retry') count++
      }
      await assert.rejects(connect('mqtt://127.0.0.1:1', { reconnect, onEvent }), { code: 'ERR_UNREACHABLE' })
      assert.equal(count, retries)
    }
  })

  it('to something that is no broker fails at once', async () => {
    const connecting = connect(stage.broker.url)
    const peer = await stage.broker.accept()
    const failed = assert.rejects(connecting, { code: 'ERR_PROTOCOL', message: /Is it an MQTT broker\?/ })
    peer.raw(new TextEncoder().encode('HTTP/1.1 400 Bad Request\r\n\r\n'))
    await failed
    await peer.closed
  })

  it('to a broker that is silent ends when it is time', async () => {
    const clock = new FakeClock()
    const connecting = connect(stage.broker.url, { clock, reconnect: false, connectTimeout: 3000 })
    const peer = await stage.broker.accept()
    await peer.expect(PacketType.Connect)
    const failed = assert.rejects(connecting, { code: 'ERR_TIMEOUT', message: /did not answer within 3000 ms/ })
    clock.advance(2999)
    clock.advance(1)
    await failed
    await peer.closed
    assert.equal(clock.pending, 0)
  })

  it('ends with its signal: before, while dialling, while waiting for CONNACK', async () => {
    const never = () => new Promise<never>(() => {})
    const early = AbortSignal.abort(new Error('early'))
    await assert.rejects(connect(stage.broker.url, { signal: early }), { code: 'ERR_ABORTED' })
    for (const transport of [never, undefined]) {
      const stop = new AbortController()
      const connecting = connect(stage.broker.url, { signal: stop.signal, ...(transport && { transport }) })
      const rejected = assert.rejects(connecting, { code: 'ERR_ABORTED' })
      if (transport === undefined) await (await stage.broker.accept()).expect(PacketType.Connect)
      else await settle()
      stop.abort()
      await rejected
    }
  })

  it('is refused if the broker says Session Present to a Clean Start [MQTT-3.2.2-4]', async () => {
    const connecting = connect(stage.broker.url)
    const peer = await stage.broker.accept()
    const failed = assert.rejects(connecting, { code: 'ERR_PROTOCOL', message: /Session Present/ })
    await peer.welcome({ sessionPresent: true })
    await failed
    const goodbye = await peer.expect(PacketType.Disconnect)
    assert.equal(goodbye.reasonCode, ReasonCode.ProtocolError)
    await peer.closed
  })

  it('waits for a packet before it is accepted: anything but CONNACK is an error', async () => {
    const connecting = connect(stage.broker.url)
    const peer = await stage.broker.accept()
    const failed = assert.rejects(connecting, { code: 'ERR_PROTOCOL', message: /0x30, which does not begin a CONNACK/ })
    await peer.expect(PacketType.Connect)
    peer.publish('a', 'b')
    await failed
  })

  it('is accepted once: a second CONNACK ends it', async () => {
    const { peer } = await stage.join()
    peer.send({ type: PacketType.Connack, sessionPresent: false, reasonCode: 0, properties: {} })
    assert.equal((await peer.expect(PacketType.Disconnect)).reasonCode, ReasonCode.ProtocolError)
  })
})

describe('onEvent', () => {
  it("that throws harms nothing here: the error is the application's own", async () => {
    const thrown: unknown[] = []
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.once('uncaughtException', (error) => thrown.push(error))
    try {
      const { client } = await stage.join({
        onEvent: () => {
          throw new Error('mine')
        },
      })
      await settle()
      assert.equal(client.state, 'online')
      assert.deepEqual(thrown, [new Error('mine')])
      process.once('uncaughtException', () => {})
      await client.close()
      await settle()
    } finally {
      for (const other of others) process.on('uncaughtException', other)
    }
  })
})

describe('the end of a connection', () => {
  it('by another client with the same identifier is final', async () => {
    const { client, peer } = await stage.join()
    peer.send({ type: PacketType.Disconnect, reasonCode: ReasonCode.SessionTakenOver, properties: {} })
    const error = await client.closed
    assert.equal(error?.code, 'ERR_TAKEN_OVER')
    assert.match(error?.message ?? '', /Give each client its own clientId/)
    assert.equal(client.state, 'closed')
    await assert.rejects(client.publish('a', 'b', { qos: 1 }), { code: 'ERR_CLOSED' })
    await settle()
    assert.equal(stage.broker.count, 1)
  })

  it('by the broker is told with its reason, and another one is made', async () => {
    const { client, peer } = await stage.join()
    const events = client.events()[Symbol.asyncIterator]()
    const properties = { reasonString: 'maintenance', serverReference: 'b:1883' }
    peer.send({ type: PacketType.Disconnect, reasonCode: ReasonCode.UseAnotherServer, properties })
    const { value } = await events.next()
    assert.equal(value.type, 'offline')
    assert.equal(value.error.code, 'ERR_DISCONNECTED')
    assert.equal(value.error.serverReference, 'b:1883')
    assert.match(value.error.message, /use another server for now \(0x9c\): maintenance/)
    assert.equal((await events.next()).value.type, 'retry')
    await stage.broker.welcome()
    assert.equal((await events.next()).value.type, 'online')
    assert.equal(client.state, 'online')
  })

  it('by garbage is answered with a reason, and another one is made', async () => {
    const { peer } = await stage.join()
    peer.raw(Uint8Array.of(0xf7, 0x00))
    const goodbye = await peer.expect(PacketType.Disconnect)
    assert.equal(goodbye.reasonCode, ReasonCode.MalformedPacket)
    await peer.closed
    await stage.broker.welcome()
  })

  it('by silence comes half a keep-alive after an unanswered PINGREQ', async () => {
    const clock = new FakeClock()
    const { client, peer } = await stage.join({ clock, keepAlive: 60 }, { properties: { serverKeepAlive: 10 } })
    clock.advance(10_000)
    await peer.expect(PacketType.Pingreq)
    peer.send({ type: PacketType.Pingresp })
    await settle()
    clock.advance(10_000)
    await peer.expect(PacketType.Pingreq)
    const events = client.events()[Symbol.asyncIterator]()
    clock.advance(5000)
    const { value } = await events.next()
    assert.equal(value.error.code, 'ERR_KEEP_ALIVE')
    await peer.closed
  })
})

import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { type BrokerEvent, createBroker, describeEvent, scramCredential } from '../../src/index.ts'
import { type AuthPacket, type ConnackPacket, PacketType, type Properties } from '../../src/protocol/index.ts'
import { bytesOf, connect, disconnect, publish, subscribe, subscription, textOf } from '../support/packets.ts'
import { RawClient } from '../support/raw-client.ts'
import { scramAnswer, scramFirst } from '../support/scram.ts'

const METHOD = 'SCRAM-SHA-256'
const CONTINUE = 0x18
const AGAIN = 0x19

const events: BrokerEvent[] = []
/** Answers that are being waited for by clients of the method LATE. */
const late: ((answer: string) => void)[] = []

const broker = await createBroker({
  port: 0,
  host: '127.0.0.1',
  anonymous: 'nobody',
  onEvent: (event) => events.push(event),
  authentication: {
    users: {
      ada: [
        scramCredential('pencil', { iterations: 4096 }),
        scramCredential('pencil', { iterations: 4096, method: 'SCRAM-SHA-1' }),
      ],
      eve: scramCredential('apple', { iterations: 4096, method: 'SCRAM-SHA-512' }),
    },
    methods: {
      /** The number is to be said again until it is 0. */
      COUNTDOWN: () => ({
        step: (data) => {
          const left = Number(textOf(data ?? bytesOf('3')))
          if (left > 0) return { result: 'continue', data: bytesOf(String(left - 1)) }
          return { result: 'success', username: null, data: null }
        },
      }),
      LATE: () => ({
        step: () =>
          new Promise((resolve, reject) => {
            late.push((answer) => {
              if (answer === 'throw') reject(new Error('the directory is down'))
              else resolve({ result: 'success', username: answer, data: null })
            })
          }),
      }),
      BROKEN: () => {
        throw new Error('out of order')
      },
    },
  },
})
const hasty = await createBroker({
  port: 0,
  host: '127.0.0.1',
  settings: { connectTimeout: 300 },
  authentication: { methods: { SLOW: () => ({ step: () => ({ result: 'continue', data: null }) }) } },
})
after(() => Promise.all([broker.close(), hasty.close()]))

const open = (): Promise<RawClient> => RawClient.open(broker.port!, 5)

function method(name: string, data?: string): Properties {
  return { authenticationMethod: name, ...(data !== undefined && { authenticationData: bytesOf(data) }) }
}

function auth(reasonCode: number, properties: Properties): AuthPacket {
  return { type: PacketType.Auth, reasonCode, properties }
}

/** Sends CONNECT and answers the broker's challenge; what comes then is the caller's. */
async function prove(client: RawClient, password: string, name = METHOD, user = 'ada'): Promise<string> {
  client.send(connect({ properties: method(name, scramFirst(user, 'abc')) }))
  return answerChallenge(client, password, name, user)
}

async function answerChallenge(client: RawClient, password: string, name = METHOD, user = 'ada'): Promise<string> {
  const challenge = await client.expect(PacketType.Auth)
  assert.equal(challenge.reasonCode, CONTINUE)
  assert.equal(challenge.properties.authenticationMethod, name)
  const words = textOf(challenge.properties.authenticationData!)
  const { message, verifier } = scramAnswer(name, user, password, 'abc', words)
  client.send(auth(CONTINUE, method(name, message)))
  return verifier
}

async function proved(): Promise<RawClient> {
  const client = await open()
  await prove(client, 'pencil')
  assert.equal((await client.connack()).reasonCode, 0)
  return client
}

/** Waits until a method of the kind LATE is asked. */
async function asked(): Promise<(answer: string) => void> {
  for (;;) {
    const answer = late.shift()
    if (answer !== undefined) return answer
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('enhanced authentication', () => {
  it('[MQTT-4.12.0-2] [MQTT-4.12.0-5] asks in AUTH, and CONNACK has the method and what proves the broker', async () => {
    const client = await open()
    const verifier = await prove(client, 'pencil')
    const connack: ConnackPacket = await client.connack()
    assert.equal(connack.reasonCode, 0)
    assert.equal(connack.properties.authenticationMethod, METHOD)
    assert.equal(textOf(connack.properties.authenticationData!), verifier)
    await client.quiet()
    assert.equal(events.findLast(({ id }) => id === 'clientConnected')?.username, 'ada')
  })

  for (const [name, user, password] of [
    ['SCRAM-SHA-1', 'ada', 'pencil'],
    ['SCRAM-SHA-256', 'ada', 'pencil'],
    ['SCRAM-SHA-512', 'eve', 'apple'],
  ] as const) {
    it(`knows ${name}`, async () => {
      const client = await open()
      await prove(client, password, name, user)
      assert.equal((await client.connack()).reasonCode, 0)
    })
  }

  for (const [what, user, password, name] of [
    ['the wrong password', 'ada', 'pencils', METHOD],
    ['a user that nobody knows', 'bob', 'pencil', METHOD],
    ['a method for which no password of the user is known', 'eve', 'apple', METHOD],
  ] as const) {
    it(`[MQTT-4.12.0-4] ${what} is refused with 0x86, and the connection ends`, async () => {
      const client = await open()
      await prove(client, password, name, user)
      const { reasonCode, properties } = await client.connack()
      assert.equal(reasonCode, 0x86)
      assert.ok(!/ada|bob|eve/.test(properties.reasonString ?? ''))
      await client.expectClosed()
    })
  }

  it('[MQTT-4.12.0-1] a method that is not there is refused with 0x8C', async () => {
    const client = await open()
    client.send(connect({ properties: method('KERBEROS') }))
    assert.equal((await client.connack()).reasonCode, 0x8c)
    await client.expectClosed()
  })

  it('[MQTT-4.12.0-6] who names no method is judged as before, and gets no AUTH', async () => {
    const client = await open()
    client.send(connect({ username: 'ada', password: bytesOf('pencil') }))
    const { reasonCode, properties } = await client.connack()
    assert.deepEqual([reasonCode, properties.authenticationMethod], [0x87, undefined])
    await client.expectClosed()
  })

  it('a method may ask as often as it likes, and need not name the user', async () => {
    const client = await open()
    client.send(connect({ username: 'said', properties: method('COUNTDOWN') }))
    for (const left of ['2', '1', '0']) {
      const { properties } = await client.expect(PacketType.Auth)
      assert.equal(textOf(properties.authenticationData!), left)
      client.send(auth(CONTINUE, method('COUNTDOWN', left)))
    }
    const { reasonCode, properties } = await client.connack()
    assert.deepEqual([reasonCode, properties], [0, { ...properties, authenticationMethod: 'COUNTDOWN' }])
    assert.equal(events.findLast(({ id }) => id === 'clientConnected')?.username, 'said')
  })

  it('a method may take its time, and others do not wait for it', async () => {
    const client = await open()
    client.send(connect({ properties: method('LATE') }))
    const answer = await asked()
    const other = await proved()
    await other.quiet()
    answer('grace')
    assert.equal((await client.connack()).reasonCode, 0)
    assert.equal(events.findLast(({ id }) => id === 'clientConnected')?.username, 'grace')
  })

  it('an answer that comes when the client is gone does no harm', async () => {
    const client = await open()
    client.send(connect({ clientId: 'gone', properties: method('LATE') }))
    const answer = await asked()
    client.kill()
    await (await proved()).quiet()
    answer('grace')
    await (await proved()).quiet()
    assert.ok(!events.some(({ id, client: who }) => id === 'clientConnected' && who === 'gone'))
  })

  for (const [name, words] of [
    ['LATE', /the directory is down/],
    ['BROKEN', /out of order/],
  ] as const) {
    it(`a method that fails (${name}) refuses the client, and the log says why`, async () => {
      const client = await open()
      client.send(connect({ properties: method(name) }))
      if (name === 'LATE') (await asked())('throw')
      assert.equal((await client.connack()).reasonCode, 0x80)
      await client.expectClosed()
      assert.match(describeEvent(events.findLast(({ id }) => id === 'connectRefused')!), words)
    })
  }

  it('has the time of connect_timeout', async () => {
    const client = await RawClient.open(hasty.port!, 5)
    client.send(connect({ properties: method('SLOW') }))
    await client.expect(PacketType.Auth)
    await client.expectClosed()
  })

  for (const [what, packet] of Object.entries({
    PUBLISH: publish('a', 'x'),
    SUBSCRIBE: subscribe(1, [subscription('a')]),
    PINGREQ: { type: PacketType.Pingreq } as const,
    'a second CONNECT': connect(),
    'AUTH by another method': auth(CONTINUE, method('SCRAM-SHA-1', 'x')),
    'AUTH without a method': auth(CONTINUE, {}),
    'AUTH that begins anew': auth(AGAIN, method(METHOD, 'x')),
    'AUTH that says success': auth(0, method(METHOD, 'x')),
  })) {
    it(`[MQTT-3.1.2-30] [MQTT-4.12.0-3] ${what} before CONNACK breaks the protocol`, async () => {
      const client = await open()
      client.send(connect({ properties: method(METHOD, scramFirst('ada', 'abc')) }))
      await client.expect(PacketType.Auth)
      client.send(packet)
      assert.equal((await client.connack()).reasonCode, 0x82)
      await client.expectClosed()
    })
  }

  it('AUTH before the broker has answered is taken for what it is after the answer', async () => {
    const client = await open()
    client.send(connect({ properties: method('LATE') }), auth(CONTINUE, method('LATE')))
    ;(await asked())('grace')
    assert.equal((await client.connack()).reasonCode, 0)
    await client.expectDisconnect(0x82)
  })

  it('what comes with CONNECT waits for the answer', async () => {
    const client = await open()
    client.send(connect({ properties: method('LATE') }), subscribe(1, [subscription('with/connect')]))
    const answer = await asked()
    client.send(publish('with/connect', 'x'))
    answer('grace')
    assert.equal((await client.connack()).reasonCode, 0)
    await client.expect(PacketType.Suback)
    assert.equal(textOf((await client.expect(PacketType.Publish)).payload), 'x')
  })

  it('[MQTT-3.1.2-30] another packet where AUTH is due breaks the protocol', async () => {
    const client = await open()
    client.send(connect({ properties: method('COUNTDOWN') }), subscribe(1, [subscription('t')]))
    await client.expect(PacketType.Auth)
    assert.equal((await client.connack()).reasonCode, 0x82)
    await client.expectClosed()
  })

  it('DISCONNECT before CONNACK ends the connection, without a word', async () => {
    const client = await open()
    client.send(connect({ properties: method(METHOD, scramFirst('ada', 'abc')) }))
    await client.expect(PacketType.Auth)
    client.send(disconnect())
    await client.expectClosed()
  })

  it('[MQTT-3.15.1-1] AUTH with reserved flags is malformed', async () => {
    const client = await open()
    client.send(connect({ properties: method(METHOD, scramFirst('ada', 'abc')) }))
    await client.expect(PacketType.Auth)
    client.send('f1 00')
    assert.equal((await client.connack()).reasonCode, 0x81)
    await client.expectClosed()
  })

  it('[MQTT-3.15.2-1] AUTH with a reason code that it has not breaks the protocol', async () => {
    const client = await proved()
    client.send('f0 02 87 00')
    await client.expectDisconnect(0x82)
  })

  it('[MQTT-4.12.0-7] AUTH of a client that named no method breaks the protocol', async () => {
    const client = await RawClient.open(hasty.port!, 5)
    client.send(connect())
    await client.connack()
    client.send(auth(AGAIN, method('SLOW')))
    await client.expectDisconnect(0x82)
  })

  it('AUTH below MQTT 5.0 is malformed', async () => {
    const client = await RawClient.open(hasty.port!, 4)
    client.send(connect({ version: 4 }))
    await client.connack()
    client.send('f0 00')
    await client.expectClosed()
  })
})

describe('what the broker says in AUTH', () => {
  it('[MQTT-3.15.2-2] [MQTT-3.15.2-3] has no words in it that could make it too large for the client', async () => {
    const client = await open()
    client.send(connect({ properties: { ...method('COUNTDOWN', '2'), maximumPacketSize: 40 } }))
    const challenge = await client.expect(PacketType.Auth)
    assert.deepEqual(challenge.properties, method('COUNTDOWN', '1'))
    client.kill()
  })
})

describe('authentication again', () => {
  it('[MQTT-4.12.1-1] goes on while messages flow, and ends with AUTH: success', async () => {
    const client = await proved()
    await client.subscribe('again')
    client.send(auth(AGAIN, method(METHOD, scramFirst('ada', 'abc'))))
    const challenge = await client.expect(PacketType.Auth)
    await client.publish('other', 'x', { qos: 1 })
    client.send(publish('again', 'meanwhile'))
    assert.equal((await client.receive()).payload, 'meanwhile')
    const words = textOf(challenge.properties.authenticationData!)
    const { message, verifier } = scramAnswer(METHOD, 'ada', 'pencil', 'abc', words)
    client.send(auth(CONTINUE, method(METHOD, message)))
    const end = await client.expect(PacketType.Auth)
    assert.deepEqual([end.reasonCode, end.properties.authenticationMethod], [0, METHOD])
    assert.equal(textOf(end.properties.authenticationData!), verifier)
    client.send(auth(AGAIN, method(METHOD, scramFirst('ada', 'abc'))))
    await answerChallenge(client, 'pencil')
    assert.equal((await client.expect(PacketType.Auth)).reasonCode, 0)
    await client.quiet()
  })

  it('[MQTT-4.12.1-2] with the wrong password it ends the connection', async () => {
    const client = await proved()
    client.send(auth(AGAIN, method(METHOD, scramFirst('ada', 'abc'))))
    await answerChallenge(client, 'pen')
    await client.expectDisconnect(0x87)
    assert.match(describeEvent(events.findLast(({ id }) => id === 'authenticationFailed')!), /wrong password/)
  })

  it('as somebody else it ends the connection', async () => {
    const client = await open()
    await prove(client, 'apple', 'SCRAM-SHA-512', 'eve')
    await client.connack()
    const other = await open()
    other.send(connect({ properties: method('LATE') }))
    ;(await asked())('grace')
    await other.connack()
    other.send(auth(AGAIN, method('LATE')))
    ;(await asked())('mallory')
    await other.expectDisconnect(0x87)
    await client.quiet()
  })

  for (const [what, packet] of Object.entries({
    'by another method': auth(AGAIN, method('SCRAM-SHA-1', 'x')),
    'that goes on with nothing': auth(CONTINUE, method(METHOD, 'x')),
    'that says success': auth(0, method(METHOD, 'x')),
  })) {
    it(`AUTH ${what} breaks the protocol`, async () => {
      const client = await proved()
      client.send(packet)
      await client.expectDisconnect(0x82)
    })
  }
})

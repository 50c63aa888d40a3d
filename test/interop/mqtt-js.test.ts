import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { useBroker } from '../support/broker.ts'
import { PATIENCE_MS } from '../support/patience.ts'
import { missing, programs } from '../support/programs.ts'
import { run } from '../support/running.ts'

type Packet = mqtt.IPublishPacket

const broker = await useBroker()
const url = `mqtt://127.0.0.1:${broker.port}`
const COUNT = 300
const NUMBERS = Array.from({ length: COUNT }, (_, i) => String(i))
const opened: MqttClient[] = []
after(() => Promise.all(opened.map((client) => client.endAsync(true))))

/** MQTT.js with what it received in a queue. */
class Client {
  readonly mqtt: MqttClient
  readonly #messages: Packet[] = []
  #wake: (() => void) | null = null

  constructor(client: MqttClient) {
    this.mqtt = client
    opened.push(client)
    client.on('message', (topic, _payload, packet) => {
      // The topic itself, also where an alias stood for it.
      this.#messages.push({ ...packet, topic })
      this.#wake?.()
    })
  }

  async message(): Promise<Packet> {
    while (this.#messages.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#messages.shift()!
  }

  async payloads(count: number): Promise<string[]> {
    const payloads: string[] = []
    while (payloads.length < count) payloads.push(String((await this.message()).payload))
    return payloads
  }
}

/** All at once: MQTT.js keeps to no Receive Maximum. */
async function publishAll(client: Client, topic: string, texts: readonly string[], qos: 0 | 1 | 2): Promise<void> {
  await Promise.all(texts.map((text) => client.mqtt.publishAsync(topic, text, { qos })))
}

async function connect(options: IClientOptions): Promise<Client> {
  return new Client(await mqtt.connectAsync(url, { reconnectPeriod: 20, ...options }))
}

const VERSIONS = [
  { options: { protocolVersion: 4 }, name: 'MQTT 3.1.1' },
  { options: { protocolVersion: 5 }, name: 'MQTT 5.0' },
] as const satisfies readonly { options: IClientOptions; name: string }[]

for (const { options, name } of VERSIONS) {
  const level = options.protocolVersion

  describe(`MQTT.js with ${name}`, { concurrency: 4, timeout: PATIENCE_MS }, () => {
    for (const qos of [0, 1, 2] as const) {
      it(`${COUNT} messages of QoS ${qos} come once each, in order`, async () => {
        const topic = `loop/${level}/${qos}`
        const subscriber = await connect(options)
        await subscriber.mqtt.subscribeAsync(topic, { qos })
        const publisher = await connect(options)
        await publishAll(publisher, topic, [...NUMBERS, 'end'], qos)
        assert.deepEqual(await subscriber.payloads(COUNT + 1), [...NUMBERS, 'end'])
      })
    }

    it('a retained message comes to a late subscriber, until it is cleared', async () => {
      const topic = `retained/${level}`
      const publisher = await connect(options)
      await publisher.mqtt.publishAsync(topic, 'kept', { qos: 2, retain: true })
      const late = await connect(options)
      await late.mqtt.subscribeAsync(topic, { qos: 2 })
      const { payload, retain, qos } = await late.message()
      assert.deepEqual([String(payload), retain, qos], ['kept', true, 2])
      await publisher.mqtt.publishAsync(topic, '', { qos: 1, retain: true })
      assert.equal((await late.message()).payload.length, 0)
      const later = await connect(options)
      await later.mqtt.subscribeAsync(topic, { qos: 1 })
      await publisher.mqtt.publishAsync(topic, 'live', { qos: 1 })
      assert.equal(String((await later.message()).payload), 'live')
    })

    it('a broken connection is made anew, subscribed again, and misses nothing of QoS 1 and 2', async () => {
      const topic = `broken/${level}`
      const kept: IClientOptions = { ...options, clean: false, clientId: `broken-${level}` }
      if (level === 5) kept.properties = { sessionExpiryInterval: 600 }
      const subscriber = await connect(kept)
      await subscriber.mqtt.subscribeAsync(topic, { qos: 2 })
      const publisher = await connect(options)
      const publishing = publishAll(publisher, topic, NUMBERS, 2)
      const first = await subscriber.payloads(30)
      subscriber.mqtt.stream.destroy()
      await new Promise((resolve) => subscriber.mqtt.once('connect', resolve))
      const rest = await subscriber.payloads(COUNT - first.length)
      assert.deepEqual(new Set([...first, ...rest]), new Set(NUMBERS))
      await publishing
      await publisher.mqtt.publishAsync(topic, 'end', { qos: 2 })
      assert.deepEqual(await subscriber.payloads(1), ['end'])
    })

    it('a clean client that reconnects subscribes again by itself', async () => {
      const topic = `again/${level}`
      const subscriber = await connect(options)
      await subscriber.mqtt.subscribeAsync(topic, { qos: 1 })
      subscriber.mqtt.stream.destroy()
      await new Promise((resolve) => subscriber.mqtt.once('connect', resolve))
      const publisher = await connect(options)
      // Its new subscription is on the way: a retained message comes before or after it.
      await publisher.mqtt.publishAsync(topic, 'found', { qos: 1, retain: true })
      assert.deepEqual(await subscriber.payloads(1), ['found'])
      await publisher.mqtt.publishAsync(topic, '', { retain: true })
    })

    it('its will is published when its socket breaks, and not when it ends', async () => {
      const topic = `will/${level}`
      const watcher = await connect(options)
      await watcher.mqtt.subscribeAsync(topic)
      const will = (payload: string) => ({
        will: { topic, payload: Buffer.from(payload), qos: 0 as const, retain: false },
      })
      const orderly = await connect({ ...options, ...will('orderly') })
      await orderly.mqtt.endAsync()
      const broken = await connect({ ...options, ...will('broken'), reconnectPeriod: 0 })
      broken.mqtt.stream.destroy()
      assert.deepEqual(await watcher.payloads(1), ['broken'])
    })

    it('a megabyte goes and comes whole', async () => {
      const topic = `large/${level}`
      const client = await connect(options)
      await client.mqtt.subscribeAsync(topic, { qos: 1 })
      const payload = Buffer.alloc(1_000_000, 'abcdefg')
      await client.mqtt.publishAsync(topic, payload, { qos: 1 })
      assert.ok(Buffer.from((await client.message()).payload).equals(payload))
    })

    it('what was unsubscribed from comes no more', async () => {
      const client = await connect(options)
      await client.mqtt.subscribeAsync([`unsubscribe/${level}/a`, `unsubscribe/${level}/b`])
      await client.mqtt.unsubscribeAsync(`unsubscribe/${level}/a`)
      await client.mqtt.publishAsync(`unsubscribe/${level}/a`, 'a')
      await client.mqtt.publishAsync(`unsubscribe/${level}/b`, 'b')
      assert.deepEqual(await client.payloads(1), ['b'])
    })
  })
}

describe('MQTT.js with the properties of MQTT 5.0', { concurrency: 4, timeout: PATIENCE_MS }, () => {
  const options: IClientOptions = { protocolVersion: 5 }

  it('a request is answered to its response topic, with its correlation data', async () => {
    const server = await connect(options)
    await server.mqtt.subscribeAsync('requests/double', { qos: 1 })
    const caller = await connect(options)
    await caller.mqtt.subscribeAsync('answers/me', { qos: 1 })
    for (const question of ['1', '21']) {
      await caller.mqtt.publishAsync('requests/double', question, {
        qos: 1,
        properties: { responseTopic: 'answers/me', correlationData: Buffer.from(`id ${question}`) },
      })
      const request = await server.message()
      const { responseTopic, correlationData } = request.properties!
      await server.mqtt.publishAsync(responseTopic!, String(2 * Number(request.payload)), {
        qos: 1,
        properties: { correlationData: correlationData! },
      })
      const answer = await caller.message()
      assert.equal(String(answer.payload), String(2 * Number(question)))
      assert.equal(String(answer.properties!.correlationData), `id ${question}`)
    }
  })

  it('mosquitto_rr gets its answer', { skip: missing(programs.rr) }, async () => {
    const server = await connect(options)
    await server.mqtt.subscribeAsync('requests/upper', { qos: 1 })
    const address = ['-h', '127.0.0.1', '-p', String(broker.port)]
    const asked = run(programs.rr, [
      ...address,
      '-V',
      '5',
      '-t',
      'requests/upper',
      '-e',
      'answers/rr',
      '-m',
      'loud',
      '-W',
      '10',
    ])
    const { payload, properties } = await server.message()
    const correlation = properties!.correlationData
    await server.mqtt.publishAsync(properties!.responseTopic!, String(payload).toUpperCase(), {
      properties: correlation === undefined ? {} : { correlationData: correlation },
    })
    assert.equal((await asked).stdout, 'LOUD\n')
  })

  it('user properties, content type and format come as they were sent', async () => {
    const client = await connect(options)
    await client.mqtt.subscribeAsync('properties', { properties: { subscriptionIdentifier: 9 } })
    const properties = {
      payloadFormatIndicator: true,
      contentType: 'text/plain',
      userProperties: { a: ['1', '2'], b: '3' },
    }
    await client.mqtt.publishAsync('properties', 'x', { properties })
    assert.deepEqual(JSON.parse(JSON.stringify((await client.message()).properties)), {
      ...properties,
      subscriptionIdentifier: 9,
    })
  })

  it('No Local, Retain Handling and Retain As Published do what they say', async () => {
    const client = await connect(options)
    const other = await connect(options)
    await other.mqtt.publishAsync('options/x', 'old', { qos: 1, retain: true })
    await client.mqtt.subscribeAsync('options/#', { qos: 1, nl: true, rap: true, rh: 2 })
    await client.mqtt.publishAsync('options/x', 'my own', { qos: 1 })
    await other.mqtt.publishAsync('options/x', 'new', { qos: 1, retain: true })
    const { payload, retain } = await client.message()
    assert.deepEqual([String(payload), retain], ['new', true])
  })

  it('topic aliases both ways', async () => {
    const subscriber = await connect({ ...options, properties: { topicAliasMaximum: 5 } })
    await subscriber.mqtt.subscribeAsync('aliases/#')
    const publisher = await connect({ ...options, autoAssignTopicAlias: true, autoUseTopicAlias: true })
    const topics = Array.from({ length: 40 }, (_, i) => `aliases/${i % 20}`)
    for (const topic of topics) await publisher.mqtt.publishAsync(topic, topic)
    for (const expected of topics) {
      const { topic, payload } = await subscriber.message()
      assert.deepEqual([topic, String(payload)], [expected, expected])
    }
  })

  it('a client whose session was taken over is told so', async () => {
    const first = await connect({ ...options, clientId: 'twin', reconnectPeriod: 0 })
    const told = new Promise<number>((resolve) => {
      first.mqtt.on('disconnect', (packet) => resolve(packet.reasonCode ?? 0))
    })
    await connect({ ...options, clientId: 'twin' })
    assert.equal(await told, 0x8e)
  })
})

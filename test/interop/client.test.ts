import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { type Client, type ConnectOptions, connect, json, type Message, text } from '../../src/client/index.ts'
import { createBroker, type EmbeddedBroker } from '../../src/index.ts'
import { PATIENCE_MS } from '../support/patience.ts'
import { missing, programs } from '../support/programs.ts'

/** A broker that the contract is tried on. */
interface Subject {
  /** Starts it, or starts it again after `stop`, at the same place. */
  start(): Promise<void>
  stop(): Promise<void>
  url(): string
  options(): ConnectOptions
  /** Whether a client that is thrown out for another of its name hears why (Debian's mosquitto just hangs up). */
  readonly tellsOfTakeover: boolean
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

function nightjar(withSocket: boolean): Subject {
  let broker: EmbeddedBroker
  let port = 0
  return {
    start: async () => {
      if (withSocket && port === 0) port = await freePort()
      broker = await createBroker(withSocket ? { port, host: '127.0.0.1' } : {})
    },
    stop: () => broker.close(),
    url: () => (withSocket ? `mqtt://127.0.0.1:${port}` : 'mqtt://in-process'),
    tellsOfTakeover: true,
    options: () => (withSocket ? {} : { transport: () => broker.transport() }),
  }
}

function mosquitto(): Subject {
  let process: ReturnType<typeof spawn>
  let port = 0
  const folder = mkdtempSync(join(tmpdir(), 'client-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  return {
    start: async () => {
      if (port === 0) port = await freePort()
      const config = join(folder, 'mosquitto.conf')
      writeFileSync(config, `listener ${port} 127.0.0.1\nallow_anonymous true\n`)
      process = spawn(programs.mosquitto, ['-c', config], { stdio: 'ignore' })
    },
    stop: async () => {
      process.kill()
      await once(process, 'exit')
    },
    url: () => `mqtt://127.0.0.1:${port}`,
    tellsOfTakeover: false,
    options: () => ({}),
  }
}

const SUBJECTS: [string, Subject, string | false][] = [
  ["Nightjar's broker in this process", nightjar(false), false],
  ["Nightjar's broker over TCP", nightjar(true), false],
  ['mosquitto', mosquitto(), missing(programs.mosquitto)],
]
/** Milliseconds in which all that is waited for has to come. */

async function take<T, P>(subscription: AsyncIterable<Message<T, P>>, count: number): Promise<Message<T, P>[]> {
  const messages: Message<T, P>[] = []
  const iterator = subscription[Symbol.asyncIterator]()
  while (messages.length < count) messages.push((await iterator.next()).value as Message<T, P>)
  return messages
}

for (const [name, subject, skip] of SUBJECTS) {
  describe(`the client and ${name}`, { skip }, () => {
    const clients: Client[] = []
    const join = async (options: ConnectOptions = {}): Promise<Client> => {
      const reconnect = { min: 5, max: 50 }
      const client = await connect(subject.url(), { reconnect, ...subject.options(), ...options })
      clients.push(client)
      return client
    }

    before(() => subject.start())
    after(() => subject.stop())
    afterEach(() => Promise.all(clients.splice(0).map((client) => client.close())))

    for (const protocol of [3, 4, 5] as const) {
      for (const qos of [0, 1, 2] as const) {
        it(`version ${protocol}, QoS ${qos}: 800 messages arrive once each, in order`, async () => {
          const client = await join({ protocol })
          const subscription = await client.subscribe('count/{n}', { qos, codec: text })
          const all = Array.from({ length: 800 }, (_, i) => client.publish(`count/${i % 7}`, `${i}`, { qos }))
          const messages = await take(subscription, 800)
          assert.deepEqual(
            messages.map(({ payload }) => payload),
            all.map((_, i) => `${i}`),
          )
          assert.ok(messages.every((message, i) => message.params.n === `${i % 7}` && message.qos === qos))
          await Promise.all(all)
        })
      }

      it(`version ${protocol}: a retained message reaches a late subscriber, and is cleared by an empty one`, async () => {
        const client = await join({ protocol })
        await client.publish('kept/here', 'old', { qos: 1, retain: true })
        const late = await client.subscribe('kept/#', { codec: text })
        const message = await late.next({ timeout: PATIENCE_MS })
        assert.deepEqual([message.payload, message.retain], ['old', true])
        await client.publish('kept/here', '', { qos: 1, retain: true })
        await late.unsubscribe()
        const later = await client.subscribe(['kept/#', 'end'])
        await client.publish('end', '')
        assert.equal((await later.next({ timeout: PATIENCE_MS })).topic, 'end')
      })

      it(`version ${protocol}: a Session is kept, with its messages, until its client returns`, async () => {
        const options: ConnectOptions = { protocol, clientId: `kept${protocol}`, cleanStart: false, sessionExpiry: 60 }
        const first = await join(options)
        await first.subscribe('later/#', { qos: 1 })
        await first.close()
        const other = await join()
        for (const n of [1, 2, 3]) await other.publish('later/x', `${n}`, { qos: 1 })
        const second = await join(options)
        if (protocol > 3) assert.equal(second.sessionPresent, true)
        const subscription = await second.subscribe('later/#', { qos: 1, codec: text })
        if (protocol === 3) return
        const came = await take(subscription, 3)
        assert.deepEqual(
          came.map(({ payload }) => payload),
          ['1', '2', '3'],
        )
      })

      it(`version ${protocol}: a will is published when the connection is not ended in order`, async () => {
        const watcher = await join()
        const wills = await watcher.subscribe('wills/#', { codec: text })
        const lost = await join({
          // Where it is told the reason, it would not come back anyhow.
          reconnect: protocol === 5 && subject.tellsOfTakeover ? {} : false,
          protocol,
          will: { topic: `wills/${protocol}`, payload: 'gone', qos: 1 },
          clientId: `lost${protocol}`,
        })
        // A second client of that name throws the first one out.
        await join({ protocol, clientId: `lost${protocol}` })
        const error = await lost.closed
        const told = protocol === 5 && subject.tellsOfTakeover
        assert.equal(error?.code, told ? 'ERR_TAKEN_OVER' : 'ERR_CONNECTION_LOST')
        const will = await wills.next({ timeout: PATIENCE_MS })
        assert.deepEqual([will.topic, will.payload], [`wills/${protocol}`, 'gone'])
      })
    }

    it('properties go through unchanged', async () => {
      const client = await join()
      const subscription = await client.subscribe('properties', { qos: 1, codec: json<{ t: number }>() })
      const properties = {
        responseTopic: 'back',
        correlationData: Uint8Array.of(0, 1, 255),
        userProperties: [
          ['a', '1'],
          ['a', 'zwei ü'],
        ] as [string, string][],
      }
      await client.publish('properties', { t: 21 }, { qos: 1, codec: json(), properties })
      const message = await subscription.next({ timeout: PATIENCE_MS })
      assert.equal(message.payload.t, 21)
      assert.deepEqual(message.properties, {
        ...properties,
        contentType: 'application/json',
        payloadFormatIndicator: 1,
      })
    })

    it('filters that overlap each get the message, once', async () => {
      const client = await join()
      const wide = await client.subscribe('over/#', { qos: 1 })
      const narrow = await client.subscribe('over/{x}/end', { qos: 1 })
      await client.publish('over/a/end', 'both', { qos: 1 })
      await client.publish('over/a', 'one', { qos: 1 })
      const [first, second] = await take(wide, 2)
      assert.deepEqual([first?.topic, second?.topic], ['over/a/end', 'over/a'])
      assert.equal((await narrow.next({ timeout: PATIENCE_MS })).params.x, 'a')
      assert.equal(narrow.buffered, 0)
    })

    it('a shared subscription gives each message to one of the group', async () => {
      const members = await Promise.all([join(), join()])
      const queues = await Promise.all(members.map((member) => member.subscribe('jobs/#', { qos: 1, share: 'crew' })))
      const publisher = await join()
      for (let i = 0; i < 20; i++) await publisher.publish(`jobs/${i}`, '', { qos: 1 })
      const seen = new Set<string>()
      const ends = queues.map(async (queue) => {
        for await (const { topic } of queue) {
          assert.ok(!seen.has(topic))
          seen.add(topic)
          if (seen.size === 20) return
        }
      })
      await Promise.race(ends)
      assert.equal(seen.size, 20)
    })

    it('requests are answered', async () => {
      const service = await join()
      await service.serve(
        'sum/{kind}',
        ({ payload, params }) => {
          if (params.kind !== 'plain') throw new Error(`no ${params.kind} sums here`)
          return payload.reduce((sum, n) => sum + n, 0)
        },
        { codec: json<number[]>(), answerCodec: json<number>() },
      )
      const client = await join()
      const options = { codec: json<number[]>(), answerCodec: json<number>(), timeout: PATIENCE_MS }
      const answers = await Promise.all([1, 2, 3].map((n) => client.request('sum/plain', [n, 10], options)))
      assert.deepEqual(
        answers.map(({ payload }) => payload),
        [11, 12, 13],
      )
      await assert.rejects(client.request('sum/odd', [1], options), { code: 'ERR_REMOTE', message: /no odd sums here/ })
    })

    it('a large message goes through, both ways', async () => {
      const client = await join()
      const subscription = await client.subscribe('large', { qos: 1 })
      const payload = Uint8Array.from({ length: 3_000_000 }, (_, i) => i * 7)
      await client.publish('large', payload, { qos: 1 })
      const { bytes } = await subscription.next({ timeout: PATIENCE_MS })
      assert.deepEqual(bytes, payload)
    })

    it('a restart of the broker is survived: subscriptions, and what was published meanwhile', async () => {
      const client = await join({ reconnect: { min: 5, max: 20 } })
      const subscription = await client.subscribe('again/#', { qos: 1, codec: text })
      const events = client.events()[Symbol.asyncIterator]()
      await subject.stop()
      assert.equal((await events.next()).value.type, 'offline')
      const published = client.publish('again/x', 'meanwhile', { qos: 1 })
      await subject.start()
      await published
      assert.equal((await subscription.next({ timeout: PATIENCE_MS })).payload, 'meanwhile')
      assert.equal(client.stats().connections, 2)
    })
  })
}

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { connect as connectClient } from '../../src/client/index.ts'
import { createBroker } from '../../src/index.ts'
import { PacketType, type ProtocolVersion } from '../../src/protocol/index.ts'
import { type BrokerProcess, useBroker, useBrokerWithStoppedClock } from '../support/broker.ts'
import {
  acknowledgement,
  bytesOf,
  connect,
  newClientId,
  publish,
  subscribe,
  subscription,
  unsubscribe,
  will,
} from '../support/packets.ts'
import type { RawClient } from '../support/raw-client.ts'

const kept = () => ({ clientId: newClientId(), cleanStart: false, properties: { sessionExpiryInterval: 600 } })

/** How many lines of the log the pattern finds. */
function lines(broker: BrokerProcess, pattern: RegExp, since = 0): number {
  return broker.log.slice(since).filter((line) => pattern.test(line)).length
}

/** Lets time pass in the broker until the promise is settled; returns how much, in milliseconds. */
async function passUntil(broker: BrokerProcess, promise: Promise<unknown>): Promise<number> {
  let settled = false
  const done = () => {
    settled = true
  }
  promise.then(done, done)
  let passed = 0
  for (; !settled; passed += 500) await broker.pass(500)
  return passed
}

describe('max_connection_rate', async () => {
  const broker = await useBrokerWithStoppedClock('max_connection_rate 5')

  for (const [version, reasonCode] of [
    [5, 0x9f],
    [4, 3],
  ] as [ProtocolVersion, number][]) {
    it(`refuses what comes faster, with ${reasonCode} in version ${version}, until a second is over`, async () => {
      const since = broker.log.length
      const attempt = async (): Promise<number> => {
        const client = await broker.open(version)
        client.send(connect({ version }))
        const connack = await client.connack()
        if (connack.reasonCode > 0) await client.expectClosed()
        return connack.reasonCode
      }
      const answers = await Promise.all(Array.from({ length: 20 }, attempt))
      assert.equal(answers.filter((code) => code === 0).length, 5)
      assert.ok(answers.every((code) => code === 0 || code === reasonCode))
      await broker.pass(2000)
      assert.equal(await attempt(), 0)
      await broker.pass(2000)
      assert.ok(lines(broker, /connections come too fast.*max_connection_rate/, since) <= 1)
    })
  }
})

describe('the publish rate', async () => {
  const slow = await useBrokerWithStoppedClock('max_publish_rate 100', 'max_publish_byte_rate 10000')
  const strict = await useBroker('max_publish_rate 100', 'publish_rate_policy disconnect')

  const excess: Record<string, (client: RawClient) => unknown> = {
    'max_publish_rate (100 messages a second)': (client) => {
      client.send(...Array.from({ length: 300 }, () => publish('rate', 'x')))
      return client.publish('rate', 'x', { qos: 1 })
    },
    'max_publish_byte_rate (10000 bytes a second)': (client) => {
      return client.publish('rate', 'x'.repeat(30_000), { qos: 1 })
    },
  }
  for (const [what, send] of Object.entries(excess)) {
    it(`beyond ${what} the client is read more slowly, and nobody else`, async () => {
      const since = slow.log.length
      const other = await slow.client()
      const client = await slow.client({ keepAlive: 1 })
      const sent = (async () => {
        await send(client)
        return await client.publish('after', 'x', { qos: 1 })
      })()
      for (let i = 0; i < 20; i++) assert.equal(await other.publish('a', 'x', { qos: 1 }), 0x10)
      const passed = await passUntil(slow, sent)
      assert.ok(passed >= 1500 && passed <= 4000, `${passed} ms`)
      assert.equal(await sent, 0x10)
      // Its keep alive did not run out meanwhile.
      await client.quiet()
      await slow.logged(new RegExp(`publishes faster than ${what.split(' ')[0]} allows`), since)
      assert.equal(lines(slow, /publishes faster/, since), 1)
    })
  }

  it('loses nothing of a client that is read more slowly', async () => {
    const receiver = await slow.client()
    await receiver.subscribe('order', { qos: 1 })
    const client = await slow.client()
    const numbers = Array.from({ length: 250 }, (_, i) => String(i))
    for (const [i, payload] of numbers.entries()) client.send(publish('order', payload, { qos: 1, packetId: i + 1 }))
    const all = receiver.takeAll(250)
    await passUntil(slow, all)
    assert.deepEqual(await all, numbers)
  })

  it('holds for a client without a socket', async () => {
    const embedded = await createBroker({ settings: { maximumPublishRate: 100 } })
    const open = () => connectClient('mqtt://in-process', { transport: () => embedded.transport() })
    const [client, other] = [await open(), await open()]
    const start = performance.now()
    for (let i = 0; i < 400; i++) void client.publish('rate', 'x')
    await client.publish('rate', 'x', { qos: 1 })
    const order: string[] = []
    const slow = client.publish('rate', 'x', { qos: 1 }).then(() => order.push('the one beyond the rate'))
    await other.publish('a', 'x', { qos: 1 }).then(() => order.push('another'))
    await slow
    assert.deepEqual(order, ['another', 'the one beyond the rate'])
    assert.ok(performance.now() - start > 2500)
    await Promise.all([client.close(), other.close()])
    await embedded.close()
  })

  for (const version of [4, 5] as const) {
    it(`with publish_rate_policy disconnect the connection ends${version === 5 ? ' with 0x96' : ''}`, async () => {
      const client = await strict.client({ version })
      client.send(...Array.from({ length: 300 }, () => publish('rate', 'x')))
      await client.expectDisconnect(0x96)
      await strict.logged(/publishes faster than max_publish_rate allows .* it is disconnected/)
    })
  }

  it('a client that keeps to it is left alone', async () => {
    const client = await strict.client()
    for (let i = 0; i < 90; i++) await client.publish('a', 'x')
    await client.quiet()
  })
})

describe('max_shared_subscriptions', async () => {
  const broker = await useBroker('max_shared_subscriptions 2')

  for (const [version, reasonCode] of [
    [5, 0x97],
    [4, 0x80],
  ] as [ProtocolVersion, number][]) {
    it(`refuses one more with 0x${reasonCode.toString(16)} in version ${version}, and no ordinary one`, async () => {
      const client = await broker.client({ version })
      for (const group of ['a', 'b']) assert.equal(await client.subscribe(`$share/${group}/x`), 0)
      assert.equal(await client.subscribe('$share/c/x'), reasonCode)
      await broker.logged(/Refused the subscription of .* to \$share\/c\/x: .*max_shared_subscriptions/)
      assert.equal(await client.subscribe('x'), 0)
      assert.equal(await client.subscribe('$share/a/x', { qos: 1 }), 1)
      client.send(unsubscribe(9, ['$share/a/x']))
      await client.expect(PacketType.Unsuback)
      assert.equal(await client.subscribe('$share/c/x'), 0)
      assert.equal(await client.subscribe('$share/a/x'), reasonCode)
    })
  }
})

describe('subscriptions without an option', async () => {
  const broker = await useBroker()

  it('are 20,000 of one client at the most, and 1000 shared ones', async () => {
    const client = await broker.client()
    const shared = Array.from({ length: 1001 }, (_, i) => subscription(`$share/${i}/#`))
    client.send(subscribe(1, shared))
    const some = (await client.expect(PacketType.Suback)).reasonCodes
    assert.deepEqual([some.indexOf(0x97), some.length], [1000, 1001])
    client.send(
      subscribe(
        2,
        Array.from({ length: 19_001 }, (_, i) => subscription(`a/${i}`)),
      ),
    )
    const all = (await client.expect(PacketType.Suback)).reasonCodes
    assert.deepEqual([all.indexOf(0x97), all.length], [19_000, 19_001])
  })
})

describe('max_subscriptions', async () => {
  const broker = await useBroker('max_subscriptions 3')

  for (const [version, reasonCode] of [
    [5, 0x97],
    [4, 0x80],
  ] as [ProtocolVersion, number][]) {
    it(`refuses one more with 0x${reasonCode.toString(16)} in version ${version}`, async () => {
      const client = await broker.client({ version })
      for (const filter of ['a', 'b/+', '$share/g/c']) assert.equal(await client.subscribe(filter), 0)
      assert.equal(await client.subscribe('d'), reasonCode)
      await broker.logged(/Refused the subscription of .* to d: .*max_subscriptions/)
      assert.equal(await client.subscribe('b/+', { qos: 1 }), 1)
      client.send(unsubscribe(9, ['a']))
      await client.expect(PacketType.Unsuback)
      assert.equal(await client.subscribe('d'), 0)
      const other = await broker.client({ version })
      assert.equal(await other.subscribe('d'), 0)
    })
  }
})

describe('retained messages', async () => {
  const limits = {
    max_retained_messages: await useBroker('max_retained_messages 2', 'sys_interval 1'),
    max_retained_bytes: await useBroker('max_retained_bytes 20', 'sys_interval 1'),
  }
  for (const [option, broker] of Object.entries(limits)) {
    it(`beyond ${option} are refused with 0x97, and clearing makes room`, async () => {
      const client = await broker.client()
      const watcher = await broker.client()
      await watcher.subscribe('r/#', { qos: 1, retainAsPublished: true })
      const retain = { qos: 1, retain: true } as const
      assert.equal(await client.publish('r/1', '1234567890', retain), 0)
      assert.equal(await client.publish('r/2', '1234567890', retain), 0)
      assert.equal(await client.publish('r/3', '1234567890', retain), 0x97)
      assert.equal(await client.publish('r/3', '1234567890', { ...retain, qos: 2 }), 0x97)
      await client.publish('r/3', '1234567890', { retain: true })
      assert.equal(await client.publish('r/2', '0987654321', retain), 0)
      assert.equal(await client.publish('r/3', '', retain), 0)
      assert.equal(await client.publish('r/1', '', retain), 0)
      assert.equal(await client.publish('r/3', '1234567890', retain), 0)
      await broker.logged(new RegExp(`Refused a message from .* to r/3: .*${option}`))
      const topics: string[] = []
      for (let i = 0; i < 6; i++) topics.push((await watcher.take()).topic)
      assert.deepEqual(topics, ['r/1', 'r/2', 'r/2', 'r/3', 'r/1', 'r/3'])
      await watcher.quiet()
      const late = await broker.client()
      await late.subscribe('r/#')
      const found = [(await late.receive()).topic, (await late.receive()).topic]
      assert.deepEqual(found.sort(), ['r/2', 'r/3'])
      await late.quiet()
    })

    it(`beyond ${option} in MQTT 3.1.1 are acknowledged, and go nowhere`, async () => {
      const client = await broker.client({ version: 4 })
      await client.subscribe('s/#')
      assert.equal(await client.publish('s/1', '1234567890', { qos: 1, retain: true }), 0)
      await client.quiet()
    })

    it(`beyond ${option} as a will are published, and not retained`, async () => {
      const watcher = await broker.client()
      await watcher.subscribe('s/#', { retainAsPublished: true })
      const client = await broker.client({ will: will('s/will', '1234567890', { retain: true }) })
      client.kill()
      assert.equal((await watcher.receive()).topic, 's/will')
      await broker.logged(new RegExp(`to s/will is not retained: .*${option}`))
      const late = await broker.client()
      await late.subscribe('s/#')
      await late.quiet()
    })

    it(`${option} leaves the status of the broker alone`, async () => {
      const late = await broker.client()
      await late.subscribe('$SYS/broker/version')
      assert.match((await late.receive()).payload, /nightjar/)
    })
  }
})

describe('max_topic_levels', async () => {
  const broker = await useBroker()
  const levels = (count: number): string => Array.from({ length: count }, (_, i) => `${i % 10}`).join('/')

  it('is 201 (200 slashes) unless it is set, for topics and filters', async () => {
    const client = await broker.client()
    assert.equal(await client.subscribe(levels(201), { qos: 1 }), 1)
    assert.equal(await client.subscribe(`$share/g/${levels(201)}`), 0)
    assert.equal(await client.subscribe(levels(202)), 0x8f)
    assert.equal(await client.subscribe(`$share/g/${levels(202)}`), 0x8f)
    const publisher = await broker.client()
    assert.equal(await publisher.publish(levels(201), 'x', { qos: 1 }), 0)
    for (const qos of [1, 2] as const) assert.equal(await publisher.publish(levels(202), 'x', { qos }), 0x90)
    await publisher.publish(levels(202), 'x')
    await broker.logged(/its topic has 202 levels .*max_topic_levels \(201\)/)
    assert.equal((await client.take()).topic, levels(201))
  })

  it('holds for a will: 0x90', async () => {
    const client = await broker.open()
    client.send(connect({ will: will(levels(202), 'x') }))
    assert.equal((await client.connack()).reasonCode, 0x90)
    await client.expectClosed()
  })
})

describe('queue_full_policy', async () => {
  const config = ['max_queued_messages 3', 'max_inflight_messages 1'] as const
  const newest = await useBroker(...config)
  const oldest = await useBroker(...config, 'queue_full_policy oldest')
  const bytes = await useBroker('max_queued_bytes 30', 'max_inflight_messages 1', 'queue_full_policy oldest')
  const ending = await useBroker(...config, 'queue_full_policy disconnect')

  /** Publishes these to a client that acknowledges nothing, or is away; returns what it gets in the end. */
  async function outcome(broker: BrokerProcess, payloads: readonly string[], online: boolean): Promise<string[]> {
    const options = kept()
    const client = await broker.client(options)
    await client.subscribe(`q/${options.clientId}`, { qos: 1 })
    if (!online) await broker.breakOff(client)
    const publisher = await broker.client()
    for (const payload of payloads) await publisher.publish(`q/${options.clientId}`, payload, { qos: 1 })
    const receiver = online ? client : await broker.client(options)
    const got: string[] = []
    for (;;) {
      receiver.send('c0 00')
      const packet = await receiver.next()
      if (packet[0] === 0xd0) return got
      const payload = Buffer.from(packet).toString().slice(-payloads[0]!.length)
      got.push(payload)
      const at = 4 + packet[3]!
      receiver.send(acknowledgement(PacketType.Puback, (packet[at]! << 8) | packet[at + 1]!))
      await receiver.expectBytes('d0 00')
    }
  }

  const six = ['1', '2', '3', '4', '5', '6']
  for (const [name, broker, online, expected] of [
    ['newest', newest, true, ['1', '2', '3', '4']],
    ['newest', newest, false, ['1', '2', '3']],
    ['oldest', oldest, true, ['1', '4', '5', '6']],
    ['oldest', oldest, false, ['4', '5', '6']],
    ['disconnect', ending, false, ['1', '2', '3']],
  ] as const) {
    it(`${name}: what is left for a client that ${online ? 'is slow' : 'is away'}`, async () => {
      const since = broker.log.length
      assert.deepEqual(await outcome(broker, six, online), expected)
      await broker.logged(/The queue of .* is full: .*max_queued_messages 3/, since)
      await broker.logged(new RegExp(`has room again: ${6 - expected.length} messages`), since)
      assert.equal(lines(broker, /is full/, since), 1)
    })
  }

  it('oldest: as many go as the bytes of the new one need', async () => {
    const payloads = ['aaaaaaaaaa', 'bbbbbbbbbb', 'cccccccccc', 'dddddddddd', 'eeeeeeeeee']
    assert.deepEqual(await outcome(bytes, payloads, false), payloads.slice(2))
    const since = bytes.log.length
    assert.deepEqual(await outcome(bytes, ['x'.repeat(31)], false), [])
    await bytes.logged(/max_queued_bytes 30/, since)
  })

  it('disconnect: 0x97, and a session that is kept has what came before', async () => {
    const options = kept()
    const client = await ending.client(options)
    await client.subscribe('q/end', { qos: 1 })
    const publisher = await ending.client()
    for (const payload of six.slice(0, 5)) await publisher.publish('q/end', payload, { qos: 1 })
    assert.equal((await client.receive()).payload, '1')
    await client.expectDisconnect(0x97)
    const back = await ending.client(options)
    assert.deepEqual(await back.takeAll(4), ['1', '2', '3', '4'])
  })

  it('disconnect: also of who filled the queue itself', async () => {
    const client = await ending.client()
    await client.subscribe('q/self', { qos: 1 })
    client.send(...six.map((payload, i) => publish('q/self', bytesOf(payload), { qos: 1, packetId: i + 1 })))
    const types = new Set<number>()
    for (let packet = await client.next(); packet[0] !== 0xe0; packet = await client.next()) types.add(packet[0]! >> 4)
    assert.deepEqual(types, new Set([PacketType.Publish, PacketType.Puback]))
    await client.expectClosed()
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { useBroker } from '../support/broker.ts'
import { pub, pubLines, sub } from '../support/mosquitto.ts'
import { missing, programs } from '../support/programs.ts'
import { Running, run } from '../support/running.ts'

const skip = missing(programs.pub, programs.sub)
const broker = await useBroker('sys_interval 1')
const { port } = broker

const VERSIONS = ['31', '311', '5'] as const

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, i) => String(i))
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('')
}

describe('mosquitto_pub to mosquitto_sub', { skip, concurrency: 2 }, () => {
  for (const version of VERSIONS) {
    for (const qos of ['0', '1', '2']) {
      it(`-V ${version} -q ${qos}: 300 lines come once each, in order`, async () => {
        const topic = `lines/${version}/${qos}`
        const subscriber = await sub(port, '-V', version, '-q', qos, '-t', topic, '-F', '%q %r %p')
        await pubLines(port, lines([...numbers(300), 'end']), '-V', version, '-q', qos, '-t', topic, '-l')
        const came = await subscriber.take(301)
        assert.deepEqual(
          came,
          [...numbers(300), 'end'].map((text) => `${qos} 0 ${text}`),
        )
        assert.deepEqual(subscriber.lines, [])
      })
    }
  }

  for (const [from, to] of [
    ['5', '31'],
    ['31', '5'],
    ['5', '311'],
    ['311', '5'],
  ] as const) {
    it(`-V ${from} reaches -V ${to}`, async () => {
      const topic = `versions/${from}/${to}`
      const subscriber = await sub(port, '-V', to, '-q', '2', '-t', topic)
      await pub(port, '-V', from, '-q', '2', '-t', topic, '-m', 'hello')
      assert.equal(await subscriber.line(), 'hello')
    })
  }

  it('the lower QoS of the two is what a message comes with', async () => {
    const subscriber = await sub(port, '-q', '1', '-t', 'lower', '-F', '%q %p')
    for (const qos of ['0', '1', '2']) await pub(port, '-q', qos, '-t', 'lower', '-m', 'x')
    assert.deepEqual(await subscriber.take(3), ['0 x', '1 x', '1 x'])
  })

  it('filters that overlap bring one copy', async () => {
    const subscriber = await sub(port, '-q', '2', '-t', 'over/#', '-t', 'over/+/b', '-t', 'over/a/b')
    await pub(port, '-q', '2', '-t', 'over/a/b', '-m', 'once')
    await pub(port, '-q', '2', '-t', 'over/end', '-m', 'end')
    assert.deepEqual(await subscriber.take(2), ['once', 'end'])
  })

  it('a megabyte comes whole', async () => {
    const subscriber = await sub(port, '-q', '1', '-t', 'large', '-F', '%l %p')
    const text = 'abcdefghij'.repeat(100_000)
    await pubLines(port, text, '-q', '1', '-t', 'large', '-s')
    assert.equal(await subscriber.line(), `1000000 ${text}`)
  })

  it('topics and payloads may have any character', async () => {
    const topic = 'Küche/Ofen nr. 1/温度/🌡'
    const subscriber = await sub(port, '-t', 'Küche/#', '-v')
    await pub(port, '-t', topic, '-m', '21 °C')
    assert.equal(await subscriber.line(), `${topic} 21 °C`)
  })

  it('an empty payload (-n) comes as one', async () => {
    const subscriber = await sub(port, '-t', 'empty', '-F', '%t %l')
    await pub(port, '-t', 'empty', '-n')
    assert.equal(await subscriber.line(), 'empty 0')
  })

  it('a URL (-L) names the broker and the topic', async () => {
    const subscriber = await sub(port, '-t', 'by/url')
    const { code, stderr } = await run(programs.pub, ['-L', `mqtt://127.0.0.1:${port}/by/url`, '-m', 'x'])
    assert.equal(`${code} ${stderr}`, '0 ')
    assert.equal(await subscriber.line(), 'x')
  })

  it('any user name and password are welcome where everybody is', async () => {
    const subscriber = await sub(port, '-u', 'ada', '-P', 'secret', '-t', 'user')
    await pub(port, '-u', 'whoever', '-t', 'user', '-m', 'x')
    assert.equal(await subscriber.line(), 'x')
  })

  it('a group ($share) gets each message once, shared by its members', async () => {
    const members = [
      await sub(port, '-V', '5', '-q', '1', '-t', '$share/team/work'),
      await sub(port, '-V', '5', '-q', '1', '-t', '$share/team/work'),
    ]
    const everything = await sub(port, '-q', '1', '-t', 'work')
    await pubLines(port, lines(numbers(100)), '-q', '1', '-t', 'work', '-l')
    assert.deepEqual(await everything.take(100), numbers(100))
    // In turn, but for one whose window is full: who gets how many is not fixed.
    await Promise.all(members.map((member) => member.take(20)))
    while (members[0]!.lines.length + members[1]!.lines.length < 60) await new Promise((again) => setTimeout(again, 5))
    const shares = members.flatMap((member) => member.stdout.split('\n').filter((line) => /^\d+$/.test(line)))
    assert.deepEqual(
      shares.sort((a, b) => Number(a) - Number(b)),
      numbers(100),
    )
  })
})

describe('wildcards and status, with mosquitto_sub', { skip, concurrency: 2 }, () => {
  it("'home/sensor1/*/*' is home/sensor1/+/+", async () => {
    const subscriber = await sub(port, '-t', 'home/sensor1/*/*', '-v')
    await pub(port, '-t', 'home/sensor1/temp', '-m', 'too short')
    await pub(port, '-t', 'home/sensor1/a/b/c', '-m', 'too long')
    await pub(port, '-t', 'home/sensor1/temp/33', '-m', '1')
    assert.equal(await subscriber.line(), 'home/sensor1/temp/33 1')
  })

  for (const filter of ['$SYS/#', '$sys/#', '$SYS/broker/+', '$sys/broker/uptime']) {
    it(`'${filter}' brings the status of the broker`, async () => {
      const subscriber = await sub(port, '-t', filter, '-v')
      const lines = [...subscriber.first]
      while (!lines.some((line) => /^\$SYS\/broker\/uptime \d+ seconds$/.test(line)))
        lines.push(await subscriber.line())
      assert.ok(lines.every((line) => line.startsWith('$SYS/broker/')))
    })
  }

  it("'#' does not", async () => {
    const subscriber = await sub(port, '-t', '#', '-v')
    assert.deepEqual(
      subscriber.first.filter((line) => line.startsWith('$')),
      [],
    )
    const watcher = await sub(port, '-t', '$SYS/broker/uptime', '-v')
    await watcher.line()
    await pub(port, '-t', 'after/status', '-m', 'x')
    for (let line = ''; line !== 'after/status x'; line = await subscriber.line())
      assert.ok(!line.startsWith('$'), line)
  })
})

describe('retained messages, with mosquitto', { skip, concurrency: 2 }, () => {
  for (const version of VERSIONS) {
    it(`-V ${version}: -r reaches a late subscriber, and -r -n clears it`, async () => {
      const topic = `retained/${version}`
      const late = () => sub(port, '-V', version, '-q', '1', '-t', topic, '-F', '%r %p')
      await pub(port, '-V', version, '-q', '1', '-t', topic, '-m', 'old', '-r')
      await pub(port, '-V', version, '-q', '1', '-t', topic, '-m', 'new', '-r')
      const subscriber = await late()
      assert.deepEqual(subscriber.first, ['1 new'])
      await pub(port, '-V', version, '-t', topic, '-m', 'live', '-r')
      assert.equal(await subscriber.line(), '0 live')
      await pub(port, '-V', version, '-t', topic, '-n', '-r')
      assert.equal(await subscriber.line(), '0 ')
      assert.deepEqual((await late()).first, [])
    })
  }

  it('five hundred come to a wildcard, once each', async () => {
    const publisher = await broker.client()
    for (let i = 0; i < 500; i++) await publisher.publish(`many/${i}`, String(i), { retain: true })
    const subscriber = await sub(port, '-q', '1', '-t', 'many/+')
    assert.deepEqual(
      subscriber.first.map(Number).sort((a, b) => a - b),
      numbers(500).map(Number),
    )
  })

  it('--retained-only, --remove-retained and -R do what they say', async () => {
    const watcher = await sub(port, '-t', 'stale/#', '-F', '%t %r %p')
    for (const name of ['a', 'b']) await pub(port, '-t', `stale/${name}`, '-m', name, '-r')
    await watcher.take(2)
    const address = ['-h', '127.0.0.1', '-p', String(port), '-t', 'stale/#']
    const only = await run(programs.sub, [...address, '--retained-only', '-C', '2'])
    assert.deepEqual(only.stdout.trim().split('\n').sort(), ['a', 'b'])
    const fresh = new Running(programs.sub, [...address, '-R', '-v'])
    const remover = new Running(programs.sub, [...address, '--remove-retained'])
    assert.deepEqual((await watcher.take(2)).sort(), ['stale/a 0 ', 'stale/b 0 '])
    await remover.stop()
    assert.deepEqual((await sub(port, '-t', 'stale/#')).first, [])
    await pub(port, '-t', 'stale/c', '-m', 'fresh')
    for (let line = ''; line !== 'stale/c fresh'; line = await fresh.line())
      assert.match(line, /^(|stale\/[ab] \(null\))$/)
  })

  it('--retain-as-published keeps the mark on live messages', async () => {
    const subscriber = await sub(port, '-V', '5', '--retain-as-published', '-t', 'as-published', '-F', '%r %p')
    await pub(port, '-t', 'as-published', '-m', 'x', '-r')
    assert.equal(await subscriber.line(), '1 x')
  })
})

describe('properties (-D), with mosquitto', { skip, concurrency: 2 }, () => {
  it('reach the subscriber as they were sent', async () => {
    const subscriber = await sub(port, '-V', '5', '-t', 'properties', '-F', '%p|%F|%C|%R|%D|%P')
    await pub(
      port,
      '-V',
      '5',
      '-t',
      'properties',
      '-m',
      'x',
      '-D',
      'publish',
      'payload-format-indicator',
      '1',
      '-D',
      'publish',
      'content-type',
      'text/plain',
      '-D',
      'publish',
      'response-topic',
      'answers/7',
      '-D',
      'publish',
      'correlation-data',
      'seven',
      '-D',
      'publish',
      'user-property',
      'a',
      '1',
      '-D',
      'publish',
      'user-property',
      'a',
      '2',
    )
    assert.equal(await subscriber.line(), 'x|1|text/plain|answers/7|seven|a:1 a:2')
  })

  it('a retained message keeps them, and says how long it has to live', async () => {
    await pub(
      port,
      '-V',
      '5',
      '-t',
      'properties/kept',
      '-m',
      'x',
      '-r',
      '-D',
      'publish',
      'message-expiry-interval',
      '60',
      '-D',
      'publish',
      'user-property',
      'k',
      'v',
    )
    const subscriber = await sub(port, '-V', '5', '-t', 'properties/kept', '-F', '%p|%E|%P')
    assert.match(subscriber.first[0]!, /^x\|(60|5\d)\|k:v$/)
  })

  it('a message that has expired does not come', async () => {
    await pub(
      port,
      '-V',
      '5',
      '-t',
      'properties/gone',
      '-m',
      'x',
      '-r',
      '-D',
      'publish',
      'message-expiry-interval',
      '1',
    )
    await new Promise((resolve) => setTimeout(resolve, 1200))
    assert.deepEqual((await sub(port, '-V', '5', '-t', 'properties/gone')).first, [])
  })

  it('topic aliases (-D publish topic-alias) stand for the topic', async () => {
    const subscriber = await sub(port, '-V', '5', '-t', 'properties/alias', '-v')
    await pubLines(port, 'one\ntwo\n', '-V', '5', '-t', 'properties/alias', '-l', '-D', 'publish', 'topic-alias', '3')
    assert.deepEqual(await subscriber.take(2), ['properties/alias one', 'properties/alias two'])
  })
})

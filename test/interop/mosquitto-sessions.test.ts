import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { useBroker } from '../support/broker.ts'
import { pub, pubLines, sub } from '../support/mosquitto.ts'
import { missing, programs } from '../support/programs.ts'

const skip = missing(programs.pub, programs.sub)
const broker = await useBroker()
const { port } = broker

const VERSIONS = ['31', '311', '5'] as const

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, i) => String(i))
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('')
}

describe('sessions that are kept, with mosquitto_sub -c -i', { skip, concurrency: 2 }, () => {
  for (const version of VERSIONS) {
    for (const qos of ['1', '2']) {
      it(`-V ${version} -q ${qos}: 300 messages wait, and come once each in order`, async () => {
        const name = `kept-${version}-${qos}`
        const arguments_ = ['-V', version, '-q', qos, '-c', '-i', name, '-t', name]
        const before = await sub(port, ...arguments_)
        await before.stop()
        await pubLines(port, lines(numbers(300)), '-q', qos, '-t', name, '-l')
        const again = await sub(port, ...arguments_)
        assert.deepEqual([...again.first, ...(await again.take(300 - again.first.length))], numbers(300))
        await pub(port, '-q', qos, '-t', name, '-m', 'live')
        assert.equal(await again.line(), 'live')
      })
    }
  }

  it('kill -9 in the middle of 300 messages: what it had not acknowledged comes again', async () => {
    const arguments_ = ['-q', '1', '-c', '-i', 'killed', '-t', 'killed']
    const first = await sub(port, ...arguments_)
    const publishing = pubLines(port, lines(numbers(300)), '-q', '1', '-t', 'killed', '-l')
    const seen = await first.take(20)
    await first.stop('SIGKILL')
    seen.push(...first.lines)
    await publishing
    const again = await sub(port, ...arguments_)
    const rest = [...again.first]
    while (rest.at(-1) !== '299' && !seen.includes('299')) rest.push(await again.line())
    assert.deepEqual(rest, numbers(300).slice(300 - rest.length))
    // It acknowledges before it prints, so one may have been on the way.
    const missing = numbers(300).filter((line) => !seen.includes(line) && !rest.includes(line))
    assert.ok(missing.length <= 1, missing.join(' '))
  })

  it('QoS 0 does not wait', async () => {
    const arguments_ = ['-q', '1', '-c', '-i', 'patient', '-t', 'patient']
    await (await sub(port, ...arguments_)).stop()
    await pub(port, '-q', '0', '-t', 'patient', '-m', 'now or never')
    await pub(port, '-q', '1', '-t', 'patient', '-m', 'later')
    const again = await sub(port, ...arguments_)
    assert.deepEqual([...again.first, ...(await again.take(1 - again.first.length))], ['later'])
  })

  it('-x 1: a session that has expired has nothing to give', async () => {
    const arguments_ = ['-V', '5', '-q', '1', '-i', 'expiring', '-t', 'expiring']
    const before = await sub(port, ...arguments_, '-c', '-x', '1')
    await before.stop()
    await pub(port, '-q', '1', '-t', 'expiring', '-m', 'too late')
    await broker.logged(/The session of expiring expired after 1 s offline \(1 queued messages dropped\)/)
    const again = await sub(port, ...arguments_, '-c')
    await pub(port, '-q', '1', '-t', 'expiring', '-m', 'fresh')
    assert.deepEqual([...again.first, await again.line()], ['fresh'])
  })

  it('a second client with the same -i takes over', async () => {
    await sub(port, '-i', 'twin', '-t', 'twin')
    const second = await sub(port, '-i', 'twin', '-t', 'twin')
    await broker.logged(/twin at 127\.0\.0\.1:\d+ was taken over by a new connection from 127\.0\.0\.1:\d+/)
    await second.stop()
  })
})

describe('wills, with mosquitto', { skip, concurrency: 2 }, () => {
  for (const version of VERSIONS) {
    it(`-V ${version}: kill -9 brings the will, also to those who come later`, async () => {
      const topic = `will/${version}`
      const watcher = await sub(port, '-V', version, '-q', '2', '-t', topic, '-F', '%q %r %p')
      const will = ['--will-topic', topic, '--will-payload', 'gone', '--will-qos', '2', '--will-retain']
      const client = await sub(port, '-V', version, '-t', 'nothing', ...will)
      await client.stop('SIGKILL')
      assert.equal(await watcher.line(), '2 0 gone')
      assert.deepEqual((await sub(port, '-V', version, '-q', '2', '-t', topic, '-F', '%q %r %p')).first, ['2 1 gone'])
    })
  }

  it('an orderly end brings none', async () => {
    const watcher = await sub(port, '-t', 'will/none')
    const client = await sub(port, '-t', 'nothing', '--will-topic', 'will/none', '--will-payload', 'gone')
    assert.equal((await client.stop('SIGTERM')).code, 0)
    await pub(port, '-t', 'will/none', '-m', 'next')
    assert.equal(await watcher.line(), 'next')
  })

  it('a Will Delay Interval (-D will will-delay-interval) is waited for, and not if the client comes back', async () => {
    const watcher = await sub(port, '-t', 'will/delay/+', '-v')
    const client = (name: string, seconds: string) =>
      sub(
        port,
        '-V',
        '5',
        '-c',
        '-i',
        name,
        '-t',
        'nothing',
        '--will-topic',
        `will/delay/${name}`,
        '--will-payload',
        'x',
        '-D',
        'will',
        'will-delay-interval',
        seconds,
      )
    for (const name of ['back', 'away']) await (await client(name, '1')).stop('SIGKILL')
    await client('back', '60')
    assert.equal(await watcher.line(), 'will/delay/away x')
    await broker.logged(/Published the will of away to will\/delay\/away: its Will Delay Interval has passed/)
    assert.ok(!broker.log.some((line) => /Published the will of back/.test(line)))
  })
})

import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import type { BrokerEvent, EventLevel } from '../../../src/broker/index.ts'
import { Log, type LogOptions } from '../../../src/server/log.ts'

const zone = process.env['TZ']
after(() => {
  if (zone === undefined) delete process.env['TZ']
  else process.env['TZ'] = zone
})

const ALL: readonly EventLevel[] = ['error', 'warning', 'notice', 'information', 'debug']

function logTo(written: string[], options: Partial<LogOptions> = {}): Log {
  const write = (text: string) => void written.push(text)
  const writers = [{ write, reopen: () => {}, close: () => {} }]
  return new Log({ levels: new Set(ALL), timestamp: false, timestampFormat: null, writers, ...options })
}

function lines(act: (log: Log) => void, options: Partial<LogOptions> = {}): string {
  const written: string[] = []
  const log = logTo(written, options)
  act(log)
  log.flush()
  return written.join('')
}

/** The time of a line, in a time zone. */
function time(format: string | null, at: string, timeZone = 'UTC'): string {
  process.env['TZ'] = timeZone
  const line = lines((log) => log.line('notice', '|', Date.parse(at)), { timestamp: true, timestampFormat: format })
  return line.slice(0, line.indexOf(' notice: |'))
}

describe('the log', () => {
  it('has a line for each thing told: level and words', () => {
    const text = lines((log) => {
      log.line('notice', 'one')
      log.line('error', 'two')
    })
    assert.equal(text, 'notice: one\nerror: two\n')
  })

  it('has events in words', () => {
    const event: BrokerEvent = {
      id: 'clientDisconnected',
      at: 0,
      client: 'lamp',
      address: '10.0.0.7:4000',
      username: null,
      details: { reason: 'it said goodbye' },
    }
    assert.equal(
      lines((log) => log.event(event)),
      'notice: lamp disconnected from 10.0.0.7:4000: it said goodbye\n',
    )
  })

  it('has the beginning of a client identifier, topic or reason of 65,535 bytes', () => {
    const long = 'x'.repeat(65_535)
    const event = { id: 'publishRefused', at: 0, client: long, address: '10.0.0.7:4000', username: long } as const
    const details = { topic: long, reason: long, code: '0x90', rule: 'Nothing else' }
    const line = lines((log) => log.event({ ...event, details }))
    assert.ok(line.length < 4000, `${line.length} characters`)
    assert.match(line, /^warning: Refused a message from x+\.\.\. to x+\.\.\.: x+\.\.\. \(0x90\)\. Nothing else\n$/)
  })

  it('leaves out the levels that are not wanted', () => {
    const text = lines(
      (log) => {
        for (const level of ALL) log.line(level, 'x')
      },
      { levels: new Set<EventLevel>(['error', 'notice']) },
    )
    assert.equal(text, 'error: x\nnotice: x\n')
  })

  it('writes what happened in one turn at once, by itself', async () => {
    const written: string[] = []
    const log = logTo(written)
    log.line('notice', 'one')
    log.line('notice', 'two')
    assert.deepEqual(written, [])
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(written, ['notice: one\nnotice: two\n'])
    log.flush()
    assert.equal(written.length, 1)
  })

  it('lets nobody begin a line or drive a terminal', () => {
    const table = {
      'a\nerror: forged': 'a\\x0aerror: forged',
      '\r\u001b[2J\u001b]0;x\u0007': '\\x0d\\x1b[2J\\x1b]0;x\\x07',
      '\u007f\u0080\u009b31m\u009f': '\\x7f\\x80\\x9b31m\\x9f',
      'tab\tand\u0000nothing': 'tab\\x09and\\x00nothing',
      'Küche 温度 🌡 \u00a0': 'Küche 温度 🌡 \u00a0',
    }
    for (const [words, shown] of Object.entries(table)) {
      assert.equal(
        lines((log) => log.line('notice', words)),
        `notice: ${shown}\n`,
      )
    }
  })
})

describe('the time of a log line', () => {
  it('is local, to the second, if nothing is said', () => {
    assert.equal(time(null, '2026-01-31T23:59:59Z'), '2026-01-31 23:59:59')
    assert.equal(time(null, '2026-01-31T23:59:59Z', 'Asia/Kolkata'), '2026-02-01 05:29:59')
  })

  it('is left out if it is not wanted', () => {
    assert.equal(
      lines((log) => log.line('notice', 'x')),
      'notice: x\n',
    )
  })

  const table: readonly (readonly [format: string, at: string, timeZone: string, shown: string])[] = [
    ['%Y-%m-%dT%H:%M:%S', '2026-03-04T05:06:07Z', 'UTC', '2026-03-04T05:06:07'],
    ['%FT%T%z', '2026-03-04T05:06:07Z', 'UTC', '2026-03-04T05:06:07+0000'],
    ['%FT%T%z', '2026-07-04T05:06:07Z', 'Europe/Berlin', '2026-07-04T07:06:07+0200'],
    ['%z', '2026-01-04T05:06:07Z', 'America/St_Johns', '-0330'],
    ['%z', '2026-01-04T05:06:07Z', 'Asia/Kolkata', '+0530'],
    ['%s', '2026-03-04T05:06:07.999Z', 'Asia/Kolkata', '1772600767'],
    ['%j', '2026-01-01T12:00:00Z', 'UTC', '001'],
    ['%j', '2024-12-31T12:00:00Z', 'UTC', '366'],
    // Half an hour after midnight in summer: the day has begun, though a day of the year was an hour short.
    ['%j', '2026-07-03T22:30:00Z', 'Europe/Berlin', '185'],
    ['%j', '2026-07-03T21:30:00Z', 'Europe/Berlin', '184'],
    ['100%% %H', '2026-03-04T05:06:07Z', 'UTC', '100% 05'],
    ['%H%%M', '2026-03-04T05:06:07Z', 'UTC', '05%M'],
    ['at %Q', '2026-03-04T05:06:07Z', 'UTC', 'at %Q'],
  ]
  for (const [format, at, timeZone, shown] of table) {
    it(`${format} of ${at} in ${timeZone} is ${shown}`, () => assert.equal(time(format, at, timeZone), shown))
  }
})

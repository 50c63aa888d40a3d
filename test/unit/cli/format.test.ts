import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { ByteWriter } from '../../../src/cli/format/byte-writer.ts'
import { compileFormat, FormatError } from '../../../src/cli/format/format.ts'
import type { PrintableMessage } from '../../../src/cli/format/message.ts'
import type { Moment } from '../../../src/cli/format/strftime.ts'

const MOMENT: Moment = { date: new Date(2026, 0, 2, 3, 4, 5, 678), nanoseconds: 678_901_000 }

const PLAIN: PrintableMessage = {
  topic: 'r/plain',
  payload: Buffer.from('hello'),
  qos: 0,
  retain: true,
  packetId: 0,
  properties: {},
}

const FULL: PrintableMessage = {
  topic: 'r/v5',
  payload: Buffer.from('{"b":1}'),
  qos: 2,
  retain: false,
  packetId: 7,
  properties: {
    contentType: 'text/x',
    correlationData: Buffer.from('abc'),
    responseTopic: 're/sp',
    payloadFormatIndicator: 1,
    userProperties: [
      ['k1', 'v1'],
      ['k2', 'v 2'],
    ],
    messageExpiryInterval: 990,
    subscriptionIdentifiers: [5, 6],
    topicAlias: 3,
  },
}

interface Setting {
  pretty?: boolean
  terminal?: boolean
  complaints?: string[]
}

function print(format: string, message: PrintableMessage, setting: Setting = {}): Buffer {
  const writer = new ByteWriter(4)
  compileFormat(format)({
    writer,
    message,
    moment: () => MOMENT,
    pretty: setting.pretty ?? false,
    terminal: setting.terminal ?? false,
    complain: (problem) => setting.complaints?.push(problem),
  })
  return Buffer.from(writer.view())
}

/** The expected texts are what mosquitto_sub 2.0.11 printed. */
const TABLE: readonly [format: string, message: PrintableMessage, expected: string][] = [
  ['%A|%C|%D|%E|%F|%l|%m|%P|%q|%R|%r|%S|%t|%x|%X|%p', PLAIN, '|||||5|0||0||1||r/plain|68656c6c6f|68656C6C6F|hello'],
  ['%A|%C|%D|%E|%F|%l|%m|%P|%q|%R|%r|%S|%t', FULL, '3|text/x|abc|990|1|7|7|k1:v1 k2:v 2|2|re/sp|0|5|r/v5'],
  [
    '%20t|%-20t|%.3t|%6.3t|%-6.3t|%020t',
    PLAIN,
    `${'r/plain'.padStart(20)}|${'r/plain'.padEnd(20)}|r/p|   r/p|r/p   |${'r/plain'.padStart(20)}`,
  ],
  ['%5l|%05l|%-5l|%-05l|%5m|%05m', PLAIN, '    5|00005|5    |5    |    0|00000'],
  ['%5p|%12p|%-12p|%012p|%3p', PLAIN, 'hello|       hello|hello       |0000000hello|hel'],
  ['%5q|%5r', PLAIN, '0|1'],
  [
    '%5A|%05E|%-5E|%5C|%-10C|%.2C|%3F|%03F|%5S|%10R|%.3R|%10P|%10D',
    PLAIN,
    '     |00000|     |     |          ||   |000|     ||||',
  ],
  [
    '%5A|%05E|%-5E|%5C|%-10C|%.2C|%3F|%03F|%10R|%.3R|%10P|%10D',
    FULL,
    '    3|00990|990  |text/x|text/x    |te|  1|001|     re/sp|re/|k1:v1 k2:v 2|abc',
  ],
  ['%%|%-%|%5%', PLAIN, '%|%|%'],
  ['%5.t', PLAIN, '     '],
  ['a@@b\\\\c\\td', PLAIN, 'a@b\\c\td'],
  ['\\0\\a\\e\\n\\r\\t\\v', PLAIN, '\0\x07\x1b\n\r\t\v'],
  ['Grüße %t 🚀', PLAIN, 'Grüße r/plain 🚀'],
]

for (const [format, message, expected] of TABLE) {
  test(`-F '${format}' prints ${JSON.stringify(expected)} for ${message.topic}`, () => {
    assert.equal(print(format, message).toString('utf8'), expected)
  })
}

test('a payload that is not UTF-8 comes out byte for byte', () => {
  const payload = Buffer.from([0, 255, 128, 10, 195])
  assert.deepEqual(print('%p', { ...PLAIN, payload }), payload)
})

test('a width counts bytes, not characters', () => {
  assert.deepEqual(print('%.1t|%4t', { ...PLAIN, topic: 'ü' }), Buffer.from([0xc3, 0x7c, 0x20, 0x20, 0xc3, 0xbc]))
})

test('hexadecimal digits can be padded, cut and grouped', () => {
  assert.equal(print('%12x|%-12X|%012x|%2x', PLAIN).toString(), '  68656c6c6f|68656C6C6F  |0068656c6c6f|6865')
  assert.equal(print('%.2:x|%.4x|%.2-X', PLAIN).toString(), '68:65:6c:6c:6f|6865 6c6c 6f|68-65-6C-6C-6F')
})

test('floating point numbers are read from the bytes', () => {
  const float = Buffer.alloc(4)
  float.writeFloatLE(-2.5)
  const double = Buffer.alloc(8)
  double.writeDoubleLE(1 / 3)
  assert.equal(
    print('%f|%8.1f|%08.1f|%-8.1f|', { ...PLAIN, payload: float }).toString(),
    '-2.500000|    -2.5|-00002.5|-2.5    |',
  )
  assert.equal(print('%d|%.20d', { ...PLAIN, payload: double }).toString(), '0.333333|0.33333333333333331483')
  const complaints: string[] = []
  assert.equal(print('<%f>', PLAIN, { complaints }).toString(), '<>')
  assert.deepEqual(complaints, ['the payload on r/plain is not a float: it has 5 bytes, not 4'])
})

test('large and odd floating point numbers look as in C', () => {
  const of = (value: number) => {
    const payload = Buffer.alloc(8)
    payload.writeDoubleLE(value)
    return print('%.2d', { ...PLAIN, payload }).toString()
  }
  assert.equal(of(1e22), '10000000000000000000000.00')
  assert.equal(of(Number.NaN), 'nan')
  assert.equal(of(Number.NEGATIVE_INFINITY), '-inf')
  assert.equal(of(-0), '-0.00')
})

test('the time of printing is the same all along a line', () => {
  const text = print('@Y-@m-@d @H:@M:@S.@N', PLAIN).toString()
  assert.equal(text, '2026-01-02 03:04:05.678901000')
  const seconds = Math.floor(MOMENT.date.getTime() / 1000)
  assert.equal(print('%U|@s', PLAIN).toString(), `${seconds}.678901000|${seconds}`)
  assert.match(print('%I', PLAIN).toString(), /^2026-01-02T03:04:05[+-]\d{4}$/)
  assert.match(print('%30I|%-30I|', PLAIN).toString(), /^ {6}2026-01-02T03:04:05[+-]\d{4}\|2026\S+ {6}\|$/)
})

test('%j is what mosquitto_sub prints, on one line or prettily', () => {
  const json = print('%j', FULL).toString()
  assert.equal(
    json.replace(/"tst":"[^"]*"/, '"tst":""'),
    '{"tst":"","topic":"r/v5","qos":2,"retain":0,"payloadlen":7,"mid":7,"properties":{"content-type":"text/x",' +
      '"correlation-data":"abc","response-topic":"re/sp","payload-format-indicator":1,' +
      '"user-properties":{"k1":"v1","k2":"v 2"},"message-expiry-interval":990,"subscription-identifier":5,' +
      '"subscription-identifier":6,"topic-alias":3},"payload":"{\\"b\\":1}"}',
  )
  assert.match(json, /"tst":"2026-01-02T03:04:05\.678901[+-]\d{4}"/)
  assert.equal(
    print('%J', { ...PLAIN, payload: Buffer.from('{"a":[1,{}],"b":{}}') }, { pretty: true })
      .toString()
      .replace(/"tst":\t"[^"]*"/, '"tst":\t""'),
    '{\n\t"tst":\t"",\n\t"topic":\t"r/plain",\n\t"qos":\t0,\n\t"retain":\t1,\n\t"payloadlen":\t19,\n\t"payload":\t{\n' +
      '\t\t"a":\t[1, {\n\t\t\t}],\n\t\t"b":\t{\n\t\t}\n\t}\n}',
  )
})

test('%J says so if the payload is not JSON, and prints nothing in its place', () => {
  const complaints: string[] = []
  assert.equal(print('<%J>', PLAIN, { complaints }).toString(), '<>')
  assert.match(complaints[0]!, /payload on r\/plain is not JSON/)
})

test('an empty payload is null in JSON', () => {
  const message = { ...PLAIN, payload: Buffer.alloc(0) }
  for (const format of ['%j', '%J']) assert.match(print(format, message).toString(), /"payloadlen":0,"payload":null}$/)
})

test('bytes of a payload that are not UTF-8 stay as they are in JSON', () => {
  const payload = Buffer.from([0x7f, 0x80, 0x22, 0x01, 0x0a])
  const expected = Buffer.concat([
    Buffer.from('"payload":"'),
    Buffer.from([0x7f, 0x80]),
    Buffer.from('\\"\\u0001\\n"}'),
  ])
  assert.ok(print('%j', { ...PLAIN, payload }).includes(expected))
})

const WRONG: readonly [format: string, message: RegExp][] = [
  ['x%', /is incomplete/],
  ['%-', /is incomplete/],
  ['%5', /is incomplete/],
  ['%5.3', /is incomplete/],
  ['a@', /is incomplete after '@'/],
  ['a\\', /is incomplete/],
  ['\\q', /unknown escape \\q/],
  ['%y', /unknown format %y/],
  ['%0-5l', /unknown format %5/],
  ['%99999999t', /wider than/],
]

for (const [format, message] of WRONG) {
  test(`-F '${format}' is refused`, () => {
    assert.throws(
      () => compileFormat(format),
      (error) => error instanceof FormatError && message.test(error.message),
    )
  })
}

test('nothing that comes can drive a terminal', () => {
  const evil: PrintableMessage = {
    ...PLAIN,
    topic: 'a\x1b[2J\u009b\u202eb\n',
    payload: Buffer.from('\x1b]0;x\x07\r\nok\tü'),
    properties: {
      contentType: '\x1b[1m',
      responseTopic: '\x07',
      correlationData: Buffer.from([0x1b]),
      userProperties: [['\x1b', '\n']],
    },
  }
  const shown = print('\\e[1m%t|%p|%C|%R|%D|%P|%j', evil, { terminal: true }).toString('utf8')
  const [own, ...rest] = shown.split('\x1b')
  assert.equal(own, '')
  assert.equal(rest.length, 1, 'the only escape character is that of the format')
  assert.match(shown, /a\\x1b\[2J\\x9b\\u\{202e\}b\\n\|/)
  assert.match(shown, /\\x1b\]0;x\\x07\\r\nok\tü\|/)
  assert.doesNotMatch(shown, /[\u0080-\u009f\u202e]/)
})

test('on a terminal a payload that is not text is shown in hexadecimal', () => {
  const show = (bytes: number[]) =>
    print('%p', { ...PLAIN, payload: Buffer.from(bytes) }, { terminal: true }).toString()
  assert.equal(show([0xff, 0x00, 0x10]), 'ff 00 10')
  assert.equal(show([0x61, 0x00]), '61 00')
  assert.match(show(new Array<number>(1000).fill(0xff)), /^(ff ){256}\.\.\. \(1000 bytes\)$/)
})

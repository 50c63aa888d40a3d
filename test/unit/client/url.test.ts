import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { connect, MqttError } from '../../../src/client/index.ts'
import { readUrl } from '../../../src/client/url.ts'

describe('a URL', () => {
  const good: [string, ReturnType<typeof readUrl>][] = [
    ['mqtt://broker', { host: 'broker', port: 1883, username: undefined, password: undefined }],
    ['tcp://10.0.0.5:1884', { host: '10.0.0.5', port: 1884, username: undefined, password: undefined }],
    ['mqtt://[::1]:1999/', { host: '::1', port: 1999, username: undefined, password: undefined }],
    ['mqtt://ada:p%40ss%2Fword@broker', { host: 'broker', port: 1883, username: 'ada', password: 'p@ss/word' }],
    ['mqtt://ada@broker', { host: 'broker', port: 1883, username: 'ada', password: undefined }],
  ]
  it('may have an IPv6 address with a zone, escaped or as people write it', () => {
    for (const zone of ['%25eth0', '%eth0']) {
      const target = readUrl(`mqtt://ada:secret@[fe80::1${zone}]:1884`)
      assert.deepEqual(target, { host: 'fe80::1%eth0', port: 1884, username: 'ada', password: 'secret' })
    }
  })

  for (const [source, target] of good) {
    it(`${source} is understood`, () => {
      assert.deepEqual(readUrl(source), target)
      assert.deepEqual(readUrl(new URL(source)), target)
    })
  }

  const bad: [string, RegExp][] = [
    ['mqtts://broker', /TLS is not in this version: let a TLS tunnel/],
    ['ws://broker:8080/mqtt', /WebSocket is not in this version/],
    ['wss://broker', /WebSocket over TLS is not in this version: let a TLS tunnel/],
    ['mqtt+unix:///run/mqtt.sock', /Unix sockets are not in this version/],
    ['http://broker', /http:\/\/ is not an MQTT URL/],
    ['broker', /'broker' is not a URL: try mqtt:\/\/broker/],
    ['broker:1883', /'broker:1883' is not a URL: try mqtt:\/\/broker:1883/],
    ['192.168.1.5:1883', /try mqtt:\/\/192\.168\.1\.5:1883/],
    ['ada:secret@broker', /try mqtt:\/\/\.\.\.@broker/],
    ['mqtt:broker', /try mqtt:\/\/broker/],
    ['mqtt://broker/mqtt', /has the path '\/mqtt', and MQTT over TCP has none/],
    ['mqtt://broker?clientId=x', /has a part after '\?' or '#'/],
    ['mqtt://broker/#x', /has a part after '\?' or '#'/],
    ['mqtt://', /not a URL|no host/],
    ['mqtt://broker:99999', /not a URL/],
    ['mqtt://broker:0', /Port 0/],
    ['mqtt://a%zz@broker', /write %25/],
  ]
  for (const [source, words] of bad) {
    it(`${source} fails at once, and says what to do`, async () => {
      await assert.rejects(connect(source), (error: MqttError) => {
        assert.ok(error instanceof MqttError)
        assert.equal(error.code, 'ERR_URL')
        assert.match(error.message, words)
        return true
      })
    })
  }

  it('never shows its password in an error', () => {
    assert.throws(
      () => readUrl('mqtt://ada:secret@broker:99999'),
      (error: Error) => !error.message.includes('secret'),
    )
    for (const source of ['ada:secret@broker', 'mqtt://ada:s/secret@broker', 'mqtt://ada:s#secret@broker']) {
      assert.throws(
        () => readUrl(source),
        (error: Error) => !error.message.includes('secret'),
      )
    }
  })
})

describe('options', () => {
  const bad: [string, object][] = [
    ['a keep-alive above 65,535', { keepAlive: 70_000 }],
    ['a fraction of a second', { sessionExpiry: 1.5 }],
    ['an unknown version', { protocol: 6 }],
    ['a Receive Maximum of 0', { receiveMaximum: 0 }],
    ['jitter above 1', { reconnect: { jitter: 2 } }],
    ['max below min', { reconnect: { min: 10, max: 5 } }],
    ['a negative queue', { queue: { messages: -1 } }],
    [
      'AUTH in MQTT 3.1.1',
      { protocol: 4, authentication: { method: 'x', begin: () => undefined, respond: () => undefined } },
    ],
    ['a long client identifier in MQTT 3.1', { protocol: 3, clientId: 'x'.repeat(24) }],
  ]
  for (const [what, options] of bad) {
    it(`refuse ${what}`, async () => {
      await assert.rejects(connect('mqtt://127.0.0.1:9', options), { code: 'ERR_OPTION' })
    })
  }
})

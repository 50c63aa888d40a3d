import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import {
  defaultConfig,
  defaultListener,
  generalOptions,
  listenerNames,
  listenerOptions,
  notYet,
  notYetNames,
  type Option,
  optionsAsMarkdown,
  parseConfig,
  securityOptions,
} from '../../../src/config/index.ts'
import { root } from '../../support/root.ts'

type Values = Record<string, unknown>
const options: Record<string, Option<unknown>> = {
  ...generalOptions,
  ...listenerOptions,
  ...securityOptions,
} as Values as Record<string, Option<unknown>>

/** What a line with this option and value comes to: below a listener, as all options are allowed there. */
function read(name: string, value: string) {
  const { config, problems } = parseConfig(`listener 1884\n${name} ${value}\n`, 'x.conf')
  const key = Object.keys(options).find((k) => options[k]!.name === name || options[k]!.aliases?.includes(name))!
  const values: Values = { ...config.listeners[0], ...config.general } as Values
  const part = key in listenerOptions ? (config.listeners.at(-1) as object as Values) : values
  return { value: part[key], problems }
}

/** For each option: its default, some values that are taken (and as what), some that are not. */
const TABLE: Record<string, { default: unknown; good: Record<string, unknown>; bad: string[] }> = {
  connection_messages: { default: true, good: { false: false, 1: true }, bad: ['yes', 'True', ''] },
  connect_timeout: { default: 10, good: { 1: 1, 3600: 3600 }, bad: ['0', '3601', '-1', '1.5'] },
  global_max_clients: { default: -1, good: { 1: 1, 0: -1, '-1': -1, '-9': -1 }, bad: ['all', '2147483648'] },
  global_max_connections: { default: -1, good: { 1: 1, 0: -1, '-1': -1, '-9': -1 }, bad: ['all', '2147483648'] },
  log_dest: {
    default: [{ kind: 'stderr' }],
    good: {
      stdout: [{ kind: 'stdout' }],
      none: [],
      'file my log.txt': [{ kind: 'file', path: 'my log.txt' }],
    },
    bad: ['file', 'printer', ''],
  },
  log_timestamp: { default: true, good: { false: false }, bad: ['2'] },
  log_timestamp_format: { default: null, good: { '%H:%M %d': '%H:%M %d' }, bad: [''] },
  log_type: {
    default: ['error', 'warning', 'notice', 'information'],
    good: { debug: ['debug'], none: [] },
    bad: ['loud', ''],
  },
  max_connection_rate: { default: 0, good: { 5: 5 }, bad: ['-1', '1000001'] },
  max_inflight_bytes: { default: 0, good: { 100: 100, '-5': 0 }, bad: ['many', '2147483648'] },
  max_inflight_messages: { default: 20, good: { 0: 0, 65535: 65535, '-1': 0 }, bad: ['65536', '20000x', '1e3'] },
  max_keepalive: { default: 65535, good: { 60: 60, 0: 65535 }, bad: ['65536', '-1'] },
  max_outgoing_bytes: { default: 1048576, good: { 1024: 1024 }, bad: ['0', '1023'] },
  max_packet_size: { default: 10485760, good: { 20: 20, 268435460: 268435460, '0x100': 256 }, bad: ['19', '0', '010'] },
  max_packet_size_mqtt3: { default: 0, good: { 20: 20, '-1': 0 }, bad: ['1k'] },
  max_queue_memory: { default: 16777216, good: { 0: 0 }, bad: ['1k'] },
  max_publish_byte_rate: { default: 0, good: { 1000: 1000 }, bad: ['1k', '-1'] },
  max_publish_rate: { default: 0, good: { 5: 5 }, bad: ['0.5', '-1'] },
  max_queued_bytes: { default: 0, good: { 1: 1 }, bad: ['1k'] },
  max_queued_messages: { default: 1000, good: { 0: 0, 100000: 100000, '-1': 0 }, bad: ['all'] },
  max_retained_bytes: { default: 0, good: { 1: 1, '-1': 0 }, bad: ['1M'] },
  max_retained_messages: { default: 0, good: { 1: 1, '-1': 0 }, bad: ['none'] },
  max_shared_subscriptions: { default: 1000, good: { 1: 1 }, bad: ['-1'] },
  max_subscriptions: { default: 20_000, good: { 1: 1 }, bad: ['-1'] },
  max_topic_levels: { default: 201, good: { 0: 0, 65536: 65536 }, bad: ['65537', '-1'] },
  message_size_limit: { default: 0, good: { 268435455: 268435455 }, bad: ['268435456', '-1'] },
  per_listener_settings: { default: false, good: { true: true }, bad: ['on'] },
  persistence: { default: false, good: { true: true }, bad: ['yes'] },
  persistence_location: { default: null, good: { 'var/lib/my store/': 'var/lib/my store/' }, bad: [''] },
  persistence_sync: { default: 'everysec', good: { always: 'always', no: 'no' }, bad: ['never', 'Always'] },
  persistent_client_expiration: {
    default: 0,
    good: { '2h': 7200, '14d': 1209600, '1w': 604800, '2m': 5184000, '1y': 31536000, '5s': 5 },
    bad: ['14', '0d', '-1d', '1M', 'd', '1 d'],
  },
  pid_file: { default: null, good: { 'run/my nightjar.pid': 'run/my nightjar.pid' }, bad: [''] },
  publish_rate_policy: { default: 'slow', good: { disconnect: 'disconnect' }, bad: ['drop', ''] },
  queue_full_policy: { default: 'newest', good: { oldest: 'oldest', disconnect: 'disconnect' }, bad: ['first'] },
  queue_qos0_messages: { default: false, good: { true: true }, bad: ['qos0'] },
  receive_maximum: { default: 65535, good: { 1: 1, 65535: 65535 }, bad: ['0', '65536', '-1'] },
  response_topic_prefix: { default: null, good: { 'answers/all': 'answers/all' }, bad: [''] },
  retain_available: { default: true, good: { false: false }, bad: ['no'] },
  retain_expiry_interval: { default: 0, good: { 1: 60, 1440: 86400 }, bad: ['0', '10000001', '1h'] },
  server_reference: { default: null, good: { 'a:1883 b': 'a:1883 b' }, bad: [''] },
  set_tcp_nodelay: { default: true, good: { false: false }, bad: ['off'] },
  shared_subscriptions_available: { default: true, good: { false: false }, bad: ['none'] },
  star_wildcard: { default: true, good: { false: false }, bad: ['*'] },
  subscription_identifiers_available: { default: true, good: { false: false }, bad: ['0x1'] },
  sys_alias: { default: true, good: { false: false }, bad: ['$SYS'] },
  sys_interval: { default: 10, good: { 0: 0, 65535: 65535 }, bad: ['-1', '65536'] },
  upgrade_outgoing_qos: { default: false, good: { true: true }, bad: ['1.0'] },
  wildcard_subscriptions_available: { default: true, good: { false: false }, bad: ['+'] },
  accept_protocol_versions: {
    default: [3, 4, 5],
    good: { 5: [5], '3,4': [3, 4], '5 ,3,5': [3, 5], ',   3   ,    4  ,   5    ': [3, 4, 5] },
    bad: ['6', '3,4,x', '3 4', ',', '5.0', ''],
  },
  port: { default: 1883, good: { 1: 1, 65535: 65535 }, bad: ['0', '65536', 'mqtt'] },
  bind_address: { default: null, good: { '::1': '::1', localhost: 'localhost' }, bad: [''] },
  max_connections: { default: -1, good: { 10: 10, '-1': -1, '-7': -1 }, bad: ['unlimited'] },
  max_qos: { default: 2, good: { 0: 0, 1: 1, 2: 2 }, bad: ['3', '-1'] },
  max_topic_alias: { default: 10, good: { 0: 0, 65535: 65535 }, bad: ['65536', '-1'] },
  max_topic_alias_broker: { default: 10, good: { 0: 0 }, bad: ['65536'] },
  socket_domain: { default: null, good: { ipv4: 'ipv4', ipv6: 'ipv6' }, bad: ['ipv5', 'IPv4'] },
  allow_anonymous: { default: null, good: { true: true, false: false, 0: false }, bad: ['maybe'] },
  allow_zero_length_clientid: { default: true, good: { false: false }, bad: ['none'] },
  auto_id_prefix: { default: 'auto-', good: { 'dev-': 'dev-' }, bad: ['', 'x'.repeat(51)] },
}

describe('the table of options', () => {
  it('is tested whole', () => {
    assert.deepEqual(
      Object.keys(TABLE).sort(),
      Object.values(options)
        .map((o) => o.name)
        .sort(),
    )
  })

  for (const [key, option] of Object.entries(options)) {
    const expected = TABLE[option.name]!
    it(`${option.name}: has its default, and one line that explains it`, () => {
      assert.deepEqual(option.default, expected.default)
      assert.match(option.doc, /^[^\n]{20,130}[.]$/)
      assert.equal(
        key,
        option.name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      )
      const values: Values = { ...defaultListener(1883), ...defaultConfig().general } as object as Values
      assert.deepEqual(values[key], expected.default)
    })

    for (const [written, value] of Object.entries(expected.good)) {
      it(`${option.name}: takes ${written}`, () => {
        assert.deepEqual(read(option.name, written), { value, problems: [] })
      })
    }

    for (const written of expected.bad) {
      it(`${option.name}: refuses ${written.slice(0, 10) || 'nothing'} and says what it must be`, () => {
        const { value, problems } = read(option.name, written)
        assert.equal(problems.length, 1)
        const { severity, line, message, option: name } = problems[0]!
        assert.deepEqual({ severity, line, name }, { severity: 'error', line: 2, name: option.name })
        assert.match(message, written === '' ? /needs a value: / : /must |needs /)
        if (option.name !== 'port') assert.deepEqual(value, expected.default)
      })
    }
  }

  it('says the range and the unit of a number', () => {
    assert.equal(
      read('max_inflight_messages', '70000').problems[0]!.message,
      '`max_inflight_messages` must be 0..65535 messages, not `70000`',
    )
    assert.equal(
      read('max_packet_size', 'big').problems[0]!.message,
      '`max_packet_size` must be a whole number, 20 or more bytes, not `big`',
    )
  })

  it('knows the older name of max_qos', () => assert.deepEqual(read('maximum_qos', '1'), { value: 1, problems: [] }))

  it('shares no name with the options that are missing', () => {
    const names = [
      ...Object.values(options).flatMap((o) => [o.name, ...(o.aliases ?? [])]),
      ...Object.values(listenerNames),
    ]
    assert.equal(new Set(names).size, names.length)
    for (const name of names) assert.equal(notYet(name), undefined, name)
    assert.equal(new Set(notYetNames).size, notYetNames.length)
  })

  it('is what docs/configuration.md says (node scripts/docs.mjs writes it)', () => {
    assert.equal(readFileSync(join(root, 'docs/configuration.md'), 'utf8'), optionsAsMarkdown())
  })
})

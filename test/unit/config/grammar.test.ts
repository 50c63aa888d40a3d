import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defaultConfig, defaultListener, describeProblem, notYetNames, parseConfig } from '../../../src/config/index.ts'
import { fc } from '../../support/fast-check.ts'

const parse = (...lines: string[]) => parseConfig(lines.join('\n'), 'x.conf')
const said = (...lines: string[]) => parse(...lines).problems.map(describeProblem)

/** The configuration of lines that are all good. */
function good(...lines: string[]) {
  const { config, problems } = parse(...lines)
  assert.deepEqual(problems, [])
  return config
}

/** For each listener its port and its address. */
const ports = (...lines: string[]) => good(...lines).listeners.map(({ port, bindAddress }) => [port, bindAddress])

describe('lines', () => {
  it('skips comments and empty lines, and takes blanks, tabs and every line end', () => {
    const text =
      '\uFEFF# comment\r\n\r\n  \t\r\n   # another\n\tsys_interval \t 5  \r\nmax_qos   1\rport 2000 # why\n\n'
    const { config, problems } = parseConfig(text, 'x.conf')
    assert.deepEqual(problems, [])
    assert.equal(config.general.sysInterval, 5)
    assert.deepEqual([config.listeners[0]!.maxQos, config.listeners[0]!.port], [1, 2000])
  })

  it('takes the rest of the line for a path or a format, blanks and # included', () => {
    const { general } = good('pid_file run dir/a #1.pid  ', 'log_timestamp_format %d %b #')
    assert.deepEqual([general.pidFile, general.logTimestampFormat], ['run dir/a #1.pid', '%d %b #'])
  })

  it('warns of words after a value, of quotes, and of an option that stands twice', () => {
    assert.deepEqual(said('sys_interval 5 10', 'pid_file "a"', 'sys_interval 6'), [
      'x.conf:1: warning: `sys_interval` ignores what follows its value: `10`',
      'x.conf:2: warning: `pid_file` includes its quotes; remove them unless they are meant',
      'x.conf:3: warning: `sys_interval` is set in line 1 already; this line wins',
    ])
    assert.equal(parse('sys_interval 5', 'sys_interval 6').config.general.sysInterval, 6)
  })

  it('does not warn of an option that stands once for each listener', () => {
    assert.deepEqual(said('listener 1', 'max_qos 1', 'listener 2', 'max_qos 0'), [])
  })

  it('adds up what may stand several times, and lets none start over', () => {
    const types = (...names: string[]) => good(...names.map((name) => `log_type ${name}`)).general.logType
    assert.deepEqual(types('error', 'debug', 'error'), ['error', 'debug'])
    assert.deepEqual(types('error', 'none', 'notice'), ['notice'])
    assert.equal(types('all').length, 9)
    const { general } = good('log_dest stdout', 'log_dest file a.log', 'log_dest stdout')
    assert.deepEqual(general.logDest, [{ kind: 'stdout' }, { kind: 'file', path: 'a.log' }])
    assert.deepEqual(said('log_dest file a', 'log_dest file b').length, 1)
  })

  it('keeps the log where it is when asked for a destination that is missing', () => {
    const { config, problems } = parse('log_dest syslog')
    assert.deepEqual(config.general.logDest, [{ kind: 'stderr' }])
    assert.deepEqual(problems.map(describeProblem), [
      'x.conf:1: warning: `log_dest` names syslog, which nightjar cannot log to yet',
    ])
  })

  it('never throws, and numbers its problems by lines that there are', () => {
    const name = fc.oneof(
      fc.constantFrom('listener', 'port', 'log_dest', 'max_qos', 'connection', 'address'),
      fc.string(),
    )
    const line = fc.tuple(name, fc.string()).map((words) => words.join(' '))
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const text = lines.join('\n')
        const { problems } = parseConfig(text, 'x.conf')
        const last = text.split(/\r\n|\n|\r/).length
        for (const problem of problems) assert.ok(problem.line >= 1 && problem.line <= last)
      }),
    )
  })
})

describe('listeners', () => {
  it('are none without a line that asks for one', () => {
    assert.deepEqual(good(), defaultConfig())
    assert.deepEqual(defaultConfig().listeners, [])
    assert.equal(defaultConfig().localOnly, true)
  })

  it('stand in the order of the file, each with its own options', () => {
    const { listeners, localOnly } = good('listener 1883', 'max_connections 5', 'listener 1884 ::1', 'max_qos 1')
    const summary = listeners.map((l) => [l.line, l.port, l.bindAddress, l.maxConnections, l.maxQos])
    assert.deepEqual(summary, [
      [1, 1883, null, 5, 2],
      [3, 1884, '::1', -1, 1],
    ])
    assert.equal(localOnly, false)
  })

  it('include the default one if port or bind_address asks for it', () => {
    assert.deepEqual(ports('port 1885'), [[1885, null]])
    assert.deepEqual(ports('bind_address 127.0.0.1'), [[1883, '127.0.0.1']])
    assert.deepEqual(ports('bind_address ::1', 'port 1885'), [[1885, '::1']])
    assert.deepEqual(ports('listener 1', 'port 2', 'max_qos 1', 'listener 3'), [
      [1, null],
      [2, null],
      [3, null],
    ])
  })

  it('take options after port for the default one', () => {
    const { listeners } = good('listener 1', 'port 2', 'max_qos 1')
    assert.deepEqual(
      listeners.map((l) => l.maxQos),
      [2, 1],
    )
  })

  it('keep options of the default one when nothing else listens, for this machine only', () => {
    const { listeners, localOnly } = good('max_connections 3')
    assert.deepEqual(
      [listeners.length, listeners[0]!.port, listeners[0]!.maxConnections, localOnly],
      [1, 1883, 3, true],
    )
  })

  it('warn of options for a default one that is not opened', () => {
    assert.deepEqual(said('max_connections 3', 'listener 1884'), [
      'x.conf:1: warning: `max_connections` has no effect: it applies to the default listener, which is not opened ' +
        'because there are others; move it below its `listener` line',
    ])
    assert.equal(parse('max_connections 3', 'listener 1884').config.listeners.length, 1)
  })

  it('on port 0 are Unix sockets, whose path may have blanks', () => {
    assert.deepEqual(ports('listener 0 run/night jar.sock', 'listener 0 /b', 'max_qos 1', 'listener 1 ::1'), [
      [0, 'run/night jar.sock'],
      [0, '/b'],
      [1, '::1'],
    ])
    assert.deepEqual(said('listener 0 /b', 'listener 0 /c', 'listener 0 /b'), [
      'x.conf:3: error: `listener` opens /b twice: line 1 opens it already',
    ])
  })

  it('refuse a bad port, a Unix socket without a path, and the same place twice', () => {
    assert.deepEqual(said('listener 70000', 'listener', 'listener 0'), [
      'x.conf:1: error: `listener` must be 1..65535, not `70000`',
      'x.conf:2: error: `listener` needs a value: 1..65535',
      'x.conf:3: error: `listener` with port 0 needs the path of a Unix socket, as in: listener 0 /run/nightjar.sock',
    ])
    assert.deepEqual(said('listener 1884', 'listener 1884 ::1', 'listener 1884'), [
      'x.conf:3: error: `listener` opens port 1884 twice: line 1 opens it already',
    ])
    assert.deepEqual(said('port 1884 x', 'listener 1885 ::1 y', 'listener 1886 # z'), [
      'x.conf:1: warning: `port` ignores what follows its value: `x`',
      'x.conf:2: warning: `listener` ignores what follows its value: `y`',
    ])
  })

  it('can be made without a file', () => {
    assert.deepEqual(defaultListener(2000), { ...good('listener 2000').listeners[0], line: 0 })
  })
})

describe('who may come in', () => {
  const anonymous = (...lines: string[]) => good(...lines).listeners.map((l) => l.allowAnonymous)

  it('is not said unless it is said', () => assert.deepEqual(anonymous('listener 1'), [null]))

  it('is said for all listeners, wherever the line stands', () => {
    assert.deepEqual(anonymous('listener 1', 'listener 2', 'allow_anonymous true'), [true, true])
    assert.deepEqual(anonymous('allow_anonymous false', 'listener 1'), [false])
    assert.equal(good('allow_anonymous true').general.allowAnonymous, true)
  })

  it('is said for each listener with per_listener_settings', () => {
    const lines = [
      'listener 1',
      'allow_anonymous true',
      'auto_id_prefix a-',
      'listener 2',
      'allow_zero_length_clientid false',
    ]
    const { listeners } = good('per_listener_settings true', ...lines)
    assert.deepEqual(
      listeners.map((l) => [l.allowAnonymous, l.autoIdPrefix, l.allowZeroLengthClientid]),
      [
        [true, 'a-', true],
        [null, 'auto-', false],
      ],
    )
  })

  it('is said for one listener by the names that begin with listener_', () => {
    const lines = [
      'allow_anonymous false',
      'listener 1',
      'listener 2',
      'listener_allow_anonymous true',
      'listener_auto_id_prefix b-',
    ]
    assert.deepEqual(
      good(...lines).listeners.map((l) => [l.allowAnonymous, l.autoIdPrefix]),
      [
        [false, 'auto-'],
        [true, 'b-'],
      ],
    )
  })

  it('is refused where it belongs to no listener, or comes too early', () => {
    assert.deepEqual(said('listener_allow_anonymous true'), [
      'x.conf:1: error: `listener_allow_anonymous` must come after the `listener` that it applies to',
    ])
    assert.deepEqual(said('per_listener_settings true', 'allow_anonymous true', 'listener 1'), [
      'x.conf:2: error: `allow_anonymous` must come after the `listener` that it applies to',
    ])
    assert.deepEqual(said('allow_anonymous true', 'per_listener_settings true'), [
      'x.conf:2: error: `per_listener_settings` must come before any option on who may connect',
    ])
  })
})

describe('mistakes', () => {
  const unknown: Record<string, string> = {
    max_queud_messages: 'did you mean `max_queued_messages`?',
    allow_annonymous: 'did you mean `allow_anonymous`?',
    Listener: 'did you mean `listener`?',
    prot: 'did you mean `port`?',
    passwordfile: 'did you mean `password_file`?',
    'max-qos': 'did you mean `max_qos`?',
    frobnicate: '',
    x: '',
  }
  for (const [name, suggestion] of Object.entries(unknown)) {
    it(`suggests ${suggestion === '' ? 'nothing' : suggestion.split('`')[1]} for ${name}`, () => {
      assert.deepEqual(said(`${name} 1`), [
        `x.conf:1: error: \`${name}\` is not an option${suggestion === '' ? '' : `; ${suggestion}`}`,
      ])
    })
  }

  it('shows how to write it for those who are used to = and :', () => {
    for (const line of ['port = 1883', 'port: 1883', 'port= 1883', 'port =1883']) {
      const [first] = said(line)
      assert.match(first!, line.startsWith('port ') ? /without `=`/ : /write `port 1883`/)
    }
    assert.match(said('allow_anonymous "true"')[0]!, /must be true or false, not `"true"`; write it without quotes/)
  })
})

describe('options of mosquitto that are missing', () => {
  const errors = [
    'password_file p',
    'acl_file a',
    'cafile c',
    'plugin p.so',
    'plugin_opt_x y',
    'auth_opt_a b',
    'psk_file k',
  ]
  for (const line of [...errors, 'require_certificate true', 'protocol websockets', 'mount_point a/']) {
    it(`refuses ${line}`, () => {
      const [problem, ...others] = parse('listener 1884', line).problems
      assert.deepEqual(others, [])
      assert.equal(problem!.severity, 'error')
      const name = line.split(' ')[0]
      const status = `\`${name}\` is a mosquitto option that nightjar does not support yet: `
      assert.ok(problem!.message.startsWith(status))
    })
  }

  const warnings = [
    'autosave_interval 1800',
    'persistence_file m.db',
    'retained_persistence false',
    'retry_interval 20',
  ]
  for (const line of [...warnings, 'websockets_log_level 255', 'user mosquitto', 'allow_duplicate_messages true']) {
    it(`warns of ${line}`, () =>
      assert.deepEqual(
        parse(line).problems.map((p) => p.severity),
        ['warning'],
      ))
  }

  for (const line of ['persistence false', 'protocol mqtt', 'require_certificate false']) {
    it(`accepts ${line}, which asks for nothing`, () => assert.deepEqual(said('listener 1', line), []))
  }

  it('says one thing about a bridge, and not one about each of its lines', () => {
    const bridge = [
      'connection cloud',
      'address example.org:8883',
      'topic # out 1',
      'bridge_cafile ca.crt',
      'try_private true',
    ]
    assert.deepEqual(said(...bridge).length, 1)
    assert.match(said(...bridge)[0]!, /x.conf:1: error: `connection` is a mosquitto option .* no bridge$/)
    assert.equal(parse('bridge_cafile ca.crt').problems[0]!.severity, 'error')
  })

  it('are all reported by name', () => {
    for (const pattern of notYetNames) {
      const name = pattern.replace('*', 'some_thing')
      const { problems } = parse('listener 1', `${name} something`)
      assert.equal(problems.length, 1, name)
      assert.match(problems[0]!.message, / (?:is a mosquitto option that nightjar does not|has no effect in nightjar)/)
    }
  })
})

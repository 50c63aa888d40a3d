import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { describeProblem, parseConfig } from '../../../src/config/index.ts'
import { root } from '../../support/root.ts'

/** Files as people have them, and what Nightjar says to each. */
const SAMPLES: Record<string, { text: string; says: RegExp[]; listens: string[] }> = {
  'an empty file': { text: '', says: [], listens: [] },
  'a home server, open to the house': {
    text: `# one broker for the whole house
listener 1883
allow_anonymous true
max_queued_messages 8192
persistence true
persistence_location var/lib/mosquitto/
log_dest file var/log/mosquitto/mosquitto.log
`,
    says: [],
    listens: ['1883 everywhere, anonymous true'],
  },
  'what a distribution installs': {
    text: `# Place your local configuration in conf.d

pid_file run/mosquitto/mosquitto.pid

persistence true
persistence_location var/lib/mosquitto/

log_dest file var/log/mosquitto/mosquitto.log

include_dir etc/mosquitto/conf.d
`,
    says: [],
    listens: [],
  },
  'users, rules and TLS': {
    text: `per_listener_settings true

listener 1883 localhost
allow_anonymous true

listener 8883
allow_anonymous false
password_file etc/passwd
acl_file etc/acl
cafile etc/ca.crt
certfile etc/server.crt
keyfile etc/server.key
require_certificate true
`,
    says: [/:8: error: `password_file`/, /:9: error/, /:10: error/, /:11: error/, /:12: error/, /:13: error/],
    listens: ['1883 localhost, anonymous true', '8883 everywhere, anonymous false'],
  },
  'old style, from Windows': {
    text: 'port 1883\r\nbind_address 192.168.1.10\r\nmax_connections -1\r\nallow_anonymous true\r\nretry_interval 20\r\n',
    says: [/:5: warning: `retry_interval` has no effect in nightjar/],
    listens: ['1883 192.168.1.10, anonymous true'],
  },
  'a web dashboard beside the things': {
    text: `listener 1883
listener 9001
protocol websockets
socket_domain ipv4
`,
    says: [/:3: error: `protocol` .* MQTT over TCP only/],
    listens: ['1883 everywhere, anonymous null', '9001 everywhere, anonymous null'],
  },
  'a small bridge': {
    text: `listener 1883
max_inflight_messages 1
connection cloud
address cloud.example.org:1883
topic sensors/# out 1
remote_username site1
remote_password secret
`,
    says: [/:3: error: `connection`/],
    listens: ['1883 everywhere, anonymous null'],
  },
}

describe('configuration files as people have them', () => {
  for (const [name, { text, says, listens }] of Object.entries(SAMPLES)) {
    it(name, () => {
      const { config, problems } = parseConfig(text, 'mosquitto.conf', () => [])
      assert.equal(problems.length, says.length, problems.map(describeProblem).join('\n'))
      for (const [index, words] of says.entries()) assert.match(describeProblem(problems[index]!), words)
      const found = config.listeners.map(
        (l) => `${l.port} ${l.bindAddress ?? 'everywhere'}, anonymous ${l.allowAnonymous}`,
      )
      assert.deepEqual(found, listens)
    })
  }

  for (const name of ['bench.conf', 'mosquitto.conf']) {
    it(`bench/${name}`, () => {
      const { config, problems } = parseConfig(readFileSync(join(root, 'bench', name), 'utf8'), name)
      assert.deepEqual(problems, [])
      assert.deepEqual([config.listeners.length, config.listeners[0]!.allowAnonymous], [1, true])
    })
  }
})

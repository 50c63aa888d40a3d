import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AnonymousAccess, type AnonymousPolicy, isPrivate } from '../../../src/access/index.ts'
import { describe as inWords } from '../../../src/broker/index.ts'
import { PacketType } from '../../../src/protocol/index.ts'
import { TestCore } from '../../support/core.ts'
import { connect } from '../../support/packets.ts'

const PRIVATE = [
  '127.0.0.1',
  '127.255.255.254',
  '10.0.0.1',
  '10.255.255.255',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.0.1',
  '192.168.255.255',
  '169.254.0.1',
  '169.254.255.255',
  '::1',
  'fc00::1',
  'fdff:ffff::1',
  'fe80::1',
  'fe80::1%eth0',
  'febf::1',
  '::ffff:127.0.0.1',
  '::ffff:10.1.2.3',
  '::ffff:192.168.1.1',
  '::ffff:a00:1',
]

const PUBLIC = [
  '8.8.8.8',
  '1.1.1.1',
  '0.0.0.0',
  '9.255.255.255',
  '11.0.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '169.253.255.255',
  '169.255.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '192.167.255.255',
  '192.169.0.0',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::2',
  'fbff::1',
  'fe00::1',
  'fec0::1',
  'ff02::1',
  '2001:db8::1',
  '2a00:1450:4001:80e::200e',
  '::ffff:8.8.8.8',
  '::ffff:172.32.0.1',
  '',
  'localhost',
  '10.0.0',
  '10.0.0.1.5',
]

describe('an address', () => {
  it('of this machine or of a private network is private', () => {
    for (const host of PRIVATE) assert.equal(isPrivate(host), true, host)
  })

  it('of anywhere else is not, nor is what is no address', () => {
    for (const host of PUBLIC) assert.equal(isPrivate(host), false, host)
  })
})

describe('who comes in without a password', () => {
  const table: Record<AnonymousPolicy, { home: boolean; away: boolean; names: RegExp }> = {
    everybody: { home: true, away: true, names: /allow_anonymous true/ },
    private: { home: true, away: false, names: /`allow_anonymous true`/ },
    nobody: { home: false, away: false, names: /allow_anonymous false/ },
  }
  for (const [policy, { home, away, names }] of Object.entries(table)) {
    it(`with '${policy}'`, () => {
      const access = new AnonymousAccess(policy as AnonymousPolicy)
      for (const [host, allowed] of [
        ['192.168.1.7', home],
        ['8.8.8.8', away],
      ] as const) {
        const peer = { kind: 'tcp', address: host, port: 50_000 } as const
        for (const username of [null, 'ada']) {
          const request = { clientId: 'c', username, password: null, version: 5, peer, listener: 'l' } as const
          const decision = access.connect(request)
          assert.deepEqual([decision.allowed, decision.reasonCode], [allowed, allowed ? 0 : 0x87])
          assert.match(decision.rule, names)
        }
      }
    })
  }

  for (const [version, code] of [
    [3, 5],
    [4, 5],
    [5, 0x87],
  ] as const) {
    it(`from 8.8.8.8, version ${version}: Not Authorized, and the log names the setting that opens it`, () => {
      const core = new TestCore()
      const client = core.open(version, '8.8.8.8')
      client.send(connect({ version, clientId: 'stranger' }))
      const [connack, ...more] = client.take()
      assert.deepEqual([connack?.type, connack?.type === PacketType.Connack && connack.reasonCode], [2, code])
      assert.deepEqual(more, [])
      assert.ok(client.ended)
      assert.equal(core.broker.core.sessions.size, 0)
      const told = core.events.map(inWords).join('\n')
      assert.match(told, /Refused stranger at 8\.8\.8\.8:50000: .*`allow_anonymous true`/)
    })
  }
})

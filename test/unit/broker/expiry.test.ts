import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType } from '../../../src/protocol/index.ts'
import { TestCore } from '../../support/core.ts'

const NEVER = 0xffff_ffff
/** What the option takes: a million years, in seconds. */
const AGES = 31_536_000_000_000

describe('a limit of Session Expiry Intervals', () => {
  for (const [limit, expiry] of [
    [0, NEVER],
    [60, 60],
    [NEVER, NEVER],
    [AGES, NEVER],
  ] as const) {
    it(`of ${limit} s makes of never ${expiry}, which a packet and the store have room for`, () => {
      const core = new TestCore({ persistentClientExpiration: limit })
      const of = (clientId: string): number => core.broker.core.sessions.get(clientId)!.expiryInterval
      core.client({ clientId: 'three', version: 4, cleanStart: false })
      const five = core.client({ clientId: 'five', cleanStart: false, properties: { sessionExpiryInterval: NEVER } })
      assert.deepEqual([of('three'), of('five')], [expiry, expiry])
      const late = core.client({ clientId: 'late', cleanStart: false, properties: { sessionExpiryInterval: 1 } })
      late.send({ type: PacketType.Disconnect, reasonCode: 0, properties: { sessionExpiryInterval: NEVER } })
      assert.equal(of('late'), expiry)
      assert.equal(five.connack!.properties.sessionExpiryInterval ?? NEVER, expiry)
    })
  }
})

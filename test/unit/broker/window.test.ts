import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType } from '../../../src/protocol/index.ts'
import { type TestClient, TestCore } from '../../support/core.ts'
import { acknowledgement } from '../../support/packets.ts'

const { Puback, Pubrec, Pubcomp } = PacketType
const KEPT = { cleanStart: false, properties: { sessionExpiryInterval: 3600 } }

function subscriber(core: TestCore, qos: 1 | 2, kept: boolean): TestClient {
  const client = core.client(kept ? { clientId: 'kept', ...KEPT } : {})
  client.subscribe('x', { qos })
  client.take()
  return client
}

for (const kept of [true, false]) {
  describe(`max_inflight_bytes, with a Session that ${kept ? 'is kept' : 'ends with its connection'}`, () => {
    it('holds back what would be too much, and lets it go as acknowledgements come', () => {
      const core = new TestCore({ maximumInFlightBytes: 100 })
      const client = subscriber(core, 1, kept)
      const publisher = core.client()
      for (let i = 1; i <= 6; i++) publisher.publish('x', 'x'.repeat(40), { qos: 1, packetId: i })
      // 40, 80, 120: a third may begin, as the limit is not reached before it.
      assert.equal(client.published().length, 3)
      client.send(acknowledgement(Puback, 1))
      assert.equal(client.published().length, 1)
      client.send(acknowledgement(Puback, 2), acknowledgement(Puback, 3), acknowledgement(Puback, 4))
      assert.equal(client.published().length, 2)
      assert.equal(client.connection.session?.inFlightBytes, 80)
      client.send(acknowledgement(Puback, 5), acknowledgement(Puback, 6), acknowledgement(Puback, 6))
      assert.equal(client.connection.session?.inFlightBytes, 0)
      assert.equal(client.connection.session?.queuedBytes, 0)
    })

    it('always lets one go, however large', () => {
      const core = new TestCore({ maximumInFlightBytes: 100 })
      const client = subscriber(core, 2, kept)
      const publisher = core.client()
      for (let i = 1; i <= 3; i++) publisher.publish('x', 'x'.repeat(5000), { qos: 2, packetId: i })
      for (let i = 1; i <= 3; i++) {
        assert.deepEqual(
          client.published().map(({ packetId }) => packetId),
          [i],
        )
        // The bytes are gone with PUBREC; the place in the window with PUBCOMP.
        client.send(acknowledgement(Pubrec, i))
        client.send(acknowledgement(Pubcomp, i))
      }
      assert.equal(client.connection.session?.inFlightBytes, 0)
    })

    it('a PUBREC that refuses gives the bytes back once', () => {
      const core = new TestCore({ maximumInFlightBytes: 100 })
      const client = subscriber(core, 2, kept)
      core.client().publish('x', 'x'.repeat(50), { qos: 2 })
      client.send(acknowledgement(Pubrec, 1, 0x80), acknowledgement(Pubrec, 1, 0x80), acknowledgement(Pubcomp, 1))
      assert.equal(client.connection.session?.inFlightBytes, 0)
      assert.equal(client.connection.session?.outbound.inFlight, 0)
    })
  })
}

describe('max_inflight_bytes', () => {
  it('counts anew when the Session is resumed', () => {
    const core = new TestCore({ maximumInFlightBytes: 100 })
    subscriber(core, 1, true).drop()
    const publisher = core.client()
    for (let i = 1; i <= 5; i++) publisher.publish('x', 'x'.repeat(60), { qos: 1, packetId: i })
    const first = core.client({ clientId: 'kept', ...KEPT })
    assert.equal(first.published().length, 2)
    first.drop()
    const again = core.client({ clientId: 'kept', ...KEPT })
    const { session } = again.connection
    assert.deepEqual(
      again.published().map(({ dup }) => dup),
      [true, true],
    )
    assert.deepEqual([session?.inFlightBytes, session?.queuedBytes], [120, 180])
    for (let packetId = 1; packetId <= 5; packetId++) again.send(acknowledgement(Puback, packetId))
    assert.equal(again.published().length, 3)
    assert.deepEqual([session?.inFlightBytes, session?.queuedBytes], [0, 0])
  })

  it('the count of messages holds beside it', () => {
    const core = new TestCore({ maximumInFlightBytes: 1_000_000, maximumInFlight: 2 })
    const client = subscriber(core, 1, false)
    const publisher = core.client()
    for (let i = 1; i <= 5; i++) publisher.publish('x', 'x', { qos: 1, packetId: i })
    assert.equal(client.published().length, 2)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PacketType, type PublishPacket } from '../../../src/protocol/index.ts'
import { TestCore } from '../../support/core.ts'
import { acknowledgement } from '../../support/packets.ts'

const kept = (clientId: string, sessionExpiryInterval: number) => ({
  clientId,
  cleanStart: false,
  properties: { sessionExpiryInterval },
})
const SHARED = '$share/g/x'

describe('what is handed on to another member of a shared subscription', () => {
  it('is in the store again, though the store had forgotten the message', () => {
    const before = new TestCore()
    const heir = before.client(kept('heir', 3600))
    heir.subscribe(SHARED, { qos: 1 })
    heir.drop()
    const witness = before.client(kept('witness', 3600))
    witness.subscribe('x', { qos: 1 })
    const member = before.client()
    member.subscribe(SHARED, { qos: 1 })
    before.client().publish('x', 'news', { qos: 1 })
    const [seen] = witness.take().filter((packet): packet is PublishPacket => packet.type === PacketType.Publish)
    witness.send(acknowledgement(PacketType.Puback, seen!.packetId))
    assert.deepEqual(member.payloads(), ['news'])
    member.drop()
    assert.deepEqual(before.restart().client(kept('heir', 3600)).payloads(), ['news'])
  })

  it('is so after a restart too, when the session that had it expires', () => {
    const before = new TestCore()
    const short = before.client(kept('short', 10))
    short.subscribe(SHARED, { qos: 1 })
    short.subscribe('own', { qos: 1 })
    short.drop()
    const publisher = before.client()
    publisher.publish('x', 'shared', { qos: 1 })
    publisher.publish('own', 'not shared', { qos: 1, packetId: 2 })
    const heir = before.client(kept('heir', 3600))
    heir.subscribe(SHARED, { qos: 1 })
    heir.subscribe('own', { qos: 1 })
    heir.drop()
    const core = before.restart()
    core.pass(11)
    assert.deepEqual(core.client(kept('heir', 3600)).payloads(), ['shared'])
    assert.deepEqual(core.restart().client(kept('heir', 3600)).payloads(), ['shared'])
  })

  it('[MQTT-4.8.2-5] is, after a restart, nothing that was sent with QoS 2, and all else', () => {
    for (const killed of [false, true]) {
      const before = new TestCore({ maximumInFlight: 2 })
      const short = before.client(kept('short', 10))
      short.subscribe(SHARED, { qos: 2 })
      const publisher = before.client()
      for (const [i, qos] of ([2, 1, 2, 1] as const).entries()) {
        publisher.publish('x', String(i), { qos, packetId: i + 1 })
      }
      assert.deepEqual(short.payloads(), ['0', '1'])
      if (!killed) short.drop()
      const core = before.restart()
      const heir = core.client(kept('heir', 3600))
      heir.subscribe(SHARED, { qos: 2 })
      heir.drop()
      core.pass(11)
      assert.deepEqual(core.restart({ maximumInFlight: 9 }).client(kept('heir', 3600)).payloads(), ['1', '2', '3'])
    }
  })

  it('goes, when the broker stops, only to who comes back', () => {
    const before = new TestCore()
    const heir = before.client(kept('heir', 3600))
    heir.subscribe(SHARED, { qos: 1 })
    heir.drop()
    const members = [1, 2, 3].map(() => before.client())
    for (const member of members) member.subscribe(SHARED, { qos: 1 })
    const publisher = before.client()
    for (const payload of ['1', '2', '3']) publisher.publish('x', payload, { qos: 1 })
    for (const member of members) assert.equal(member.payloads().length, 1)
    before.turn((broker) => broker.stop())
    for (const member of members) assert.deepEqual(member.payloads(), [])
    assert.deepEqual(before.restart().client(kept('heir', 3600)).payloads().sort(), ['1', '2', '3'])
  })
})

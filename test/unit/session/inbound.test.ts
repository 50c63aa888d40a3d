import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Inbound, InboundAliases, OutboundAliases } from '../../../src/session/index.ts'
import { fc } from '../../support/fast-check.ts'

describe('QoS 2 messages that came', () => {
  it('are known until they are released [MQTT-4.3.3-10] [MQTT-4.3.3-12]', () => {
    const inbound = new Inbound()
    assert.equal(inbound.has(7), false)
    inbound.add(7)
    assert.equal(inbound.has(7), true)
    assert.equal(inbound.release(7), true)
    assert.equal(inbound.has(7), false)
    assert.equal(inbound.release(7), false, 'a second PUBREL finds nothing')
  })

  it('are counted once', () => {
    const inbound = new Inbound()
    for (const packetId of [9, 3, 9, 5]) inbound.add(packetId)
    assert.equal(inbound.size, 3)
  })

  it('are what a plain set says, however many they are', () => {
    const someId = fc.oneof(fc.constantFrom(1, 2, 8, 1024, 65_535), fc.integer({ min: 1, max: 65_535 }))
    const run = fc.record({ add: fc.boolean(), from: someId, count: fc.constantFrom(1, 3, 700, 1100) })
    fc.assert(
      fc.property(fc.array(run, { maxLength: 12 }), (runs) => {
        const inbound = new Inbound()
        const plain = new Set<number>()
        for (const { add, from, count } of runs) {
          for (let id = from; id < Math.min(from + count, 65_536); id++) {
            assert.equal(inbound.has(id), plain.has(id))
            if (add) inbound.add(id)
            else assert.equal(inbound.release(id), plain.has(id))
            if (add) plain.add(id)
            else plain.delete(id)
          }
          assert.equal(inbound.size, plain.size)
        }
        for (const id of [...plain]) assert.ok(inbound.release(id))
        assert.equal(inbound.size, 0)
        for (const id of plain) assert.equal(inbound.has(id), false)
      }),
      { numRuns: 50 },
    )
  })
})

describe('Topic Aliases', () => {
  it('of the other side are what it last said', () => {
    const aliases = new InboundAliases<string>(2)
    assert.equal(aliases.get(1), undefined)
    aliases.set(2, 'a')
    aliases.set(2, 'b')
    assert.equal(aliases.get(2), 'b')
    assert.equal(aliases.get(1), undefined)
  })

  it('of ours go to the first topics, until they are spent [MQTT-3.1.2-26]', () => {
    const aliases = new OutboundAliases(2)
    assert.equal(aliases.known('a'), 0)
    assert.deepEqual([aliases.assign('a'), aliases.assign('b'), aliases.assign('c')], [1, 2, 0])
    assert.deepEqual([aliases.known('a'), aliases.known('b'), aliases.known('c')], [1, 2, 0])
  })

  it('of ours are none where none are allowed', () => {
    assert.equal(new OutboundAliases(0).assign('a'), 0)
  })
})

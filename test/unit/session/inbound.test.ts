import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Inbound, InboundAliases, OutboundAliases } from '../../../src/session/index.ts'

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

  it('are counted once, and listed in the order in which they came', () => {
    const inbound = new Inbound()
    assert.deepEqual([...inbound.identifiers()], [])
    for (const packetId of [9, 3, 9, 5]) inbound.add(packetId)
    assert.equal(inbound.size, 3)
    assert.deepEqual([...inbound.identifiers()], [9, 3, 5])
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

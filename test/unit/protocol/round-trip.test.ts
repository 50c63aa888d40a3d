import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodedLength, type Packet, type ProtocolVersion } from '../../../src/protocol/index.ts'
import { fc } from '../../support/fast-check.ts'
import { anyConnect, anyPacketAfterConnect } from './arbitraries.ts'
import { decodeAll, encodeToBytes, joined, text } from './support.ts'

const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5]

/** Ascending places within bytes of this length. */
function cuts(length: number): fc.Arbitrary<number[]> {
  return fc.array(fc.integer({ min: 0, max: length }), { maxLength: 20 }).map((all) => all.sort((a, b) => a - b))
}

function checkPacket(packet: Packet, version: ProtocolVersion): void {
  const bytes = encodeToBytes(packet, version)
  assert.deepEqual(decodeAll(bytes, version), [packet])
  assert.equal(encodedLength(packet, version, text), bytes.length)
}

for (const version of VERSIONS) {
  describe(`version ${version}`, () => {
    test('any CONNECT is the same after encoding and decoding', () => {
      fc.assert(
        fc.property(anyConnect(version), (packet) => checkPacket(packet, version)),
        { numRuns: 500 },
      )
    })

    test('any other packet is the same after encoding and decoding', () => {
      fc.assert(
        fc.property(anyPacketAfterConnect(version), (packet) => checkPacket(packet, version)),
        { numRuns: 2000 },
      )
    })

    test('any portions of any packets give the same packets', () => {
      const packets = fc.array(anyPacketAfterConnect(version), { maxLength: 6 })
      const sequence = fc.tuple(anyConnect(version), packets).map(([connect, rest]) => [connect, ...rest])
      const portioned = sequence.chain((all) => {
        const bytes = joined(all.map((packet) => encodeToBytes(packet, version)))
        return fc.record({ all: fc.constant(all), bytes: fc.constant(bytes), at: cuts(bytes.length) })
      })
      fc.assert(
        fc.property(portioned, ({ all, bytes, at }) => {
          assert.deepEqual(decodeAll(bytes, 4, at), all)
        }),
        { numRuns: 300 },
      )
    })
  })
}

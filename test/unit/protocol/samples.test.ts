import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodedLength } from '../../../src/protocol/index.ts'
import { SAMPLES } from './samples.ts'
import { decodeAll, encodeToBytes, hex, text, wire } from './support.ts'

/** Beyond this, only the places around the fields are tried, for time. */
const EVERY_SPLIT = 300

for (const { name, versions, bytes: line, packet, decodeOnly } of SAMPLES) {
  const bytes = wire(line)
  for (const version of versions) {
    describe(`${name} (version ${version})`, () => {
      test('decodes', () => assert.deepEqual(decodeAll(bytes, version), [packet]))

      test('decodes in any two portions, and byte by byte', () => {
        const every = Array.from({ length: bytes.length - 1 }, (_, i) => i + 1)
        for (const cut of every.filter((at) => at < EVERY_SPLIT || at > bytes.length - EVERY_SPLIT)) {
          assert.deepEqual(decodeAll(bytes, version, [cut]), [packet], `cut at ${cut}`)
        }
        assert.deepEqual(decodeAll(bytes, version, every), [packet])
      })

      test('survives the round trip, and its length is known beforehand', () => {
        const encoded = encodeToBytes(packet, version)
        assert.deepEqual(decodeAll(encoded, version), [packet])
        assert.equal(encodedLength(packet, version, text), encoded.length)
      })

      if (!decodeOnly) {
        test('encodes', () => assert.equal(hex(encodeToBytes(packet, version)), hex(bytes)))
      }
    })
  }
}

import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { describe, test } from 'node:test'
import { malformedTextAt } from '../../../src/protocol/index.ts'
import { fc } from '../../support/fast-check.ts'
import { wire } from './support.ts'

function isText(bytes: Uint8Array): boolean {
  return isUtf8(bytes) && !bytes.includes(0)
}

describe('malformedTextAt', () => {
  test('agrees with the platform about every sequence of up to three bytes, in a sample of the third', () => {
    const thirds = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xe2, 0xff]
    for (let first = 0; first < 256; first++) {
      assert.equal(malformedTextAt(Uint8Array.of(first), 0, 1) === -1, isText(Uint8Array.of(first)), `${first}`)
      for (let second = 0; second < 256; second++) {
        for (const third of thirds) {
          const bytes = Uint8Array.of(first, second, third)
          assert.equal(malformedTextAt(bytes, 0, 3) === -1, isText(bytes), `${first} ${second} ${third}`)
        }
      }
    }
  })

  test('agrees with the platform about sequences of four bytes', () => {
    const edges = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0xbf, 0xc0]
    for (let first = 0xee; first < 0xf8; first++) {
      for (const second of edges) {
        for (const third of edges) {
          for (const fourth of edges) {
            const bytes = Uint8Array.of(first, second, third, fourth)
            assert.equal(malformedTextAt(bytes, 0, 4) === -1, isText(bytes), bytes.join(' '))
          }
        }
      }
    }
  })

  test('agrees with the platform about any bytes', () => {
    const lead = fc.constantFrom(0xc3, 0xe0, 0xed, 0xef, 0xf0, 0xf4)
    const byte = fc.oneof(fc.nat(0x7f), fc.integer({ min: 0x80, max: 0xbf }), lead)
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 12 }), (all) => {
        const bytes = Uint8Array.from(all)
        assert.equal(malformedTextAt(bytes, 0, bytes.length) === -1, isText(bytes))
      }),
      { numRuns: 3000 },
    )
  })

  for (const [name, line, at] of [
    ['U+0000', '6162 00', 2],
    ['a lone continuation byte', '61 80', 1],
    ['an overlong slash', '61 c0af', 1],
    ['a surrogate', 'c3a4 eda080', 2],
    ['what is beyond U+10FFFF', '61 f4908080', 1],
    ['a character cut short by the end', '6161 f09f99', 2],
  ] as const) {
    test(`finds ${name} at ${at}`, () => assert.equal(malformedTextAt(wire(line), 0, wire(line).length), at))
  }

  test('looks at its range only', () => {
    const bytes = wire('ff c3a4 ff')
    assert.equal(malformedTextAt(bytes, 1, 3), -1)
    assert.equal(malformedTextAt(bytes, 1, 2), 1)
    assert.equal(malformedTextAt(bytes, 2, 2), -1)
  })
})

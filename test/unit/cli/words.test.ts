import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { bytesOf, isBroken, originalWords, wordOf } from '../../../src/cli/words.ts'
import { fc } from '../../support/fast-check.ts'

test('no byte of a word is lost, and text stays text', () => {
  const byte = fc.oneof(
    fc.integer({ min: 0, max: 255 }),
    fc.constantFrom(0xc3, 0xbc, 0xf0, 0x9f, 0x98, 0x80, 0xed, 0xa0),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3 }), fc.array(byte, { maxLength: 12 }), (some, more) => {
      const bytes = Buffer.from([...some, ...more])
      const word = wordOf(bytes)
      assert.deepEqual(Buffer.from(bytesOf(word)!), bytes)
      assert.equal(isBroken(word), bytes.toString('utf8') !== word)
    }),
  )
})

test('what Node has replaced cannot be told without the bytes of the command line', () => {
  assert.deepEqual(originalWords(['a', 'grüße']), ['a', 'grüße'])
  // These words are not those that this process was started with.
  const [word] = originalWords(['a\ufffdb'])
  assert.ok(isBroken(word!))
  assert.equal(bytesOf(word!), null)
})

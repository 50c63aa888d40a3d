import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { jsonAgain } from '../../../src/cli/format/json-text.ts'
import { fc } from '../../support/fast-check.ts'

const LINE = { pretty: false }

function again(text: string): string | null {
  const result = jsonAgain(Buffer.from(text, 'utf8').toString('latin1'), LINE, 1)
  return result === null ? null : Buffer.from(result, 'latin1').toString('utf8')
}

/** What mosquitto_sub 2.0.11 printed for each; null: it said that it is not JSON. */
const TABLE: readonly [source: string, expected: string | null][] = [
  ['1', '1'],
  ['01', '1'],
  ['-0', '-0'],
  ['1.0', '1'],
  ['1.', '1'],
  ['1e5', '100000'],
  ['1E400', 'null'],
  ['-1.5e-7', '-1.5e-07'],
  ['123456789012', '123456789012'],
  ['12345678901234567890', '1.2345678901234567e+19'],
  ['0.1', '0.1'],
  ['1e15', '1e+15'],
  ['100000000000000000000', '1e+20'],
  ['3.14159265358979312', '3.1415926535897931'],
  ['-2147483649', '-2147483649'],
  ['0.00001234', '1.234e-05'],
  ['5e-324', '4.94065645841247e-324'],
  ['true', 'true'],
  ['null', 'null'],
  ['[ ]', '[]'],
  ['{ }', '{}'],
  ['[1 , {"a" :  [ ]}]', '[1,{"a":[]}]'],
  ['{"2":1,"1":2,"2":3}', '{"2":1,"1":2,"2":3}'],
  ['"\\u0000x"', '""'],
  ['"\\ud83d\\ude00é\\/"', '"😀é/"'],
  ['"a\tb"', '"a\\tb"'],
  [' {"a":1} ', '{"a":1}'],
  ['\ufeff[1]', '[1]'],
  ['"\\u001f\\ud83d"', null],
  ['"\\ude00"', null],
  ['+1', null],
  ['.5', null],
  ["{'a':1}", null],
  ['{"a"}', null],
  ['{"a":}', null],
  ['{1:2}', null],
  ['[1,]', null],
  ['[1 2]', null],
  ['nul', null],
  ['"open', null],
  ['"\\x"', null],
  ['"\\u12', null],
  ['[1]x', null],
  ['1\0', null],
  ['', null],
  ['[', null],
]

for (const [source, expected] of TABLE) {
  test(`${JSON.stringify(source)} becomes ${expected}`, () => assert.equal(again(source), expected))
}

test('any JSON keeps its strings and its shape', () => {
  const shape = (json: string) =>
    JSON.stringify(JSON.parse(json), (_, value) => (typeof value === 'number' ? 0 : (value as unknown)))
  fc.assert(
    fc.property(fc.json(), (json) => {
      // As in C, a string ends before its first U+0000, so without it.
      fc.pre(!json.includes('\\u0000'))
      assert.equal(shape(again(json)!), shape(json))
    }),
  )
})

test('any number stays what it is but for its last bit', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const shown = Number(again(JSON.stringify(value)))
      assert.ok(Math.abs(shown - value) <= Math.abs(value) * Number.EPSILON, `${value} became ${shown}`)
    }),
  )
})

test('nesting deeper than a thousand is refused, not a stack overflow', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  assert.equal(again(nested(1000)), nested(1000))
  assert.equal(again(nested(1001)), null)
  assert.equal(again('['.repeat(1_000_000)), null)
})

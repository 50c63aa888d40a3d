import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Params, readNamedFilter, readParams } from '../../../src/client/filter-syntax.ts'
import { bytes, json, type StandardSchema, text } from '../../../src/client/index.ts'

const utf8 = (value: string) => new TextEncoder().encode(value)

/** As zod, valibot and arktype offer it. */
function schema<T>(validate: StandardSchema<T>['~standard']['validate']): StandardSchema<T> {
  return { '~standard': { version: 1, vendor: 'test', validate } }
}

const reading = schema<{ celsius: number }>((value) => {
  const celsius = (value as { celsius?: unknown } | null)?.celsius
  if (typeof celsius === 'number') return { value: { celsius } }
  return { issues: [{ message: 'expected a number', path: ['celsius'] }] }
})

describe('codecs', () => {
  it('text is UTF-8 both ways', () => {
    for (const value of ['', 'grün', '🌡️ 21 °C', '\u{feff}bom']) assert.equal(text.decode(text.encode(value)), value)
    assert.equal(text.decode(Uint8Array.of(0x61, 0xff)), 'a\ufffd')
  })

  it('bytes are left as they are', () => {
    const value = Uint8Array.of(0, 255)
    assert.equal(bytes.encode(value), value)
    assert.equal(bytes.decode(value), value)
  })

  it('JSON goes both ways', () => {
    const value = { a: [1, 'ü', null], b: { c: true } }
    assert.deepEqual(json().decode(json().encode(value)), value)
    assert.equal(json().contentType, 'application/json')
  })

  it('what is not JSON, or has no form in it, is an error with the payload in it', () => {
    assert.throws(() => json().decode(utf8('{nope')), { code: 'ERR_PAYLOAD', message: /not JSON: \{nope/ })
    assert.throws(() => json().decode(utf8('x'.repeat(100))), { code: 'ERR_PAYLOAD', message: /x{40}\.\.\.$/ })
    assert.throws(() => json().encode(undefined), { code: 'ERR_PAYLOAD', message: /undefined/ })
  })

  it('a schema gives the type, and refuses what does not fit, with the place', () => {
    const celsius: number = json(reading).decode(utf8('{"celsius":21}')).celsius
    assert.equal(celsius, 21)
    assert.throws(() => json(reading).decode(utf8('{"celsius":"21"}')), {
      code: 'ERR_PAYLOAD',
      message: /celsius: expected a number/,
    })
  })

  it('a schema that answers later is refused', () => {
    const later = schema<number>(() => Promise.resolve({ value: 1 }))
    assert.throws(() => json(later).decode(utf8('1')), { code: 'ERR_PAYLOAD', message: /asynchronously/ })
    const failing = schema<number>(() => Promise.reject(new Error('x')))
    assert.throws(() => json(failing).decode(utf8('1')), { code: 'ERR_PAYLOAD' })
  })
})

describe('named levels', () => {
  const table: [string, string, string, Record<string, string>][] = [
    ['home/{room}/temp', 'home/+/temp', 'home/kitchen/temp', { room: 'kitchen' }],
    ['{a}/{b}', '+/+', 'x/', { a: 'x', b: '' }],
    ['{site}/#', '+/#', 'north/a/b', { site: 'north' }],
    ['plain/+/#', 'plain/+/#', 'plain/x', {}],
    ['a/x{y}/b', 'a/x{y}/b', 'a/x{y}/b', {}],
    ['a/{1}/b', 'a/{1}/b', 'a/{1}/b', {}],
  ]
  for (const [source, filter, topic, params] of table) {
    it(`${source} is ${filter}`, () => {
      const named = readNamedFilter(source)
      assert.equal(named.filter, filter)
      assert.deepEqual(readParams(named.names, topic), params)
    })
  }

  it('are known to the compiler', () => {
    const params: Params<'home/{room}/{what}/#'> = { room: 'kitchen', what: 'temp' }
    assert.equal(params.room + params.what, 'kitchentemp')
    // @ts-expect-error there is no such level
    assert.equal(params.floor, undefined)
  })
})

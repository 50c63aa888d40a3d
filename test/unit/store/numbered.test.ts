import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Numbered } from '../../../src/store/numbered.ts'

test('is a Map by numbers, in parts that go when they are empty', () => {
  const numbered = new Numbered<string>(4)
  const map = new Map<number, string>()
  let highest = 0
  const same = (): void => {
    for (let i = 0; i < 110; i++) assert.equal(numbered.get(i), map.get(i))
    assert.deepEqual([...numbered.keys()].sort(), [...map.keys()].sort())
    assert.equal(numbered.parts, new Set([...map.keys()].map((number) => number >> 2)).size)
  }
  for (let i = 0; i < 100; i++) {
    map.set(i, `${i}`)
    numbered.set(i, `${i}`)
    map.delete(i - 17)
    numbered.delete(i - 17)
    if (i % 5 === 0) {
      map.set(i - 3, 'again')
      numbered.set(i - 3, 'again')
    }
    highest = Math.max(highest, numbered.parts)
    same()
  }
  assert.ok(highest > 3)
  for (let i = -10; i < 110; i++) {
    map.delete(i)
    numbered.delete(i)
    same()
  }
  assert.equal(numbered.parts, 0)
})

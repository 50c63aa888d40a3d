import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { now, strftime } from '../../../src/cli/format/strftime.ts'

const DATE = '/bin/date'
/** Of these date(1) has its own idea, or none; it stands for strftime(3) in the C locale. */
const CONVERSIONS = 'aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ'

/** The ends of years, where weeks are difficult, noon and midnight, a leap day. */
const MOMENTS = [
  [2020, 11, 31, 23, 59, 59],
  [2021, 0, 1, 0, 0, 0],
  [2021, 0, 3, 12, 0, 0],
  [2023, 0, 1, 1, 2, 3],
  [2024, 1, 29, 11, 59, 0],
  [2024, 11, 30, 13, 0, 9],
  [2026, 10, 23, 20, 43, 37],
] as const

const missing = !existsSync(DATE) && `${DATE} is not installed`

for (const [year, month, ...rest] of MOMENTS) {
  const date = new Date(year, month, ...rest)
  test(`every conversion is as in C for ${year}-${month + 1}-${rest.join(' ')}`, { skip: missing }, () => {
    const format = [...CONVERSIONS].map((letter) => `%${letter}`).join('|')
    const seconds = Math.floor(date.getTime() / 1000)
    const { stdout } = spawnSync(DATE, [`--date=@${seconds}`, `+${format}`], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
    })
    const shown = [...CONVERSIONS].map((letter) => strftime(letter, { date, nanoseconds: 0 })).join('|')
    assert.equal(`${shown}\n`, stdout)
  })
}

test('a conversion that does not exist stays, and a percent sign is one', () => {
  const moment = { date: new Date(0), nanoseconds: 5 }
  assert.equal(strftime('Q', moment), '%Q')
  assert.equal(strftime('E', moment), '%E')
  assert.equal(strftime('%', moment), '%')
  assert.equal(strftime('N', moment), '000000005')
})

test('now is the wall clock, with microseconds that never leave its millisecond', () => {
  for (let i = 0; i < 1000; i++) {
    const before = Date.now()
    const { date, nanoseconds } = now()
    assert.ok(date.getTime() >= before && date.getTime() <= Date.now())
    assert.equal(Math.floor(nanoseconds / 1_000_000), date.getTime() % 1000)
    assert.equal(nanoseconds % 1000, 0)
  }
})

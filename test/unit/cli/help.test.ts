import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { EXIT_CODES } from '../../../src/cli/exit.ts'
import { overview, verbHelp } from '../../../src/cli/help.ts'
import { commandsAsMarkdown } from '../../../src/cli/markdown.ts'
import { optionNames } from '../../../src/cli/option.ts'
import { VERBS } from '../../../src/cli/verbs.ts'
import { root } from '../../support/root.ts'

for (const verb of Object.values(VERBS)) {
  test(`the help of ${verb.name} has every option and fits a terminal`, () => {
    const help = verbHelp(verb)
    for (const name of verb.options.flatMap(optionNames)) assert.ok(help.includes(name), `${name} is missing`)
    for (const line of help.split('\n')) assert.ok(line.length <= 80, `too long: ${line}`)
    assert.doesNotMatch(help, /undefined|`/)
  })
}

test('the overview names every verb, and fits a terminal', () => {
  for (const line of overview().split('\n')) assert.ok(line.length <= 80, `too long: ${line}`)
  for (const { name } of Object.values(VERBS)) assert.match(overview(), new RegExp(`^  ${name} `, 'm'))
})

test('docs/commands.md is made from the tables: node scripts/docs.mjs', () => {
  assert.equal(readFileSync(join(root, 'docs/commands.md'), 'utf8'), commandsAsMarkdown())
})

test('the exit codes are those that scripts rely on', () => {
  const codes = Object.values(EXIT_CODES).map(({ code }) => code)
  assert.deepEqual(codes, [0, 1, 2, 3, 4, 5, 6, 7, 27, 70, 130])
})

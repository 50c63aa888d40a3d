import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { root } from '../support/root.ts'
import { matrixAsMarkdown, proofs, type Side, sidesOf, WITHOUT } from './matrix.ts'
import { SUBJECTS } from './subjects.ts'

const REASONS_MAX = 15
const statements: string[] = JSON.parse(readFileSync(join(root, 'test/conformance/statements.json'), 'utf8'))

describe('the normative statements of MQTT 5.0', () => {
  const tests = proofs()
  const proved = (id: string, side: Side): boolean => tests.get(id)?.some((proof) => proof.side === side) === true
  const each = statements.flatMap((id) => sidesOf(id).map((side) => ({ id, side })))
  const words = (list: typeof each): string[] => list.map(({ id, side }) => `${id} (${side})`)

  it('each have a subject', () => {
    assert.equal(statements.length, 251)
    assert.deepEqual(Object.keys(SUBJECTS), statements)
  })

  it('each have, for every side that they bind, a test that names them, or a reason why there is none', () => {
    assert.deepEqual(words(each.filter(({ id, side }) => !proved(id, side) && WITHOUT[id]?.[side] === undefined)), [])
  })

  it('have no reason left for which there is a test, or no statement', () => {
    assert.deepEqual(words(each.filter(({ id, side }) => proved(id, side) && WITHOUT[id]?.[side] !== undefined)), [])
    assert.deepEqual(
      Object.keys(WITHOUT).filter((id) => !statements.includes(id)),
      [],
    )
    assert.ok(Object.keys(WITHOUT).length <= REASONS_MAX)
  })

  it('stand in docs/internals/conformance.md as node scripts/docs.mjs writes it', () => {
    assert.equal(readFileSync(join(root, 'docs/internals/conformance.md'), 'utf8'), matrixAsMarkdown())
  })
})

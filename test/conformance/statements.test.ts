import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { root } from '../support/root.ts'
import { blankComments } from '../support/tidy.ts'

const statements: string[] = JSON.parse(readFileSync(join(root, 'test/conformance/statements.json'), 'utf8'))

/** Statements that no test has in its name, each with the reason. */
const WITHOUT: Readonly<Record<string, string>> = {
  'MQTT-3.3.2-10': 'the client library: test/unit/client has a Topic Alias in place of a topic',
  'MQTT-3.3.4-5': 'the broker sends a single copy, where filters overlap',
  'MQTT-3.15.2-2': 'an AUTH that the broker sends has no Reason String',
  'MQTT-3.15.2-3': 'an AUTH that the broker sends has no User Properties',
  'MQTT-4.5.0-2': 'the client library: test/unit/client has acknowledgements of what nobody took',
  'MQTT-6.0.0-1': 'there is no WebSocket yet',
  'MQTT-6.0.0-2': 'there is no WebSocket yet',
  'MQTT-6.0.0-3': 'there is no WebSocket yet',
  'MQTT-6.0.0-4': 'there is no WebSocket yet',
}

/** What the names of tests cite: comments do not count, nor does this file. */
function cited(): Set<string> {
  const files = (readdirSync(join(root, 'test'), { recursive: true }) as string[])
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.test.ts') && path !== 'conformance/statements.test.ts' && path !== 'tidy.test.ts')
  const found = new Set<string>()
  for (const path of files) {
    const text = blankComments(readFileSync(join(root, 'test', path), 'utf8'))
    for (const match of text.matchAll(/\[(MQTT-\d[\d.]*-\d+)\]/g)) found.add(match[1]!)
  }
  return found
}

describe('the normative statements of MQTT 5.0', () => {
  const tests = cited()

  it('each have a test that names them, or a reason why there is none', () => {
    assert.equal(statements.length, 251)
    assert.deepEqual(
      statements.filter((id) => !tests.has(id) && WITHOUT[id] === undefined),
      [],
    )
  })

  it('have no reason left for which there is a test, or no statement', () => {
    assert.deepEqual(
      Object.keys(WITHOUT).filter((id) => tests.has(id) || !statements.includes(id)),
      [],
    )
  })
})

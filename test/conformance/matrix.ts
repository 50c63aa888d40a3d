import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../support/root.ts'
import { blankComments } from '../support/tidy.ts'
import { SUBJECTS } from './subjects.ts'

export type Side = 'client' | 'server'

export interface Proof {
  /** The test file, as a path in the tree. */
  readonly file: string
  /** As it stands in the source, without the ids of statements. */
  readonly name: string
  readonly side: Side
}

const WEBSOCKET = 'there is no WebSocket yet'

/** Sides of statements for which there is no test, each with the reason. */
export const WITHOUT: Readonly<Record<string, Partial<Record<Side, string>>>> = {
  'MQTT-6.0.0-1': { client: WEBSOCKET, server: WEBSOCKET },
  'MQTT-6.0.0-2': { client: WEBSOCKET, server: WEBSOCKET },
  'MQTT-6.0.0-3': { client: WEBSOCKET },
  'MQTT-6.0.0-4': { server: WEBSOCKET },
}

const NAME = /'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`/g
const ID = /\[(MQTT-\d[\d.]*-\d+)\] ?/g
/** Tests in which our client is what is looked at. */
const OF_CLIENT = /^test\/(?:unit\/client\/|conformance\/client-|conformance\/auth-client)/

/** What proves each statement: the tests that have its id in their name. */
export function proofs(): Map<string, Proof[]> {
  const found = new Map<string, Proof[]>()
  for (const file of testFiles()) {
    const side = OF_CLIENT.test(file) ? 'client' : 'server'
    const text = blankComments(readFileSync(join(root, file), 'utf8'))
    for (const [literal] of text.matchAll(NAME)) {
      const name = literal.slice(1, -1).replace(ID, '').trim()
      for (const id of new Set(Array.from(literal.matchAll(ID), (match) => match[1]!))) {
        const list = found.get(id) ?? []
        if (!list.some((proof) => proof.file === file && proof.name === name)) list.push({ file, name, side })
        found.set(id, list)
      }
    }
  }
  return found
}

function testFiles(): string[] {
  return (readdirSync(join(root, 'test'), { recursive: true }) as string[])
    .map((path) => `test/${path.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.test.ts') && path !== 'test/tidy.test.ts')
    .sort()
}

/** The sides that a statement binds, of which each needs a test or a reason. */
export function sidesOf(id: string): Side[] {
  const { binds } = SUBJECTS[id]!
  return binds === 'both' ? ['server', 'client'] : [binds]
}

/** docs/internals/conformance.md */
export function matrixAsMarkdown(): string {
  const tests = proofs()
  const ids = Object.keys(SUBJECTS)
  const whole = ids.filter((id) => WITHOUT[id] === undefined).length
  const count = (side: Side): string => {
    const bound = ids.filter((id) => sidesOf(id).includes(side))
    const proved = bound.filter((id) => WITHOUT[id]?.[side] === undefined)
    return `| ${side} | ${bound.length} | ${proved.length} | ${bound.length - proved.length} |`
  }
  return `# Conformance

Made by \`node scripts/docs.mjs\` from the names of the tests; \`npm test\` fails when it is out of date, when a statement has
neither a test nor a reason, and when a test names a statement that does not exist.

The OASIS standard of MQTT 5.0 has ${ids.length} normative statements. **${whole} of them are tested on every side that they bind**, ${ids.length - whole} are
not, for the reasons given. Where MQTT 3.1.1 and 3.1 differ the same tests run for each version. The words are ours: what a
statement says is in the standard. A statement that binds both sides needs a test of each.

| side | statements | tested | not tested |
| --- | --- | --- | --- |
${count('server')}
${count('client')}

Tests of the server send raw bytes to a broker that runs as a process; tests of the client, marked _client_, give it a server
that does nothing by itself. A test's name may be completed by a row of a table, or by a version.

| statement | about | tests |
| --- | --- | --- |
${ids.map((id) => `| ${id} | ${cell(SUBJECTS[id]!.subject)} | ${evidence(id, tests.get(id) ?? [])} |`).join('\n')}
`
}

function evidence(id: string, list: readonly Proof[]): string {
  const files = [...new Set(list.map(({ file }) => file))]
  const named = files.map((file) => {
    const tests = list.filter((proof) => proof.file === file)
    const names = tests.map(({ name }) => cell(name)).filter((name) => /\w/.test(name))
    const title = file.replace(/^test\//, '').replace(/\.test\.ts$/, '')
    const side = tests[0]!.side === 'client' ? '_client_ ' : ''
    return `${side}[${title}](../../${file})${names.length === 0 ? '' : ': '}${names.join('; ')}`
  })
  const without = sidesOf(id).flatMap((side) => {
    const reason = WITHOUT[id]?.[side]
    return reason === undefined ? [] : [`none of the ${side}: ${reason}`]
  })
  return [...named, ...without].join('<br>')
}

/** Text of a source, so that it cannot end the cell or be taken for markup. */
function cell(text: string): string {
  return text
    .replace(/\$\{[^}]*\}/g, '...')
    .replace(/\\(.)/g, '$1')
    .replace(/[|*_<>[\]#`$]/g, (character) => `&#${character.charCodeAt(0)};`)
}

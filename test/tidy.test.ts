import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { root } from './support/root.ts'
import {
  blankComments,
  checkBans,
  checkCircles,
  checkCitations,
  checkFloors,
  checkLength,
  checkPurity,
  checkRooms,
  type Finding,
  type Source,
} from './support/tidy.ts'

const FILE_LINES = 400
/** A ratchet: a file may leave this list and shrink in it, not grow. Functions over 70 lines: see biome.json. */
const LONG_FILES: Record<string, { lines: number; reason: string }> = {}

const statements = new Set<string>(JSON.parse(readFileSync(join(root, 'test/conformance/statements.json'), 'utf8')))
const tree = ['src', 'test', 'scripts', 'bench', 'bin', 'demos', 'docs', 'packaging'].flatMap(read)
const code = tree.filter(({ path }) => /\.(ts|mjs|js)$/.test(path))
const sources = code.filter(({ path }) => path.startsWith('src/'))

function read(folder: string): Source[] {
  let entries: string[]
  try {
    entries = readdirSync(join(root, folder), { recursive: true }) as string[]
  } catch {
    return []
  }
  return entries
    .map((entry) => `${folder}/${entry.replaceAll('\\', '/')}`)
    .filter((path) => /\.(ts|mjs|js|md|json|conf|py|sh|html|css)$/.test(path))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

function clean(findings: Finding[]): void {
  assert.equal(findings.map((f) => `${f.path}:${f.line} ${f.message}`).join('\n'), '')
}

describe('the house is tidy', () => {
  it('has sources to look at', () => assert.ok(sources.length > 5 && statements.size === 251))
  it('imports only from lower floors, and through their doors', () => clean(checkFloors(sources)))
  it('has rooms in the broker that import from those below, and through their doors', () => clean(checkRooms(sources)))
  it('has no circle of imports', () => clean(checkCircles(sources)))
  it('has none of types either in the client', () =>
    clean(
      checkCircles(
        sources.filter(({ path }) => path.startsWith('src/client/')),
        true,
      ),
    ))
  it('keeps clock, timers, randomness and platform out of floors 0 to 3', () => clean(checkPurity(sources)))
  it('leaves nothing unfinished, hidden, or bound to one machine', () => clean(checkBans(tree)))
  it('cites only statements that the standard has', () => clean(checkCitations(tree, statements)))
  it('has no file that is too long', () => {
    const files = code.filter(({ path }) => !path.startsWith('bench/') || path.endsWith('.ts'))
    clean(checkLength(files, FILE_LINES, LONG_FILES))
  })
})

/** One planted source, and the words that the finding must have; null: nothing is to be found. */
type Plant = [check: (sources: Source[]) => Finding[], path: string, text: string, words: RegExp | null]

const skip = 'skip'
const todo = 'TO' + 'DO'

const plants: Record<string, Plant> = {
  'an upward import': [
    checkFloors,
    'src/topics/a.ts',
    "import { x } from '../session/index.ts'",
    /may import only from/,
  ],
  'an upward import over lines': [
    checkFloors,
    'src/config/a.ts',
    "import {\n  x,\n} from '../topics/index.ts'",
    /hand it in/,
  ],
  'an upward type': [checkFloors, 'src/topics/a.ts', "import type { X } from '../broker/index.ts'", /may import only/],
  'an upward lazy import': [checkFloors, 'src/broker/a.ts', "await import('../server/index.ts')", /src\/server/],
  'an upward re-export': [checkFloors, 'src/session/a.ts', "export * from '../broker/index.ts'", /src\/broker/],
  'a neighbour on the same floor': [checkFloors, 'src/store/a.ts', "import { x } from '../access/index.ts'", /access/],
  'a nested path': [checkFloors, 'src/broker/deep/a.ts', "import { x } from '../../store/index.ts'", /src\/store/],
  'a way past the door': [checkFloors, 'src/topics/a.ts', "import { x } from '../protocol/packets.ts'", /door/],
  'a test in the sources': [
    checkFloors,
    'src/cli/a.ts',
    "import { x } from '../../test/support/root.ts'",
    /only from src/,
  ],
  'an unknown folder': [checkFloors, 'src/attic/a.ts', '', /no floor/],
  'a value out of the contracts': [
    checkFloors,
    'src/store/a.ts',
    "import { x } from '../broker/contracts.ts'",
    /import type/,
  ],
  'types out of the contracts': [
    checkFloors,
    'src/store/a.ts',
    "import type { X } from '../broker/contracts.ts'",
    null,
  ],
  'the transport in the client': [checkFloors, 'src/client/a.ts', "import { x } from '../transport/index.ts'", null],
  'sockets in the pure transport': [
    checkFloors,
    'src/transport/a.ts',
    "import { x } from './node/index.ts'",
    /may import only from/,
  ],
  'the pure transport in sockets': [checkFloors, 'src/transport/node/a.ts', "import { x } from '../index.ts'", null],
  'a timer in the pure transport': [checkPurity, 'src/transport/a.ts', 'setImmediate(f)', /tick\(now\)/],
  'a timer at the sockets': [checkPurity, 'src/transport/node/a.ts', 'setImmediate(f)', null],
  'a room above': [
    checkRooms,
    'src/broker/events/a.ts',
    "import { x } from '../deliver/index.ts'",
    /a room above events/,
  ],
  'a type of a room above': [
    checkRooms,
    'src/broker/time/a.ts',
    "import type { X } from '../events/index.ts'",
    /above time/,
  ],
  'a type from above with a reason': [
    checkRooms,
    'src/broker/sessions/a.ts',
    "import type { Replay } from '../deliver/index.ts'",
    null,
  ],
  'a room below': [checkRooms, 'src/broker/deliver/a.ts', "import { x } from '../sessions/index.ts'", null],
  'a way past the door of a room': [checkRooms, 'src/broker/a.ts', "import { x } from './time/timers.ts'", /door/],
  'a value from above all rooms': [
    checkRooms,
    'src/broker/time/a.ts',
    "import { x } from '../core.ts'",
    /above all rooms/,
  ],
  'the own folder': [checkFloors, 'src/topics/a.ts', "import { x } from './trie.ts'", null],
  'the server in the package door': [checkFloors, 'src/index.ts', "export { x } from './server/index.ts'", null],
  'the command line in the package door': [checkFloors, 'src/index.ts', "export { x } from './cli/index.ts'", /cli/],
  'a clock': [checkPurity, 'src/broker/a.ts', 'const t = Date.now()', /clock/],
  'a new date': [checkPurity, 'src/broker/a.ts', 'const t = new Date()', /clock/],
  dice: [checkPurity, 'src/session/a.ts', `const x = ${'Math.'}random()`, /dice/],
  'a timer': [checkPurity, 'src/broker/a.ts', 'setTimeout(f, 1)', /tick\(now\)/],
  'an immediate': [checkPurity, 'src/broker/a.ts', 'setImmediate(f)', /tick\(now\)/],
  'the process': [checkPurity, 'src/config/a.ts', 'const x = process.env.HOME', /src\/server/],
  'a Buffer': [checkPurity, 'src/protocol/a.ts', 'Buffer.from(x)', /Uint8Array/],
  'a print': [checkPurity, 'src/topics/a.ts', "console.log('x')", /event/],
  'a Node module': [checkPurity, 'src/topics/a.ts', "import fs from 'node:fs'", /handed what they need/],
  'a clock in a comment': [checkPurity, 'src/broker/a.ts', "const s = 'http://x' // never Date.now()", null],
  'a method of that name': [checkPurity, 'src/broker/a.ts', 'this.process(x); updateDate(y)', null],
  'a clock on floor 6': [checkPurity, 'src/server/a.ts', 'const t = Date.now()', null],
  'a lonely test': [checkBans, 'test/a.test.ts', `it.${'only'}('x', f)`, /alone/],
  'a dead test': [checkBans, 'test/a.test.ts', `test.${skip}('x', f)`, /never run/],
  'a test that waits for its program': [checkBans, 'test/a.test.ts', `it('x', { ${skip}: missing(p) }, f)`, null],
  'a test that rolls dice': [checkBans, 'test/a.test.ts', `const x = ${'Math.'}random()`, /sourceSeed/],
  'a seed from the clock': [checkBans, 'test/a.test.ts', `const seed = ${'Date.now()'} % 1000`, /sourceSeed/],
  'a property with a seed from the clock': [checkBans, 'test/a.test.ts', `import fc from ${"'fast-check'"}`, /clock/],
  'unfinished work': [checkBans, 'src/broker/a.ts', `// ${todo}: later`, /unfinished/],
  'a path of one machine': [checkBans, 'docs/a.md', `see ${'/ho'}me/ada/x`, /one machine/],
  'a topic that looks like a path': [checkBans, 'docs/a.md', 'publish to x/home/temp and home/#', null],
}

describe('the tidy rules', () => {
  for (const [name, [check, path, text, words]] of Object.entries(plants)) {
    it(`${words === null ? 'allow' : 'find'} ${name}`, () => {
      const findings = check([{ path, text: `\n${text}\n` }])
      if (words === null) return assert.deepEqual(findings, [])
      assert.equal(findings.length, 1)
      assert.match(findings[0]!.message, words)
      assert.equal(findings[0]!.path, path)
      if (check !== checkFloors || path !== 'src/attic/a.ts') assert.equal(findings[0]!.line, 2)
    })
  }

  it('find a circle over three files, and not one of types', () => {
    const circle = (word: string) => [
      { path: 'src/topics/a.ts', text: "import { b } from './b.ts'" },
      { path: 'src/topics/b.ts', text: "export { c } from './c.ts'" },
      { path: 'src/topics/c.ts', text: `${word} { a } from './a.ts'` },
    ]
    assert.match(checkCircles(circle('import'))[0]!.message, /a\.ts -> src\/topics\/b\.ts -> src\/topics\/c\.ts -> src/)
    assert.deepEqual(checkCircles(circle('import type')), [])
  })

  it('find a statement that does not exist', () => {
    const cite = (id: string) => checkCitations([{ path: 'src/a.ts', text: `// [${'MQTT'}-${id}]` }], statements)
    assert.equal(cite('3.3.1-99').length, 1)
    assert.deepEqual(cite('3.3.1-3'), [])
  })

  it('find a file that is too long, an exception that is outgrown, and one that is no longer needed', () => {
    const file = { path: 'src/a.ts', text: 'x\n'.repeat(12) }
    const exception = (lines: number) => ({ 'src/a.ts': { lines, reason: 'planted' } })
    assert.match(checkLength([file], 10, {})[0]!.message, /has 12 lines, 10 are allowed/)
    assert.match(checkLength([file], 10, exception(11))[0]!.message, /11 are allowed/)
    assert.deepEqual(checkLength([file], 10, exception(12)), [])
    assert.match(checkLength([file], 10, exception(13))[0]!.message, /lower its exception to 12/)
    assert.match(checkLength([file], 12, exception(13))[0]!.message, /remove its exception/)
    assert.match(checkLength([], 10, exception(12))[0]!.message, /gone/)
    assert.deepEqual(checkLength([file], 12, {}), [])
  })

  it('blank comments and keep strings and lines', () => {
    assert.equal(blankComments("a /* b\n c */ 'd // e' // f"), "a     \n      'd // e'     ")
  })
})

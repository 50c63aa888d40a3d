import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ERROR_CODES } from '../../../src/client/index.ts'
import { createBroker, type EmbeddedBroker } from '../../../src/index.ts'
import { PATIENCE_MS } from '../../support/patience.ts'
import { root } from '../../support/root.ts'

const guide = readFileSync(join(root, 'docs/client.md'), 'utf8')
const door = new URL('../../../src/client/index.js', import.meta.url)
/** Examples that cannot run have a library that the reader chooses. */
const LIBRARY = 'your-schema-library'

interface Example {
  name: string
  source: string
  /** What its comments say that console.log prints: `// 20 true`. */
  prints: string[]
}

const examples: Example[] = [...guide.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match, i) => {
  const source = match[1]!
  const prints = [...source.matchAll(/console\.log\(.*\) \/\/ (.*)$/gm)].map((line) => line[1]!)
  return { name: `example ${i + 1}`, source, prints }
})

function run(command: string, options: string[], cwd: string): Promise<{ code: number | null; output: string }> {
  const child = spawn(command, options, { cwd, timeout: PATIENCE_MS })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes) => {
      output += bytes
    })
  }
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })))
}

describe('docs/client.md', () => {
  const folder = mkdtempSync(join(tmpdir(), 'guide-'))
  let broker: EmbeddedBroker
  before(async () => {
    broker = await createBroker({ port: 0, host: '127.0.0.1' })
  })
  after(async () => {
    await broker.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('names every code of an error, and no other, with the words of the table', () => {
    const documented = [...guide.matchAll(/^\| `(ERR_[A-Z_]+)` \| (.*) \|$/gm)].map(([, code, words]) => [code, words])
    assert.deepEqual(Object.fromEntries(documented), ERROR_CODES)
    for (const [code] of guide.matchAll(/ERR_[A-Z_]+/g)) assert.ok(code in ERROR_CODES, code)
  })

  it('has examples that the compiler takes, and that run', async () => {
    assert.ok(examples.length >= 8)
    mkdirSync(join(folder, 'src'))
    for (const { name, source } of examples) writeFileSync(join(folder, 'src', `${name}.ts`), source)
    writeFileSync(
      join(folder, 'src/schema.ts'),
      `import type { StandardSchema } from 'nightjar/client'
       export declare function number(): number
       export declare function object<T>(shape: T): StandardSchema<T>`,
    )
    const paths = {
      'nightjar/client': [fileURLToPath(door).replace(/js$/, 'd.ts')],
      [LIBRARY]: [join(folder, 'src/schema.ts')],
    }
    const types = { types: ['node'], typeRoots: [join(root, 'node_modules/@types')] }
    const compilerOptions = {
      strict: true,
      target: 'es2023',
      module: 'preserve',
      outDir: 'out',
      rootDir: 'src',
      paths,
      ...types,
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }))
    const compiled = await run(join(root, 'node_modules/.bin/tsc'), ['-p', '.', '--pretty', 'false'], folder)
    assert.equal(compiled.output, '')
    await Promise.all(examples.filter(({ source }) => !source.includes(LIBRARY)).map((example) => runExample(example)))
  })

  async function runExample({ name, prints }: Example): Promise<void> {
    const source = readFileSync(join(folder, 'out', `${name}.js`), 'utf8')
    const program = source
      .replaceAll("'nightjar/client'", `'${door.href}'`)
      .replaceAll('mqtt://localhost', `mqtt://127.0.0.1:${broker.port}`)
    const file = join(folder, `${name}.mjs`)
    writeFileSync(file, program)
    const { code, output } = await run(process.execPath, [file], folder)
    assert.equal(code, 0, `${name}: ${output}`)
    for (const line of prints) assert.ok(output.split('\n').includes(line), `${name} prints '${line}', not:\n${output}`)
  }
})

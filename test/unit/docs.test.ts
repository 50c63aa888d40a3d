import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, normalize } from 'node:path'
import { after, describe, it } from 'node:test'
import { defaultSettings, eventsAsMarkdown, sysTopicsAsMarkdown } from '../../src/broker/index.ts'
import { generalOptions } from '../../src/config/index.ts'
import { PATIENCE_MS } from '../support/patience.ts'
import { root } from '../support/root.ts'

const NOT_OURS = new Set(['node_modules', 'dist'])

const documents = find('')
const manifest = JSON.parse(read('package.json')) as {
  scripts: Record<string, string>
  dependencies?: Record<string, string>
  devDependencies: Record<string, string>
  exports: Record<string, { default: string }>
}

/** Every document below a folder, as paths in the tree. */
function find(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) return entry.name.startsWith('.') || NOT_OURS.has(entry.name) ? [] : find(path)
    return entry.name.endsWith('.md') ? [path] : []
  })
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

/** Words between backquotes, without blocks of code. */
function code(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map((match) => match[1]!)
}

/** The links of a document that stay in the tree; what stands in code is none. */
function links(text: string): string[] {
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '')
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!).filter((link) => !/^[a-z]+:/.test(link))
}

/** The anchors of a document's headings, as they are made where the documents are shown. */
function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** The cells of all rows of a document's tables. */
function rows(text: string): string[][] {
  return [...text.matchAll(/^\| (.+) \|$/gm)].map((match) => match[1]!.split(/ ?(?<!\\)\| ?/))
}

describe('the documents', () => {
  it('are found', () => {
    for (const path of ['README.md', 'docs/internals/architecture.md', 'bench/README.md'])
      assert.ok(documents.includes(path), path)
  })

  it('have links that lead somewhere', () => {
    const dead = documents.flatMap((path) =>
      links(read(path))
        .filter((link) => !leads(path, link))
        .map((link) => `${path}: ${link}`),
    )
    assert.deepEqual(dead, [])
  })

  it('name files that exist', () => {
    const named = /(?<![\w./-])(?:src|test|scripts|bench|bin|docs|demos)\/[\w./-]*\w/g
    const missing = documents.flatMap((path) =>
      [...read(path).matchAll(named)]
        .map((match) => match[0])
        .filter((file) => !existsSync(join(root, file)))
        .map((file) => `${path}: ${file}`),
    )
    assert.deepEqual(missing, [])
  })

  it('name commands of package.json', () => {
    const missing = documents.flatMap((path) =>
      [...read(path).matchAll(/\bnpm run ([\w:-]+)|\bnpm (start|test)\b/g)]
        .map((match) => match[1] ?? match[2]!)
        .filter((name) => !(name in manifest.scripts))
        .map((name) => `${path}: npm run ${name}`),
    )
    assert.deepEqual(missing, [])
  })
})

function leads(from: string, link: string): boolean {
  const [target, anchor] = link.split('#') as [string, string?]
  const path = target === '' ? from : normalize(join(dirname(from), target))
  if (path.startsWith('..') || !existsSync(join(root, path))) return false
  return anchor === undefined || anchors(read(path)).includes(anchor)
}

describe('what is made from tables', () => {
  it('docs/events.md is what node scripts/docs.mjs writes', () => {
    assert.equal(read('docs/events.md'), eventsAsMarkdown())
  })

  it('docs/sys-topics.md is what node scripts/docs.mjs writes', () => {
    assert.equal(read('docs/sys-topics.md'), sysTopicsAsMarkdown())
  })
})

describe('docs/internals/architecture.md', () => {
  const text = read('docs/internals/architecture.md')
  const places = rows(text).filter(([file]) => code(file!).some((name) => /^src\/.+\.ts$/.test(name)))

  it('has a table of files', () => assert.ok(places.length > 30))

  it('names functions that are in their files', () => {
    const missing = places.flatMap(([files, , names]) => {
      const sources = code(files!).map(read).join('\n')
      return code(names ?? '')
        .filter((name) => !new RegExp(`\\b${name}\\b`).test(sources))
        .map((name) => `${files}: ${name}`)
    })
    assert.deepEqual(missing, [])
  })

  it('names functions and types elsewhere that the sources have', () => {
    const sources = readdirSync(join(root, 'src'), { recursive: true })
      .map(String)
      .filter((path) => path.endsWith('.ts'))
      .map((path) => read(`src/${path}`))
      .join('\n')
    const names = code(text).filter((name) => /^[A-Za-z]\w*(\.\w+)?$/.test(name) && !name.endsWith('.ts'))
    const missing = names.filter((name) => name.split('.').some((part) => !new RegExp(`\\b${part}\\b`).test(sources)))
    assert.deepEqual(missing, [])
  })

  it('links every decision', () => {
    const decisions = readdirSync(join(root, 'docs/internals/decisions')).map((name) => `decisions/${name}`)
    const linked = new Set(links(text))
    assert.deepEqual(
      decisions.filter((path) => !linked.has(path)),
      [],
    )
  })
})

describe('docs/glossary.md', () => {
  it('has words that the sources have', () => {
    const sources = readdirSync(join(root, 'src'), { recursive: true })
      .map(String)
      .filter((path) => path.endsWith('.ts'))
      .map((path) => read(`src/${path}`))
      .join('\n')
    const names = rows(read('docs/glossary.md'))
      .flatMap(([, name]) => code(name ?? ''))
      .filter((name) => name !== 'name')
    assert.ok(names.length >= 40)
    assert.deepEqual(
      names.filter((name) => !new RegExp(`\\b${name}\\b`).test(sources)),
      [],
    )
  })
})

interface Locked {
  readonly optional?: boolean
  readonly dev?: boolean
  readonly os?: readonly string[]
}

describe('docs/internals/decisions', () => {
  const names = readdirSync(join(root, 'docs/internals/decisions')).sort()

  it('are numbered without a gap', () => {
    const numbers = names.map((_, i) => String(i + 1).padStart(4, '0'))
    assert.deepEqual(
      names.map((name) => name.slice(0, 4)),
      numbers,
    )
  })

  it('all say the same things in the same order', () => {
    for (const name of names) {
      const headings = [...read(`docs/internals/decisions/${name}`).matchAll(/^## (.+)$/gm)].map((match) => match[1]!)
      assert.deepEqual(headings, ['Context', 'Decision', 'Why', 'What it costs', 'What was measured'], name)
    }
  })

  it('give a reason for every dependency, and there is none at run time', () => {
    const listed = rows(read('docs/internals/decisions/0009-dependencies.md')).flatMap(([name]) => code(name!))
    assert.deepEqual(listed.sort(), Object.keys(manifest.devDependencies).sort())
    assert.equal(manifest.dependencies, undefined)
  })

  it('name each package that the optional ones bring, but for their compiled parts', () => {
    const text = read('docs/internals/decisions/0009-dependencies.md')
    const locked = JSON.parse(read('package-lock.json')).packages as Record<string, Locked>
    const brought = Object.entries(locked).filter(([, { optional, dev, os }]) => optional && !dev && os === undefined)
    const names = brought.map(([path]) => path.slice('node_modules/'.length))
    assert.ok(names.length > 1)
    assert.deepEqual(
      names.filter((name) => !text.includes(`\`${name}\``)),
      [],
    )
  })
})

describe('docs/embedding.md', () => {
  const text = read('docs/embedding.md')
  const examples = [
    ...text.matchAll(/^## (.+)\n(?:(?!^## )[\s\S])*?^```js\n([\s\S]*?)^```\n\n```text\n([\s\S]*?)^```$/gm),
  ]
  const folder = mkdtempSync(join(tmpdir(), 'nightjar-docs-'))
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('has an output for every example', () => {
    assert.ok(examples.length >= 3)
    assert.equal(examples.length, [...text.matchAll(/^```js$/gm)].length)
  })

  for (const [, title, program, output] of examples) {
    it(`${title}: prints what it says`, () => {
      const file = join(folder, 'example.mjs')
      writeFileSync(
        file,
        program!.replace(/(?<=from )'(nightjar[^']*)'/g, (_, name: string) => `'${compiled(name)}'`),
      )
      const { stdout, stderr, status } = spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: PATIENCE_MS })
      assert.deepEqual({ stdout, stderr, status }, { stdout: output, stderr: '', status: 0 })
    })
  }

  it('lists every setting, with options that exist', () => {
    const table = rows(text).filter(([name]) => /^`\w+`$/.test(name!) && name !== '`settings`')
    assert.deepEqual(table.map(([name]) => code(name!)[0]!).sort(), Object.keys(defaultSettings).sort())
    const options = new Set(Object.values(generalOptions).map(({ name }) => name as string))
    assert.deepEqual(
      table.flatMap(([, option]) => code(option!)).filter((option) => !options.has(option)),
      [],
    )
  })
})

/** The module of this build that a user of the package would get by that name. */
function compiled(name: string): string {
  const entry = manifest.exports[name === 'nightjar' ? '.' : `.${name.slice('nightjar'.length)}`]!.default
  return new URL(entry.replace('./dist/', '../../'), import.meta.url).href
}

// Makes lines and counts out of what node:test tells: one line for each file, the whole error for each failed test.
import { inspect } from 'node:util'

/** `shorten` makes the name that people see out of a file's path. */
export class Report {
  passed = 0
  failed = 0
  skipped = 0
  failures = []
  skips = []
  #files = new Map()
  #shorten

  constructor(shorten) {
    this.#shorten = shorten
  }

  /** Takes the events of a TestsStream until the last one. */
  async follow(stream) {
    stream.on('test:start', ({ file, name, nesting }) => this.#of(file).path.splice(nesting, Infinity, name))
    stream.on('test:pass', (data) => this.#finished(data, true))
    stream.on('test:fail', (data) => this.#finished(data, false))
    for (const source of ['test:stdout', 'test:stderr']) {
      stream.on(source, ({ file, message }) => {
        this.#of(file).output += message
      })
    }
    for await (const _ of stream);
    for (const file of this.#files.values()) print(file)
  }

  /** The files that took longest, with their seconds, longest first. */
  slowest(count) {
    const files = Array.from(this.#files.values()).sort((a, b) => b.ms - a.ms)
    return files.slice(0, count).map(({ name, ms }) => `${(ms / 1000).toFixed(1).padStart(6)} s  ${name}`)
  }

  #of(path) {
    const name = this.#shorten(path ?? 'unknown file')
    if (!this.#files.has(name)) {
      this.#files.set(name, { name, path: [], tests: 0, failed: 0, skipped: 0, ms: 0, output: '', errors: '' })
    }
    return this.#files.get(name)
  }

  /** Suites are not counted. Node reports a file as if it were a test if it crashed, hung, or has no test at all. */
  #finished(data, passed) {
    const { file: path, name, nesting, details, skip } = data
    const file = this.#of(path)
    if (nesting === 0) file.ms += details.duration_ms
    if (details.type === 'suite') return
    const isFile = nesting === 0 && name === path
    const title = isFile ? file.name : `${file.name}: ${[...file.path.slice(0, nesting), name].join(' > ')}`
    if (skip !== undefined) {
      this.skipped++
      file.skipped++
      this.skips.push(`${title}${typeof skip === 'string' && skip !== '' ? ` (${skip})` : ''}`)
    } else if (passed && !isFile) {
      this.passed++
      file.tests++
    } else {
      this.failed++
      file.failed++
      this.failures.push(title)
      file.errors += `\n  FAILED ${title}\n${indent(passed ? 'the file has no tests' : explain(details.error))}\n`
    }
  }
}

function explain(error) {
  const cause = error?.cause ?? error
  if (error?.failureType === 'subtestsFailed') return String(cause)
  return cause instanceof Error ? inspect(cause, { depth: 4 }) : String(cause)
}

function print({ name, tests, failed, skipped, ms, output, errors }) {
  const also = `${failed > 0 ? `, ${failed} FAILED` : ''}${skipped > 0 ? `, ${skipped} skipped` : ''}`
  console.log(`${failed > 0 ? 'FAILED' : 'ok    '} ${name}: ${tests} passed${also} (${(ms / 1000).toFixed(1)} s)`)
  if (failed === 0) return
  if (output !== '') console.log(`\n  what it printed:\n${indent(output.trimEnd())}`)
  console.log(errors)
}

function indent(text) {
  return text.replace(/^/gm, '    ')
}

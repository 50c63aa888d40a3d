import assert from 'node:assert/strict'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import { after, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { nightjarTarget, Program, runProgram } from '../support/nightjar.ts'
import { root } from '../support/root.ts'
import { Running, run } from '../support/running.ts'

/** bin/nightjar as it is installed: one bundle with a file for each verb, and called by other names. */
const PROGRAM = join(root, 'bin', 'nightjar')
const DIST = join(root, 'dist')
const skip = !existsSync(join(DIST, 'nightjar.js')) && 'dist/nightjar.js is not built'

/** The files that are loaded with this one: static imports, not those that wait until they are needed. */
function loadedWith(file: string, seen: Set<string> = new Set()): Set<string> {
  if (seen.has(file)) return seen
  seen.add(file)
  const text = readFileSync(join(DIST, file), 'utf8')
  for (const [, path] of text.matchAll(/^import\s*(?:[^'"]*?from\s*)?["'](\.[^'"]+)["']/gm)) {
    loadedWith(posix.join(posix.dirname(file), path!), seen)
  }
  return seen
}

describe('what a verb loads', { skip }, () => {
  it('neither the start nor pub nor sub loads the broker, nor the configuration', () => {
    const verbs = readdirSync(join(DIST, 'cli'))
    for (const name of ['broker.js', 'pub.js', 'sub.js', 'config.js'])
      assert.ok(verbs.includes(name), `${name} is a file`)
    for (const entry of ['nightjar.js', 'cli/pub.js', 'cli/sub.js']) {
      const files = loadedWith(entry)
      assert.ok(!files.has('cli/broker.js') && !files.has('cli/config.js'), `${entry} loads ${[...files].join(', ')}`)
    }
    assert.ok(loadedWith('cli/broker.js').has('cli/config.js'), 'the test sees static imports')
    assert.ok(!loadedWith('nightjar.js').has('cli/pub.js'), 'a verb is loaded when it runs')
  })
})

describe('called by the name of a mosquitto command', { skip }, async () => {
  if (skip !== false) return
  const folder = mkdtempSync(join(tmpdir(), 'nightjar-names-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  for (const name of ['mosquitto_pub', 'mosquitto_sub']) symlinkSync(PROGRAM, join(folder, name))
  const target = await nightjarTarget()
  const pub = (...words: string[]) => runProgram([join(folder, 'mosquitto_pub')], ['-p', String(target.port), ...words])
  const sub = (...words: string[]) => runProgram([join(folder, 'mosquitto_sub')], ['-p', String(target.port), ...words])

  it('it is that command', async () => {
    assert.equal((await pub('-t', 'names/x', '-m', 'hello', '-r')).code, 0)
    const { code, stdout } = await sub('-t', 'names/#', '-C', '1', '-v')
    assert.equal(`${code} ${stdout.toString()}`, '0 names/x hello\n')
  })

  it('errors and help are under that name', async () => {
    const { code, stderr } = await sub('-t', 'x', '--nonsense')
    assert.equal(code, 2)
    assert.match(stderr, /^mosquitto_sub: there is no option --nonsense \(mosquitto_sub --help/)
    assert.match((await pub('--help')).stdout.toString(), /^Usage: mosquitto_pub /)
  })

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`${signal} ends mosquitto_sub with 0`, async () => {
      const id = `ended-by-${signal}`
      const words = ['-p', String(target.port), '-i', id, '-t', 'x', ...target.marker]
      const program = new Program([join(folder, 'mosquitto_sub')], words)
      await target.subscribed(id)
      program.process.kill(signal)
      assert.equal((await program.ended).code, 0)
    })
  }

  it('a timeout is 27, and a refusal the code of the CONNACK', async () => {
    assert.equal((await sub('-t', 'nothing', '-W', '1')).code, 27)
    const closed = await nightjarTarget('allow_anonymous false')
    const refused = (version: string) =>
      runProgram([join(folder, 'mosquitto_sub')], ['-p', String(closed.port), '-t', 'x', '-V', version])
    assert.equal((await refused('311')).code, 5)
    assert.equal((await refused('5')).code, 135)
  })
})

describe('the broker', { skip }, () => {
  for (const words of [[], ['broker']]) {
    it(`nightjar ${words.join(' ')} -p 0 runs it until SIGTERM`, async () => {
      const broker = new Program([PROGRAM], [...words, '-p', '0'])
      await broker.printed('Listening on port')
      const port = /Listening on port (\d+)/.exec(broker.stderr + broker.stdout.toString())![1]!
      assert.equal((await runProgram([PROGRAM], ['pub', '-p', port, '-t', 'x', '-m', 'y', '-q', '1'])).code, 0)
      broker.process.kill('SIGTERM')
      assert.equal((await broker.ended).code, 0)
    })
  }

  it('--test-config tells a good configuration from a bad one', async () => {
    assert.equal((await runProgram([PROGRAM], ['--test-config'])).code, 0)
    const { code, stderr } = await runProgram([PROGRAM], ['-c', '/nonexistent/nightjar.conf', '--test-config'])
    assert.equal(code, 3)
    assert.match(stderr, /nonexistent/)
  })
})

describe('with a Node that is too old', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nightjar-old-node-'))
  after(() => rmSync(folder, { recursive: true, force: true }))

  for (const file of ['bin/nightjar', 'scripts/start.mjs']) {
    it(`${file} says so in one sentence`, async () => {
      for (const version of ['v12.22.12', 'v18.20.8', 'v20.18.3']) {
        const old = join(folder, 'old.mjs')
        writeFileSync(old, `Object.defineProperty(process, 'version', { value: '${version}' })`)
        const env = { NODE_OPTIONS: `--import=${pathToFileURL(old).href}` }
        const { code, stdout, stderr } = await run(process.execPath, [join(root, file), '--version'], { env })
        assert.equal(`${code} ${stdout}`, '1 ')
        assert.equal(
          stderr,
          `nightjar: it needs Node 20.19 or later, and this is ${version}: https://nodejs.org has a newer one\n`,
        )
      }
    })

    it(`${file} has nothing in it that Node 12 cannot read`, () => {
      const text = ['bin/node-version.mjs', file].map((path) => readFileSync(join(root, path), 'utf8')).join('\n')
      const code = text.replace(/^#!.*|\/\/ .*|\/\*\*.*\*\//gm, '')
      // What came with Node 13 to 20, as far as one could write it here.
      assert.doesNotMatch(code, /\?\.|\?\?|\|\|=|&&=|\bawait\b|node:|#\w|\bstatic\b|\.at\(|replaceAll|\d_\d|\d+n\b/)
      const imports = [...code.matchAll(/^import .* from '(.*)'$/gm)].map(([, from]) => from!.split('/').pop())
      assert.deepEqual(imports, ['node-version.mjs'])
    })
  }

  it('the least version is that of package.json', () => {
    const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    assert.match(readFileSync(join(root, 'bin/node-version.mjs'), 'utf8'), /LEAST = \[20, 19\]/)
    assert.equal(engines.node, '>=20.19')
  })
})

describe('npm start and npm run build', { skip: process.platform === 'win32' }, () => {
  const clone = mkdtempSync(join(tmpdir(), 'nightjar-clone-'))
  after(() => rmSync(clone, { recursive: true, force: true }))
  for (const path of ['scripts', 'bin', 'package.json', 'package-lock.json', 'tsconfig.json']) {
    cpSync(join(root, path), join(clone, path), { recursive: true })
  }
  mkdirSync(join(clone, 'src'))
  const npm = join(clone, 'npm')
  const PATH = `${clone}:${process.env['PATH']}`

  it('npm run build installs what is missing, and says so', async () => {
    writeFileSync(npm, '#!/bin/sh\necho "npm $*"\nexit 1\n', { mode: 0o755 })
    const build = join(clone, 'scripts', 'build.mjs')
    const { code, stdout, stderr } = await run(process.execPath, [build], { env: { PATH } })
    assert.equal(code, 1)
    assert.match(stdout, /^npm ci /)
    assert.equal(stderr, 'nightjar: installing the npm packages (npm ci)\nnightjar: npm ci failed, see above\n')
  })

  it('npm start builds in a process of its own, and is the broker itself', async () => {
    mkdirSync(join(clone, 'node_modules'), { recursive: true })
    writeFileSync(join(clone, 'node_modules', '.package-lock.json'), '')
    writeFileSync(join(clone, 'scripts', 'build.mjs'), "console.log('build', process.pid)")
    writeFileSync(join(clone, 'bin', 'nightjar'), "console.log('broker', process.pid, process.argv[2])")
    const start = new Running(process.execPath, [join(clone, 'scripts', 'start.mjs'), '-v'], { PATH })
    const { code, stdout } = await start.ended
    assert.equal(code, 0)
    const [, built, ran] = /^build (\d+)\nbroker (\d+) -v\n$/.exec(stdout) ?? assert.fail(stdout)
    assert.notEqual(built, ran)
    assert.equal(Number(ran), start.process.pid)
  })
})

import assert from 'node:assert/strict'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, describe, it, type TestContext } from 'node:test'
import { restoreMessage } from '../../../src/broker/index.ts'
import { openDiskStore } from '../../../src/store/index.ts'
import { MAIN } from '../../support/broker-program.ts'
import { freePort, NIGHTJAR } from '../../support/nightjar.ts'
import { PATIENCE_MS } from '../../support/patience.ts'
import { root } from '../../support/root.ts'
import { type Outcome, Running, run } from '../../support/running.ts'

/** Where the state of a broker goes that nobody configured, if this user has no place for it: said in one line. */

const folder = mkdtempSync(join(tmpdir(), 'nightjar-home-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const OTHER_USER = ['setpriv', '--reuid', '12345', '--clear-groups']

/** The broker, with nothing in its environment but this. Its port is one on which it never gets to listen. */
function start(env: Readonly<Record<string, string>>, before: readonly string[] = []): Promise<Outcome> {
  const words = [...before, 'env', '-i', ...Object.entries(env).map(([name, value]) => `${name}=${value}`)]
  const [program, ...rest] = [...words, process.execPath, MAIN, '-p', '18998']
  return run(program!, rest)
}

function toldInOneLine({ code, stderr }: Outcome, words: RegExp): void {
  const lines = stderr.trimEnd().split('\n')
  assert.equal(code, 1, stderr)
  assert.match(lines.at(-1)!, words)
  assert.equal(lines.filter((line) => / error: /.test(line)).length, 1)
  assert.doesNotMatch(stderr, /\bat .*\.js:\d+/)
}

/** Whether the broker can be started as a user that nobody knows; the test says so if not. */
async function asOther(t: TestContext): Promise<boolean> {
  const [program, ...words] = [
    ...OTHER_USER,
    process.execPath,
    '-e',
    'require("node:fs").readFileSync(process.argv[1])',
    MAIN,
  ]
  const { code, stderr } = await run(program!, words)
  if (code !== 0) t.diagnostic(`not tried: this user may not become another one (${stderr.trim()})`)
  return code === 0
}

const NO_HOME = /error: This user has no home folder to store sessions and messages in: set XDG_STATE_HOME to a folder /
const CANNOT =
  /error: Cannot open the store in .+(ENOTDIR|ENOENT|EACCES).+; set XDG_STATE_HOME to a folder that this user may/

describe('a broker without a configuration', { skip: process.platform === 'win32' }, () => {
  it('whose HOME is no folder, or empty', async () => {
    toldInOneLine(await start({ HOME: '/dev/null' }), CANNOT)
    toldInOneLine(await start({ HOME: '' }), NO_HOME)
  })

  it('whose user has neither HOME nor an entry in the list of users', async (t) => {
    if (await asOther(t)) toldInOneLine(await start({}, OTHER_USER), NO_HOME)
  })

  it('that may not write where its state would go', async (t) => {
    if (!(await asOther(t))) return
    chmodSync(folder, 0o755)
    const state = join(folder, 'state')
    mkdirSync(state)
    toldInOneLine(await start({ XDG_STATE_HOME: state }, OTHER_USER), CANNOT)
    toldInOneLine(await start({ HOME: '/nonexistent' }, OTHER_USER), CANNOT)
  })
})

describe('nightjar store', { skip: process.platform === 'win32' }, () => {
  it('asks for the folder if this user has none', async () => {
    const { code, stderr } = await run('env', ['-i', 'HOME=', ...NIGHTJAR, 'store', 'check'])
    assert.equal(code, 2)
    assert.match(stderr, /^nightjar store: this user has no home folder: give the FOLDER of the store [^\n]*\n$/)
  })
})

/** A copy of the program, with these packages beside it. */
function copyWith(name: string, packages: (to: string) => void): string {
  const copy = join(folder, name)
  const dist = join(MAIN, '../..')
  cpSync(dist, copy, { recursive: true })
  cpSync(join(root, 'package.json'), join(copy, 'package.json'))
  packages(join(copy, 'node_modules'))
  return join(copy, relative(dist, MAIN))
}

/** What was installed for another kind of machine, or without its optional parts: all of the engine but what is not JavaScript. */
function withoutNativePart(to: string): void {
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name !== '@lmdb') symlinkSync(join(root, 'node_modules', name), join(newFolder(to), name))
  }
  // Not as a link: from where it really is it would find its part.
  rmSync(join(to, 'lmdb'))
  cpSync(join(root, 'node_modules/lmdb'), join(to, 'lmdb'), { recursive: true })
  rmSync(join(to, 'lmdb/build'), { recursive: true, force: true })
  rmSync(join(to, 'lmdb/prebuilds'), { recursive: true, force: true })
}

function newFolder(path: string): string {
  mkdirSync(path, { recursive: true })
  return path
}

describe('a store whose engine', () => {
  const cases: [string, (to: string) => void, RegExp][] = [
    ['is not installed', () => undefined, /Cannot find package 'lmdb'/],
    ['has no native part', withoutNativePart, /No native build was found for platform=/],
  ]
  for (const [what, packages, why] of cases) {
    it(`${what} is not begun anew in memory: one line says why, and what to do`, async () => {
      const main = copyWith(what.replaceAll(' ', '-'), packages)
      const state = join(folder, `state of what ${what}`)
      const log = newFolder(join(state, 'nightjar', '18998', 'log'))
      const env = { ...process.env, XDG_STATE_HOME: state }
      const outcome = await run(process.execPath, [main, '-p', '18998'], { env })
      const words =
        /error: Cannot open the store in [^\\\n]+: its engine 'lmdb' cannot be loaded: [^\\\n]+; run npm install lmdb, or use a configuration file \(-c\) with persistence false to keep everything in memory$/
      toldInOneLine(outcome, words)
      assert.match(outcome.stderr, why)
      const file = join(folder, 'mosquitto.conf')
      writeFileSync(file, `listener 18998 127.0.0.1\npersistence true\npersistence_location ${state}\n`)
      const configured = await run(process.execPath, [main, '-c', file], { env })
      toldInOneLine(
        configured,
        /: its engine 'lmdb' cannot be loaded: [^\\\n]+, or use persistence false to keep everything in memory$/,
      )
      const check = await run(process.execPath, [main, 'store', 'check', join(log, '..')], { env })
      assert.equal(check.code, 2)
      assert.match(check.stderr, /^nightjar store: [^\n]*its engine 'lmdb' cannot be loaded: [^\n]+\n$/)
    })
  }
})

describe('a broker that may use little address space', { skip: process.platform === 'win32' }, () => {
  for (const kibibytes of [800_000, 1_000_000, 1_250_000, 1_600_000, 2_000_000, 3_000_000, 8_000_000]) {
    it(`ulimit -v ${kibibytes}: it works, or one line says why not`, async (t) => {
      const limited = ['-c', `ulimit -v ${kibibytes} && exec "$@"`, 'sh', process.execPath]
      const able = await run('sh', [...limited, '-e', '0'])
      if (able.code !== 0) return t.skip('Node.js itself does not start with that, or there is no such limit')
      const port = String(await freePort())
      const state = join(folder, `limited to ${kibibytes}`)
      const log = join(state, 'nightjar', port, 'log')
      // There is something to be moved, in a thread that takes most of the address space.
      const store = await openDiskStore({ folder: join(log, '..'), sync: 'no', make: restoreMessage })
      store.append({ kind: 'session', clientId: 'a', expiryInterval: 60, will: null })
      store.commit()
      await store.close()
      const broker = new Running('sh', [...limited, MAIN, '-p', port], { XDG_STATE_HOME: state })
      const began = Date.now()
      const moved = (): boolean => !existsSync(join(log, '0000000001.log'))
      while (!/ error: /.test(broker.stderr) && !(/ Listening on /.test(broker.stderr) && moved())) {
        assert.equal(broker.process.signalCode ?? broker.process.exitCode, null, broker.stderr)
        assert.ok(await later(began), `it says ${broker.stderr}`)
      }
      const works = !/ error: /.test(broker.stderr)
      const outcome = works ? await broker.stop() : await broker.ended
      if (works) assert.equal(outcome.code, 0, outcome.stderr)
      else toldInOneLine(outcome, /too little address space \(ulimit -v\) .*: allow it more$/)
    })
  }
})

async function later(began: number): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve, 10))
  return Date.now() - began < PATIENCE_MS
}

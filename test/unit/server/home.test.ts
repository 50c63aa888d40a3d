import assert from 'node:assert/strict'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, describe, it, type TestContext } from 'node:test'
import { MAIN } from '../../support/broker-program.ts'
import { NIGHTJAR } from '../../support/nightjar.ts'
import { root } from '../../support/root.ts'
import { type Outcome, run } from '../../support/running.ts'

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

const NO_HOME = /error: This user has no home folder to keep Sessions and messages in: set XDG_STATE_HOME to a folder /
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
    assert.match(
      stderr,
      /^nightjar store: this user has no home folder in which a store could be: name the FOLDER [^\n]*\n$/,
    )
  })

  it('that has a store, but no engine to read it: it does not begin anew in memory', async () => {
    const copy = join(folder, 'without-engine')
    cpSync(join(MAIN, '../..'), copy, { recursive: true })
    cpSync(join(root, 'package.json'), join(copy, 'package.json'))
    const state = join(folder, 'state-of-before')
    mkdirSync(join(state, 'nightjar', '18998', 'log'), { recursive: true })
    const main = join(copy, relative(join(MAIN, '../..'), MAIN))
    const outcome = await run(process.execPath, [main, '-p', '18998'], {
      env: { ...process.env, XDG_STATE_HOME: state },
    })
    toldInOneLine(
      outcome,
      /error: Cannot open the store in .+'lmdb'.+; install its engine \(npm install lmdb\), or use /,
    )
  })
})

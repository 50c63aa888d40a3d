import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { MAIN, startProgram } from '../../support/broker-program.ts'
import { type Outcome, run } from '../../support/running.ts'

/** `include_dir` with real folders, and the file that Debian installs for mosquitto. */

const root = mkdtempSync(join(tmpdir(), 'nightjar-include-'))
after(() => rmSync(root, { recursive: true, force: true }))
const DEBIAN = '/etc/mosquitto/mosquitto.conf'

function folderOf(name: string, files: Readonly<Record<string, string>>): string {
  const folder = join(root, name)
  mkdirSync(folder)
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
  return folder
}

function tested(text: string): Promise<Outcome> {
  const path = join(root, 'main.conf')
  writeFileSync(path, text)
  return run(process.execPath, [MAIN, '--test-config', '-c', path])
}

describe('include_dir', () => {
  it('reads files that end in .conf, by letters, upper before lower case of the same one', async () => {
    const names = ['b.conf', 'B.conf', 'a10.conf', 'A2.conf', 'c.conf.bak', '.conf']
    const folder = folderOf('sorted', Object.fromEntries(names.map((name) => [name, 'sys_interval 5\n'])))
    const { code, stderr } = await tested(`include_dir ${folder}\n`)
    assert.equal(code, 0, stderr)
    const order = [...stderr.matchAll(/sorted\/(\S+):1: warning: .*is set in \S+sorted\/(\S+):1 already/g)]
    assert.deepEqual(
      order.map(([, now, earlier]) => `${earlier} ${now}`),
      ['A2.conf a10.conf', 'a10.conf B.conf', 'B.conf b.conf'],
    )
  })

  it('is right with an empty folder, and wrong with none: exit code 3', async () => {
    assert.equal((await tested(`include_dir ${folderOf('empty', {})}\n`)).code, 0)
    const { code, stderr } = await tested(`include_dir ${join(root, 'none')}\n`)
    assert.equal(code, 3)
    assert.match(stderr, /^\S+main\.conf:1: error: `include_dir` cannot be read: ENOENT[^\n]*none'\n$/)
  })

  it('names the file that is wrong', async () => {
    const folder = folderOf('wrong', { 'a.conf': '# fine\nmax_qos 3\n' })
    const { code, stderr } = await tested(`include_dir ${folder}\n`)
    assert.equal(code, 3)
    assert.match(stderr, /^\S+\/wrong\/a\.conf:2: error: `max_qos` /)
  })

  it("the broker starts with Debian's mosquitto.conf", {
    skip: !existsSync(DEBIAN) && 'mosquitto is not there',
  }, async () => {
    const at = folderOf('debian', {})
    mkdirSync(join(at, 'conf.d'))
    const text = readFileSync(DEBIAN, 'utf8').replace(/(?<=^\w+ (file )?)\/(etc|run|var)\S*\/(?=\S*$)/gm, `${at}/`)
    assert.match(text, /^include_dir .*debian\/conf\.d$/m)
    const { broker } = await startProgram(text.split('\n'))
    assert.equal((await broker.stop()).code, 0)
    assert.match(readFileSync(join(at, 'mosquitto.log'), 'utf8'), /has stopped/)
  })
})

import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { lockFolder, ownerOf } from '../../../src/store/disk/lock.ts'
import { effort } from '../../support/effort.ts'
import { PATIENCE_MS } from '../../support/patience.ts'
import { Running, run } from '../../support/running.ts'

/** Who has the store's folder: processes that race for it, die, and live in containers of their own. */

const RACER = fileURLToPath(new URL('../../support/lock-racer.js', import.meta.url))
const RACERS = 8
const ROUNDS = effort(30, 120)
const HELD = /the store in .+ is used by another process \(\d+/

const root = mkdtempSync(join(tmpdir(), 'nightjar-lock-'))
after(() => rmSync(root, { recursive: true, force: true }))

let folders = 0
function newFolder(): string {
  const folder = join(root, String(folders++))
  mkdirSync(folder)
  return folder
}

function racer(...before: string[]): Running {
  const [program, ...words] = [...before, process.execPath, RACER]
  return new Running(program!, words)
}

function tell({ process: { stdin } }: Running, folder: string, at: number): void {
  stdin!.write(`${at} ${folder}\n`)
}

async function race(one: Running, folder: string): Promise<string> {
  tell(one, folder, 0)
  return await one.line(PATIENCE_MS)
}

describe('the lock of a store', { skip: process.platform === 'win32' && 'Windows has pipes' }, () => {
  it('is held until it is given back', async () => {
    const folder = newFolder()
    const unlock = await lockFolder(folder)
    assert.equal(await ownerOf(folder), process.pid)
    await assert.rejects(lockFolder(folder), /used by another process \(\d+ of another container, or twice this one\)/)
    unlock()
    assert.equal(await ownerOf(folder), null)
    assert.deepEqual(readdirSync(folder), [])
    ;(await lockFolder(folder))()
  })

  it(`goes to exactly one of ${RACERS} that start on one whose holder was killed, ${ROUNDS} times`, async () => {
    const folder = newFolder()
    const racers = Array.from({ length: RACERS }, () => racer())
    for (let round = 0; round < ROUNDS; round++) {
      const at = Date.now() + 10
      for (const one of racers) tell(one, folder, at)
      const said = await Promise.all(racers.map((one) => one.line(PATIENCE_MS)))
      const winners = said.flatMap((words, i) => (words === 'got' ? [i] : []))
      assert.equal(winners.length, 1, `round ${round}: ${said.join('; ')}`)
      for (const words of said) if (words !== 'got') assert.match(words, HELD)
      await racers[winners[0]!]!.stop('SIGKILL')
      assert.equal(await ownerOf(folder), null)
      racers[winners[0]!] = racer()
    }
  })

  it('has one holder at the most while starters are killed in the middle of it', async () => {
    const folder = newFolder()
    let held = 0
    for (let round = 0; round < 20; round++) {
      const racers = Array.from({ length: 4 }, () => racer())
      const at = Date.now() + 150
      for (const one of racers) tell(one, folder, at)
      // Two of them, at a moment that differs from round to round: before, within or after their try.
      const victims = racers.slice(0, 2).map(async (one) => {
        while (Date.now() < at + round / 4) await new Promise((resolve) => setImmediate(resolve))
        await one.stop('SIGKILL')
      })
      const said = await Promise.all(racers.slice(2).map((one) => one.line(PATIENCE_MS)))
      await Promise.all(victims)
      const winners = said.filter((words) => words === 'got').length
      assert.ok(winners <= 1, said.join('; '))
      held += winners
      await Promise.all(racers.map((one) => one.stop('SIGKILL')))
    }
    assert.ok(held > 0)
    ;(await lockFolder(folder))()
  })

  it('is refused to one with the same number in another container', async (t) => {
    const unshare = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child']
    const can = await run('/bin/sh', ['-c', `${unshare.join(' ')} true`])
    if (can.code !== 0) {
      t.diagnostic(`not tried: this user may not make PID namespaces (${can.stderr.trim()})`)
      return
    }
    const folder = newFolder()
    const holder = racer(...unshare)
    assert.equal(await race(holder, folder), 'got')
    const other = racer(...unshare)
    assert.match(await race(other, folder), /used by another process \(1 of another container, or twice this one\)/)
    assert.match(await race(racer(), folder), /used by another process \(1\)/)
    assert.equal(await ownerOf(folder), 1)
    await holder.stop('SIGKILL')
    await freed(folder)
    assert.equal(await race(other, folder), 'got')
    await other.stop('SIGKILL')
  })

  it('is held by a process that is stopped', async () => {
    const folder = newFolder()
    const holder = racer()
    assert.equal(await race(holder, folder), 'got')
    holder.process.kill('SIGSTOP')
    await assert.rejects(lockFolder(folder), HELD)
    await holder.stop('SIGKILL')
    ;(await lockFolder(folder))()
  })

  it('stands where a path is longer than that of a socket may be', async () => {
    const folder = join(newFolder(), 'long'.repeat(40), 'longer'.repeat(30))
    if (process.platform !== 'linux') {
      await assert.rejects(lockFolder(folder), /too long for a Unix socket/)
      return
    }
    const unlock = await lockFolder(folder)
    assert.equal(await ownerOf(folder), process.pid)
    await assert.rejects(lockFolder(folder), HELD)
    unlock()
    const holder = racer()
    assert.equal(await race(holder, folder), 'got')
    await assert.rejects(lockFolder(folder), HELD)
    await holder.stop('SIGKILL')
    ;(await lockFolder(folder))()
    assert.deepEqual(readdirSync(folder), [])
  })

  it('is one lock, by whatever path the folder is reached', async () => {
    const folder = newFolder()
    const link = join(root, 'link')
    symlinkSync(folder, link)
    const unlock = await lockFolder(link)
    await assert.rejects(lockFolder(folder), HELD)
    unlock()
  })

  it('takes the place of what is no lock: a plain file, a folder with files, what a starter left', async () => {
    const folder = newFolder()
    const old = join(folder, 'lock.7-12345678')
    mkdirSync(old)
    utimesSync(old, 1_000_000, 1_000_000)
    mkdirSync(join(folder, 'lock.8-12345678'))
    writeFileSync(join(folder, 'lock'), '1 ')
    ;(await lockFolder(folder))()
    mkdirSync(join(folder, 'lock'))
    writeFileSync(join(folder, 'lock', '1-00000000'), '')
    ;(await lockFolder(folder))()
    assert.ok(!existsSync(old))
    assert.deepEqual(readdirSync(folder), ['lock.8-12345678'])
  })
})

/** The kernel ends a namespace with its first process, a moment later. */
async function freed(folder: string): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  while ((await ownerOf(folder)) !== null) {
    assert.ok(Date.now() < end, 'the lock outlives its holder')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

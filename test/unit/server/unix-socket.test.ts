import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { AnonymousAccess } from '../../../src/access/index.ts'
import { NIGHTJAR } from '../../support/nightjar.ts'
import { connect, publish } from '../../support/packets.ts'
import { missing, programs } from '../../support/programs.ts'
import { RawClient } from '../../support/raw-client.ts'
import { type Outcome, Running, run } from '../../support/running.ts'

const [NODE, MAIN] = NIGHTJAR as [string, string]
const folder = mkdtempSync(join(tmpdir(), 'nightjar-unix-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** A configuration with one listener, a Unix socket at this path. */
function configured(path: string, ...lines: string[]): string {
  const file = join(mkdtempSync(join(folder, 'c-')), 'nightjar.conf')
  const all = [`listener 0 ${path}`, 'allow_anonymous true', 'log_dest stdout', ...lines]
  writeFileSync(file, all.map((line) => `${line}\n`).join(''))
  return file
}

async function logged(broker: Running, pattern: RegExp): Promise<string> {
  for (let line = await broker.line(); ; line = await broker.line()) if (pattern.test(line)) return line
}

async function start(path: string, ...lines: string[]): Promise<Running> {
  const broker = new Running(NODE, [MAIN, '-c', configured(path, ...lines)])
  await logged(broker, /Listening on the Unix socket /)
  return broker
}

function refused(path: string): Promise<Outcome> {
  return run(NODE, [MAIN, '-c', configured(path)])
}

async function client(path: string, clientId: string): Promise<RawClient> {
  const raw = new RawClient(connectSocket(path), 5)
  raw.send(connect({ clientId }))
  assert.equal((await raw.connack()).reasonCode, 0)
  return raw
}

describe('a listener that is a Unix socket', () => {
  it('takes clients like any other, is in the log by its path, and is gone after the end', async () => {
    const path = join(folder, 'with blank.sock')
    const broker = await start(path, 'max_connections 2')
    const one = await client(path, 'one')
    assert.ok((await logged(broker, /one connected from/)).includes(`connected from ${path} (MQTT 5.0`))
    await one.subscribe('a/#')
    const two = await client(path, 'two')
    const large = 'x'.repeat(300_000)
    two.send(publish('a/b', large))
    assert.equal((await one.receive()).payload, large)
    await new RawClient(connectSocket(path), 5).expectClosed()
    two.kill()
    await logged(broker, /two disconnected/)
    await client(path, 'three')
    assert.equal((await broker.stop()).code, 0)
    await one.expect(14)
    assert.ok(!existsSync(path))
  })

  it('takes the place of a socket that a killed broker left behind', async () => {
    const path = join(folder, 'stale.sock')
    await (await start(path)).stop('SIGKILL')
    assert.ok(existsSync(path))
    const broker = await start(path)
    await client(path, 'one')
    await broker.stop()
  })

  it('leaves a socket alone on which another program listens', async () => {
    const path = join(folder, 'busy.sock')
    const broker = await start(path)
    const { code, stdout } = await refused(path)
    assert.equal(code, 1)
    assert.match(stdout, /Cannot listen on the Unix socket .*busy\.sock: another program is using it/)
    await client(path, 'one')
    await broker.stop()
  })

  it('leaves a file alone that is no socket', async () => {
    const path = join(folder, 'file')
    writeFileSync(path, 'dear')
    const { code, stdout } = await refused(path)
    assert.equal(code, 1)
    assert.match(stdout, /Cannot listen on the Unix socket .*file that is not a socket/)
    assert.equal(readFileSync(path, 'utf8'), 'dear')
  })

  it('says so if its path is too long, or its folder is not there', async () => {
    const long = join(folder, 'x'.repeat(108))
    assert.match((await refused(long)).stdout, /Cannot listen on the Unix socket .*more than \d+ bytes/)
    assert.match((await refused(join(folder, 'none', 'x.sock'))).stdout, /Cannot listen on the Unix socket .*none/)
  })

  it('counts as this machine where only that may connect', () => {
    const access = new AnonymousAccess('private')
    const peer = { kind: 'unix', address: null, port: null } as const
    const request = { clientId: 'x', username: null, password: null, version: 5, peer, listener: 'x' } as const
    assert.equal(access.connect(request).allowed, true)
  })
})

describe('--unix', () => {
  const both = missing(programs.mosquitto, programs.pub, programs.sub)
  const pairs = [
    { name: 'nightjar', pub: [...NIGHTJAR, 'pub'], sub: [...NIGHTJAR, 'sub'], skip: false },
    { name: 'mosquitto', pub: ['mosquitto_pub'], sub: ['mosquitto_sub'], skip: both },
  ] as const

  for (const { name, pub, sub, skip } of pairs) {
    it(`of the commands of ${name} leads to it`, { skip }, async () => {
      const path = join(folder, `${name}.sock`)
      const broker = await start(path)
      const [subProgram, ...subWords] = sub as readonly [string, ...string[]]
      const receiver = new Running(subProgram, [...subWords, '--unix', path, '-i', 'receiver', '-t', 'a', '-C', '1'])
      await logged(broker, /receiver connected from/)
      const [pubProgram, ...pubWords] = pub as readonly [string, ...string[]]
      // Retained, so that it comes whether it or the subscription is first.
      const words = ['--unix', path, '-t', 'a', '-m', 'by the file', '-r', '-q', '1']
      assert.deepEqual(await run(pubProgram, [...pubWords, ...words]), { code: 0, stdout: '', stderr: '' })
      assert.equal((await receiver.ended).stdout, 'by the file\n')
      await broker.stop()
    })
  }

  it('says that nothing listens there', async () => {
    const { code, stderr } = await run(NODE, [MAIN, 'pub', '--unix', join(folder, 'none.sock'), '-t', 'a', '-n'])
    assert.notEqual(code, 0)
    assert.match(stderr, /Cannot connect to .*none\.sock/)
  })
})

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { PacketType } from '../../../src/protocol/index.ts'
import { connect } from '../../support/packets.ts'
import { PATIENCE_MS } from '../../support/patience.ts'
import { RawClient } from '../../support/raw-client.ts'
import { type Outcome, Running, run } from '../../support/running.ts'

/** The command line of the same build as the tests. */
const MAIN = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))

const folder = mkdtempSync(join(tmpdir(), 'nightjar-run-'))
after(() => rmSync(folder, { recursive: true, force: true }))

function file(name: string, ...lines: string[]): string {
  const path = join(folder, name)
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''))
  return path
}

function nightjar(...arguments_: string[]): Promise<Outcome> {
  return run(process.execPath, [MAIN, ...arguments_])
}

/** Starts the broker; its log comes on stdout as that is what the configuration says. Returns its port. */
async function start(...arguments_: string[]): Promise<{ broker: Running; port: number; log: string[] }> {
  const broker = new Running(process.execPath, [MAIN, ...arguments_])
  const log: string[] = []
  for (;;) {
    const line = await broker.line()
    log.push(line)
    const listening = /Listening on port (\d+) of 127\.0\.0\.1/.exec(line)
    if (listening !== null) return { broker, port: Number(listening[1]), log }
  }
}

async function logged(broker: Running, pattern: RegExp): Promise<string> {
  for (let line = await broker.line(); ; line = await broker.line()) if (pattern.test(line)) return line
}

async function taken(): Promise<{ port: number; close: () => void }> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as { port: number }).port, close: () => void server.close() }
}

describe('the broker does not start', () => {
  it('with a configuration that is not there: exit code 3', async () => {
    const { code, stderr } = await nightjar('-c', join(folder, 'none.conf'))
    assert.equal(code, 3)
    assert.match(stderr, /^nightjar: cannot read the configuration .*none\.conf: .+\n$/)
  })

  it('with a configuration that is wrong: exit code 3, and each wrong line is named', async () => {
    const path = file('wrong.conf', '# fine', 'max_qos 3', 'listener 0', 'alow_anonymous true')
    const { code, stderr } = await nightjar('-c', path)
    assert.equal(code, 3)
    for (const line of [2, 3, 4]) assert.match(stderr, new RegExp(`wrong\\.conf:${line}\\b`))
    assert.match(stderr, /allow_anonymous/)
  })

  it('on a port that another program has: exit code 1, and what to do', async () => {
    const { port, close } = await taken()
    const path = file('taken.conf', `listener ${port} 127.0.0.1`, 'allow_anonymous true')
    const { code, stderr } = await nightjar('-c', path)
    close()
    assert.equal(code, 1)
    assert.match(
      stderr,
      new RegExp(`error: Cannot listen on port ${port} of 127\\.0\\.0\\.1: another program is using that port`),
    )
    assert.doesNotMatch(stderr, /at .*\.js:\d+/)
  })

  it('on an address that the machine does not have: exit code 1', async () => {
    const { code, stderr } = await nightjar('-c', file('elsewhere.conf', 'listener 18999 192.0.2.1'))
    assert.equal(code, 1)
    assert.match(stderr, /this machine does not have that address/)
  })

  it('if its log or pid_file cannot be written: exit code 3, in one line', async () => {
    const { port, close } = await taken()
    close()
    const nowhere = join(folder, 'no', 'such', 'folder')
    for (const [option, words] of [
      [`log_dest file ${nowhere}`, /^nightjar: cannot write the log to .*: ENOENT.*\n$/],
      [`pid_file ${nowhere}`, /^[\d -:]+ error: Cannot write the pid_file .*: ENOENT.*\n$/m],
    ] as const) {
      const { code, stderr } = await nightjar('-c', file('nowhere.conf', `listener ${port} 127.0.0.1`, option))
      assert.equal(code, 3)
      assert.match(stderr, words)
      assert.doesNotMatch(stderr, /at .*\.js:\d+/)
    }
  })

  it('if it is only to check the configuration (--test-config): 0 if that is right, else 3', async () => {
    assert.equal((await nightjar('--test-config', '-c', file('right.conf', 'listener 18999', 'max_qos 1'))).code, 0)
    assert.equal((await nightjar('--test-config', '-c', file('wrong.conf', 'max_qos 3'))).code, 3)
  })
})

describe('the broker without a configuration', () => {
  it('listens everywhere, lets in this machine whatever user name it sends, and says so', async () => {
    const broker = new Running(process.execPath, [MAIN, '-p', '0'])
    const told = async (pattern: RegExp) => {
      const end = Date.now() + PATIENCE_MS
      while (!pattern.test(broker.stderr)) {
        assert.ok(Date.now() < end, broker.stderr)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      return pattern.exec(broker.stderr)!
    }
    const port = Number((await told(/Listening on port (\d+) of all addresses/))[1])
    await told(/Clients on this machine and on private networks may connect without a password; `allow_anonymous true`/)
    for (const username of [null, 'ada']) {
      const client = await RawClient.open(port, 4)
      client.send(connect({ version: 4, clientId: 'lamp', username, password: null }))
      assert.equal((await client.connack()).reasonCode, 0)
      client.kill()
    }
    await told(/lamp connected from 127\.0\.0\.1:\d+ \(MQTT 3\.1\.1, clean session, keep alive 0 s, user ada\)/)
    assert.equal((await broker.stop()).code, 0)
  })
})

describe('the broker with a configuration', () => {
  /** A configuration with a listener on a port that was free a moment ago. */
  async function configured(name: string, ...lines: string[]): Promise<string> {
    const { port, close } = await taken()
    close()
    return file(name, `listener ${port} 127.0.0.1`, 'log_dest stdout', ...lines)
  }

  it('lets nobody in if it does not say who may: Not Authorized, and the log names the option', async () => {
    const { broker, port, log } = await start('-c', await configured('nobody.conf'))
    const client = await RawClient.open(port, 5)
    client.send(connect({ clientId: 'lamp' }))
    assert.equal((await client.connack()).reasonCode, 0x87)
    await client.expectClosed()
    const warning = log.join('\n') + (await logged(broker, /Refused lamp/))
    assert.match(warning, /Refused lamp at 127\.0\.0\.1:\d+: .*allow_anonymous false/)
    await broker.stop()
  })

  it('that opens no listener listens on this machine only', async () => {
    const { broker, port } = await start('-c', file('local.conf', 'log_dest stdout', 'max_qos 1'), '-p', '0')
    const client = await RawClient.open(port, 5)
    client.send(connect({}))
    assert.equal((await client.connack()).properties.maximumQoS, 1)
    await logged(broker, /only this machine can connect/)
    await broker.stop()
  })

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`${signal}: tells its clients, removes its pid_file, and ends with 0`, async () => {
      const pidFile = join(folder, `${signal}.pid`)
      const path = await configured(`${signal}.conf`, 'allow_anonymous true', `pid_file ${pidFile}`)
      const { broker, port } = await start('-c', path)
      const client = await RawClient.open(port, 5)
      client.send(connect({}))
      await client.connack()
      assert.equal(readFileSync(pidFile, 'utf8'), `${broker.process.pid}\n`)
      const stopped = broker.stop(signal)
      await client.expectDisconnect(0x8b)
      const { code, stdout } = await stopped
      assert.equal(code, 0)
      assert.ok(!existsSync(pidFile))
      assert.match(stdout, new RegExp(`${signal}: stopping\n.*has stopped\n$`, 's'))
    })
  }

  it('does not wait for a client that never reads', async () => {
    const { broker, port } = await start('-c', await configured('stuck.conf', 'allow_anonymous true'))
    const client = await RawClient.open(port, 5)
    client.send(connect({}))
    await client.expect(PacketType.Connack)
    client.pause()
    const began = performance.now()
    assert.equal((await broker.stop()).code, 0)
    assert.ok(performance.now() - began < PATIENCE_MS)
    client.kill()
  })

  it('writes its log where it is told to, and what it is told to', async () => {
    const path = join(folder, 'some.log')
    const { broker } = await start(
      '-c',
      await configured('log.conf', `log_dest file ${path}`, 'log_timestamp_format <%Y>'),
    )
    await broker.stop()
    const text = readFileSync(path, 'utf8')
    assert.match(text, /^<\d{4}> notice: nightjar .* starting/)
    assert.equal(text, broker.stdout)
  })

  it('goes on when its log cannot be written any more', { skip: process.platform !== 'linux' }, async () => {
    const lines = ['log_dest file /dev/full', 'allow_anonymous true']
    const { broker, port } = await start('-c', await configured('lost.conf', ...lines))
    broker.process.stdout!.destroy()
    for (let i = 0; i < 3; i++) {
      const client = await RawClient.open(port, 5)
      client.send(connect({}))
      await client.connack()
      client.kill()
    }
    const { code, stderr } = await broker.stop()
    assert.equal(code, 0)
    assert.match(stderr, /^nightjar: cannot write the log to .*: ENOSPC[^\n]*\n$/)
  })

  it('-q is silent', async () => {
    const path = await configured('quiet.conf', 'allow_anonymous true')
    const broker = new Running(process.execPath, [MAIN, '-q', '-c', path])
    const port = Number(/listener (\d+)/.exec(readFileSync(path, 'utf8'))![1])
    let client: RawClient | null = null
    const end = Date.now() + PATIENCE_MS
    while (client === null && Date.now() < end) {
      client = await RawClient.open(port, 5).catch(() => null)
      if (client === null) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    client!.send(connect({}))
    await client!.connack()
    const { code, stdout, stderr } = await broker.stop()
    assert.deepEqual([code, stdout, stderr], [0, '', ''])
  })
})

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { logged, MAIN, type Started, startProgram } from '../../support/broker-program.ts'
import { connect } from '../../support/packets.ts'
import { PATIENCE_MS } from '../../support/patience.ts'
import { RawClient } from '../../support/raw-client.ts'
import { Running, run } from '../../support/running.ts'

/** How the program ends, and what does not end it: signals, and faults of its own, which are planted here. */

const folder = mkdtempSync(join(tmpdir(), 'nightjar-ending-'))
after(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
const newPath = (name: string): string => join(folder, `${files++}-${name}`)

/** With a module that node loads first. */
function withPlanted(code: string): Readonly<Record<string, string>> {
  const path = newPath('planted.mjs')
  writeFileSync(path, code)
  return { NODE_OPTIONS: `--import=${pathToFileURL(path).href}` }
}

async function answers({ port }: Started): Promise<RawClient> {
  const client = await RawClient.open(port, 5)
  client.send(connect({}))
  assert.equal((await client.connack()).reasonCode, 0)
  return client
}

describe('a signal', () => {
  it('that is not SIGTERM or SIGINT does not end the broker, and opens no debugger', async () => {
    const started = await startProgram([])
    const { broker } = started
    for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) {
      broker.process.kill(signal)
      await logged(broker, new RegExp(`notice: ${signal}: `))
      ;(await answers(started)).kill()
    }
    assert.equal((await broker.stop()).code, 0)
    assert.equal(broker.stderr, '')
  })

  it('SIGHUP: a log that was moved away is made anew', async () => {
    const path = newPath('log')
    const { broker } = await startProgram([`log_dest file ${path}`])
    renameSync(path, `${path}.1`)
    broker.process.kill('SIGHUP')
    await logged(broker, /SIGHUP: log reopened.*restart to apply changes/)
    await broker.stop()
    assert.match(readFileSync(`${path}.1`, 'utf8'), /Listening on port \d+ of ::1|Listening on port/)
    assert.match(readFileSync(path, 'utf8'), /^[^\n]*SIGHUP: log reopened.*has stopped\n$/s)
  })

  it('SIGHUP: if the log cannot be made anew, it goes on in the one that was open', async () => {
    const path = join(folder, 'gone')
    const log = join(path, 'log')
    await run('/bin/mkdir', [path])
    const { broker } = await startProgram([`log_dest file ${log}`])
    renameSync(path, `${path}.1`)
    broker.process.kill('SIGHUP')
    await logged(broker, /SIGHUP/)
    const { code, stderr } = await broker.stop()
    assert.equal(code, 0)
    assert.match(stderr, /^nightjar: cannot write the log to .*ENOENT.*; still writing to the old file\n$/)
    assert.match(readFileSync(join(`${path}.1`, 'log'), 'utf8'), /SIGHUP: .*has stopped\n$/s)
  })

  it('SIGINT twice within a second is the same one handed on: the broker stops in order', async () => {
    const pidFile = newPath('pid')
    const started = await startProgram([`pid_file ${pidFile}`])
    const client = await answers(started)
    started.broker.process.kill('SIGINT')
    started.broker.process.kill('SIGINT')
    await client.expectDisconnect(0x8b)
    const { code, stdout } = await started.broker.ended
    assert.equal(code, 0)
    assert.match(stdout, /SIGINT: stopping\n.*has stopped\n$/s)
    assert.ok(!existsSync(pidFile))
  })

  it('SIGINT again later, while the broker is stopping, ends it at once', async () => {
    const pidFile = newPath('pid')
    // The last step of stopping waits for ever.
    const env = withPlanted(
      `process.on('SIGINT', () => { globalThis.setImmediate = () => {}; setInterval(() => {}, 1000) })`,
    )
    const { broker } = await startProgram([`pid_file ${pidFile}`], { env })
    const impatient = setInterval(() => broker.process.kill('SIGINT'), 200)
    await broker.ended
    clearInterval(impatient)
    const { code, stdout } = await broker.ended
    assert.equal(code, 1)
    assert.match(stdout, /SIGINT again: exiting at once.*\n$/)
    assert.ok(!existsSync(pidFile))
  })
})

describe('a fault of nightjar itself', () => {
  for (const [what, fault] of [
    ['an exception', 'throw new Error("planted")'],
    ['a rejection', 'Promise.reject(new Error("planted"))'],
    ['an exception that is no Error', 'throw "planted"'],
  ] as const) {
    it(`${what}: a line in every log, exit code 70, and no pid_file`, async () => {
      const [path, pidFile] = [newPath('log'), newPath('pid')]
      const env = withPlanted(`process.on('SIGWINCH', () => { ${fault} })`)
      const { broker } = await startProgram([`log_dest file ${path}`, `pid_file ${pidFile}`], { env })
      assert.equal(readFileSync(pidFile, 'utf8'), `${broker.process.pid}\n`)
      broker.process.kill('SIGWINCH')
      const { code, stdout } = await broker.ended
      assert.equal(code, 70)
      const line = /error: nightjar crashed; please report this: .*planted.*\n$/
      assert.match(stdout, line)
      assert.match(readFileSync(path, 'utf8'), line)
      assert.ok(!existsSync(pidFile))
    })
  }

  it('is told by one that tells nothing else', async () => {
    const [path, pidFile] = [newPath('quiet.conf'), newPath('pid')]
    writeFileSync(path, `log_dest none\npid_file ${pidFile}\n`)
    const env = withPlanted(`process.on('SIGWINCH', () => { throw new Error('planted') })`)
    const broker = new Running(process.execPath, [MAIN, '-q', '-p', '0', '-c', path], env)
    const end = Date.now() + PATIENCE_MS
    while (!existsSync(pidFile)) {
      assert.ok(Date.now() < end, 'it does not start')
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    broker.process.kill('SIGWINCH')
    const { code, stderr } = await broker.ended
    assert.equal(code, 70)
    assert.match(stderr, /^[^\n]*error: nightjar crashed; [^\n]*planted[^\n]*\n$/)
  })
})

describe('the pid_file', () => {
  it('of another broker that was started on it meanwhile stays', async () => {
    const pidFile = newPath('pid')
    const { broker } = await startProgram([`pid_file ${pidFile}`])
    writeFileSync(pidFile, '1\n')
    await broker.stop()
    assert.equal(readFileSync(pidFile, 'utf8'), '1\n')
  })
})

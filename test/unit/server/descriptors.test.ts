import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect as open, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { logged, startProgram } from '../../support/broker-program.ts'
import { connect } from '../../support/packets.ts'
import { RawClient } from '../../support/raw-client.ts'

/** A process that may have few files and sockets. */

const folder = mkdtempSync(join(tmpdir(), 'nightjar-descriptors-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const LIMITED = ['/bin/sh', '-c', 'ulimit -n 64; exec "$@"', 'sh']
const PATIENCE_MS = 10_000

async function accepted(port: number): Promise<RawClient> {
  const client = await RawClient.open(port, 5)
  client.send(connect({ cleanStart: true, properties: { sessionExpiryInterval: 100 } }))
  assert.equal((await client.connack()).reasonCode, 0)
  return client
}

/** As soon as there is room again. */
async function acceptedAgain(port: number): Promise<RawClient> {
  const end = Date.now() + PATIENCE_MS
  for (;;) {
    try {
      return await accepted(port)
    } catch (error) {
      if (Date.now() > end) throw error
    }
  }
}

/** Connects and says nothing. */
function silent(port: number): Socket {
  return open(port, '127.0.0.1').on('error', () => {})
}

describe('out of file descriptors', { skip: process.platform === 'win32' && 'there are no such limits' }, () => {
  it('the broker turns connections away, says so once with their number, and its store works', async () => {
    const lines = ['persistence true', `persistence_location ${folder}`, 'persistence_sync always', 'sys_interval 1']
    const { broker, port } = await startProgram(lines, { before: LIMITED })
    const client = await accepted(port)
    const sockets = Array.from({ length: 100 }, () => silent(port))
    assert.match(
      await logged(broker, /Turned away/),
      /warning: Turned away \d+ connections: out of file descriptors \(limit 64\)\. Raise LimitNOFILE of the service, or ulimit -n$/,
    )
    await client.subscribe('a', { qos: 1 })
    await client.publish('b', 'x', { qos: 1, retain: true })
    for (const socket of sockets) socket.destroy()
    ;(await acceptedAgain(port)).kill()
    const { code, stdout } = await broker.stop()
    assert.equal(code, 0)
    assert.equal(stdout.match(/Turned away/g)!.length, 1)
  })

  it('the broker goes on, even with none at all: $SYS, the log, and clients that are there', async () => {
    const planted = join(folder, 'planted.mjs')
    writeFileSync(
      planted,
      `import fs from 'node:fs'
      process.on('SIGWINCH', () => { try { for (;;) fs.openSync('/dev/null') } catch { console.log('spent') } })`,
    )
    const path = join(folder, 'log')
    const env = { NODE_OPTIONS: `--import=${pathToFileURL(planted).href}` }
    const { broker, port } = await startProgram([`log_dest file ${path}`, 'sys_interval 1'], { before: LIMITED, env })
    const client = await accepted(port)
    broker.process.kill('SIGWINCH')
    await logged(broker, /^spent/)
    await client.subscribe('$SYS/broker/uptime')
    for (let i = 0; i < 3; i++) assert.match((await client.receive()).payload, /seconds/)
    const { code, stderr } = await broker.stop()
    assert.equal(`${code} ${stderr}`, '0 ')
  })
})

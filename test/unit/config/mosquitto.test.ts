import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { parseConfig } from '../../../src/config/index.ts'
import { missing, programs } from '../../support/programs.ts'

/** Lines that both must take, each below a listener. */
const GOOD = [
  '# comment',
  '',
  'max_connections -5',
  'max_connections 10',
  'maximum_qos 1',
  'max_topic_alias 0',
  'socket_domain ipv4',
  'allow_anonymous 1',
  'max_inflight_messages -1',
  'max_inflight_bytes 0x10',
  'max_queued_messages 0',
  'max_queued_bytes -2',
  'message_size_limit 268435455',
  'max_packet_size 20',
  'max_keepalive 65535',
  'persistent_client_expiration 2m',
  'sys_interval 0',
  'log_type none',
  'log_type all',
  'log_dest none',
  'log_timestamp_format %H:%M',
  'set_tcp_nodelay true',
  'queue_qos0_messages true',
  'upgrade_outgoing_qos false',
  'retain_available 0',
  'connection_messages false',
  'auto_id_prefix a b',
  'persistence false',
  'retry_interval 20',
]

/** Lines that both must refuse. */
const BAD = [
  'frobnicate 1',
  'listener 65536',
  'listener',
  'max_qos 3',
  'max_topic_alias 65536',
  'socket_domain ipv5',
  'allow_anonymous yes',
  'allow_anonymous',
  'max_packet_size 19',
  'max_keepalive 65536',
  'max_inflight_messages 65536',
  'message_size_limit 268435456',
  'persistent_client_expiration 14',
  'log_dest printer',
  'log_dest file',
  'log_type loud',
  'pid_file',
  'sys_interval -1',
]

const folder = mkdtempSync(join(tmpdir(), 'nightjar-'))
after(() => rmSync(folder, { recursive: true }))

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as { port: number }
  await new Promise((done) => server.close(done))
  return port
}

async function listens(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => done(true))
    socket.on('error', () => done(false))
    socket.on('close', () => socket.destroy())
    socket.unref()
  })
}

/** Whether mosquitto comes up with this text, which opens `port`. */
async function mosquittoTakes(text: string, port: number): Promise<boolean> {
  const file = join(folder, `${port}.conf`)
  writeFileSync(file, text)
  const child = spawn(programs.mosquitto, ['-c', file], { stdio: 'ignore' })
  let ended = false
  const end = new Promise<void>((done) => {
    child.on('close', () => {
      ended = true
      done()
    })
  })
  while (!ended && !(await listens(port))) await new Promise((again) => setTimeout(again, 10))
  const took = !ended
  child.kill()
  await end
  return took
}

describe('mosquitto agrees', { skip: missing(programs.mosquitto) }, () => {
  it('about lines that are right', async () => {
    const port = await freePort()
    for (const lines of [GOOD.slice(0, GOOD.length / 2), GOOD.slice(GOOD.length / 2)]) {
      const text = [`listener ${port} 127.0.0.1`, ...lines].join('\n')
      assert.deepEqual(
        parseConfig(text, 'x.conf').problems.filter((p) => p.severity === 'error'),
        [],
      )
      assert.ok(await mosquittoTakes(text, port), lines.join('\n'))
    }
  })

  it('about lines that are wrong', async () => {
    for (const line of BAD) {
      const port = await freePort()
      const text = `listener ${port} 127.0.0.1\n${line}\n`
      assert.ok(
        parseConfig(text, 'x.conf').problems.some((p) => p.severity === 'error'),
        line,
      )
      assert.equal(await mosquittoTakes(text, port), false, line)
    }
  })
})

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect as connectSocket, createServer, type Socket } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { type DialOptions, dial } from '../../../src/transport/node/index.ts'

const children: ChildProcess[] = []
const sockets: Socket[] = []

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** A name with these addresses. */
function lookup(...addresses: string[]): NonNullable<DialOptions['lookup']> {
  return (_, __, found) =>
    found(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )
}

/**
 * A server that answers nobody until `thaw`, as its queue of connections is full: a machine that is slow, or gone. It has
 * the port that is asked for.
 */
async function frozen(host: string, port: number): Promise<{ port: number; thaw(): void }> {
  const source = `
    const server = require('node:net').createServer(() => {})
    server.listen({ host: ${JSON.stringify(host)}, port: ${port}, backlog: 1 }, () => process.send(server.address().port))`
  const child = spawn(process.execPath, ['--eval', source], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  children.push(child)
  const [bound] = (await once(child, 'message')) as [number]
  child.kill('SIGSTOP')
  for (let full = false; !full; ) {
    const socket = connectSocket({ host, port: bound }).on('error', () => {})
    sockets.push(socket)
    full = await Promise.race([once(socket, 'connect').then(() => false), wait(500, true)])
  }
  return { port: bound, thaw: () => void child.kill('SIGCONT') }
}

describe('a name with several addresses', () => {
  it('is reached by a slow one, though another is dead', async () => {
    const slow = await frozen('127.0.0.1', 0)
    await frozen('127.0.0.2', slow.port)
    for (const order of [
      ['127.0.0.1', '127.0.0.2'],
      ['127.0.0.2', '127.0.0.1'],
    ]) {
      const dialling = dial({
        host: 'several',
        port: slow.port,
        signal: AbortSignal.timeout(30_000),
        lookup: lookup(...order),
      })
      // Long enough for whoever gives an address up early to have given up both.
      await wait(1000)
      slow.thaw()
      const transport = await dialling
      assert.equal(transport.address, `127.0.0.1:${slow.port}`)
      transport.abort()
    }
  })

  it('is reached by the one that works, whatever the others answer', async () => {
    const server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const options = { host: 'several', port, signal: AbortSignal.timeout(30_000) }
    const transport = await dial({ ...options, lookup: lookup('127.0.0.3', '127.0.0.2', '127.0.0.1') })
    assert.equal(transport.address, `127.0.0.1:${port}`)
    transport.abort()
    await assert.rejects(dial({ ...options, lookup: lookup('127.0.0.3', '127.0.0.2') }), { code: 'ECONNREFUSED' })
    server.close()
  })
})

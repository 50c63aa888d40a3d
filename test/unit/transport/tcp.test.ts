import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect as connectSocket, createServer, type Socket } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { type ReadInto, Room, SharedRead, TcpListener } from '../../../src/transport/node/index.ts'
import { BrokerSide, type ClientEnd, type Handler, transportContract } from './contract.ts'

const READ_BYTES = 65_536
const folder = mkdtempSync(join(tmpdir(), 'nightjar-transport-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** As the server does it: a part of a larger array, not at its start. */
function sharedRead(): ReadInto {
  const memory = new Uint8Array(READ_BYTES + 2000)
  return { shared: new SharedRead(memory, 1000, 1000 + READ_BYTES), memory, start: 1000 }
}

/** As on a Node that does not let a handle move. */
function ordinaryRead(): ReadInto {
  const never = { works: false, adopt: () => assert.fail('it does not work here') }
  return { shared: never as unknown as SharedRead, memory: new Uint8Array(0), start: 0 }
}

const ways = { 'one read buffer for all': sharedRead, 'a buffer for each read': ordinaryRead }
const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))
const hosts = [
  { name: 'IPv4', listen: '127.0.0.1', dial: '127.0.0.1', host: '127.0.0.1', skip: false },
  { name: 'IPv6', listen: '::1', dial: '::1', host: '::1', skip: hasIPv6 ? false : 'this machine has no IPv6' },
  {
    name: 'IPv4 on a listener for both',
    listen: '::',
    dial: '127.0.0.1',
    host: '127.0.0.1',
    skip: hasIPv6 ? false : 'this machine has no IPv6',
  },
] as const

function listener(host: string, read: ReadInto, side: BrokerSide, maximumConnections = -1): TcpListener {
  return new TcpListener({ port: 0, host, ipv6Only: false, noDelay: true, maximumConnections }, read, side)
}

async function dial(port: number, host: string): Promise<Socket> {
  const socket = connectSocket({ port, host })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

async function dialPath(path: string): Promise<Socket> {
  const socket = connectSocket(path)
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

function clientEnd(socket: Socket): ClientEnd {
  const end: ClientEnd = {
    bytes: [],
    closed: new Promise((resolve) => socket.once('close', () => resolve())),
    send: (bytes) => void socket.write(bytes),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    close: () => void socket.end(),
    abort: () => void (socket.remoteAddress === undefined ? socket.destroy() : socket.resetAndDestroy()),
    onNews: () => {},
  }
  socket.on('data', (bytes) => {
    end.bytes.push(bytes)
    end.onNews()
  })
  return end
}

it('one read buffer for all sockets works on this Node', () => assert.ok(sharedRead().shared.works))

for (const [way, read] of Object.entries(ways)) {
  for (const { name, listen, dial: to, host, skip } of hosts) {
    describe(`${name}, ${way}`, { skip }, () => {
      transportContract(`${name}, ${way}`, async (side) => {
        const tcp = listener(listen, read(), side)
        const port = await tcp.listen()
        const address = host.includes(':') ? /^\[::1\]:\d+$/ : /^127\.0\.0\.1:\d+$/
        return {
          kind: 'tcp',
          host,
          address,
          connect: async () => clientEnd(await dial(port, to)),
          close: () => tcp.close(),
        }
      })
    })
  }

  transportContract(`a Unix socket, ${way}`, async (side) => {
    const path = join(mkdtempSync(join(folder, 't-')), 's')
    const options = { port: 0, host: undefined, path, ipv6Only: false, noDelay: true, maximumConnections: -1 }
    const tcp = new TcpListener(options, read(), side)
    await tcp.listen()
    return {
      kind: 'unix',
      host: null,
      address: new RegExp(`^${path}$`),
      connect: async () => clientEnd(await dialPath(path)),
      close: () => tcp.close(),
    }
  })

  describe(`TCP listener, ${way}`, () => {
    const opened: TcpListener[] = []
    after(() => {
      for (const tcp of opened) tcp.close()
    })

    async function open(side: BrokerSide, maximumConnections = -1): Promise<{ tcp: TcpListener; port: number }> {
      const tcp = listener('127.0.0.1', read(), side, maximumConnections)
      opened.push(tcp)
      return { tcp, port: await tcp.listen() }
    }

    it('closes what is one too many, and takes another when one has gone', async () => {
      const side = new BrokerSide()
      const { port } = await open(side, 2)
      const first = await dial(port, '127.0.0.1')
      const second = await dial(port, '127.0.0.1')
      await side.until(() => side.handlers.length === 2)
      const third = await dial(port, '127.0.0.1')
      third.resume()
      const address = `127.0.0.1:${third.localPort}`
      await once(third, 'close')
      assert.equal(side.handlers.length, 2)
      assert.deepEqual(side.away, [[address, 'max_connections', 2]])
      first.destroy()
      await side.until(() => side.handlers.some(({ ends }) => ends.length === 1))
      const fourth = await dial(port, '127.0.0.1')
      await side.until(() => side.handlers.length === 3)
      second.destroy()
      fourth.destroy()
    })

    it('goes on with those who are there when it takes no more', async () => {
      const side = new BrokerSide()
      const { tcp, port } = await open(side)
      const socket = await dial(port, '127.0.0.1')
      await side.until(() => side.handlers.length === 1)
      tcp.close()
      socket.write('still here')
      const handler: Handler = side.handlers[0]!
      await side.until(() => handler.received.length > 0)
      const refused = connectSocket({ port, host: '127.0.0.1' })
      const [error] = await once(refused, 'error')
      assert.equal((error as NodeJS.ErrnoException).code, 'ECONNREFUSED')
      socket.destroy()
      await side.until(() => handler.ends.length === 1)
    })

    it('says in words how a connection ended', async () => {
      const side = new BrokerSide()
      const { port } = await open(side)
      const orderly = await dial(port, '127.0.0.1')
      orderly.end()
      await side.until(() => side.handlers[0]?.ends.length === 1)
      const reset = await dial(port, '127.0.0.1')
      await side.until(() => side.handlers.length === 2)
      reset.resetAndDestroy()
      await side.until(() => side.handlers[1]?.ends.length === 1)
      assert.deepEqual(
        side.handlers.map(({ ends }) => ends[0]),
        ['the client closed the connection without DISCONNECT', 'the connection was reset'],
      )
    })
  })
}

describe('listeners that share a room', () => {
  it('take no more together than it holds, and take others when one of either has gone', async () => {
    const side = new BrokerSide()
    const shared = new Room(2, 'global_max_connections')
    const options = { port: 0, host: '127.0.0.1', ipv6Only: false, noDelay: true, maximumConnections: -1, shared }
    const all = [new TcpListener(options, sharedRead(), side), new TcpListener(options, sharedRead(), side)]
    const [one, other] = [await all[0]!.listen(), await all[1]!.listen()]
    const first = await dial(one, '127.0.0.1')
    const second = await dial(other, '127.0.0.1')
    await side.until(() => side.handlers.length === 2)
    for (const port of [one, other]) {
      const third = await dial(port, '127.0.0.1')
      third.resume()
      await once(third, 'close')
    }
    assert.deepEqual([side.handlers.length, shared.open], [2, 2])
    assert.deepEqual(
      side.away.map(([, option, limit]) => [option, limit]),
      [
        ['global_max_connections', 2],
        ['global_max_connections', 2],
      ],
    )
    first.destroy()
    await side.until(() => side.handlers.some(({ ends }) => ends.length === 1))
    const fourth = await dial(other, '127.0.0.1')
    await side.until(() => side.handlers.length === 3)
    second.destroy()
    fourth.destroy()
    await side.until(() => side.handlers.every(({ ends }) => ends.length === 1))
    assert.equal(shared.open, 0)
    for (const tcp of all) tcp.close()
  })
})

it('a port that is taken is an error with its code', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as { port: number }
  const options = { port, host: '127.0.0.1', ipv6Only: false, noDelay: true, maximumConnections: -1 }
  const tcp = new TcpListener(options, sharedRead(), new BrokerSide())
  await assert.rejects(tcp.listen(), { code: 'EADDRINUSE' })
  other.close()
})

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectSocket, type Socket } from 'node:net'
import { after, describe, it } from 'node:test'
import type { Entry } from '../../../src/transport/index.ts'
import { Room, SharedRead, TcpListener } from '../../../src/transport/node/index.ts'
import { BrokerSide } from './contract.ts'

/** A trivial step: the first line says who the client is. */
const firstLine: Entry = () => ({
  look(bytes, start, end) {
    const newline = bytes.indexOf(10, start)
    if (newline < 0 || newline >= end) return { result: 'more' }
    const [word, address = '', port] = Buffer.from(bytes.subarray(start, newline)).toString().split(' ')
    if (word !== 'from') return { result: 'refuse', reason: `it began with '${word}'` }
    return { result: 'accept', peer: { kind: 'tcp', address, port: Number(port) }, from: newline + 1 }
  },
})

const memory = new Uint8Array(66_000)
const ways = {
  'one read buffer for all': new SharedRead(memory, 100, 65_636),
  'a buffer for each read': { works: false } as unknown as SharedRead,
}

for (const [way, shared] of Object.entries(ways)) {
  describe(`a step before accept, ${way}`, () => {
    const opened: TcpListener[] = []
    after(() => {
      for (const tcp of opened) tcp.close()
    })

    async function open(
      entryMs?: number,
    ): Promise<{ side: BrokerSide; room: Room; tcp: TcpListener; dial(): Promise<Socket> }> {
      const side = new BrokerSide()
      const room = new Room(-1, 'global_max_connections')
      const options = { port: 0, host: '127.0.0.1', ipv6Only: false, noDelay: true, maximumConnections: -1 }
      const tcp = new TcpListener(
        { ...options, shared: room, entry: firstLine, entryMs },
        { shared, memory, start: 100 },
        side,
      )
      opened.push(tcp)
      const port = await tcp.listen()
      const dial = async (): Promise<Socket> => {
        const socket = connectSocket({ port, host: '127.0.0.1', noDelay: true })
        socket.on('error', () => {})
        socket.resume()
        await once(socket, 'connect')
        return socket
      }
      return { side, room, tcp, dial }
    }

    for (const [how, pieces] of Object.entries({
      'in one piece': ['from 10.1.2.3 4567\nhello'],
      'byte by byte': [...'from 10.1.2.3 4567\nhello'],
      'with a border in what follows': ['from 10.1.2.3 45', '67\nhe', 'llo'],
    })) {
      it(`says who the client is, and hands back what is left: ${how}`, async () => {
        const { side, dial } = await open()
        const socket = await dial()
        for (const piece of pieces) {
          socket.write(piece)
          await new Promise((resolve) => setImmediate(resolve))
        }
        await side.until(() => Buffer.concat(side.handlers[0]?.received ?? []).toString() === 'hello')
        const { link } = side.handlers[0]!
        assert.deepEqual(link.peer, { kind: 'tcp', address: '10.1.2.3', port: 4567 })
        assert.equal(link.address, '10.1.2.3:4567')
        socket.write(' again')
        await side.until(() => Buffer.concat(side.handlers[0]!.received).toString() === 'hello again')
        socket.end()
        await side.until(() => side.handlers[0]!.ends.length === 1)
        assert.equal(side.handlers.length, 1)
      })
    }

    const refused = {
      'is none': { first: 'GET / HTTP/1.1\n', reason: /^it began with 'GET'$/ },
      'never ends': { first: 'x'.repeat(10_000), reason: /^its first \d+ bytes do not say what it is$/ },
    }
    for (const [what, { first, reason }] of Object.entries(refused)) {
      it(`that ${what} closes the connection, and the broker is told why`, async () => {
        const { side, room, dial } = await open()
        const socket = await dial()
        const address = `127.0.0.1:${socket.localPort}`
        socket.write(first)
        await once(socket, 'close')
        assert.equal(side.refusals.length, 1)
        const [[where, why]] = side.refusals as [[string, string]]
        assert.equal(where, address)
        assert.match(why, reason)
        while (room.open > 0) await new Promise((resolve) => setImmediate(resolve))
        assert.equal(side.handlers.length, 0)
      })
    }

    it('that does not come in time closes the connection', async () => {
      const { side, dial } = await open(50)
      const socket = await dial()
      const address = `127.0.0.1:${socket.localPort}`
      socket.write('from 10')
      await once(socket, 'close')
      assert.deepEqual(side.refusals, [[address, 'it did not say what it is within 0.05 s']])
      assert.equal(side.handlers.length, 0)
    })

    it('is forgotten with a client that goes before it has decided, or a listener that closes', async () => {
      const { side, room, tcp, dial } = await open()
      const gone = await dial()
      gone.write('from 10')
      const stays = await dial()
      stays.write('from 10')
      await side.until(() => room.open === 2)
      gone.destroy()
      while (room.open > 1) await new Promise((resolve) => setImmediate(resolve))
      tcp.close()
      await once(stays, 'close')
      while (room.open > 0) await new Promise((resolve) => setImmediate(resolve))
      assert.deepEqual([side.handlers.length, side.refusals.length], [0, 0])
    })
  })
}

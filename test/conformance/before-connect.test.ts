import assert from 'node:assert/strict'
import { connect as connectSocket, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { startBroker, useBroker } from '../support/broker.ts'
import { connect, will } from '../support/packets.ts'

const broker = await useBroker()
const MIB = 2 ** 20
/** The fixed header of a CONNECT of almost 512 KiB. */
const LARGE_CONNECT = Buffer.from([0x10, 0xf0, 0xff, 0x1f])

/** Sends bytes on a new connection; resolves when the broker has them, or has closed it. */
async function send(port: number, ...parts: Uint8Array[]): Promise<Socket> {
  const socket = connectSocket({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  socket.resume()
  await new Promise<void>((resolve) => {
    socket.once('close', () => resolve())
    socket.once('connect', () => socket.write(Buffer.concat(parts), () => resolve()))
  })
  return socket
}

describe('before CONNECT', { concurrency: true }, () => {
  for (const [what, bytes, words] of [
    ['a PUBLISH that has not all come', [0x30, 0xf0, 0xff, 0xff, 0x04], /PUBLISH came before CONNECT/],
    ['one byte of another packet', [0xc0], /PINGREQ came before CONNECT/],
    ['TLS', [0x16, 3, 1, 2, 0, 1, 0, 1], /it speaks TLS, and this listener does not/],
    ['HTTP', [...Buffer.from('GET / HTTP/1.1\r\n')], /it speaks HTTP/],
    ['the PROXY protocol', [...Buffer.from('PROXY TCP4 ')], /it speaks the PROXY protocol/],
    ['anything else', [5, 1, 0], /what it speaks is not MQTT/],
  ] as const) {
    it(`${what} ends the connection at once, and the log says what it was`, async () => {
      const client = await broker.open()
      const since = broker.log.length
      client.send(Uint8Array.from(bytes))
      await client.expectClosed()
      await broker.logged(words, since)
    })
  }

  it('a CONNECT that claims a megabyte is too large, whatever max_packet_size says', async () => {
    const client = await broker.open()
    client.send(Uint8Array.of(0x10, 0x80, 0x80, 0x40))
    await client.expectClosed()
  })

  it('a CONNECT as large as its texts can make it is taken', async () => {
    const client = await broker.open()
    const most = 65_535
    const large = will('w'.repeat(most), 'p'.repeat(most))
    const password = new Uint8Array(most)
    client.send(connect({ clientId: 'c'.repeat(most), username: 'u'.repeat(most), password, will: large }))
    assert.equal((await client.connack()).reasonCode, 0)
  })
})

describe('many who send half a CONNECT', () => {
  it('take 16 MiB together, and a small CONNECT in two parts is let in all the same', async () => {
    const own = await startBroker()
    const before = own.residentBytes()
    const sockets: Socket[] = []
    for (let i = 0; i < 200; i++) sockets.push(await send(own.port, LARGE_CONNECT, new Uint8Array(400 * 1024)))
    await own.logged(/too much waits for CONNECT packets that are not whole/)
    const client = await own.open()
    client.send('10 0d 00 04')
    await client.sent()
    client.send("'MQTT' 04 02 00 00 00 01 'x'")
    await client.expectBytes('20 02 00 00')
    const grown = own.residentBytes() - before
    assert.ok(grown < 64 * MIB, `${(grown / MIB).toFixed(0)} MiB`)
    for (const socket of sockets) socket.destroy()
    await own.stop()
  })
})

describe('a large payload for many', () => {
  it('is copied once, not for each of them', async () => {
    const own = await startBroker('max_outgoing_bytes 100000000')
    const subscribers = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const client = await own.client()
        await client.subscribe('large')
        client.pause()
        return client
      }),
    )
    const publisher = await own.client()
    const before = own.residentBytes()
    const payload = 'x'.repeat(9 * MIB)
    assert.equal(await publisher.publish('large', payload, { qos: 1 }), 0)
    const grown = own.residentBytes() - before
    assert.ok(grown < 128 * MIB, `${(grown / MIB).toFixed(0)} MiB`)
    subscribers[0]!.resume()
    assert.equal((await subscribers[0]!.receive()).payload.length, payload.length)
    await own.stop()
  })
})

import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import type { Link, Peer } from '../../../src/broker/index.ts'
import type { FullSlab } from '../../../src/protocol/index.ts'
import type { Acceptor, LinkHandler } from '../../../src/transport/index.ts'
import { PATIENCE_MS } from '../../support/patience.ts'

/** A client's end, of whatever make. What it received is in `bytes`. */
export interface ClientEnd {
  readonly bytes: Uint8Array[]
  /** Resolves when the connection is over. */
  readonly closed: Promise<void>
  send(bytes: Uint8Array): void
  pause(): void
  resume(): void
  /** Ends in order, after what was sent. */
  close(): void
  abort(): void
  /** Called when something arrived. */
  onNews: () => void
}

export interface Transport {
  /** As the broker sees the client. */
  readonly kind: Peer['kind']
  readonly host: string | null
  readonly address: RegExp
  connect(): Promise<ClientEnd>
  close(): void
}

/** The broker's end of a connection: remembers what it is told, and checks that it is told in turn. */
export class Handler implements LinkHandler {
  readonly link: Link
  readonly received: Uint8Array[] = []
  drains = 0
  readonly ends: string[] = []
  readonly #side: BrokerSide

  constructor(link: Link, side: BrokerSide) {
    this.link = link
    this.#side = side
  }

  receive(bytes: Uint8Array, start: number, end: number): void {
    this.#told()
    assert.ok(!Buffer.isBuffer(bytes), 'slice must make a copy')
    this.received.push(bytes.slice(start, end))
    // The bytes are the handler's until it returns: nobody else may rely on them.
    bytes.fill(0xee, start, end)
    this.#side.onNews()
  }

  drained(): void {
    this.#told()
    this.drains++
    this.#side.onNews()
  }

  closed(reason: string): void {
    this.#told()
    this.ends.push(reason)
    this.#side.onNews()
  }

  #told(): void {
    assert.ok(this.#side.inTurn, 'a turn must have begun')
    assert.deepEqual(this.ends, [], 'nothing may come after the end')
  }
}

/** What the broker is to a transport. */
export class BrokerSide implements Acceptor {
  readonly handlers: Handler[] = []
  readonly away: [address: string, option: string, limit: number][] = []
  readonly refusals: [address: string, reason: string][] = []
  inTurn = false
  #waiting: (() => void)[] = []

  began(): void {
    if (this.inTurn) return
    this.inTurn = true
    setImmediate(() => {
      this.inTurn = false
    })
  }

  accept(link: Link): LinkHandler {
    assert.ok(this.inTurn)
    const handler = new Handler(link, this)
    this.handlers.push(handler)
    this.onNews()
    return handler
  }

  refused(...told: [address: string, reason: string]): void {
    assert.ok(this.inTurn)
    this.refusals.push(told)
    this.onNews()
  }

  outOfDescriptors(): void {
    assert.ok(this.inTurn)
    this.onNews()
  }

  turnedAway(...told: [address: string, option: string, limit: number]): void {
    assert.ok(this.inTurn)
    this.away.push(told)
    this.onNews()
  }

  readonly onNews = (): void => {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  async until(reached: () => boolean): Promise<void> {
    const end = Date.now() + PATIENCE_MS
    while (!reached()) {
      const left = end - Date.now()
      assert.ok(left > 0, 'waited in vain')
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#waiting.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }
}

const SLAB = 65_536

/** Bytes of which each run of a few thousand is another. */
const PATTERN = Uint8Array.from({ length: 2_000_000 }, (_, i) => (i * 7919 + (i >> 12)) & 0xff)

function pattern(length: number, from = 0): Uint8Array {
  const start = from % 1_000_000
  return PATTERN.slice(start, start + length)
}

function total(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0)
}

function same(parts: readonly Uint8Array[], expected: Uint8Array): void {
  assert.equal(total(parts), expected.length)
  assert.ok(Buffer.concat(parts).equals(expected), 'the bytes differ')
}

/** Gives `bytes` to the link as the core does: full slabs, and the rest. Returns what it answered, and the memory. */
function give(link: Link, bytes: Uint8Array): { taken: boolean; memory: Uint8Array } {
  const memory = bytes.slice()
  const full: FullSlab[] = []
  let start = 0
  for (; bytes.length - start > SLAB; start += SLAB) {
    full.push({ slab: { bytes: memory, start, end: start + SLAB }, end: start + SLAB })
  }
  const taken = link.send(full.length === 0 ? null : full, memory, start, bytes.length)
  return { taken, memory }
}

/** What every transport promises to the broker. */
export function transportContract(name: string, open: (side: BrokerSide) => Promise<Transport>): void {
  describe(`transport: ${name}`, () => {
    const opened: Transport[] = []
    after(() => {
      for (const transport of opened) transport.close()
    })

    async function pair(): Promise<{ side: BrokerSide; client: ClientEnd; handler: Handler; transport: Transport }> {
      const side = new BrokerSide()
      const transport = await open(side)
      opened.push(transport)
      const client = await transport.connect()
      client.onNews = side.onNews
      await side.until(() => side.handlers.length === 1)
      return { side, client, handler: side.handlers[0]!, transport }
    }

    /** Sends more than the other end takes while it does not read; returns what was sent, and the memory of the last part. */
    async function fill(link: Link): Promise<{ sent: Uint8Array; memory: Uint8Array }> {
      const parts: Uint8Array[] = []
      for (let from = 0; from < 64 * 1024 * 1024; ) {
        const part = pattern(1_000_000, from)
        parts.push(part)
        from += part.length
        const { taken, memory } = give(link, part)
        if (!taken) return { sent: Buffer.concat(parts), memory }
        // What was taken at once is ours again.
        memory.fill(0xdd)
        await new Promise((resolve) => setImmediate(resolve))
      }
      throw new Error('it takes everything')
    }

    it('knows where the client is', async () => {
      const { handler, transport, client } = await pair()
      const { kind, address, port } = handler.link.peer
      assert.deepEqual([kind, address], [transport.kind, transport.host])
      assert.equal(typeof port, address === null ? 'object' : 'number')
      if (port !== null) assert.ok(handler.link.address.endsWith(`:${port}`))
      assert.match(handler.link.address, transport.address)
      client.close()
    })

    for (const sizes of [[1], [1, 2, 3, 5, 8, 13], [1000], [65_535, 65_536, 65_537], [300_000]]) {
      it(`hands over what comes in portions of ${sizes.join(', ')} bytes, in order`, async () => {
        const { side, client, handler } = await pair()
        const bytes = pattern(Math.max(...sizes) * 3 + 100)
        for (let start = 0, i = 0; start < bytes.length; i++) {
          const end = Math.min(bytes.length, start + sizes[i % sizes.length]!)
          client.send(bytes.slice(start, end))
          start = end
        }
        await side.until(() => total(handler.received) === bytes.length)
        same(handler.received, bytes)
        client.close()
      })
    }

    it('sends what it is given: small, empty, large, with and without full slabs', async () => {
      const { side, client, handler } = await pair()
      const parts = [1, 100, 0, SLAB, SLAB + 1, 3 * SLAB + 7].map((length, i) => pattern(length, i * 1000))
      for (const part of parts) {
        const drains = handler.drains
        const { taken, memory } = give(handler.link, part)
        if (!taken) await side.until(() => handler.drains > drains)
        memory.fill(0xdd)
      }
      const expected = Buffer.concat(parts)
      await side.until(() => total(client.bytes) === expected.length)
      same(client.bytes, expected)
      client.close()
    })

    it('tells once when a slow reader has taken all, leaves the memory alone until then, and keeps the order', async () => {
      const { side, client, handler } = await pair()
      client.pause()
      const { sent, memory } = await fill(handler.link)
      const before = memory.slice()
      assert.equal(handler.drains, 0)
      client.resume()
      await side.until(() => handler.drains === 1)
      assert.ok(Buffer.from(memory).equals(before))
      memory.fill(0xdd)
      const more = pattern(5000, 99)
      give(handler.link, more)
      await side.until(() => total(client.bytes) === sent.length + more.length)
      same(client.bytes, Buffer.concat([sent, more]))
      assert.equal(handler.drains, 1)
      client.close()
    })

    it('close() ends the connection when all has gone, however slowly', async () => {
      const { side, client, handler } = await pair()
      client.pause()
      const { sent } = await fill(handler.link)
      handler.link.close()
      await new Promise((resolve) => setTimeout(resolve, 20))
      assert.deepEqual(handler.ends, [])
      client.resume()
      await client.closed
      await side.until(() => handler.ends.length === 1)
      same(client.bytes, sent)
    })

    it('close() with nothing to send ends it at once', async () => {
      const { side, client, handler } = await pair()
      handler.link.close()
      await client.closed
      await side.until(() => handler.ends.length === 1)
    })

    it('abort() ends it at once, also where much waits, and more than one abort is one', async () => {
      const { side, client, handler } = await pair()
      client.pause()
      await fill(handler.link)
      handler.link.abort()
      handler.link.abort()
      await side.until(() => handler.ends.length === 1)
      client.resume()
      await client.closed
      assert.equal(handler.ends.length, 1)
    })

    it('hears that the client is gone, once, and after its last bytes', async () => {
      const { side, client, handler } = await pair()
      client.send(pattern(100_000))
      client.close()
      await side.until(() => handler.ends.length === 1)
      assert.equal(total(handler.received), 100_000)
      await client.closed
      // Who is told late does no harm.
      give(handler.link, pattern(10))
      handler.link.close()
      handler.link.abort()
      await new Promise((resolve) => setImmediate(resolve))
      assert.equal(handler.ends.length, 1)
    })

    it('hears that the client broke off in the middle of what it was sent', async () => {
      const { side, client, handler } = await pair()
      client.pause()
      await fill(handler.link)
      client.abort()
      await side.until(() => handler.ends.length === 1)
      assert.ok(handler.drains <= 1)
      await client.closed
      const { length } = client.bytes
      await new Promise((resolve) => setTimeout(resolve, 20))
      assert.equal(client.bytes.length, length)
    })

    it('keeps two connections apart', async () => {
      const { side, client, handler, transport } = await pair()
      const other = await transport.connect()
      other.onNews = side.onNews
      await side.until(() => side.handlers.length === 2)
      for (let i = 0; i < 50; i++) {
        client.send(pattern(1000, i))
        other.send(pattern(1000, 1000 + i))
        give(handler.link, pattern(1000, 2000 + i))
      }
      const second = side.handlers[1]!
      const counts = [handler.received, second.received, client.bytes]
      await side.until(() => counts.every((parts) => total(parts) === 50_000))
      same(handler.received, Buffer.concat(Array.from({ length: 50 }, (_, i) => pattern(1000, i))))
      same(second.received, Buffer.concat(Array.from({ length: 50 }, (_, i) => pattern(1000, 1000 + i))))
      assert.equal(total(other.bytes), 0)
      client.close()
      await side.until(() => handler.ends.length === 1)
      assert.deepEqual(second.ends, [])
      other.close()
    })
  })
}

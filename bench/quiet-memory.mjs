// node bench/quiet-memory.mjs [--rounds 3] [--clients 1500] [--broker PROGRAM.js]: what memory the broker gives back after
// honest load, with the store on disk. Each round: many connections, pairs of QoS 1 and 2, 20,000 retained messages, 20,000
// filters with wildcards, queues of clients that are away, slow readers; then all leave. Prints the broker's memory (Linux)
// before, after each round, and in the minute after the last. The load has a process of its own for each round.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const TOPICS = 20_000
const AWAY = 50
const AWAY_MESSAGES = 200
const PAIRS = 20
const PAIR_MESSAGES = 1000
const SLOW = 20
const QUIET_S = [1, 5, 10, 20, 40, 60]

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    clients: { type: 'string', default: '1500' },
    broker: { type: 'string', default: fileURLToPath(new URL('../bin/nightjar', import.meta.url)) },
    load: { type: 'string' },
  },
})
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

// Packets of MQTT 3.1.1

const text = (string) => Buffer.concat([Buffer.from([string.length >> 8, string.length & 255]), Buffer.from(string)])
const number = (value) => Buffer.from([value >> 8, value & 255])

function packet(first, ...parts) {
  const body = Buffer.concat(parts)
  const length = []
  for (let left = body.length; ; left >>= 7) {
    length.push(left >= 128 ? (left & 127) | 128 : left)
    if (left < 128) break
  }
  return Buffer.concat([Buffer.from([first, ...length]), body])
}

/** A client that acknowledges what it gets, as long as it reads. */
class Client {
  #rest = Buffer.alloc(0)
  #waiting = []
  #answers = 0
  #wanted = 0

  constructor(port, id, { clean = true } = {}) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('data', (bytes) => this.#read(bytes))
    this.socket.on('error', () => {})
    this.socket.write(packet(0x10, text('MQTT'), Buffer.from([4, clean ? 2 : 0, 0, 0]), text(id)))
    this.#wanted++
  }

  /** Sends a packet that is answered, or (QoS 2) that is answered twice. */
  ask(bytes, answers = 1) {
    this.#wanted += answers
    this.socket.write(bytes)
  }

  subscribe(filters, qos) {
    const parts = filters.flatMap((filter) => [text(filter), Buffer.from([qos])])
    this.ask(packet(0x82, number(1), ...parts))
  }

  publish(topic, payload, qos, id, retain = 0) {
    this.ask(packet(0x30 | (qos << 1) | retain, text(topic), qos > 0 ? number(id) : Buffer.alloc(0), payload), qos)
  }

  /** All that was asked is answered. */
  async answered() {
    while (this.#answers < this.#wanted) await new Promise((resolve) => this.#waiting.push(resolve))
  }

  leave() {
    this.socket.end(Buffer.from([0xe0, 0]))
  }

  #read(bytes) {
    const all = Buffer.concat([this.#rest, bytes])
    let at = 0
    for (;;) {
      let [length, shift, header] = [0, 0, 1]
      while (at + header < all.length && header < 5) {
        const byte = all[at + header++]
        length |= (byte & 127) << shift
        shift += 7
        if (byte < 128) break
      }
      if (at + header > all.length || (shift === 0 && all.length - at < 2) || at + header + length > all.length) break
      this.#packet(all[at], all.subarray(at + header, at + header + length))
      at += header + length
    }
    this.#rest = all.subarray(at)
    for (const wake of this.#waiting.splice(0)) wake()
  }

  #packet(first, body) {
    const kind = first >> 4
    if (kind !== 3) {
      if (kind === 6) this.socket.write(packet(0x70, body))
      else this.#answers++
      if (kind === 5) this.socket.write(packet(0x62, body))
      return
    }
    const qos = (first >> 1) & 3
    const id = 2 + body.readUInt16BE(0)
    if (qos > 0) this.socket.write(packet(qos === 1 ? 0x40 : 0x50, body.subarray(id, id + 2)))
  }
}

/** One round; ends when all was done. */
async function load(port, clients) {
  const many = Array.from({ length: clients }, (_, i) => new Client(port, `many${i}`))
  for (const [i, client] of many.entries()) client.subscribe([`many/${i}`], 1)
  for (const client of many) await client.answered()
  for (let from = 0; from < TOPICS; from += 100) {
    const client = many[(from / 100) % many.length]
    client.subscribe(
      Array.from({ length: 100 }, (_, i) => `wild/${from + i}/+/#`),
      1,
    )
    for (let i = 0; i < 100; i++) client.publish(`kept/${from + i}`, Buffer.alloc(100, 1), 1, i + 1, 1)
    await client.answered()
  }
  for (let i = 0; i < AWAY; i++) {
    const client = new Client(port, `away${i}`, { clean: false })
    client.subscribe([`away/${i}`], 1)
    await client.answered()
    client.leave()
  }
  const slow = Array.from({ length: SLOW }, (_, i) => new Client(port, `slow${i}`))
  for (const client of slow) {
    client.subscribe(['pair/#'], 1)
    await client.answered()
    client.socket.pause()
  }
  const pairs = Array.from({ length: PAIRS }, (_, i) => pair(port, i))
  for (let i = 0; i < AWAY * AWAY_MESSAGES; i++) {
    const client = many[i % many.length]
    client.publish(`away/${i % AWAY}`, Buffer.alloc(500, 2), 1, 1 + (i % 60_000))
    if (i % 500 === 0) await client.answered()
  }
  await Promise.all(pairs)
  // Those that were away fetch what is theirs, and are gone for good.
  for (let i = 0; i < AWAY; i++) {
    const client = new Client(port, `away${i}`, { clean: false })
    await client.answered()
    await sleep(20)
    client.leave()
    const last = new Client(port, `away${i}`)
    await last.answered()
    last.leave()
  }
  for (const client of [...many, ...slow]) client.leave()
  process.exit(0)
}

async function pair(port, which) {
  const receiver = new Client(port, `receiver${which}`)
  const sender = new Client(port, `sender${which}`)
  const qos = 1 + (which % 2)
  receiver.subscribe([`pair/${which}`], qos)
  await receiver.answered()
  for (let i = 1; i <= PAIR_MESSAGES; i++) {
    sender.publish(`pair/${which}`, Buffer.alloc(which % 4 === 0 ? 10_000 : 200, 3), qos, i)
    if (i % 50 === 0) await sender.answered()
  }
  await sender.answered()
  sender.leave()
  receiver.leave()
}

async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

function memory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const of = (name) => Math.round(Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status)[1]) / 1024)
  return `RSS ${of('VmRSS')} MiB (own ${of('RssAnon')}, files ${of('RssFile')})`
}

async function main() {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'nightjar-quiet-'))
  const config = join(folder, 'nightjar.conf')
  const lines = [`listener ${port} 127.0.0.1`, 'allow_anonymous true', 'persistence true']
  writeFileSync(config, [...lines, `persistence_location ${join(folder, 'store')}`, ''].join('\n'))
  const broker = spawn(process.execPath, [values.broker, '-c', config, '-q'], { stdio: 'inherit' })
  try {
    await sleep(2000)
    console.log(`before: ${memory(broker.pid)}`)
    for (let round = 1; round <= Number(values.rounds); round++) {
      const words = [fileURLToPath(import.meta.url), '--load', String(port), '--clients', values.clients]
      const child = spawn(process.execPath, words, { stdio: 'inherit' })
      await new Promise((resolve) => child.once('exit', resolve))
      console.log(`after round ${round}: ${memory(broker.pid)}`)
    }
    let waited = 0
    for (const seconds of QUIET_S) {
      await sleep((seconds - waited) * 1000)
      waited = seconds
      console.log(`${seconds} s of quiet: ${memory(broker.pid)}`)
    }
  } finally {
    broker.kill()
    await new Promise((resolve) => broker.once('exit', resolve))
    rmSync(folder, { recursive: true, force: true })
  }
}

if (values.load === undefined) await main()
else await load(Number(values.load), Number(values.clients))

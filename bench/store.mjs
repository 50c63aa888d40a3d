// node bench/store.mjs [--sessions 1000 --messages 1000 --bytes 1024 --sync everysec]: what the store costs. Fills the queues of
// clients that are away, kills the broker, starts it again, and resumes sessions; prints rates, memory and times.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from '../scripts/house.mjs'

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '1000' },
    messages: { type: 'string', default: '1000' },
    bytes: { type: 'string', default: '1024' },
    sync: { type: 'string', default: 'everysec' },
  },
})
const [sessions, messages, bytes] = [values.sessions, values.messages, values.bytes].map(Number)
/** PUBLISH packets that are sent before one is acknowledged. */
const WINDOW = 2000

const folder = mkdtempSync(join(tmpdir(), 'nightjar-bench-'))
const port = 20_000 + Math.floor(Math.random() * 10_000)
const config = ['log_type error', 'log_type warning', 'max_queued_messages 0', 'persistence true', `persistence_location ${folder}`]
writeFileSync(join(folder, 'conf'), [...config, `persistence_sync ${values.sync}`, ''].join('\n'))

let broker = await start()
try {
  await fill()
  report('after filling')
  broker.kill('SIGKILL')
  await new Promise((resolve) => broker.once('exit', resolve))
  const began = performance.now()
  broker = await start()
  console.log(`started again in ${(performance.now() - began).toFixed(0)} ms`)
  report('after the start')
  const took = []
  for (let i = 0; i < Math.min(20, sessions); i++) took.push(await resume(i))
  const first = took.map((each) => each.first).sort((a, b) => a - b)
  console.log(`resumed: first message after ${first[0].toFixed(1)} to ${first.at(-1).toFixed(1)} ms`)
  const drained = performance.now()
  for (let i = 20; i < sessions; i++) await resume(i)
  const rate = (Math.max(0, sessions - 20) * messages) / ((performance.now() - drained) / 1000)
  console.log(`drained one after the other: ${Math.round(rate)} messages a second`)
  // The broker gives room back when it has nothing else to do.
  for (let i = 0; i < 20 && readdirSync(join(folder, 'nightjar', 'kept')).length > 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }
  report('after draining')
} finally {
  broker.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}

async function start() {
  const child = spawn(process.execPath, [join(root, 'bin/nightjar'), '-c', join(folder, 'conf'), '-p', String(port)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    const up = await new Promise((resolve) => socket.once('connect', () => resolve(true)).once('error', () => resolve(false)))
    socket.destroy()
    if (up) return child
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function fill() {
  for (let i = 0; i < sessions; i++) {
    const socket = await open(`away${i}`, false)
    socket.write(subscribe(`q/${i}`))
    await until(socket, 0x90)
    socket.destroy()
  }
  const socket = await open('publisher', true)
  const total = sessions * messages
  const began = performance.now()
  let sent = 0
  let acknowledged = 0
  let peak = 0
  const send = () => {
    const parts = []
    for (; sent < total && sent - acknowledged < WINDOW; sent++) parts.push(publish(`q/${sent % sessions}`, sent))
    if (parts.length > 0) socket.write(Buffer.concat(parts))
  }
  const watch = setInterval(() => {
    peak = Math.max(peak, resident())
  }, 100)
  await new Promise((resolve) => {
    socket.on('data', (data) => {
      // PUBACK has four bytes.
      acknowledged += data.length / 4
      if (acknowledged >= total) resolve()
      else if (sent - acknowledged < WINDOW / 2) send()
    })
    socket.resume()
    send()
  })
  clearInterval(watch)
  const seconds = (performance.now() - began) / 1000
  console.log(`${total} messages of ${bytes} bytes for ${sessions} clients that are away: ${Math.round(total / seconds)} a second`)
  console.log(`most memory while filling: ${megabytes(peak)}`)
  socket.destroy()
}

/** Takes all that one session is owed. */
async function resume(i) {
  const began = performance.now()
  const socket = await open(`away${i}`, false)
  let first = 0
  let came = 0
  let rest = Buffer.alloc(0)
  await new Promise((resolve) => {
    socket.on('data', (data) => {
      rest = Buffer.concat([rest, data])
      const answers = []
      for (;;) {
        const end = packetEnd(rest)
        if (end === 0) break
        if (rest[0] >> 4 === 3) {
          if (first === 0) first = performance.now() - began
          const at = rest[1] < 128 ? 2 : 3
          const topicLength = rest.readUInt16BE(at)
          answers.push(Buffer.from([0x40, 2, rest[at + 2 + topicLength], rest[at + 3 + topicLength]]))
          came++
        }
        rest = rest.subarray(end)
      }
      if (answers.length > 0) socket.write(Buffer.concat(answers))
      if (came >= messages) resolve()
    })
    socket.resume()
  })
  socket.destroy()
  return { first, all: performance.now() - began }
}

/** Where the first packet ends; 0 if it is not whole. */
function packetEnd(data) {
  let length = 0
  for (let i = 1; i < Math.min(5, data.length); i++) {
    length += (data[i] & 127) * 128 ** (i - 1)
    if (data[i] < 128) return 1 + i + length <= data.length ? 1 + i + length : 0
  }
  return 0
}

async function open(clientId, clean) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.write(packet(0x10, Buffer.concat([Buffer.from([0, 4, 77, 81, 84, 84, 4, clean ? 2 : 0, 0, 0]), text(clientId)])))
  await until(socket, 0x20)
  return socket
}

/** Reads on until a packet of that type came first; the rest is put back. */
function until(socket, type) {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('data', (data) => {
      if (data[0] !== type) return reject(new Error(`a packet of type ${data[0].toString(16)} came`))
      socket.pause()
      const end = packetEnd(data)
      if (end < data.length) socket.unshift(data.subarray(end))
      resolve()
    })
    socket.resume()
  })
}

function subscribe(filter) {
  return packet(0x82, Buffer.concat([Buffer.from([0, 1]), text(filter), Buffer.from([1])]))
}

function publish(topic, number) {
  const payload = Buffer.alloc(bytes, 46)
  payload.write(String(number))
  const id = (number % 65_535) + 1
  return packet(0x32, Buffer.concat([text(topic), Buffer.from([id >> 8, id & 255]), payload]))
}

function packet(first, body) {
  const head = [first]
  let length = body.length
  do {
    head.push((length & 127) | (length > 127 ? 128 : 0))
    length >>= 7
  } while (length > 0)
  return Buffer.concat([Buffer.from(head), body])
}

function text(value) {
  const body = Buffer.from(value)
  return Buffer.concat([Buffer.from([body.length >> 8, body.length & 255]), body])
}

function resident() {
  return Number(/^VmRSS:\s*(\d+) kB/m.exec(readFileSync(`/proc/${broker.pid}/status`, 'utf8'))[1]) * 1024
}

function report(when) {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const size = (part) => {
    const there = paths.filter(({ parentPath }) => parentPath.endsWith(part))
    return there.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0)
  }
  console.log(`${when}: memory ${megabytes(resident())}, log ${megabytes(size('log'))}, kept ${megabytes(size('kept'))}, tree ${megabytes(size('tree'))}`)
}

function megabytes(value) {
  return `${Math.round(value / 1e6)} MB`
}

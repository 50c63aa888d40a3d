// node bench/hostile.mjs [--seconds 4] [--rest 10] [--only NAME] [--defaults] [--broker PROGRAM.js]: what a well-behaved pair
// of clients notices of hostile ones, with the limits of hostile.conf, or with the default ones: its latency and the broker's
// memory, one attack after the other and all at once, as a markdown table. The attackers come from 127.0.0.2 and run in a
// process of their own, as does the broker, which is started anew for each attack: so its memory is this attack's.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const BOUND_MIB = 512
/** Attacks of which the default limits let payloads be retained: no bound of the broker's own holds for those. */
const RETAINING = ['retained', 'all at once']
/** What a bystander may notice, in milliseconds. */
const P99_MS = 50
const LONGEST_MS = 200
const PERIOD_MS = 5
const WARM_UP_MS = 1000
const ATTACKER = '127.0.0.2'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    /** Seconds after an attack until the broker's memory is looked at again. */
    rest: { type: 'string', default: '10' },
    only: { type: 'string' },
    broker: { type: 'string', default: fileURLToPath(new URL('../bin/nightjar', import.meta.url)) },
    /** With the default limits, in place of those of hostile.conf. */
    defaults: { type: 'boolean', default: false },
    attack: { type: 'string' },
    port: { type: 'string' },
  },
})

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

// Packets of MQTT 3.1.1

function text(string) {
  const bytes = Buffer.from(string)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes])
}

function packet(first, ...parts) {
  const body = Buffer.concat(parts)
  const length = []
  for (let left = body.length; ; ) {
    const more = left >= 128
    length.push((left & 127) | (more ? 128 : 0))
    left >>= 7
    if (!more) break
  }
  return Buffer.concat([Buffer.from([first, ...length]), body])
}

const number = (value) => Buffer.from([value >> 8, value & 255])
const connectAs = (id) => packet(0x10, text('MQTT'), Buffer.from([4, 2, 0, 0]), text(id))
const subscribeTo = (id, qos, filters) =>
  packet(0x82, number(id), Buffer.concat(filters.flatMap((filter) => [text(filter), Buffer.from([qos])])))
const publishTo = (topic, payload, { qos = 0, retain = 0, id = 1 } = {}) =>
  packet(0x30 | (qos << 1) | retain, text(topic), ...(qos > 0 ? [number(id)] : []), payload)

// The attacks; each has the port and a way to open a connection, which is opened again when it is closed

const MIB = Buffer.alloc(1 << 20, 1)

/** Bytes one at a time: within CONNECT, and within a PUBLISH of a megabyte. */
function trickle(open) {
  for (let i = 0; i < 200; i++) {
    const bytes = i % 2 === 0 ? connectAs(`trickle${i}`) : publishTo('trickle', MIB)
    open((socket) => {
      if (i % 2 === 1) socket.write(connectAs(`trickle${i}`))
      let at = 0
      const timer = setInterval(() => socket.write(bytes.subarray(at, ++at)), 50)
      socket.on('close', () => clearInterval(timer))
    })
  }
}

/** Subscribers that never read what others send them fast. */
function deaf(open) {
  for (let i = 0; i < 50; i++) {
    open((socket) => {
      socket.write(Buffer.concat([connectAs(`deaf${i}`), subscribeTo(1, i % 2, ['flood/#'])]))
      socket.pause()
    })
  }
  for (let i = 0; i < 4; i++) open((socket) => flood(socket, `flood${i}`, publishTo('flood/x', MIB.subarray(0, 10_000))))
}

function flood(socket, id, bytes) {
  socket.write(connectAs(id))
  const go = () => {
    while (!socket.destroyed && socket.write(bytes)) {}
  }
  socket.on('drain', go)
  go()
}

/** Every filter there is, and more of them than allowed. */
function everything(open) {
  const filters = Array.from({ length: 150 }, (_, i) => `${'+/'.repeat(i % 20)}#`.padEnd(i % 20 === 0 ? 1 : 3, ''))
  for (let i = 0; i < 40; i++) {
    open((socket) => {
      const names = filters.map((filter, n) => (n < 20 ? filter : `everything/${i}/${n}/+`))
      socket.write(Buffer.concat([connectAs(`everything${i}`), subscribeTo(1, 1, names)]))
    })
  }
}

/** A megabyte each, retained, on topics that nobody had. */
function retained(open) {
  for (let i = 0; i < 4; i++) {
    open((socket) => {
      socket.write(connectAs(`retained${i}`))
      const go = () => {
        const topic = () => `retained/${randomBytes(8).toString('hex')}`
        while (!socket.destroyed && socket.write(publishTo(topic(), MIB, { retain: 1 }))) {}
      }
      socket.on('drain', go)
      go()
    })
  }
}

/** QoS 2 messages whose identifiers are never released. */
function identifiers(open) {
  for (let i = 0; i < 10; i++) {
    open((socket) => {
      socket.write(connectAs(`identifiers${i}`))
      let id = 0
      const go = () => {
        while (!socket.destroyed && socket.write(publishTo('ids', MIB.subarray(0, 50), { qos: 2, id: (id++ % 65_535) + 1 }))) {}
      }
      socket.on('drain', go)
      go()
    })
  }
}

/** Connects and goes, over and over. */
function reconnect(open) {
  for (let i = 0; i < 30; i++) open((socket) => socket.write(connectAs(`reconnect${i}`), () => socket.destroy()), 0)
}

/** Clients that share two identifiers. */
function takeover(open) {
  for (let i = 0; i < 20; i++) open((socket) => socket.write(connectAs(`same${i % 2}`)), 0)
}

/** Sends one packet after the other, each as soon as the one before was taken. */
function inTurn(socket, packets) {
  let at = 0
  const go = () => {
    while (at < packets.length && !socket.destroyed && socket.write(packets[at++])) {}
  }
  socket.on('drain', go)
  go()
}

const many = (count, make) => Array.from({ length: count }, (_, i) => make(i))

/** One SUBSCRIBE with 65,536 filters, over and over: then the connection ends, and all of them with it. */
function subscribeMany(open) {
  const filters = many(65_536, (i) => `many/${i}/+`)
  for (let i = 0; i < 3; i++) {
    open((socket) => {
      socket.write(Buffer.concat([connectAs(`many${i}`), subscribeTo(1, 0, filters)]))
      setTimeout(() => socket.destroy(), 1500)
    })
  }
}

/** 20,000 retained messages, and clients that ask for all of them 65,536 times in one packet. */
function resubscribe(open) {
  open((socket) => {
    const messages = many(20_000, (i) => publishTo(`r/${i >> 7}/${i}`, MIB.subarray(0, 10), { retain: 1 }))
    inTurn(socket, [connectAs('resubscribe'), ...messages])
  }, 1e6)
  const packet = subscribeTo(1, 0, many(65_536, () => '#'))
  for (let i = 0; i < 3; i++) open((socket) => socket.write(Buffer.concat([connectAs(`again${i}`), packet])))
}

/** 200,000 retained messages, and several clients that ask for all of them again and again. */
function retainedFlood(open) {
  open((socket) => {
    const messages = many(200_000, (i) => publishTo(`flood/${i % 500}/${i}`, MIB.subarray(0, 10), { retain: 1 }))
    inTurn(socket, [connectAs('retained flood'), ...messages])
  }, 1e6)
  for (let i = 0; i < 5; i++) {
    open((socket) => {
      socket.write(connectAs(`all${i}`))
      const timer = setInterval(() => socket.write(subscribeTo(1, 0, ['#'])), 500)
      socket.on('close', () => clearInterval(timer))
    })
  }
}

/** 2000 members of a group who are away, and a publisher to it. */
function absentGroup(open) {
  for (let i = 0; i < 200; i++) {
    let round = 0
    open((socket) => {
      const kept = packet(0x10, text('MQTT'), Buffer.from([4, 0, 0, 0]), text(`absent${i}.${round++ % 10}`))
      socket.write(Buffer.concat([kept, subscribeTo(1, 1, ['$share/absent/group'])]), () => setTimeout(() => socket.destroy(), 50))
    }, 50)
  }
  open((socket) => flood(socket, 'absent', publishTo('group', MIB.subarray(0, 10))))
}

/** 5000 subscribers to everything below a topic, and messages on ever new topics. */
function newTopics(open) {
  for (let i = 0; i < 5000; i++) open((socket) => socket.write(Buffer.concat([connectAs(`new${i}`), subscribeTo(1, 0, ['new/#'])])))
  open((socket) => {
    socket.write(connectAs('newTopics'))
    let count = 0
    const go = () => {
      while (!socket.destroyed && socket.write(publishTo(`new/${count++}`, MIB.subarray(0, 10)))) {}
    }
    socket.on('drain', go)
    go()
  })
}

/**
 * 30,000 names of one hash, as whoever knows the code and not the seed can choose them: retained messages on all of them,
 * messages to all of them, and a subscriber to each.
 */
function collidingNames(open) {
  const names = namesOfOneHash(30_000)
  const filters = names.map((name) => `collide/${name}`)
  const messages = filters.map((topic) => publishTo(topic, MIB.subarray(0, 10), { retain: 1 }))
  for (let i = 0; i < 3; i++) {
    open((socket) => {
      const subscribes = many(30, (n) => subscribeTo(n + 1, 0, filters.slice(1000 * n, 1000 * n + 1000)))
      inTurn(socket, [connectAs(`collide${i}`), ...subscribes])
    })
  }
  open((socket) => inTurn(socket, [connectAs('collide'), ...messages, ...messages, ...messages]))
}

/** See `hashName` in src/topics/hash.ts: names by which a hash that begins with 0 comes to one value, found backwards from it. */
function namesOfOneHash(count) {
  const MULTIPLIER = 0x9e3779b1 | 0
  let inverse = MULTIPLIER
  for (let i = 0; i < 5; i++) inverse = Math.imul(inverse, 2 - Math.imul(MULTIPLIER, inverse))
  const back = (hash) => Math.imul(hash ^ (hash >>> 15) ^ (hash >>> 30), inverse)
  const on = (hash, code) => {
    const product = Math.imul(hash ^ code, MULTIPLIER)
    return product ^ (product >>> 15)
  }
  const beforeLast = back(0x5151_5151)
  const states = new Map()
  for (let last = 0x80; last < 0xd800; last++) states.set(back(beforeLast ^ last) >>> 16, [back(beforeLast ^ last), last])
  const names = []
  for (let i = 0; names.length < count; i++) {
    let state = 0
    for (const digit of `${i}`) state = on(state, digit.charCodeAt(0))
    const [found, last] = states.get(state >>> 16) ?? [0, 0]
    const code = (found ^ state) & 0xffff
    // From 0xA0: before that are control characters, which not every broker takes.
    if (last >= 0xa0 && code >= 0xa0 && code < 0xd800) names.push(`${i}${String.fromCharCode(code, last)}`)
  }
  return names
}

/** As many shared groups as one client gets. */
function sharedGroups(open) {
  const filters = many(20_000, (i) => `$share/${i}/#`)
  for (let i = 0; i < 5; i++) open((socket) => socket.write(Buffer.concat([connectAs(`groups${i}`), subscribeTo(1, 0, filters)])))
}

/** Claims of ten megabytes, and nothing of CONNECT but its beginning. */
function beforeConnect(open) {
  const begin = Buffer.concat([Buffer.from([0x10, 0xf0, 0xff, 0xff, 0x04]), text('MQTT'), MIB, MIB])
  for (let i = 0; i < 60; i++) open((socket) => inTurn(socket, [begin, ...many(7, () => MIB)]))
}

/** A thousand connections that break at once, each with a Will that many get. */
function willStorm(open) {
  const will = (id) => packet(0x10, text('MQTT'), Buffer.from([4, 6, 0, 0]), text(id), text('storm/will'), text('gone'))
  for (let i = 0; i < 300; i++) open((socket) => socket.write(Buffer.concat([connectAs(`storm${i}`), subscribeTo(1, 0, ['storm/#'])])))
  for (let i = 0; i < 300; i++) {
    open((socket) => {
      socket.write(will(`will${i}`))
      setTimeout(() => socket.destroy(), 1000 - (Date.now() % 1000))
    })
  }
}

const ATTACKS = { subscribeMany, resubscribe, retainedFlood, absentGroup, newTopics, collidingNames, sharedGroups, beforeConnect, willStorm, trickle, deaf, everything, retained, identifiers, reconnect, takeover }

function attack(name, port) {
  const open = (act, pause = 200) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: ATTACKER, noDelay: true })
    socket.on('error', () => {})
    socket.on('data', () => {})
    socket.on('connect', () => act(socket))
    socket.on('close', () => setTimeout(() => open(act, pause), pause))
  }
  for (const [each, act] of Object.entries(ATTACKS)) if (name === 'all at once' || name === each) act(open)
}

// The measurement

/** A publisher and a subscriber with QoS 1, and how long each message took, in milliseconds. */
async function pair(port) {
  const latencies = []
  const subscriber = connect({ port, host: '127.0.0.1', noDelay: true })
  const publisher = connect({ port, host: '127.0.0.1', noDelay: true })
  let lost = null
  for (const socket of [subscriber, publisher]) {
    socket.on('error', (error) => (lost ??= error.message))
    socket.on('close', () => (lost ??= 'its connection was closed'))
  }
  publisher.on('data', () => {})
  let rest = Buffer.alloc(0)
  subscriber.on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes])
    while (rest.length >= 2 && rest.length >= 2 + rest[1]) {
      const whole = rest.subarray(0, 2 + rest[1])
      rest = rest.subarray(whole.length)
      if (whole[0] >> 4 !== 3) continue
      const at = 4 + whole.readUInt16BE(2)
      latencies.push(performance.now() - whole.readDoubleBE(at + 2))
      subscriber.write(packet(0x40, whole.subarray(at, at + 2)))
    }
  })
  subscriber.write(Buffer.concat([connectAs('well-behaved subscriber'), subscribeTo(1, 1, ['pair'])]))
  publisher.write(connectAs('well-behaved publisher'))
  await sleep(300)
  let sent = 0
  const timer = setInterval(() => {
    const payload = Buffer.alloc(8)
    payload.writeDoubleBE(performance.now())
    publisher.write(publishTo('pair', payload, { qos: 1, id: (sent++ % 65_535) + 1 }))
  }, PERIOD_MS)
  return {
    take: () => latencies.splice(0),
    sent: () => sent,
    lost: () => lost,
    stop() {
      clearInterval(timer)
      subscriber.destroy()
      publisher.destroy()
    },
  }
}

const resident = (pid) => Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024

function quantile(sorted, share) {
  return sorted.length === 0 ? Number.NaN : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

async function measure(name, broker, port, milliseconds) {
  const good = await pair(port)
  const before = resident(broker.pid)
  const attacker =
    name === 'quiet'
      ? null
      : spawn(process.execPath, [fileURLToPath(import.meta.url), '--attack', name, '--port', String(port)], { stdio: ['ignore', 'ignore', 'inherit'] })
  await sleep(WARM_UP_MS)
  good.take()
  const sentBefore = good.sent()
  let most = resident(broker.pid)
  for (const end = performance.now() + milliseconds; performance.now() < end; ) {
    most = Math.max(most, resident(broker.pid))
    await sleep(50)
  }
  const times = good.take().sort((a, b) => a - b)
  const result = { times, sent: good.sent() - sentBefore, lost: good.lost(), most, grown: most - before, left: 0 }
  good.stop()
  if ((attacker?.exitCode ?? null) !== null) throw new Error(`who attacks has given up: ${name}`)
  attacker?.kill('SIGKILL')
  if (attacker !== null) await sleep(Number(values.rest) * 1000)
  result.left = resident(broker.pid) - before
  return result
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

/** Resolves when somebody listens there, and has had a moment for what it does after its start. */
async function listens(port) {
  const open = () =>
    new Promise((resolve) => {
      const socket = connect({ port, host: '127.0.0.1' }, () => resolve(true)).on('error', () => resolve(false))
      socket.on('connect', () => socket.destroy())
    })
  for (let tries = 0; !(await open()); tries++) {
    if (tries === 100) throw new Error('the broker does not listen')
    await sleep(200)
  }
  await sleep(1000)
}

/** A broker of its own for one attack. */
async function measureAlone(name) {
  const port = await freePort()
  const config = fileURLToPath(new URL(values.defaults ? 'hostile-defaults.conf' : 'hostile.conf', import.meta.url))
  const broker = spawn(process.execPath, [values.broker, '-c', config, '-p', String(port)], { stdio: 'inherit' })
  let ended = false
  const exit = new Promise((resolve) => broker.on('exit', resolve)).then(() => (ended = true))
  await listens(port)
  const result = await measure(name, broker, port, Number(values.seconds) * 1000)
  if (ended) throw new Error(`the broker has ended during: ${name}`)
  broker.kill()
  await exit
  return result
}

const bounded = (name) => !values.defaults || !RETAINING.includes(name)

async function main() {
  const names = values.only === undefined ? [...Object.keys(ATTACKS), 'all at once'] : [values.only]
  console.log(`Memory: the bound is ${BOUND_MIB} MiB, payload in flight apart.`)
  if (values.defaults) {
    console.log(`With default limits it does not hold for ${RETAINING.join(', ')}: as many bytes as are sent may be retained.`)
  }
  console.log('Messages that an attack left retained stay, and their memory with them.\n')
  const memory = `RSS at most, MiB | grew by | of that after ${values.rest} s`
  console.log(`| attack | messages | p50 ms | p99 ms | most ms | p99 to quiet | ${memory} |`)
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |')
  let quiet = Number.NaN
  let highest = 0
  let late = 0
  for (const name of ['quiet', ...names]) {
    const { times, sent, lost, most, grown, left } = await measureAlone(name)
    const p99 = quantile(times, 0.99)
    if (name === 'quiet') quiet = p99
    if (bounded(name)) highest = Math.max(highest, most)
    if (name !== 'all at once' && (p99 > P99_MS || (times.at(-1) ?? Number.POSITIVE_INFINITY) > LONGEST_MS)) late++
    const shown = [quantile(times, 0.5), p99, times.at(-1) ?? Number.NaN].map((time) => time.toFixed(2))
    const count = `${times.length} of ${sent}${lost === null ? '' : ` (${lost})`}`
    const bytes = [most, grown, left].map((mebibytes) => mebibytes.toFixed(0)).join(' | ')
    console.log(`| ${name} | ${count} | ${shown.join(' | ')} | ${(p99 / quiet).toFixed(1)} | ${bytes} |`)
  }
  console.log(`\nRSS at most ${highest.toFixed(0)} MiB; the bound is ${BOUND_MIB} MiB: ${highest < BOUND_MIB ? 'kept' : 'BROKEN'}`)
  const words = late === 0 ? 'never' : `in ${late} of the attacks: LATE`
  console.log(`Bystanders waited beyond ${P99_MS} ms (p99) or ${LONGEST_MS} ms (longest): ${words}`)
  process.exitCode = late === 0 && highest < BOUND_MIB ? 0 : 1
}

if (values.attack === undefined) await main()
else attack(values.attack, Number(values.port))

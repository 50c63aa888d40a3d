// The I/O path alone: what Node can do when a broker does nothing but parse, route and write. NOT a broker: no sessions,
// no QoS state, no limits, no checks. It is the mark to measure Nightjar against (npm run bench -- --prototype).
//   node prototype.mjs PORT [LOGFILE]    with LOGFILE, QoS 1 and 2 are appended to it before any socket is written
import fs from 'node:fs'
import net from 'node:net'

const SLAB = 65536
const readBuffer = Buffer.allocUnsafeSlow(SLAB) // one for all sockets: what is read is handled before the next read
const subscriptions = []
const routes = new Map() // topic -> the subscriptions it reaches; dropped whole on any change (a real one is bounded and versioned)
const dirty = [] // connections with something to send
const log = process.argv[3] ? { fd: fs.openSync(process.argv[3], 'w'), buffer: Buffer.allocUnsafe(4 << 20), length: 0, written: 0 } : null

function matches(filter, topic) {
  const f = filter.split('/'), t = topic.split('/')
  for (let i = 0; i < f.length; i++) {
    if (f[i] === '#') return true
    if (i >= t.length || (f[i] !== '+' && f[i] !== t[i])) return false
  }
  return f.length === t.length
}

function route(topic) {
  let r = routes.get(topic)
  if (r === undefined) routes.set(topic, (r = subscriptions.filter((s) => matches(s.filter, topic))))
  return r
}

class Connection {
  constructor(socket) {
    this.socket = socket
    this.out = Buffer.allocUnsafe(SLAB)
    this.length = 0
    this.full = [] // slabs that overflowed within this turn
    this.dirty = false
    this.rest = null // an unfinished packet
    this.nextId = 1
    this.v5 = false
  }

  room(bytes) {
    if (this.length + bytes > this.out.length) {
      this.full.push(this.out.subarray(0, this.length))
      this.out = Buffer.allocUnsafe(Math.max(SLAB, bytes))
      this.length = 0
    }
    if (!this.dirty) {
      this.dirty = true
      if (dirty.push(this) === 1) setImmediate(turnEnd)
    }
  }

  send(...bytes) {
    this.room(bytes.length)
    for (const b of bytes) this.out[this.length++] = b
  }

  receive(chunk) {
    let b = chunk
    if (this.rest !== null) {
      b = Buffer.concat([this.rest, chunk])
      this.rest = null
    }
    let start = 0
    while (start < b.length) {
      let p = start + 1, body = 0, shift = 0, x
      do {
        if (p >= b.length) return void (this.rest = Buffer.from(b.subarray(start)))
        x = b[p++]
        body |= (x & 127) << shift
        shift += 7
      } while (x & 128)
      if (p + body > b.length) return void (this.rest = Buffer.from(b.subarray(start)))
      this.packet(b, b[start], p, p + body)
      start = p + body
    }
  }

  packet(b, header, p, end) {
    const id1 = b[p], id2 = b[p + 1]
    switch (header >> 4) {
      case 3: return this.publish(b, header, p, end)
      case 4: return void (log !== null && (log.length += 12))
      case 5: return this.send(0x62, 2, id1, id2)
      case 6: return this.send(0x70, 2, id1, id2)
      case 12: return this.send(0xd0, 0)
      case 1:
        this.v5 = b[p + 6] === 5
        return this.v5 ? this.send(0x20, 3, 0, 0, 0) : this.send(0x20, 2, 0, 0)
      case 8: {
        const granted = []
        let q = p + 2
        if (this.v5) q += 1 + b[q]
        while (q < end) {
          const n = (b[q] << 8) | b[q + 1]
          granted.push(b[q + 2 + n] & 3)
          subscriptions.push({ filter: b.toString('utf8', q + 2, q + 2 + n), to: this, qos: b[q + 2 + n] & 3 })
          q += 3 + n
        }
        routes.clear()
        return this.v5 ? this.send(0x90, 3 + granted.length, id1, id2, 0, ...granted) : this.send(0x90, 2 + granted.length, id1, id2, ...granted)
      }
    }
  }

  publish(b, header, p, end) {
    const topicEnd = p + 2 + ((b[p] << 8) | b[p + 1])
    const topic = b.latin1Slice(p + 2, topicEnd)
    const qos = (header >> 1) & 3
    let rest = topicEnd
    if (qos > 0) {
      this.send(qos === 1 ? 0x40 : 0x50, 2, b[rest], b[rest + 1])
      rest += 2
      if (log !== null) append(b, p, end)
    }
    const payload = this.v5 ? rest + 1 + b[rest] : rest // properties of up to 127 bytes
    const size = end - payload
    for (const s of route(topic)) {
      const to = s.to, q = qos < s.qos ? qos : s.qos
      let remaining = topicEnd - p + (q > 0 ? 2 : 0) + (to.v5 ? 1 : 0) + size
      to.room(remaining + 5)
      const o = to.out
      let n = to.length
      o[n++] = 0x30 | (q << 1)
      do {
        const x = remaining & 127
        remaining >>= 7
        o[n++] = remaining > 0 ? x | 128 : x
      } while (remaining > 0)
      b.copy(o, n, p, topicEnd)
      n += topicEnd - p
      if (q > 0) {
        const id = to.nextId
        to.nextId = id === 65535 ? 1 : id + 1
        o[n++] = id >> 8
        o[n++] = id & 255
      }
      if (to.v5) o[n++] = 0
      b.copy(o, n, payload, end)
      to.length = n + size
    }
  }
}

function append(b, from, to) {
  if (log.length + to - from + 64 > log.buffer.length) commit()
  log.buffer.writeUInt32LE(to - from, log.length)
  b.copy(log.buffer, log.length + 16, from, to)
  log.length += 16 + to - from
}

function commit() {
  fs.writeSync(log.fd, log.buffer, 0, log.length)
  log.written += log.length
  log.length = 0
  if (log.written > 64 << 20) {
    fs.ftruncateSync(log.fd, 0)
    log.written = 0
  }
}

// The order is the promise: first the log, then the sockets.
function turnEnd() {
  if (log !== null && log.length > 0) commit()
  for (const c of dirty) {
    c.dirty = false
    const last = c.out.subarray(0, c.length)
    if (c.full.length > 0) {
      c.socket.cork()
      for (const slab of c.full) c.socket.write(slab)
      c.full = []
      c.socket.write(last)
      c.socket.uncork()
    } else c.socket.write(last)
    c.out = c.out.length - c.length > 4096 ? c.out.subarray(c.length) : Buffer.allocUnsafe(SLAB)
    c.length = 0
  }
  dirty.length = 0
}

net.createServer({ noDelay: true, pauseOnConnect: true }, (accepted) => {
  const handle = accepted._handle // the trick at the edge: the same handle again, with one read buffer for all
  accepted._handle = null
  accepted.destroy()
  const socket = new net.Socket({ handle, onread: { buffer: readBuffer, callback: (n, buffer) => (connection.receive(buffer.subarray(0, n)), true) } })
  const connection = new Connection(socket)
  socket.on('error', () => {})
  socket.on('close', () => {
    for (let i = subscriptions.length - 1; i >= 0; i--) if (subscriptions[i].to === connection) subscriptions.splice(i, 1)
    routes.clear()
  })
  socket.resume()
}).listen(Number(process.argv[2]), '127.0.0.1', 4096)

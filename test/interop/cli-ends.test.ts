import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, constants, existsSync, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { connect, createServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, beforeEach, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { PacketType } from '../../src/protocol/index.ts'
import { useBroker } from '../support/broker.ts'
import { freePort, NIGHTJAR, nightjarTarget, Program, runProgram } from '../support/nightjar.ts'
import { publish } from '../support/packets.ts'
import { PATIENCE_MS } from '../support/patience.ts'
import { missing, programs } from '../support/programs.ts'
import type { RawClient } from '../support/raw-client.ts'
import { ScriptedServer } from '../support/scripted-server.ts'

/** How pub and sub end, whatever they wait for: signals, pipes that nobody reads, disks that are full. */
const skip = process.platform !== 'linux' ? 'it needs FIFOs and /proc as on Linux' : missing(programs.mkfifo)
const POLL_MS = 10

const folder = mkdtempSync(join(tmpdir(), 'nightjar-ends-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let fifos = 0

function makeFifo(): string {
  const path = join(folder, `fifo-${++fifos}`)
  execFileSync(programs.mkfifo, [path])
  return path
}

/** Opens the FIFO for writing as soon as somebody reads it. */
async function openForWriting(fifo: string): Promise<number> {
  for (;;) {
    try {
      return openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error
      await pause(POLL_MS)
    }
  }
}

/** Waits until the process has the file open. */
async function opened({ process: { pid } }: Program, path: string): Promise<void> {
  const open = `/proc/${pid}/fd`
  const isIt = (name: string): boolean => {
    try {
      return readlinkSync(join(open, name)) === path
    } catch {
      return false
    }
  }
  while (!readdirSync(open).some(isIt)) await pause(POLL_MS)
}

function readFrom(descriptor: number): AsyncIterable<string> {
  return new Socket({ fd: descriptor, readable: true, writable: false }).setEncoding('latin1')
}

/** A real pipe, as a shell makes it: Node's own are sockets. */
function makePipe(): { reader: number; writer: number } {
  const path = makeFifo()
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  return { reader, writer: openSync(path, constants.O_WRONLY) }
}

describe('SIGTERM ends pub', { skip }, async () => {
  if (skip !== false) return
  const nowhere = String(await freePort())

  it('while -s waits for the end of stdin', async () => {
    const program = new Program(NIGHTJAR, ['pub', '-p', nowhere, '-t', 'x', '-s'])
    // More than fits between the two: what is taken was read.
    await new Promise((resolve) => void program.process.stdin!.write('x'.repeat(4_000_000), resolve))
    program.process.kill('SIGTERM')
    const { code, stderr } = await program.ended
    assert.equal(`${code} ${stderr}`, '143 ')
  })

  it('while -f waits for somebody to write to a FIFO', async () => {
    const fifo = makeFifo()
    const program = new Program(NIGHTJAR, ['pub', '-p', nowhere, '-t', 'x', '-f', fifo])
    await opened(program, fifo)
    program.process.kill('SIGTERM')
    assert.equal((await program.ended).code, 143)
  })

  it('while -f waits for the end of a FIFO', async () => {
    const fifo = makeFifo()
    const program = new Program(NIGHTJAR, ['pub', '-p', nowhere, '-t', 'x', '-f', fifo])
    const writer = await openForWriting(fifo)
    program.process.kill('SIGTERM')
    assert.equal((await program.ended).code, 143)
    closeSync(writer)
  })

  it('while it takes leave of a broker that is deaf', async () => {
    const server = await ScriptedServer.listen(4)
    const program = new Program(NIGHTJAR, ['pub', '-p', portOf(server), '-t', 'x', '-m', 'y', '-d'])
    const peer = await server.accept()
    await peer.next()
    peer.pause()
    peer.send({ type: PacketType.Connack, sessionPresent: false, reasonCode: 0, properties: {} })
    await program.printed('connected')
    program.process.kill('SIGTERM')
    assert.equal((await program.ended).code, 143)
    await server.close()
  })
})

it('what comes through a FIFO is published when the last writer has gone', { skip }, async () => {
  const target = await nightjarTarget()
  const port = String(target.port)
  const fifo = makeFifo()
  const words = ['sub', '-p', port, '-i', 'fifo', '-t', 'fifo', '-C', '1', ...target.marker]
  const subscriber = new Program(NIGHTJAR, words)
  await target.subscribed('fifo')
  const program = new Program(NIGHTJAR, ['pub', '-p', port, '-t', 'fifo', '-f', fifo])
  execFileSync('sh', ['-c', `(printf one; printf ', two') > ${fifo}`], { timeout: PATIENCE_MS })
  assert.equal((await program.ended).code, 0)
  assert.equal((await subscriber.ended).stdout.toString(), 'one, two\n')
})

function portOf(server: ScriptedServer): string {
  return new URL(server.url).port
}

describe('sub into a pipe', { skip }, () => {
  let server: ScriptedServer
  beforeEach(async () => {
    server = await ScriptedServer.listen(4)
  })
  afterEach(() => server.close())

  /** A subscriber whose output goes to the descriptor, and the broker's end of its connection. */
  async function subscribed(stdout: number, ...words: string[]): Promise<{ program: Program; peer: RawClient }> {
    const program = new Program(NIGHTJAR, ['sub', '-p', portOf(server), '-t', 'x', ...words], { stdout })
    const peer = await server.accept()
    await peer.next(PATIENCE_MS)
    peer.send({ type: PacketType.Connack, sessionPresent: false, reasonCode: 0, properties: {} })
    const { packetId } = await peer.expect(PacketType.Subscribe, PATIENCE_MS)
    peer.send({ type: PacketType.Suback, packetId, reasonCodes: [0], properties: {} })
    return { program, peer }
  }

  it('that nobody empties goes on pinging, and SIGTERM ends it', async () => {
    const { reader, writer } = makePipe()
    const { program, peer } = await subscribed(writer, '-k', '1')
    closeSync(writer)
    const payload = 'x'.repeat(10_000)
    for (let i = 0; i < 500; i++) peer.send(publish('x', payload))
    for (let i = 0; i < 3; i++) {
      await peer.expect(PacketType.Pingreq, PATIENCE_MS)
      peer.send({ type: PacketType.Pingresp })
    }
    program.process.kill('SIGTERM')
    assert.equal((await program.ended).code, 143)
    closeSync(reader)
  })

  it('that is emptied late loses nothing', async () => {
    const { reader, writer } = makePipe()
    const { program, peer } = await subscribed(writer, '-k', '1', '-q', '1', '-C', '3000')
    closeSync(writer)
    const filling = 'x'.repeat(1000)
    const lines = Array.from({ length: 3000 }, (_, i) => `${i} ${filling}`)
    lines.forEach((line, i) => {
      peer.send(publish('x', line, { qos: 1, packetId: i + 1 }))
    })
    let printed = ''
    // A ping: so long it has stood still.
    while ((await peer.next(PATIENCE_MS))[0] !== 0xc0);
    for await (const chunk of readFrom(reader)) printed += chunk
    assert.equal((await program.ended).code, 0)
    assert.equal(printed, `${lines.join('\n')}\n`)
  })

  it('that is closed ends with 0, though nothing more comes', async () => {
    const { reader, writer } = makePipe()
    const { program, peer } = await subscribed(writer)
    closeSync(writer)
    peer.send(publish('x', 'the first line'))
    for await (const chunk of readFrom(reader)) {
      assert.equal(chunk, 'the first line\n')
      break
    }
    const { code, stderr } = await program.ended
    assert.equal(`${code} ${stderr}`, '0 ')
  })
})

describe('a full disk is told, and the exit code is 1', { skip: !existsSync('/dev/full') && 'no /dev/full' }, () => {
  const MESSAGE = /^nightjar\S* ?\w*: cannot write to stdout: ENOSPC: .*\n$/

  it('by sub', async () => {
    const target = await nightjarTarget()
    const port = String(target.port)
    assert.equal((await runProgram(NIGHTJAR, ['pub', '-p', port, '-t', 'x', '-m', 'y', '-r', '-q', '1'])).code, 0)
    const full = openSync('/dev/full', 'w')
    const { code, stderr } = await new Program(NIGHTJAR, ['sub', '-p', port, '-t', 'x'], { stdout: full }).ended
    assert.equal(code, 1)
    assert.match(stderr, MESSAGE)
    closeSync(full)
  })

  it('by the help', async () => {
    const full = openSync('/dev/full', 'w')
    const { code, stderr } = await new Program(NIGHTJAR, ['pub', '--help'], { stdout: full }).ended
    assert.equal(code, 1)
    assert.match(stderr, MESSAGE)
    closeSync(full)
  })
})

it('-W ends sub, though the broker stands still', { skip }, async () => {
  const broker = await useBroker()
  const words = ['sub', '-p', String(broker.port), '-i', 'frozen', '-t', 'marker/*', '-W', '2']
  const program = new Program(NIGHTJAR, words)
  await broker.logged(/frozen subscribed to marker/)
  broker.freeze()
  const { code } = await program.ended
  broker.thaw()
  assert.equal(code, 27)
})

it('sub is there again soon after the broker, however long that was away', async () => {
  const target = await nightjarTarget()
  const sockets = new Set<Socket>()
  const proxy = createServer((socket) => {
    const onward = connect(target.port, '127.0.0.1')
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => onward.destroy())
    onward.on('error', () => {}).on('close', () => socket.destroy())
    socket.pipe(onward).pipe(socket)
  })
  const listen = (port: number) =>
    new Promise<number>((resolve) => {
      proxy.listen(port, '127.0.0.1', () => resolve((proxy.address() as { port: number }).port))
    })
  const port = await listen(0)
  const program = new Program(NIGHTJAR, ['sub', '-p', String(port), '-i', 'back', '-t', 'x', '-d', ...target.marker])
  await target.subscribed('back')
  proxy.close()
  for (const socket of sockets) socket.destroy()
  await program.printed('attempt 6 in')
  const delays = Array.from(program.stderr.matchAll(/attempt \d+ in ([\d.]+) s/g), ([, delay]) => Number(delay))
  assert.ok(Math.max(...delays) <= 1, `waits of ${delays.join(', ')} s`)
  await listen(port)
  await runProgram(NIGHTJAR, ['pub', '-p', String(target.port), '-t', 'x', '-m', 'retained', '-r', '-q', '1'])
  await program.printed('retained')
  program.process.kill('SIGTERM')
  await program.ended
  proxy.close()
  for (const socket of sockets) socket.destroy()
})

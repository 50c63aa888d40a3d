import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { after, describe, it } from 'node:test'
import { freePort, NIGHTJAR, nightjarTarget, Program, runProgram } from '../support/nightjar.ts'

/** The commands against Nightjar's own broker: exit codes, ends, sessions, streams. */
const target = await nightjarTarget('allow_anonymous true', 'max_queued_messages 0')
const port = String(target.port)
let clients = 0

function nightjar(words: readonly string[], input: string | Uint8Array = '', env: Record<string, string> = {}) {
  return runProgram(NIGHTJAR, words, input, env)
}

function pub(...words: string[]) {
  return nightjar(['pub', '-p', port, ...words])
}

function sub(...words: string[]) {
  return nightjar(['sub', '-p', port, ...words])
}

/** A subscriber whose subscriptions stand. */
async function subscriber(...words: string[]): Promise<Program> {
  const id = `cli-${++clients}`
  const program = new Program(NIGHTJAR, ['sub', '-p', port, '-i', id, ...words, ...target.marker])
  await target.subscribed(id)
  return program
}

/** A broker of bytes: answers the packet type of the first byte as it is told, whatever else is in the packet. */
async function fakeBroker(answers: Readonly<Record<number, (packet: Buffer) => number[]>>): Promise<string> {
  const server = createServer((socket) => {
    let rest = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 2 && rest.length >= rest[1]! + 2) {
        const packet = rest.subarray(0, rest[1]! + 2)
        rest = rest.subarray(packet.length)
        const answer = answers[packet[0]! >> 4]?.(packet)
        if (answer !== undefined) socket.write(Buffer.from(answer))
      }
    })
  })
  return String(await listening(server))
}

function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  })
}

describe('exit codes and errors', () => {
  it('wrong usage is 2, in one line, also with --quiet', async () => {
    const { code, stdout, stderr } = await nightjar(['pub', '--quiet', '-t', 'x', '--retian'])
    assert.equal(code, 2)
    assert.equal(stdout.length, 0)
    const line = 'nightjar pub: there is no option --retian: did you mean --retain? (nightjar pub --help shows all)\n'
    assert.equal(stderr, line)
  })

  it('an unknown verb is 2', async () => {
    const { code, stderr } = await nightjar(['pbu'])
    assert.equal(code, 2)
    assert.match(stderr, /^nightjar: there is no verb pbu: did you mean pub\?.*\n$/)
  })

  it('no broker is 4, with where and why', async () => {
    const closed = await freePort()
    for (const verb of ['pub', 'sub']) {
      const words = verb === 'pub' ? ['-m', 'x'] : []
      const { code, stderr } = await nightjar([verb, '-h', '127.0.0.1', '-p', String(closed), '-t', 'x', ...words])
      assert.equal(code, 4)
      assert.match(
        stderr,
        new RegExp(`^nightjar ${verb}: Cannot connect to 127\\.0\\.0\\.1:${closed}: nothing listens .*\\n$`),
      )
    }
  })

  it('--quiet keeps all but wrong usage to itself', async () => {
    const { code, stderr } = await nightjar(['pub', '-p', String(await freePort()), '-t', 'x', '-n', '--quiet'])
    assert.equal(`${code} ${stderr}`, '4 ')
  })

  it('a refusal is 5, with what was sent and what to do', async () => {
    const refusing = await fakeBroker({ 1: (packet) => (packet[8] === 5 ? [0x20, 3, 0, 0x87, 0] : [0x20, 2, 0, 5]) })
    for (const version of ['311', '5']) {
      const { code, stderr } = await nightjar(['sub', '-p', refusing, '-t', 'x', '-V', version])
      assert.equal(code, 5)
      assert.match(
        stderr,
        /^nightjar sub: Refused by 127.0.0.1:\d+: .*\(0x87\).*No .*password.* -u and -P.*MQTT_PASSWORD.*\n$/,
      )
    }
  })

  it('a subscription that is denied is 6; of several, one that is granted is enough', async () => {
    const denying = (codes: number[]) =>
      fakeBroker({
        1: () => [0x20, 2, 0, 0],
        8: (packet) => [0x90, 2 + codes.length, packet[2]!, packet[3]!, ...codes],
      })
    const all = await nightjar(['sub', '-p', await denying([0x80, 0x80]), '-t', 'a', '-t', 'b'])
    assert.equal(all.code, 6)
    assert.match(all.stderr, /refused the subscription to 'a'/)
    const some = await nightjar(['sub', '-p', await denying([0x80, 0]), '-t', 'a', '-t', 'b', '-E'])
    assert.equal(some.code, 0)
    assert.match(some.stderr, /refused the subscription to 'a'/)
  })

  it('a message that is refused is 7', async () => {
    const refusing = await fakeBroker({
      1: () => [0x20, 3, 0, 0, 0],
      3: (packet) => [0x40, 3, packet[5]!, packet[6]!, 0x87],
    })
    const one = await nightjar(['pub', '-p', refusing, '-t', 'x', '-m', 'a', '-q', '1', '-V', '5'])
    assert.equal(one.code, 7)
    assert.match(one.stderr, /^nightjar pub: The broker refused the message to 'x': .*\(0x87\)\n$/)
    const lines = await nightjar(['pub', '-p', refusing, '-t', 'x', '-l', '-q', '1', '-V', '5'], 'a\nb\n')
    assert.equal(lines.code, 7)
    assert.match(lines.stderr, /2 of 2 messages were refused\n$/)
  })

  it('the time of -W is 27, also while it connects', async () => {
    const { code, stderr } = await sub('-t', 'nothing', '-W', '0.2', '-C', '1')
    assert.equal(code, 27)
    assert.equal(stderr, 'nightjar sub: timed out after 0.2 s before 1 message came (-W)\n')
    const mute = await nightjar(['sub', '-p', await fakeBroker({}), '-t', 'x', '-W', '0.2'])
    assert.equal(mute.code, 27)
  })

  it('an empty file is not published by mistake', async () => {
    const { code, stderr } = await pub('-t', 'x', '-s', '-r')
    assert.equal(`${code} ${stderr}`, '1 nightjar pub: stdin is empty: to publish an empty message use -n\n')
    assert.equal((await pub('-t', 'x', '-f', '/nonexistent')).code, 1)
  })
})

describe('help and version', () => {
  it('nightjar help VERB, --help and --version print on stdout', async () => {
    const outputs = await Promise.all(
      [['help', 'sub'], ['sub', '--help'], ['--help'], ['--version'], ['pub', '--version']].map((w) => nightjar(w)),
    )
    for (const { code, stderr } of outputs) assert.equal(`${code} ${stderr}`, '0 ')
    const [help, dashes, overview, version, ofPub] = outputs.map(({ stdout }) => stdout.toString())
    assert.match(help!, /^Usage: nightjar sub /)
    assert.equal(dashes, help)
    assert.match(overview!, /^nightjar: .*\n\n {2}broker {2}/)
    assert.match(version!, /^nightjar \d+\.\d+\.\d+\n$/)
    assert.equal(ofPub, version)
  })
})

describe('the end', () => {
  for (const [signal, expected] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`${signal} ends sub with ${expected}, after a DISCONNECT and all that was printed`, async () => {
      const will = `will/${signal}`
      const watcher = await subscriber('-t', will, '-t', 'end', '-C', '1', '-v')
      const program = await subscriber('-t', 'x', '--will-topic', will, '--will-payload', 'broke')
      await pub('-t', 'x', '-m', 'seen')
      await program.printed('seen')
      program.process.kill(signal)
      const { code, stdout, stderr } = await program.ended
      assert.equal(`${code} ${stdout.toString()}${stderr}`, `${expected} seen\n`)
      await pub('-t', 'end', '-m', 'x')
      assert.equal((await watcher.ended).stdout.toString(), 'end x\n', 'the will was not published')
    })
  }

  it('SIGINT ends pub while it waits for stdin', async () => {
    const program = new Program(NIGHTJAR, ['pub', '-p', port, '-t', 'from/stdin', '-l', '-d'])
    await program.printed('connected')
    program.process.kill('SIGINT')
    assert.equal((await program.ended).code, 130)
  })

  it('nobody reading the output is no error', async () => {
    const program = await subscriber('-t', 'unread')
    program.process.stdout!.destroy()
    let ended = false
    void program.ended.then(() => {
      ended = true
    })
    while (!ended) await pub('-t', 'unread', '-m', 'x')
    const { code, stderr } = await program.ended
    assert.equal(`${code} ${stderr}`, '0 ')
  })
})

describe('sessions', () => {
  it('-E makes a durable session, and -C takes no more messages from it than it prints', async () => {
    const session = ['-c', '-i', 'durable', '-q', '1', '-t', 'durable/#']
    assert.equal((await sub(...session, '-E')).code, 0)
    await nightjar(['pub', '-p', port, '-t', 'durable/x', '-q', '1', '-l'], '1\n2\n3\n4\n5\n')
    assert.equal((await sub(...session, '-C', '2')).stdout.toString(), '1\n2\n')
    assert.equal((await sub(...session, '-V', '5', '-C', '1')).stdout.toString(), '3\n')
    assert.equal((await sub(...session, '-C', '2')).stdout.toString(), '4\n5\n')
  })

  it('-U ends a subscription that the session has from before', async () => {
    const session = ['-c', '-i', 'leaving', '-q', '1', '-V', '5']
    assert.equal((await sub(...session, '-t', 'leave/a', '-t', 'leave/b', '-E')).code, 0)
    assert.equal((await sub(...session, '-U', 'leave/a', '-D', 'unsubscribe', 'user-property', 'a', 'b', '-E')).code, 0)
    for (const topic of ['leave/a', 'leave/b']) await pub('-t', topic, '-m', topic, '-q', '1')
    assert.equal((await sub(...session, '-t', 'leave/#', '-C', '1')).stdout.toString(), 'leave/b\n')
  })

  it('a connection that is lost is made again, and the subscriptions with it', async () => {
    const sockets: Socket[] = []
    const proxy = createServer((socket) => {
      const onward = connect(target.port, '127.0.0.1')
      socket.on('error', () => {}).on('close', () => onward.destroy())
      onward.on('error', () => {}).on('close', () => socket.destroy())
      socket.pipe(onward).pipe(socket)
      sockets.push(socket)
    })
    const through = String(await listening(proxy))
    await pub('-t', 'again', '-m', 'one', '-r')
    const program = new Program(NIGHTJAR, ['sub', '-p', through, '-t', 'again'])
    await program.printed('one')
    sockets[0]!.destroy()
    await pub('-t', 'again', '-m', 'two', '-r')
    await program.printed('two')
    assert.ok(sockets.length >= 2)
    program.process.kill('SIGTERM')
    const { code, stderr } = await program.ended
    assert.equal(code, 143)
    assert.match(stderr, /^nightjar sub: connection lost, reconnecting: .*\nnightjar sub: connected to /)
    await pub('-t', 'again', '-n', '-r')
  })
})

describe('streams', () => {
  for (const qos of ['0', '1', '2']) {
    it(`20,000 lines at QoS ${qos} come whole and in order`, async () => {
      const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join('')
      const program = await subscriber('-t', `stream/${qos}`, '-q', qos, '-C', '20000')
      const { code } = await nightjar(['pub', '-p', port, '-t', `stream/${qos}`, '-l', '-q', qos], lines)
      assert.equal(code, 0)
      const { stdout } = await program.ended
      assert.equal(stdout.toString(), lines)
    })
  }

  it('a payload of 5 MB comes as it was', async () => {
    const payload = Buffer.alloc(5_000_000, 'a payload that is long enough to need many writes; ')
    const program = await subscriber('-t', 'large', '-N', '-C', '1')
    assert.equal((await nightjar(['pub', '-p', port, '-t', 'large', '-s'], payload)).code, 0)
    const hash = (bytes: Buffer) => createHash('sha1').update(bytes).digest('hex')
    assert.equal(hash((await program.ended).stdout), hash(payload))
  })

  it('--remove-retained clears what comes, but for what -T leaves out', async () => {
    for (const topic of ['rm/a', 'rm/b', 'rm/keep']) await pub('-t', topic, '-m', topic, '-r', '-q', '1')
    const words = ['-t', 'rm/#', '-T', 'rm/keep', '--remove-retained', '-C', '2']
    const { code, stdout } = await sub(...words)
    assert.equal(`${code} ${stdout.toString().split('\n').sort().join(' ')}`, '0  rm/a rm/b')
    assert.equal((await sub('-t', 'rm/#', '-C', '1')).stdout.toString(), 'rm/keep\n')
    assert.equal((await sub('-t', 'rm/a', '-t', 'rm/b', '-W', '0.2')).stdout.toString(), '')
  })

  it('a level in braces is a level like any other', async () => {
    const program = await subscriber('-t', 'braces/{x}', '-t', 'braces/end', '-C', '2')
    for (const topic of ['braces/y', 'braces/{x}', 'braces/end']) await pub('-t', topic, '-m', topic)
    assert.equal((await program.ended).stdout.toString(), 'braces/{x}\nbraces/end\n')
  })

  it('--random-filter prints a part, and -C counts all', async () => {
    const program = await subscriber('-t', 'chance', '--random-filter', '50', '-C', '1000')
    await nightjar(['pub', '-p', port, '-t', 'chance', '-l'], 'x\n'.repeat(1000))
    const printed = (await program.ended).stdout.length / 2
    // Outside of this range once in 10^18 runs.
    assert.ok(printed > 360 && printed < 640, `${printed} of 1000`)
  })
})

describe('environment and terminal', () => {
  it('MQTT_URL says where the broker is', async () => {
    const program = await subscriber('-t', 'from/env', '-C', '1')
    const env = { MQTT_URL: `mqtt://127.0.0.1:${port}/from/env` }
    assert.equal((await nightjar(['pub', '-m', 'x'], '', env)).code, 0)
    assert.equal((await program.ended).stdout.toString(), 'x\n')
  })

  const SCRIPT = '/usr/bin/script'
  const skip = !existsSync(SCRIPT) && `${SCRIPT} is not installed`
  it('on a terminal topics are coloured and control characters are escaped; NO_COLOR is honoured', {
    skip,
  }, async () => {
    await pub('-t', 'tty/a', '-m', 'x\x1b[2Jy', '-r')
    const command = [...NIGHTJAR, 'sub', '-p', port, '-t', 'tty/a', '-v', '-C', '1'].join(' ')
    const show = async (env: Record<string, string>) =>
      (await runProgram([SCRIPT], ['-qec', command, '/dev/null'], '', env)).stdout.toString()
    assert.equal(await show({}), '\x1b[36mtty/a\x1b[0m x\\x1b[2Jy\r\n')
    assert.equal(await show({ NO_COLOR: '1' }), 'tty/a x\\x1b[2Jy\r\n')
    assert.equal(
      (await sub('-t', 'tty/a', '-v', '-C', '1')).stdout.toString(),
      'tty/a x\x1b[2Jy\n',
      'a pipe gets it all',
    )
    await pub('-t', 'tty/a', '-n', '-r')
  })
})

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { type Ending, NIGHTJAR, nightjarTarget, Program, runProgram } from '../support/nightjar.ts'
import { missing, programs } from '../support/programs.ts'

/** Words and files, byte for byte: what is sent is what was given. */
const skip = process.platform !== 'linux' && 'the bytes of the command line are known on Linux only'
const target = await nightjarTarget()
const port = String(target.port)
const folder = mkdtempSync(join(tmpdir(), 'nightjar-bytes-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let clients = 0

/** Runs the command with words that stand in the shell's printf, such as '\377'. */
function withBytes(command: readonly string[], words: readonly string[], ...printed: string[]): Promise<Ending> {
  const raw = printed.map((text) => `"$(printf '${text}')"`).join(' ')
  return runProgram(['sh', '-c', `exec "$@" ${raw}`, 'sh'], [...command, ...words])
}

/** What a subscriber of all gets, each in the format, while `publish` runs. */
async function seen(count: number, format: string, publish: () => Promise<unknown>): Promise<string[]> {
  const id = `bytes-${++clients}`
  const words = ['sub', '-p', port, '-i', id, '-V', '5', '-t', 'bytes/#', '-C', String(count), '-F', format]
  const subscriber = new Program(NIGHTJAR, [...words, ...target.marker])
  await target.subscribed(id)
  await publish()
  return (await subscriber.ended).stdout.toString().trimEnd().split('\n')
}

const OURS = [...NIGHTJAR, 'pub']
const PUB = ['-p', port, '-t', 'bytes/x']

describe('bytes that are not UTF-8', { skip }, () => {
  const PAYLOADS: readonly [printed: string, hex: string][] = [
    ['\\377\\376', 'fffe'],
    ['gr\\303\\274n \\303 \\274', '6772c3bc6e20c320bc'],
    ['\\355\\240\\200', 'eda080'],
    ['\\357\\277\\275 typed', 'efbfbd207479706564'],
    ['\\360\\237\\230\\200\\360\\237', 'f09f9880f09f'],
  ]
  for (const [printed, hex] of PAYLOADS) {
    it(`-m ${printed} is sent as it is`, async () => {
      const [payload] = await seen(1, '%x', async () => {
        const { code, stderr } = await withBytes(OURS, [...PUB, '-m'], printed)
        assert.equal(`${code} ${stderr}`, '0 ')
      })
      assert.equal(payload, hex)
    })
  }

  it('mosquitto_pub does the same', { skip: missing(programs.pub) }, async () => {
    const payloads = await seen(PAYLOADS.length, '%x', async () => {
      for (const [printed] of PAYLOADS) await withBytes([programs.pub], [...PUB, '-m'], printed)
    })
    assert.deepEqual(
      payloads,
      PAYLOADS.map(([, hex]) => hex),
    )
  })

  it('-D correlation-data is sent as it is', async () => {
    const [data] = await seen(1, '%D', async () => {
      const { code } = await withBytes(OURS, [...PUB, '-n', '-D', 'publish', 'correlation-data'], 'a\\200b')
      assert.equal(code, 0)
    })
    assert.equal(data, Buffer.from([0x61, 0x80, 0x62]).toString())
  })

  const TEXTS: readonly (readonly string[])[] = [
    ['-m', 'x', '-t'],
    ['-t', 'x', '-m', 'x', '-i'],
    ['-t', 'x', '-m', 'x', '-P', 'secret', '-u'],
    ['-t', 'x', '-m', 'x', '--will-topic'],
    ['-t', 'x', '-m', 'x', '-D', 'publish', 'content-type'],
    ['-t', 'x', '-m', 'x', '-D', 'publish', 'user-property', 'name'],
  ]
  for (const words of TEXTS) {
    it(`${words.at(-1)} after ${words.slice(0, -1).join(' ')} is refused`, async () => {
      const { code, stderr } = await withBytes(OURS, ['-p', port, ...words], 'a\\377')
      assert.equal(code, 2)
      assert.match(stderr, /^nightjar pub: .*not UTF-8.*\n$/)
    })
  }

  it('sub -t is refused', async () => {
    const { code, stderr } = await withBytes([...NIGHTJAR, 'sub'], ['-p', port, '-t'], 'a/\\200')
    assert.equal(code, 2)
    assert.match(stderr, /not UTF-8/)
  })

  it('a file may have such a name', async () => {
    const path = join(folder, 'x')
    writeFileSync(Buffer.concat([Buffer.from(path), Buffer.from([0xff])]), 'content')
    const payloads = await seen(1, '%p', async () => {
      assert.equal((await withBytes(OURS, [...PUB, '-f'], `${path}\\377`)).code, 0)
    })
    assert.deepEqual(payloads, ['content'])
  })
})

describe('-f', () => {
  it('of an empty file publishes an empty message, as mosquitto_pub does', async () => {
    const empty = join(folder, 'empty')
    writeFileSync(empty, '')
    const lengths = await seen(2, '%l', async () => {
      assert.equal((await runProgram(OURS, [...PUB, '-f', empty])).code, 0)
      assert.equal((await runProgram(OURS, [...PUB, '-f', '/dev/null'])).code, 0)
    })
    assert.deepEqual(lengths, ['0', '0'])
  })

  it('of what cannot be read, or is too long for a message, is an error', async () => {
    const absent = await runProgram(OURS, [...PUB, '-f', join(folder, 'absent')])
    assert.equal(absent.code, 1)
    assert.match(absent.stderr, /^nightjar pub: cannot read .*absent: ENOENT/)
    const endless = await runProgram(OURS, [...PUB, '-f', '/dev/zero'])
    assert.equal(endless.code, 1)
    assert.match(endless.stderr, /^nightjar pub: \/dev\/zero has more than 268435455 bytes/)
  })
})

describe('options from a file', () => {
  const config = join(folder, 'config')
  const home = join(folder, 'home')
  const make = (path: string, ...lines: string[]) => writeFileSync(path, lines.map((line) => `${line}\n`).join(''))
  const env = { XDG_CONFIG_HOME: config }
  const run = (verb: string, words: readonly string[], more: Record<string, string> = env) =>
    runProgram([...NIGHTJAR, verb], words, '', more)

  it('of mosquitto_pub’s name give what the command line does not', async () => {
    await import('node:fs/promises').then(({ mkdir }) => mkdir(config))
    make(join(config, 'mosquitto_pub'), '# the broker', `-p ${port}`, '', '-t bytes/from file', '-m  two  blanks ')
    const messages = await seen(2, '%t|%p|', async () => {
      assert.equal((await run('pub', [])).code, 0)
      assert.equal((await run('pub', ['-t', 'bytes/here', '-n'])).code, 0)
    })
    assert.deepEqual(messages, ['bytes/from file| two  blanks |', 'bytes/here||'])
  })

  it('are found in ~/.config, too, and mosquitto_pub reads them alike', { skip: missing(programs.pub) }, async () => {
    await import('node:fs/promises').then(({ mkdir }) => mkdir(join(home, '.config'), { recursive: true }))
    make(join(home, '.config', 'mosquitto_pub'), `-p ${port}`, '-t bytes/home', '-m  a b ')
    const messages = await seen(2, '%t|%p|', async () => {
      const theirs = { HOME: home }
      const unset = ['-u', 'XDG_CONFIG_HOME']
      for (const command of [[programs.pub], OURS]) {
        assert.equal((await runProgram(['env', ...unset, ...command], [], '', theirs)).code, 0)
      }
    })
    assert.deepEqual(messages, ['bytes/home| a b |', 'bytes/home| a b |'])
  })

  it('are read from the file of -o in its place', async () => {
    const path = join(folder, 'other')
    make(path, `-p ${port}`, '-D publish user-property a b c', '-m other')
    const messages = await seen(1, '%t|%p|%P|', async () => {
      assert.equal((await run('pub', ['-o', path, '-t', 'bytes/other'])).code, 0)
    })
    assert.deepEqual(messages, ['bytes/other|other|a:b c|'])
    assert.equal((await run('pub', ['-o', join(folder, 'absent'), '-t', 'x', '-n'])).code, 2)
  })

  it('are overruled by -L', async () => {
    const messages = await seen(1, '%t|%p|', async () => {
      const path = join(folder, 'elsewhere')
      make(path, '-h nowhere.invalid', '-p 1', '-m y')
      assert.equal((await run('pub', ['-o', path, '-L', `mqtt://127.0.0.1:${port}/bytes/url`, '-q', '1'])).code, 0)
    })
    assert.deepEqual(messages, ['bytes/url|y|'])
  })

  it('are told with their line if they are wrong', async () => {
    const path = join(config, 'mosquitto_sub')
    make(path, `-p ${port}`, '--retian')
    const { code, stderr } = await run('sub', ['-t', 'x'])
    assert.equal(code, 2)
    const expected = `nightjar sub: ${path}, line 2: there is no option --retian: did you mean --pretty?`
    assert.ok(stderr.startsWith(expected.slice(0, expected.indexOf(': did'))), stderr)
  })
})

it('-h takes an IPv6 address in brackets', async (context) => {
  const server = createServer((socket) => {
    socket.on('error', () => {}).once('data', () => socket.write(Buffer.from([0x20, 2, 0, 5])))
  })
  const listening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false)).listen(0, '::1', () => resolve(true))
  })
  if (!listening) return context.skip('no IPv6 here')
  after(() => server.close())
  const { port: own } = server.address() as { port: number }
  const { code, stderr } = await runProgram(OURS, ['-h', '[::1]', '-p', String(own), '-t', 'x', '-n'])
  assert.equal(code, 5, stderr)
})

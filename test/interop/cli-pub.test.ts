import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { mosquittoTarget, NIGHTJAR, nightjarTarget, runProgram } from '../support/nightjar.ts'
import { missing, programs } from '../support/programs.ts'
import { Running } from '../support/running.ts'

/** What `nightjar pub` sends must arrive as what mosquitto_pub sends with the same arguments. */
const skip = missing(programs.mosquitto, programs.pub, programs.sub)

const folder = mkdtempSync(join(tmpdir(), 'nightjar-pub-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const FILE = join(folder, 'payload')
writeFileSync(FILE, Buffer.from([0, 1, 2, 255, 10, 13]))

const LINES = 'first\n\nwith\ttab\r\nüñ\nno end of line'

/** Arguments, what comes on stdin, and how many messages that makes. */
const CASES: readonly [words: string[], input: string | Uint8Array, messages: number][] = [
  [['-m', 'hello'], '', 1],
  [['-m', ''], '', 1],
  [['-m', '-5'], '', 1],
  [['-m', 'grüße', '-q', '1'], '', 1],
  [['-n'], '', 1],
  [['-f', FILE], '', 1],
  [['-s'], Buffer.from([0, 255, 10, 195]), 1],
  [['-l'], LINES, 5],
  [['-l', '-q', '1'], LINES, 5],
  [['-l', '-q', '2', '-V', '5'], LINES, 5],
  [['-m', 'again', '--repeat', '3'], '', 3],
  [['-m', 'again', '--repeat', '2', '--repeat-delay', '0.05', '-q', '2'], '', 2],
  [['-m', 'kept', '-r'], '', 1],
  [['-n', '-r', '-q', '1'], '', 1],
  [['-m', 'old', '-V', '31', '-i', 'me'], '', 1],
  [['-m', 'who', '-I', 'prefix-'], '', 1],
  [
    [
      ...['-m', 'all', '-q', '1', '-D', 'publish', 'content-type', 'text/x', '-D', 'publish', 'correlation-data', 'ü'],
      ...['-D', 'publish', 'payload-format-indicator', '1', '-D', 'publish', 'response-topic', 're'],
      ...['-D', 'publish', 'user-property', 'a', '1', '-D', 'publish', 'user-property', 'b', '2'],
    ],
    '',
    1,
  ],
]

const FORMAT = '%q %r %l %x|%C|%D|%F|%R|%P'

const TARGETS = [
  ['mosquitto', mosquittoTarget],
  ['nightjar', nightjarTarget],
] as const

for (const [name, start] of TARGETS) {
  describe(`nightjar pub sends what mosquitto_pub sends, with ${name} as the broker`, { skip }, async () => {
    if (skip !== false) return
    const target = await start()
    const port = String(target.port)
    const words = ['-p', port, '-i', 'watcher', '-V', '5', '-q', '2', '-t', 'pub/#', ...target.marker, '-F', FORMAT]
    const subscriber = new Running(programs.sub, words)
    await target.subscribed('watcher')
    for (const [given, input, messages] of CASES) {
      it(given.join(' '), async () => {
        const seen: string[][] = []
        for (const command of [[programs.pub], [...NIGHTJAR, 'pub']]) {
          const { code, stdout, stderr } = await runProgram(command, ['-p', port, '-t', 'pub/x', ...given], input)
          assert.equal(`${code} ${stdout.toString()} ${stderr}`, '0  ', command.join(' '))
          seen.push(await subscriber.take(messages))
        }
        assert.deepEqual(seen[1], seen[0])
      })
    }

    it('-L', async () => {
      const url = `mqtt://127.0.0.1:${port}/pub/url`
      for (const command of [[programs.pub], [...NIGHTJAR, 'pub']]) {
        assert.equal((await runProgram(command, ['-L', url, '-m', 'x'])).code, 0)
        assert.equal(await subscriber.line(), '0 0 1 78|||||')
      }
    })
  })
}

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { mosquittoTarget, NIGHTJAR, nightjarTarget, Program, runProgram } from '../support/nightjar.ts'
import { missing, programs } from '../support/programs.ts'

/** -d shows each packet in the words of mosquitto's clients. */
const skip = missing(programs.mosquitto, programs.pub, programs.sub)

/** The lines about packets. mosquitto shows an identifier that a message of QoS 0 does not have. */
function packets(output: string): string[] {
  const lines = output.split('\n').filter((line) => /^(Client .* (sending|received) |Subscribed )/.test(line))
  return lines.map((line) => line.replace(/q0, (r\d), m\d+/, 'q0, $1, m0'))
}

const PUB: readonly string[][] = [
  ['-m', 'hello'],
  ['-m', 'grüße', '-q', '1', '-r'],
  ['-m', 'hello', '-q', '2'],
  ['-n', '-q', '2', '-V', '5', '-t', 'debug/ü'],
  ['-m', 'again', '-q', '1', '-V', '5', '--repeat', '3'],
]

const TARGETS = [
  ['mosquitto', mosquittoTarget],
  ['nightjar', nightjarTarget],
] as const

for (const [name, start] of TARGETS) {
  describe(`-d shows what mosquitto's clients show, with ${name} as the broker`, { skip }, async () => {
    if (skip !== false) return
    const target = await start()
    const port = String(target.port)

    for (const given of PUB) {
      it(`pub ${given.join(' ')}`, async () => {
        const words = ['-p', port, '-i', 'debug', '-d', '-t', 'debug/x', ...given]
        const theirs = await runProgram([programs.pub], words)
        const ours = await runProgram([...NIGHTJAR, 'pub'], words)
        assert.deepEqual(packets(ours.stderr), packets(theirs.stdout.toString()))
        assert.equal(ours.stdout.length, 0)
      })
    }

    for (const version of ['311', '5']) {
      it(`sub -V ${version}`, async () => {
        const seen: string[][] = []
        for (const command of [[programs.sub], [...NIGHTJAR, 'sub']]) {
          const id = `sub-${version}-${command.length}`
          const words = ['-p', port, '-i', id, '-d', '-V', version, '-q', '2', '-t', 'd/#', '-t', 'd/x', '-C', '3']
          const program = new Program(command, [...words, ...target.marker])
          await target.subscribed(id)
          for (const qos of ['0', '1', '2']) {
            await runProgram([programs.pub], ['-p', port, '-t', 'd/y', '-m', 'x', '-q', qos])
          }
          const { stdout, stderr } = await program.ended
          seen.push(packets(`${stdout.toString()}\n${stderr}`).map((line) => line.replace(id, 'ID')))
        }
        // When acknowledgements go, and which do before the end, is not for -d to say. In MQTT 5.0 ours has a SUBSCRIBE for each filter.
        const omitted = version === '5' ? /PUBREL|PUBCOMP|DISCONNECT|SUBACK|Subscribed/ : /PUBREL|PUBCOMP|DISCONNECT/
        const without = (lines: string[] | undefined) =>
          lines
            ?.filter((line) => !omitted.test(line))
            .map((line) => (version === '5' ? line.replace(/SUBSCRIBE \(Mid: \d+/, 'SUBSCRIBE (Mid: N') : line))
        assert.deepEqual(without(seen[1])!.sort(), without(seen[0])!.sort())
      })
    }
  })
}

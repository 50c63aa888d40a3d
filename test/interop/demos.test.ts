import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Program, runProgram } from '../support/nightjar.ts'
import { missing, missingPaho, programs } from '../support/programs.ts'
import { root } from '../support/root.ts'

/** Each demo against bin/nightjar on a free port, as a reader would run it. */
const DEMOS = join(root, 'demos')
const notBuilt = !existsSync(join(root, 'dist', 'nightjar.js')) && 'dist/nightjar.js is not built'

const EXPECTED: Readonly<Record<string, { skip: string | false; lines: readonly string[] }>> = {
  'mosquitto-clients': {
    skip: missing(programs.pub, programs.sub),
    lines: [
      'demo/greeting hello',
      '21',
      'demo/home/kitchen/temp 21',
      'demo/home/garden/temp 9',
      'demo/home/garden/light/level 80',
      '(nothing there: exit code 27)',
      'first news',
      'second news',
    ],
  },
  'python-paho': {
    skip: missingPaho(),
    lines: ['the broker has reading 5', 'subscribed', 'demo/paho/temperature 20.1', 'demo/paho/temperature 20.5'],
  },
  'last-will': { skip: false, lines: ['demo/sensor/status online', 'It is killed:', 'demo/sensor/status offline'] },
}

describe('demos', { skip: notBuilt }, async () => {
  if (notBuilt !== false) return
  const broker = new Program([join(root, 'bin', 'nightjar')], ['-p', '0'])
  await broker.printed('Listening on port')
  const env = {
    MQTT_PORT: /Listening on port (\d+)/.exec(broker.stderr + broker.stdout.toString())![1]!,
    PYTHON: programs.python,
  }

  it('every demo is run here', () => {
    const folders = readdirSync(DEMOS, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    assert.deepEqual(folders.map(({ name }) => name).sort(), Object.keys(EXPECTED).sort())
  })

  for (const [name, { skip, lines }] of Object.entries(EXPECTED)) {
    it(`${name} shows what it promises`, { skip }, async () => {
      const { code, stdout, stderr } = await runProgram([join(DEMOS, name, 'run.sh')], [], '', env)
      const shown = stdout.toString().split('\n')
      assert.equal(code, 0, stderr)
      let from = 0
      for (const line of lines) {
        const at = shown.indexOf(line, from)
        assert.ok(at >= 0, `'${line}' is missing, or not in order, in:\n${stdout.toString()}`)
        from = at + 1
      }
    })
  }
})

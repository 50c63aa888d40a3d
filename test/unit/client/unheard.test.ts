import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, it } from 'node:test'

const door = new URL('../../../src/client/index.js', import.meta.url).href

/** Runs a program that cannot reach its broker, until it has tried four times; resolves to what it printed on stderr. */
async function complaints(options: string): Promise<string> {
  const source = `
    import { connect } from ${JSON.stringify(door)}
    await connect('mqtt://127.0.0.1:1', { reconnect: { min: 0, max: 0, attempts: 4 }, ${options} }).catch(() => {})`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let output = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output += text
  })
  await once(child, 'close')
  return output
}

describe('a program that cannot reach its broker', () => {
  it('is told so, once, if it listens to nothing', async () => {
    const output = await complaints('')
    assert.equal(
      output.match(/MqttWarning: Cannot connect to 127\.0\.0\.1:1: nothing listens there/g)?.length,
      1,
      output,
    )
  })

  it('is told nothing beside the events that it listens to', async () => {
    assert.equal(await complaints('onEvent: () => {}'), '')
  })
})

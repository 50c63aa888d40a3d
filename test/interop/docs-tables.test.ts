import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import mqtt from 'mqtt'
import * as ours from '../../src/client/index.ts'
import * as nightjar from '../../src/index.ts'
import { freePort } from '../support/nightjar.ts'
import { root } from '../support/root.ts'
import { Running } from '../support/running.ts'

/** The tables 'their call, our call': each call runs. So does the program of the README. */

interface Row {
  readonly title: string
  readonly theirs: string
  readonly ours: string
}

function table(page: string): Row[] {
  const text = readFileSync(join(root, page), 'utf8')
  return [...text.matchAll(/^\| ([^|]+) \| (?:`([^`]+)`)? ?\| `([^`]+)` \|$/gm)].map(([, title, theirs, own]) => ({
    title: title!,
    theirs: theirs ?? '',
    ours: own!,
  }))
}

const Program = Object.getPrototypeOf(async () => {}).constructor as new (
  ...args: string[]
) => (...values: unknown[]) => Promise<unknown>

/** Runs a line with these names; returns what it made, if it is an expression. */
async function run(line: string, names: Readonly<Record<string, unknown>>): Promise<unknown> {
  const statement = /^(const|for|import) |;/.test(line)
  return await new Program(...Object.keys(names), statement ? line : `return ${line}`)(...Object.values(names))
}

/** What may be ended is ended, whatever it is. */
async function end(made: unknown): Promise<void> {
  if (typeof made !== 'object' || made === null) return
  if ('endAsync' in made) await (made as mqtt.MqttClient).endAsync(true)
  else if (Symbol.asyncDispose in made) await (made as AsyncDisposable)[Symbol.asyncDispose]()
}

describe('docs/from-mqtt-js.md', () => {
  const rows = table('docs/from-mqtt-js.md')
  let broker: nightjar.EmbeddedBroker
  before(async () => {
    broker = await nightjar.createBroker({ port: 0, host: '127.0.0.1' })
  })
  after(() => broker.close())
  const here = (line: string): string => line.replaceAll('mqtt://localhost', `mqtt://127.0.0.1:${broker.port}`)

  it('has a row for every call that programs make', () => assert.ok(rows.length > 15))

  for (const { title, theirs, ours: own } of rows) {
    if (title === 'import') continue
    it(`${title}: MQTT.js's line runs`, async () => {
      const client = await mqtt.connectAsync(here('mqtt://localhost'), { protocolVersion: 5 })
      try {
        await end(await run(here(theirs), { mqtt, client, console: silent }))
      } finally {
        await client.endAsync(true)
      }
    })
    it(`${title}: ours runs`, async () => {
      const client = await ours.connect(here('mqtt://localhost'))
      try {
        // For a line that waits for a message.
        await client.publish('a/b', 'on', { retain: true, qos: 1 })
        await end(await run(here(own), { ...ours, client, console: silent }))
      } finally {
        await client.close()
      }
    })
  }
})

describe('docs/from-aedes.md', () => {
  const rows = table('docs/from-aedes.md')

  it('has a row for every call that programs make', () => assert.ok(rows.length > 12))

  for (const { title, ours: own } of rows) {
    if (title === 'import') continue
    it(`${title}: our line runs`, async () => {
      const broker = await nightjar.createBroker()
      const client = await ours.connect('mqtt://in-process', { transport: () => broker.transport() })
      const line = own.replace('1883', String(await freePort()))
      try {
        await end(await run(line, { ...nightjar, broker, client, console: silent }))
      } finally {
        await client.close()
        await broker.close()
      }
    })
  }
})

describe('README.md', () => {
  it('has a program that prints its message', async () => {
    const [, program] = /^```js\n([\s\S]*?)^```$/m.exec(readFileSync(join(root, 'README.md'), 'utf8'))!
    const broker = await nightjar.createBroker({ port: 0, host: '127.0.0.1' })
    const folder = mkdtempSync(join(tmpdir(), 'nightjar-readme-'))
    after(async () => {
      rmSync(folder, { recursive: true, force: true })
      await broker.close()
    })
    const file = join(folder, 'readme.mjs')
    const door = new URL('../../src/client/index.js', import.meta.url).href
    writeFileSync(
      file,
      program!.replace('nightjar/client', door).replace('mqtt://localhost', `mqtt://127.0.0.1:${broker.port}`),
    )
    assert.equal(await new Running(process.execPath, [file]).line(), 'kitchen 21.5')
  })
})

const silent = { log: () => {} }

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import mqtt from 'mqtt'
import * as ours from '../../src/client/index.ts'
import * as nightjar from '../../src/index.ts'
import { freePort } from '../support/nightjar.ts'
import { root } from '../support/root.ts'

/** The tables 'their call, our call': each call runs. */

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

const silent = { log: () => {} }

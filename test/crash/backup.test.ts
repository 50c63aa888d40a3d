import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { type BrokerProcess, startBroker } from '../support/broker.ts'
import { NIGHTJAR, runProgram } from '../support/nightjar.ts'

const KEPT = { cleanStart: false, properties: { sessionExpiryInterval: 3600 } }
/** Acknowledged before the backup begins. */
const BEFORE = 300

const work = mkdtempSync(join(tmpdir(), 'nightjar-backup-'))
after(() => rmSync(work, { recursive: true, force: true }))

const configOf = (folder: string): string[] => [
  'max_queued_messages 0',
  'persistence true',
  `persistence_location ${folder}`,
]

/** Publishes numbers that count up until told to stop. */
class Load {
  acknowledged = 0
  #stopped = false
  #wake: () => void = () => undefined
  readonly #running: Promise<void>

  constructor(broker: BrokerProcess) {
    this.#running = this.#run(broker)
  }

  async reached(count: number): Promise<void> {
    while (this.acknowledged < count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  async #run(broker: BrokerProcess): Promise<void> {
    const client = await broker.client()
    while (!this.#stopped) {
      const number = this.acknowledged + 1
      assert.equal(await client.publish('load/x', String(number), { qos: 1 }), 0)
      this.acknowledged = number
      this.#wake()
    }
    client.kill()
  }
}

describe('nightjar store backup beside a broker under load', () => {
  it('has all that was acknowledged before it began, and a broker starts on it', async () => {
    const [store, copy] = [join(work, 'store'), join(work, 'copy')]
    mkdirSync(store)
    mkdirSync(copy)
    let broker = await startBroker(...configOf(store))
    try {
      const away = await broker.client({ clientId: 'away', ...KEPT })
      await away.subscribe('load/#', { qos: 1 })
      await broker.breakOff(away)
      const publisher = await broker.client()
      await publisher.publish('state', 'on', { qos: 1, retain: true })
      const load = new Load(broker)
      await load.reached(BEFORE)
      const before = load.acknowledged
      // As a person would have it: the folder of the configuration, and what shall be the folder of another one.
      const { code, stdout, stderr } = await runProgram(NIGHTJAR, ['store', 'backup', store, join(copy, 'nightjar')])
      assert.equal(`${code} ${stderr}`, '0 ')
      assert.match(
        stdout.toString(),
        /^The backup in .* has 1 Sessions, \d+ queued messages, 1 retained ones; 0\.0 MiB of log/,
      )
      const during = load.acknowledged
      assert.ok(during > before, 'the broker went on meanwhile')
      const check = await runProgram(NIGHTJAR, ['store', 'check', store])
      assert.equal(check.code, 0, check.stdout.toString())
      assert.match(check.stdout.toString(), new RegExp(`A broker is using it \\(process ${broker.processId}\\)`))
      await load.stop()
      await broker.stop('SIGKILL')
      broker = await startBroker(...configOf(copy))
      await found(broker, before)
    } finally {
      await broker.stop('SIGKILL')
    }
  })
})

/** Numbers from 1 on without a hole, and at least so many. */
async function found(broker: BrokerProcess, least: number): Promise<void> {
  const away = await broker.client({ clientId: 'away', ...KEPT })
  // What is published now comes after all that waits.
  const publisher = await broker.client()
  await publisher.publish('load/x', 'end', { qos: 1 })
  let last = 0
  for (let message = await away.take(); message.payload !== 'end'; message = await away.take()) {
    assert.equal(message.payload, String(last + 1))
    last++
  }
  assert.ok(last >= least, `${last} are there of ${least} that were acknowledged`)
  await publisher.subscribe('state')
  assert.equal((await publisher.receive()).payload, 'on')
}

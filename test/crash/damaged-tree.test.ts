import assert from 'node:assert/strict'
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ReasonCode } from '../../src/protocol/index.ts'
import { type BrokerProcess, startBroker, startBrokerWith } from '../support/broker.ts'
import { NIGHTJAR } from '../support/nightjar.ts'
import { connect } from '../support/packets.ts'
import { PATIENCE_MS } from '../support/patience.ts'
import { run } from '../support/running.ts'
import { STOPPED_CLOCK } from '../support/stopped-clock.ts'

/** A broker that is killed, and whose tree then turns bad: what is in the log is not lost with it. */

const folder = mkdtempSync(join(tmpdir(), 'nightjar-damaged-tree-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const store = join(folder, 'nightjar')
const config = ['max_queued_messages 0', 'persistence true', `persistence_location ${folder}`]

const KEPT = { cleanStart: false, properties: { sessionExpiryInterval: 3600 } }
const COUNT = 50
/** So many of these fill two segments of the log, and then the first moves into the tree. */
const LARGE = 'x'.repeat(1_000_000)
const FILL = 20
const PAYLOADS = Array.from({ length: COUNT }, (_, i) => `message ${i}`)

const segments = (): string[] => readdirSync(join(store, 'log'))

/** The first segment is in the tree, and not in the log any more. */
async function fill(broker: BrokerProcess): Promise<void> {
  const away = await broker.client({ clientId: 'filled', ...KEPT })
  await away.subscribe('fill', { qos: 1 })
  await broker.breakOff(away)
  const publisher = await broker.client()
  for (let i = 0; i < FILL; i++) assert.equal(await publisher.publish('fill', LARGE, { qos: 1 }), 0)
  for (const end = Date.now() + PATIENCE_MS; segments().includes('0000000001.log'); ) {
    assert.ok(Date.now() < end, `the first segment is not moved: ${segments()}`)
    await sleep(5)
  }
}

/** A Session and messages that are only in the log. */
async function owe(broker: BrokerProcess): Promise<void> {
  const late = await broker.client({ clientId: 'late', ...KEPT })
  await late.subscribe('late', { qos: 1 })
  await broker.breakOff(late)
  const publisher = await broker.client()
  for (const payload of PAYLOADS) {
    assert.equal(await publisher.publish('late', payload, { qos: 1 }), 0)
    const answer = await publisher.publish(`state/${payload}`, payload, { qos: 1, retain: true })
    assert.equal(answer, ReasonCode.NoMatchingSubscribers)
  }
}

async function checkRetained(broker: BrokerProcess): Promise<void> {
  const reader = await broker.client()
  await reader.subscribe('state/#')
  const values: string[] = []
  for (let i = 0; i < COUNT; i++) values.push((await reader.receive()).payload)
  assert.deepEqual(values.sort(), [...PAYLOADS].sort())
}

describe('a broker whose tree turned bad after a kill', () => {
  it('sets it aside, and loses nothing of what is in the log', async () => {
    // Time stands still in it: a segment moves when it is full, and not because nothing happens for a while.
    let broker = await startBrokerWith({ [STOPPED_CLOCK]: '1' }, ...config)
    after(() => broker.stop('SIGKILL'))
    await fill(broker)
    const inLog = segments()
    await owe(broker)
    await broker.stop('SIGKILL')
    assert.deepEqual(segments(), inLog, 'all of it is in the log')
    const fd = openSync(join(store, 'tree', 'data.mdb'), 'r+')
    writeSync(fd, Buffer.alloc(16_384, 'not LMDB '), 0, 16_384, 0)
    closeSync(fd)

    broker = await startBroker(...config)
    await broker.logged(/ error: The store's tree was damaged .* set aside in .*tree\.1, and what it held/)
    assert.ok(existsSync(join(store, 'damaged', 'tree.1', 'data.mdb')))
    await checkRetained(broker)
    // It starts from what it has now, too.
    await broker.stop('SIGKILL')
    broker = await startBroker(...config)
    await checkRetained(broker)
    const late = await broker.open()
    late.send(connect({ clientId: 'late', ...KEPT }))
    assert.equal((await late.connack()).sessionPresent, true)
    assert.deepEqual(await late.takeAll(COUNT), PAYLOADS)
    await late.quiet()
    assert.equal(broker.log.filter((line) => / error: /.test(line)).length, 0, broker.log.join('\n'))
    await broker.stop()
    const [program, ...words] = [...NIGHTJAR, 'store', 'check', store]
    const { code, stdout } = await run(program!, words)
    assert.equal(code, 0, stdout)
  })
})

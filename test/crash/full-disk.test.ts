import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { PacketType, ReasonCode } from '../../src/protocol/index.ts'
import { type BrokerProcess, startBroker, startBrokerWith } from '../support/broker.ts'
import { connect, publish } from '../support/packets.ts'
import type { RawClient } from '../support/raw-client.ts'
import { compilePowerLoss, missingPowerLoss, workFolder } from './watched-store.ts'

const KEPT = { cleanStart: false, properties: { sessionExpiryInterval: 3600 } }
/** With these, more waits than may: 16 MiB. */
const LARGE = Array.from({ length: 17 }, (_, i) => `${i} `.padEnd(1_000_000, '.'))

/** The value of a status topic becomes one that the pattern finds. */
async function becomes(reader: RawClient, pattern: RegExp): Promise<void> {
  for (;;) if (pattern.test((await reader.receive()).payload)) return
}

describe('a broker whose disk is full', { skip: missingPowerLoss() }, () => {
  const work = missingPowerLoss() === false ? workFolder() : ''
  after(() => rmSync(work, { recursive: true, force: true }))
  const [store, full] = [join(work, 'store'), join(work, 'full')]
  const config = ['sys_interval 1', 'max_queued_messages 0', 'persistence true', `persistence_location ${store}`]

  it('acknowledges nothing that it cannot keep, goes on with QoS 0, and loses nothing when there is room again', async () => {
    mkdirSync(store)
    const library = compilePowerLoss(work)
    let broker = await startBrokerWith(
      { LD_PRELOAD: library, NIGHTJAR_WATCHED: store, NIGHTJAR_FULL: full, UV_USE_IO_URING: '0' },
      ...config,
    )
    try {
      await befallen(broker, full)
      await broker.stop('SIGKILL')
      broker = await startBroker(...config)
      await kept(broker)
    } finally {
      await broker.stop('SIGKILL')
    }
  })
})

async function befallen(broker: BrokerProcess, full: string): Promise<void> {
  const away = await broker.client({ clientId: 'away', ...KEPT })
  await away.subscribe('kept/#', { qos: 2 })
  await broker.breakOff(away)
  const status = await broker.client()
  await status.subscribe('$SYS/broker/store/trouble')
  await becomes(status, /^none$/)
  const listener = await broker.client()
  await listener.subscribe('passing/#')
  const [waiting, filling, passing, fresh, old] = [
    await broker.client(),
    await broker.client(),
    await broker.client(),
    await broker.client(),
    await broker.client({ version: 4 }),
  ]
  const session = await broker.client({ clientId: 'session', ...KEPT })
  assert.equal(await waiting.publish('kept/a', 'before', { qos: 1 }), 0)
  assert.equal(await waiting.publish('kept/state', 'before', { qos: 1, retain: true }), 0)

  writeFileSync(full, '')
  waiting.send(publish('kept/a', 'while it was full', { qos: 1, packetId: 100 }))
  await broker.logged(/cannot be written/)
  await becomes(status, /ENOSPC/)
  passing.send(publish('passing/a', 'goes on'))
  assert.equal((await listener.receive()).payload, 'goes on')

  filling.send(...LARGE.map((payload, i) => publish('kept/b', payload, { qos: 1, packetId: i + 1 })))
  filling.send(publish('passing/a', 'all of it was read'))
  assert.equal((await listener.receive()).payload, 'all of it was read')
  const quota = ReasonCode.QuotaExceeded
  assert.equal(await fresh.publish('kept/no', 'refused', { qos: 1 }), quota)
  assert.equal(await fresh.publish('kept/no', 'refused', { qos: 2 }), quota)
  assert.equal(await fresh.publish('kept/state', 'refused', { qos: 1, retain: true }), quota)
  assert.equal(await session.subscribe('more/#', { qos: 1 }), quota)
  assert.equal(await fresh.subscribe('more/#', { qos: 1 }), 1, 'a Session that ends with its connection needs no room')
  old.send(publish('kept/no', 'refused', { qos: 1 }))
  await old.expectDisconnect(quota)
  const late = await broker.open()
  late.send(connect({ clientId: 'late', ...KEPT }))
  assert.equal((await late.connack()).reasonCode, quota)

  assert.deepEqual([waiting.unread, filling.unread], [0, 0], 'what is not kept is not acknowledged')
  rmSync(full)
  const puback = await waiting.expect(PacketType.Puback)
  assert.deepEqual([puback.packetId, puback.reasonCode], [100, 0])
  for (const i of LARGE.keys()) {
    const answer = await filling.expect(PacketType.Puback)
    assert.deepEqual([answer.packetId, answer.reasonCode], [i + 1, 0])
  }
  await becomes(status, /^none$/)
  assert.equal(await fresh.publish('kept/a', 'after', { qos: 2 }), 0)
  assert.equal(await session.subscribe('more/#', { qos: 1 }), 1)
  for (const pattern of [/cannot be written/, /can be written again/]) {
    assert.equal(broker.log.filter((line) => pattern.test(line)).length, 1, `one line that says ${pattern}`)
  }
}

async function kept(broker: BrokerProcess): Promise<void> {
  const away = await broker.client({ clientId: 'away', ...KEPT })
  const payloads = await away.takeAll(4 + LARGE.length)
  assert.deepEqual(payloads, ['before', 'before', 'while it was full', ...LARGE, 'after'])
  await away.quiet()
  const reader = await broker.client()
  await reader.subscribe('kept/state')
  assert.equal((await reader.receive()).payload, 'before')
}

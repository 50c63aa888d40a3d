import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { type BrokerProcess, startBrokerWith } from '../support/broker.ts'
import { connect } from '../support/packets.ts'
import { programs } from '../support/programs.ts'
import { root } from '../support/root.ts'
import { missingPowerLoss } from './watched-store.ts'

const DAY = 86_400
const PATIENCE_MS = 20_000

/** A machine on which brokers run one after the other on one store, and whose wall clock can be set. */
class Machine {
  readonly #work = mkdtempSync(join(tmpdir(), 'nightjar-clock-'))
  readonly #off = join(this.#work, 'off')
  readonly #library = join(this.#work, 'wall-clock.so')

  readonly #brokers: BrokerProcess[] = []

  constructor(off: number) {
    after(async () => {
      for (const broker of this.#brokers) await broker.stop('SIGKILL')
      rmSync(this.#work, { recursive: true, force: true })
    })
    const words = ['-O2', '-Wall', '-shared', '-fPIC', '-o', this.#library, 'test/crash/wall-clock.c', '-ldl']
    const { status, stderr } = spawnSync(programs.cc, words, { cwd: root, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    writeFileSync(this.#off, Buffer.alloc(8))
    this.set(off)
  }

  /** Seconds by which the wall clock is off from now on. */
  set(off: number): void {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(BigInt(off * 1000))
    // Not truncated: the broker has it mapped.
    writeFileSync(this.#off, bytes, { flag: 'r+' })
  }

  async start(): Promise<BrokerProcess> {
    const env = { LD_PRELOAD: this.#library, NIGHTJAR_CLOCK: this.#off }
    const broker = await startBrokerWith(env, 'persistence true', `persistence_location ${join(this.#work, 'store')}`)
    this.#brokers.push(broker)
    return broker
  }
}

/** A client goes away that is to be kept for a day, and gets a message that is good for two. */
async function leave(broker: BrokerProcess): Promise<void> {
  const phone = await broker.client({
    clientId: 'phone',
    cleanStart: false,
    properties: { sessionExpiryInterval: DAY },
  })
  await phone.subscribe('x', { qos: 1 })
  await broker.breakOff(phone)
  const publisher = await broker.client()
  await publisher.publish('x', 'news', { qos: 1, properties: { messageExpiryInterval: 2 * DAY } })
  publisher.kill()
}

/** It comes back: its Session is there, and what is left of the message's time, which is returned, is no more than it was. */
async function comeBack(broker: BrokerProcess): Promise<number> {
  const phone = await broker.open()
  const properties = { sessionExpiryInterval: DAY }
  phone.send(connect({ clientId: 'phone', cleanStart: false, properties }))
  assert.equal((await phone.connack()).sessionPresent, true)
  const left = (await phone.take()).properties.messageExpiryInterval!
  assert.ok(left <= 2 * DAY, `${left} s`)
  // Its Session is there at the next start, too.
  await broker.breakOff(phone)
  return left
}

describe('a machine whose clock is set', { skip: missingPowerLoss() }, () => {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    for (const [words, before] of [
      ['which starts three days too early, and gets its time from the network', -3 * DAY],
      ['which starts in 1971, and gets its time from the network', -55 * 365 * DAY],
      ['whose clock was a day ahead', DAY],
    ] as const) {
      it(`${words}, loses no Session (${signal})`, async () => {
        const machine = new Machine(before)
        const first = await machine.start()
        await leave(first)
        machine.set(0)
        await first.logged(/clock was set/, 0, PATIENCE_MS)
        await first.stop(signal)
        const second = await machine.start()
        assert.ok((await comeBack(second)) > 2 * DAY - 600)
        await second.stop()
      })
    }
  }

  it('without one of its own, loses no Session over starts in 1971', async () => {
    const machine = new Machine(0)
    for (const off of [0, -55 * 365 * DAY, 0, -55 * 365 * DAY]) {
      machine.set(off)
      const broker = await machine.start()
      await leave(broker)
      await broker.stop('SIGKILL')
      machine.set(-55 * 365 * DAY - off)
      const next = await machine.start()
      await comeBack(next)
      await next.stop()
    }
  })

  it('writes its log with the time that it has at each line', async () => {
    const machine = new Machine(-3 * DAY)
    const broker = await machine.start()
    machine.set(0)
    const line = await broker.logged(/clock was set/, 0, PATIENCE_MS)
    const started = new Date(`${broker.log[0]!.slice(0, 19).replace(' ', 'T')}`)
    const logged = new Date(`${line.slice(0, 19).replace(' ', 'T')}`)
    const apart = (logged.getTime() - started.getTime()) / 1000
    assert.ok(apart >= 3 * DAY - 1 && apart < 3 * DAY + 600, `${apart} s`)
    await broker.stop()
  })
})

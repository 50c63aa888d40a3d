import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ProtocolVersion } from '../../src/protocol/index.ts'
import { type BrokerProcess, useBroker } from '../support/broker.ts'
import { connect, disconnect, newClientId } from '../support/packets.ts'
import { versions } from '../support/versions.ts'

async function reasonCode(broker: BrokerProcess, version: ProtocolVersion): Promise<number> {
  const client = await broker.open(version)
  client.send(connect({ version }))
  const connack = await client.connack()
  if (connack.reasonCode > 0) await client.expectClosed()
  return connack.reasonCode
}

describe('accept_protocol_versions', async () => {
  const all = await useBroker()
  const some = { 3: await useBroker('accept_protocol_versions 3'), 5: await useBroker('accept_protocol_versions 5 ,4') }

  it('is all of them unless it is set', async () => {
    for (const { version } of versions) assert.equal(await reasonCode(all, version), 0)
  })

  it('[MQTT-3.1.2-2] refuses the others: 0x84 in MQTT 5.0, else 1, and the log names the option', async () => {
    assert.deepEqual(
      [await reasonCode(some[3], 3), await reasonCode(some[3], 4), await reasonCode(some[3], 5)],
      [0, 1, 0x84],
    )
    assert.deepEqual(
      [await reasonCode(some[5], 3), await reasonCode(some[5], 4), await reasonCode(some[5], 5)],
      [1, 0, 0],
    )
    for (const broker of Object.values(some)) await broker.logged(/Refused .* accept_protocol_versions/)
  })
})

describe('global_max_clients', async () => {
  const kept = { cleanStart: false, properties: { sessionExpiryInterval: 600 } }

  it('refuses a new client: 0x89 in MQTT 5.0, else 3, as often as it comes', async () => {
    const broker = await useBroker('global_max_clients 2')
    await broker.client()
    await broker.client({ version: 3 })
    for (const [version, expected] of [
      [5, 0x89],
      [4, 3],
      [3, 3],
      [5, 0x89],
    ] as const) {
      assert.equal(await reasonCode(broker, version), expected)
    }
    await broker.logged(/Refused .*there are too many clients.*global_max_clients \(2\)/)
  })

  it('counts those who are away as long as their session is kept, and lets them come back, also for a clean start', async () => {
    const broker = await useBroker('global_max_clients 2')
    const short = await broker.client()
    const options = { clientId: newClientId(), ...kept }
    const client = await broker.client(options)
    client.send(disconnect())
    await client.expectClosed()
    assert.equal(await reasonCode(broker, 5), 0x89)
    await broker.client(options)
    // It takes its own connection over.
    const again = await broker.client({ ...options, cleanStart: true, properties: {} })
    assert.equal(await reasonCode(broker, 5), 0x89)
    await broker.breakOff(again)
    const next = await broker.client(options)
    assert.equal(await reasonCode(broker, 5), 0x89)
    await broker.breakOff(short)
    await broker.client()
    await next.quiet()
  })
})

describe('global_max_connections', () => {
  it('closes what is one too many, whoever it is, and takes others later', async () => {
    const broker = await useBroker('global_max_connections 2', 'max_connections 5')
    const one = await broker.client()
    const two = await broker.client()
    const third = await broker.open()
    await third.expectClosed()
    await (await broker.open()).expectClosed()
    await broker.logged(new RegExp(`Closed 127\\.0\\.0\\.1:${third.localPort}: .*is full.*global_max_connections 2`))
    assert.equal(broker.log.filter((line) => /is full/.test(line)).length, 1, 'told once')
    await two.quiet()
    await broker.breakOff(one)
    await broker.client()
    await (await broker.open()).expectClosed()
  })
})

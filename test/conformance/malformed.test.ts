import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { useBroker } from '../support/broker.ts'
import { will } from '../support/packets.ts'

const broker = await useBroker()

/** What breaks the standard, in MQTT 3.1.1 and in MQTT 5.0 (null: there it does not), and the reason that 5.0 has for it. */
const TABLE: [what: string, v4: string | null, v5: string | null, reason: number][] = [
  ['[MQTT-3.3.1-4] PUBLISH with QoS 3', "36 06 0001 'a' 0001 00", "36 06 0001 'a' 0001 00", 0x81],
  ['[MQTT-3.3.1-2] PUBLISH with QoS 0 and DUP', "38 04 0001 'a' 00", "38 04 0001 'a' 00", 0x81],
  ['[MQTT-3.3.2-2] [MQTT-4.7.0-1] PUBLISH to a topic with +', "30 06 0003 'a/+' 00", "30 06 0003 'a/+' 00", 0x90],
  ['[MQTT-3.3.2-2] [MQTT-4.7.0-1] PUBLISH to a topic with #', "30 05 0002 'a#' 00", "30 05 0002 'a#' 00", 0x90],
  ['[MQTT-4.7.3-1] PUBLISH to an empty topic', '30 03 0000 00', '30 03 0000 00', 0x82],
  [
    '[MQTT-3.3.2-1] [MQTT-1.5.4-1] PUBLISH to a topic that is not UTF-8',
    '30 05 0002 c3 28 00',
    '30 05 0002 c3 28 00',
    0x81,
  ],
  ['[MQTT-1.5.4-1] PUBLISH to a topic with a surrogate', '30 06 0003 eda080 00', '30 06 0003 eda080 00', 0x81],
  [
    '[MQTT-1.5.4-2] [MQTT-4.7.3-2] PUBLISH to a topic with U+0000',
    '30 06 0003 610062 00',
    '30 06 0003 610062 00',
    0x81,
  ],
  ['PUBLISH that ends within its topic', "30 04 0005 'ab'", "30 04 0005 'ab'", 0x81],
  ['PUBLISH that ends within its Packet Identifier', "32 04 0001 'a' 00", "32 04 0001 'a' 00", 0x81],
  ['PUBLISH without a Property Length', null, "30 03 0001 'a'", 0x81],
  ['[MQTT-3.6.1-1] PUBREL with wrong flags', '60 02 0001', '60 02 0001', 0x81],
  ['PUBACK with flags', '41 02 0001', '41 02 0001', 0x81],
  ['PUBACK that is too short', '40 01 00', '40 01 00', 0x81],
  ['PUBACK that is too long', '40 03 0001 00', '40 05 0001 00 00 00', 0x81],
  ['[MQTT-3.6.2-1] PUBREL with a reason code that it does not have', null, '62 03 0001 10', 0x82],
  ['[MQTT-3.8.1-1] SUBSCRIBE with wrong flags', "80 06 0001 0001 'a' 00", "80 07 0001 00 0001 'a' 00", 0x81],
  ['[MQTT-3.8.3-2] SUBSCRIBE without a filter', '82 02 0001', '82 03 0001 00', 0x82],
  ['[MQTT-3.8.3-1] SUBSCRIBE to a filter that is not UTF-8', '82 06 0001 0001 ff 00', '82 07 0001 00 0001 ff 00', 0x81],
  ['[MQTT-2.2.1-3] SUBSCRIBE with Packet Identifier 0', "82 06 0000 0001 'a' 00", "82 07 0000 00 0001 'a' 00", 0x82],
  ['SUBSCRIBE without options', "82 05 0001 0001 'a'", "82 06 0001 00 0001 'a'", 0x81],
  ['SUBSCRIBE with QoS 3', "82 06 0001 0001 'a' 03", "82 07 0001 00 0001 'a' 03", 0x82],
  ['[MQTT-3.10.1-1] UNSUBSCRIBE with wrong flags', "a0 05 0001 0001 'a'", "a0 06 0001 00 0001 'a'", 0x81],
  ['[MQTT-3.10.3-2] UNSUBSCRIBE without a filter', 'a2 02 0001', 'a2 03 0001 00', 0x82],
  ['[MQTT-3.10.3-1] UNSUBSCRIBE from a filter that is not UTF-8', 'a2 05 0001 0001 ff', 'a2 06 0001 00 0001 ff', 0x81],
  ['PINGREQ with flags', 'c1 00', 'c1 00', 0x81],
  ['PINGREQ with a payload', 'c0 01 00', 'c0 01 00', 0x81],
  ['DISCONNECT with flags', 'e2 00', 'e2 00', 0x81],
  ['DISCONNECT with a payload', 'e0 01 00', 'e0 03 00 00 00', 0x81],
  ['DISCONNECT with a reason code that it does not have', null, 'e0 01 01', 0x82],
  ['a Remaining Length of five bytes', 'c0 80 80 80 80 00', 'c0 80 80 80 80 00', 0x81],
  ['[MQTT-1.5.5-1] a Remaining Length in too many bytes', null, 'c0 80 00', 0x81],
  ['[MQTT-2.1.3-1] packet type 0', '00 00', '00 00', 0x81],
  ['CONNACK from a client', '20 02 00 00', '20 03 00 00 00', 0x82],
  ['SUBACK from a client', '90 03 0001 00', '90 04 0001 00 00', 0x82],
  ['UNSUBACK from a client', 'b0 02 0001', 'b0 04 0001 00 00', 0x82],
  ['PINGRESP from a client', 'd0 00', 'd0 00', 0x82],
  ['AUTH in MQTT 3.1.1', 'f0 00', null, 0x81],
]

for (const version of [4, 5] as const) {
  describe(`[MQTT-4.13.1-1] [MQTT-4.13.2-1] what breaks MQTT ${version === 4 ? '3.1.1' : '5.0'} ends the connection`, () => {
    for (const [what, v4, v5, reason] of TABLE) {
      const bytes = version === 4 ? v4 : v5
      if (bytes === null) continue
      it(`${what}${version === 5 ? `: 0x${reason.toString(16)}` : ''}`, async () => {
        const client = await broker.client({ version })
        const since = broker.log.length
        client.send(bytes, 'c0 00')
        await client.expectDisconnect(reason)
        await broker.logged(/broke the protocol/, since)
      })
    }
  })
}

describe('text', () => {
  it('[MQTT-1.5.4-3] keeps U+FEFF wherever it stands', async () => {
    const client = await broker.client()
    await client.subscribe('bom/#')
    const topic = 'bom/\ufeffa\ufeff'
    const properties = { userProperties: [['\ufeffname', '\ufeff']] as [string, string][] }
    await (await broker.client()).publish(topic, 'x', { properties })
    const message = await client.receive()
    assert.deepEqual([message.topic, message.properties], [topic, properties])
  })

  it('has control characters and non-characters, if a client sends them', async () => {
    const client = await broker.client()
    await client.subscribe('odd/#')
    const topic = 'odd/\u0001\u007f\u0085\uffff\u{10ffff}'
    await (await broker.client()).publish(topic, 'x')
    assert.equal((await client.receive()).topic, topic)
  })

  it('cannot begin a line of the log, or drive the terminal that shows it', async () => {
    const since = broker.log.length
    await broker.client({ clientId: 'evil\n2026-01-01 00:00:00 notice: all is well\u001b[2J' })
    const line = await broker.logged(/evil/, since)
    assert.match(line, /evil\\x0a2026-01-01 00:00:00 notice: all is well\\x1b\[2J connected/)
  })

  it('MQTT 3.1.1 takes a Remaining Length in more bytes than it needs', async () => {
    const client = await broker.client({ version: 4 })
    client.send('c0 80 80 00')
    await client.expectBytes('d0 00')
  })

  it('MQTT 3.1 does not look at the flags of packets', async () => {
    const client = await broker.client({ version: 3 })
    client.send("8a 06 0001 0001 'a' 01")
    await client.expectBytes('90 03 0001 01')
  })

  it('the will of who breaks the standard is published', async () => {
    const watcher = await broker.client()
    await watcher.subscribe('malformed/will')
    const client = await broker.client({ will: will('malformed/will', 'x') })
    client.send('00 00')
    await client.expectDisconnect(0x81)
    assert.equal((await watcher.receive()).payload, 'x')
  })
})

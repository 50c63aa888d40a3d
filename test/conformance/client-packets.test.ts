import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PublishOptions } from '../../src/client/index.ts'
import { PacketType } from '../../src/protocol/index.ts'
import { PATIENCE_MS } from '../support/patience.ts'
import { granted, type Joined, nothingFrom, stage } from '../support/scripted-server.ts'
import { versions } from '../support/versions.ts'

/** What the client sends, byte by byte; in MQTT 5.0 it has the bytes between the brackets too. */
const SENT: [what: string, act: (joined: Joined) => unknown, bytes: string][] = [
  [
    '[MQTT-2.2.1-2] [MQTT-3.3.1-2] [MQTT-4.3.1-1] [MQTT-3.3.2-1] [MQTT-2.2.2-1] PUBLISH at QoS 0',
    ({ client }) => client.publish('a/ä', 'x'),
    "30 07[+1] 0004 'a/' c3a4 [00] 'x'",
  ],
  [
    '[MQTT-4.3.2-1] [MQTT-4.3.2-2] PUBLISH at QoS 1',
    ({ client }) => client.publish('a', 'x', { qos: 1 }),
    "32 06[+1] 0001 'a' 0001 [00] 'x'",
  ],
  [
    '[MQTT-4.3.3-1] [MQTT-4.3.3-2] [MQTT-3.3.1-4] PUBLISH at QoS 2, retained',
    ({ client }) => client.publish('a', '', { qos: 2, retain: true }),
    "35 05[+1] 0001 'a' 0001 [00]",
  ],
  [
    '[MQTT-1.5.5-1] PUBLISH with a Remaining Length of one byte, as long as it can be',
    ({ client }) => client.publish('a', new Uint8Array(123)),
    `30 7e[+1] 0001 'a' [00] ${'00'.repeat(123)}`,
  ],
  [
    '[MQTT-3.8.1-1] [MQTT-3.8.3-2] [MQTT-2.2.1-3] SUBSCRIBE',
    ({ client }) => client.subscribe('a/#', { qos: 1 }),
    "82 08[+3] 0001 [02 0b01] 0003 'a/#' 01",
  ],
  [
    '[MQTT-3.10.1-1] [MQTT-3.10.3-2] [MQTT-2.2.1-3] UNSUBSCRIBE',
    ({ client }) => client.unsubscribe('a'),
    "a2 05[+1] 0001 [00] 0001 'a'",
  ],
]

function bytesFor(pattern: string, version: number): string {
  const longer = pattern.replace(/(\w\w)\[\+(\d)\]/, (_, length: string, more: string) =>
    (Number.parseInt(length, 16) + (version === 5 ? Number(more) : 0)).toString(16).padStart(2, '0'),
  )
  return version === 5 ? longer.replace(/[[\]]/g, '') : longer.replace(/\[[^\]]*\]/g, '')
}

for (const { version, name } of versions) {
  describe(`what the client sends, ${name}`, () => {
    const scene = stage(version)

    for (const [what, act, bytes] of SENT) {
      it(`${what} [MQTT-2.1.3-1]`, async () => {
        const joined = await scene.join()
        void (async () => act(joined))().catch(() => {})
        await joined.peer.expectBytes(bytesFor(bytes, version))
      })
    }

    for (const [what, topic] of [
      ['[MQTT-3.3.2-2] [MQTT-4.7.0-1] with +', 'a/+/b'],
      ['[MQTT-3.3.2-2] [MQTT-4.7.0-1] with #', '#'],
      ['[MQTT-4.7.3-1] that is empty', ''],
      ['[MQTT-4.7.3-2] [MQTT-1.5.4-2] with U+0000', 'a\0b'],
      ['[MQTT-4.7.3-3] of 65,536 bytes', 'ä'.repeat(32_768)],
      ['[MQTT-1.5.4-1] [MQTT-3.3.2-1] with half a surrogate pair', 'a\ud800'],
    ] as const) {
      it(`a topic ${what} is refused, and nothing is sent`, async () => {
        const joined = await scene.join()
        for (const qos of [0, 1, 2] as const) await assert.rejects(joined.client.publish(topic, 'x', { qos }))
        await nothingFrom(joined)
      })
    }

    for (const [what, filter] of [
      ['[MQTT-4.7.1-1] with # before its end', 'a/#/b'],
      ['[MQTT-4.7.1-1] with # beside other characters', 'a#'],
      ['[MQTT-4.7.1-2] with + beside other characters', 'a+/b'],
      ['[MQTT-4.7.3-1] [MQTT-3.8.3-2] [MQTT-3.10.3-2] that is empty', ''],
      ['[MQTT-4.7.3-2] with U+0000', 'a\0'],
      ['[MQTT-4.7.3-3] of 65,536 bytes', 'x'.repeat(65_536)],
      ['[MQTT-3.8.3-1] [MQTT-3.10.3-1] with half a surrogate pair', '\udfffa'],
      ['[MQTT-4.8.2-1] shared, without a name', '$share//a'],
      ['[MQTT-4.8.2-2] shared, with a wildcard in its name', '$share/a+/b'],
      ['[MQTT-4.8.2-2] shared, without a filter', '$share/a'],
    ] as const) {
      if (version !== 5 && filter.startsWith('$share')) continue
      it(`a filter ${what} is refused, and nothing is sent`, async () => {
        const joined = await scene.join()
        await assert.rejects(joined.client.subscribe(filter))
        await assert.rejects(joined.client.unsubscribe(filter))
        await nothingFrom(joined)
      })
    }

    it('[MQTT-3.8.3-2] [MQTT-3.10.3-2] without a filter nothing is sent', async () => {
      const joined = await scene.join()
      await assert.rejects(joined.client.subscribe([]))
      await joined.client.unsubscribe([])
      await nothingFrom(joined)
    })

    it('[MQTT-2.2.1-3] identifiers that wait for an answer are not used again', async () => {
      const { client, peer } = await scene.join({ maximumInFlight: 60 })
      void client.subscribe('waits').catch(() => {})
      const taken = new Set([(await peer.expect(PacketType.Subscribe)).packetId])
      void client.unsubscribe('waits too').catch(() => {})
      taken.add((await peer.expect(PacketType.Unsubscribe)).packetId)
      for (let i = 0; i < 50; i++) {
        void client.publish('a', '', { qos: i % 2 === 0 ? 1 : 2 }).catch(() => {})
        taken.add((await peer.receive()).packetId)
      }
      assert.equal(taken.size, 52)
      assert.ok(!taken.has(0))
    })
  })
}

describe('what the client sends in MQTT 5.0', () => {
  const scene = stage()

  for (const [what, properties] of [
    ['[MQTT-3.3.2-13] [MQTT-1.5.4-1] a Response Topic that is not text', { responseTopic: 'a\ud800' }],
    ['[MQTT-3.3.2-14] a Response Topic with a wildcard', { responseTopic: 'a/#' }],
    ['[MQTT-3.3.2-19] a Content Type that is not text', { contentType: '\udc00' }],
    ['[MQTT-1.5.7-1] a User Property that is not text', { userProperties: [['a', '\ud800']] }],
    ['[MQTT-1.5.4-2] a User Property with U+0000', { userProperties: [['\0', 'a']] }],
    ['[MQTT-3.3.2-8] Topic Alias 0', { topicAlias: 0 }],
    ['[MQTT-3.3.4-6] a Subscription Identifier', { subscriptionIdentifiers: [1] }],
  ] as [string, PublishOptions['properties'] & object][]) {
    it(`${what} is never sent`, async () => {
      const joined = await scene.join({}, { topicAliasMaximum: 5 })
      // What an application should not give either is refused or left out.
      const outcome = await joined.client.publish('a', 'x', { properties }).then(
        () => 'sent',
        () => 'refused',
      )
      if (outcome === 'sent') {
        const { properties: sent } = await joined.peer.receive()
        for (const name of Object.keys(properties)) assert.ok(!(name in sent), name)
      }
      await nothingFrom(joined)
    })
  }

  it('[MQTT-3.8.3-4] No Local on a shared subscription is refused, and nothing is sent', async () => {
    const joined = await scene.join()
    await assert.rejects(joined.client.subscribe('a', { share: 'g', noLocal: true }))
    await nothingFrom(joined)
  })

  it('[MQTT-4.8.2-1] [MQTT-4.8.2-2] a share of a group is asked for by $share, its name, and the filter', async () => {
    const { client, peer } = await scene.join()
    void client.subscribe('a/+', { share: 'g' }).catch(() => {})
    assert.equal([...(await peer.expect(PacketType.Subscribe)).subscriptions][0]!.filter, '$share/g/a/+')
  })

  it('[MQTT-3.3.2-9] the highest Topic Alias is what the server allows', async () => {
    const { client, peer } = await scene.join({}, { topicAliasMaximum: 2 })
    for (const topic of ['a', 'b', 'c', 'd', 'a', 'd']) {
      await client.publish(topic, '')
      const alias = (await peer.receive()).properties.topicAlias ?? 1
      assert.ok(alias >= 1 && alias <= 2, String(alias))
    }
  })

  it('[MQTT-1.5.4-3] U+FEFF is taken and given as it stands', async () => {
    const { client, peer } = await scene.join()
    void client.publish('\ufeffa', '')
    await peer.expectBytes('30 07 0004 efbbbf61 00')
    const subscribing = client.subscribe('#')
    await granted(peer)
    peer.send("30 0a 0004 efbbbf61 02 0b01 'x'")
    assert.equal((await (await subscribing).next({ timeout: PATIENCE_MS })).topic, '\ufeffa')
  })
})

/** What a server must not send, and the reason code with which the client leaves. */
const WRONG: [what: string, bytes: string, reasonCode: number][] = [
  ['[MQTT-1.5.4-1] a topic that is not UTF-8', '30 05 0002 c328 00', 0x81],
  ['[MQTT-1.5.4-2] a topic with U+0000', "30 06 0003 'a' 00 'b' 00", 0x81],
  ['[MQTT-1.5.5-1] a Remaining Length in too many bytes', 'd0 80 00', 0x81],
  ['[MQTT-1.5.7-1] a User Property that is not UTF-8', "30 0a 0001 'a' 06 26 0001 ff 0000", 0x81],
  ['[MQTT-2.1.3-1] flags of PINGRESP', 'd1 00', 0x81],
  ['[MQTT-3.3.1-4] QoS 3', "36 06 0001 'a' 0001 00", 0x81],
  ['[MQTT-3.3.1-2] DUP at QoS 0', "38 04 0001 'a' 00", 0x81],
  ['[MQTT-3.3.2-2] a topic with a wildcard', "30 05 0002 'a#' 00", 0x90],
  ['[MQTT-3.3.2-8] Topic Alias 0', "30 07 0001 'a' 03 230000", 0x94],
  ['[MQTT-3.3.2-14] a Response Topic with a wildcard', "30 08 0001 'a' 04 08 0001 '#'", 0x82],
  ['[MQTT-3.3.2-13] a Response Topic that is not UTF-8', "30 08 0001 'a' 04 08 0001 ff", 0x81],
  ['[MQTT-3.3.2-19] a Content Type that is not UTF-8', "30 08 0001 'a' 04 03 0001 ff", 0x81],
  ['[MQTT-3.6.1-1] flags of PUBREL', '60 02 0001', 0x81],
  ['[MQTT-3.4.2-1] a reason code that PUBACK does not have', '40 03 0001 01', 0x82],
  ['a SUBSCRIBE, which only clients send', "82 07 0001 00 0001 'a' 00", 0x82],
]

describe('what a server must not send', () => {
  const scene = stage()
  for (const [what, bytes, reasonCode] of WRONG) {
    it(`${what}: the client says why and leaves [MQTT-4.13.2-1]`, async () => {
      const { peer } = await scene.join()
      peer.send(bytes)
      const goodbye = await peer.expect(PacketType.Disconnect)
      assert.equal(goodbye.reasonCode.toString(16), reasonCode.toString(16))
      await peer.expectClosed()
    })
  }
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  Decoder,
  encodeProperties,
  type Output,
  PacketType,
  type Properties,
  type ProtocolVersion,
  type PublishContent,
  type PublishExtras,
  type PublishPacket,
  publishLength,
  type QoS,
  writeAcknowledgement,
  writePublish,
} from '../../../src/protocol/index.ts'
import { fc } from '../../support/fast-check.ts'
import { anyIdentifier, anyPayload, anyTopicName, forwardableProperties } from './arbitraries.ts'
import { encodeToBytes, hex, joined, LIMITS, newOutput, text, wire, written } from './support.ts'

interface Message {
  topic: string
  properties: Properties
  payload: Uint8Array
}

/** The parts in one array, apart from each other by so many bytes. */
function layOut({ topic, properties, payload }: Message, gaps: readonly [number, number, number]): PublishContent {
  const parts = [new TextEncoder().encode(topic), encodeProperties(properties, text), payload]
  const places: [number, number][] = []
  const pieces: Uint8Array[] = []
  let at = 0
  for (const [i, part] of parts.entries()) {
    const gap = gaps[i]!
    places.push([at + gap, at + gap + part.length])
    pieces.push(new Uint8Array(gap).fill(0xee), part)
    at += gap + part.length
  }
  const [[topicStart, topicEnd], [propertiesStart, propertiesEnd], [payloadStart, payloadEnd]] = places as [
    [number, number],
    [number, number],
    [number, number],
  ]
  const bytes = joined(pieces)
  return { topicBytes: bytes, bytes, topicStart, topicEnd, propertiesStart, propertiesEnd, payloadStart, payloadEnd }
}

/** The packet that writePublish must write, for the encoder that takes objects. */
function expected(message: Message, firstByte: number, packetId: number, extras: PublishExtras | null): PublishPacket {
  const qos = ((firstByte >> 1) & 3) as QoS
  const own: Properties = {}
  if (extras !== null) {
    if (extras.messageExpiryInterval >= 0) own.messageExpiryInterval = extras.messageExpiryInterval
    if (extras.topicAlias !== 0) own.topicAlias = extras.topicAlias
    if (extras.subscriptionIdentifiers !== null) own.subscriptionIdentifiers = [...extras.subscriptionIdentifiers]
  }
  return {
    type: PacketType.Publish,
    topic: extras?.omitTopic === true ? '' : message.topic,
    payload: message.payload,
    qos,
    retain: (firstByte & 1) !== 0,
    dup: (firstByte & 8) !== 0,
    packetId: qos === 0 ? 0 : packetId,
    properties: { ...own, ...message.properties },
  }
}

const anyExtras: fc.Arbitrary<PublishExtras> = fc
  .record({
    messageExpiryInterval: fc.constantFrom(-1, 0, 1, 0xffff_ffff),
    subscriptionIdentifiers: fc.option(fc.array(anyIdentifier, { maxLength: 4 })),
    topicAlias: fc.constantFrom(0, 1, 65_535),
    omitTopic: fc.boolean(),
  })
  .map((extras) => ({ ...extras, omitTopic: extras.omitTopic && extras.topicAlias !== 0 }))

const anyGaps: fc.Arbitrary<[number, number, number]> = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3))
const FIRST_BYTES = [0x30, 0x31, 0x32, 0x33, 0x34, 0x3a, 0x3d]
const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5]

describe('writePublish', () => {
  test('writes what encodePacket writes, wherever the parts of the content lie, and publishLength knows its length', () => {
    const input = fc.record({
      message: fc.record({ topic: anyTopicName, properties: forwardableProperties, payload: anyPayload }),
      gaps: anyGaps,
      firstByte: fc.constantFrom(...FIRST_BYTES),
      packetId: fc.integer({ min: 1, max: 65_535 }),
      version: fc.constantFrom(...VERSIONS),
      extras: fc.option(anyExtras),
      lasting: fc.boolean(),
      referredBytes: fc.integer({ min: 1, max: 20 }),
    })
    fc.assert(
      fc.property(input, ({ message, gaps, firstByte, packetId, version, extras, lasting, referredBytes }) => {
        const content = { ...layOut(message, gaps), lasting }
        const before = hex(content.bytes)
        const out = newOutput({ referredBytes })
        const length = writePublish(out, firstByte, packetId, version, content, extras)
        const packet = expected(message, firstByte, packetId, version === 5 ? extras : null)
        assert.equal(hex(written(out)), hex(encodeToBytes(packet, version)))
        assert.equal(length, out.pending)
        assert.equal(length, publishLength(packet.qos, version, content, extras))
        assert.equal(hex(content.bytes), before)
        const referred = out.full?.some(({ slab }) => slab.bytes === content.bytes) ?? false
        assert.equal(referred, lasting && message.payload.length >= referredBytes)
      }),
      { numRuns: 3000 },
    )
  })

  for (const from of VERSIONS) {
    for (const to of VERSIONS) {
      test(`forwards what came as version ${from} in version ${to}, at any QoS`, () => {
        for (const qosFrom of [0, 1, 2]) {
          for (const qosTo of [0, 1, 2]) {
            const message = { topic: 'a/topic', properties: {}, payload: wire("'a payload'") }
            const came = encodeToBytes(expected(message, 0x30 | (qosFrom << 1), 1000, null), from)
            const out = newOutput()
            forward(came, from, out, 0x30 | (qosTo << 1), 2000, to)
            const packet = expected(message, 0x30 | (qosTo << 1), 2000, null)
            assert.equal(hex(written(out)), hex(encodeToBytes(packet, to)))
          }
        }
      })
    }
  }

  test('writes packets of any size one after the other', () => {
    const sizes = [0, 100, 127, 128, 4000, 16_384, 65_536, 5, 3_000_000, 1]
    const out = newOutput()
    const parts = sizes.map((size) => {
      const message = { topic: 't', properties: {}, payload: new Uint8Array(size).fill(size) }
      writePublish(out, 0x30, 0, 4, layOut(message, [0, 0, 0]), null)
      return encodeToBytes(expected(message, 0x30, 0, null), 4)
    })
    assert.deepEqual(written(out), joined(parts))
  })

  test('refuses what is larger than a packet can be', () => {
    const bytes = wire("'t'")
    const content = { topicBytes: bytes, bytes, topicStart: 0, topicEnd: 1, propertiesStart: 0, propertiesEnd: 0 }
    const huge = { ...content, payloadStart: 1, payloadEnd: 268_435_455 }
    const out = newOutput()
    assert.throws(() => writePublish(out, 0x30, 0, 4, huge, null), RangeError)
    assert.equal(out.pending, 0)
  })
})

function forward(
  came: Uint8Array,
  from: ProtocolVersion,
  out: Output,
  firstByte: number,
  packetId: number,
  to: ProtocolVersion,
): void {
  const handler = {
    onPublish: (view: PublishContent) => void writePublish(out, firstByte, packetId, to, view, null),
    onAcknowledgement() {},
    onPacket() {},
  }
  const decoder = new Decoder(handler, text, LIMITS)
  decoder.version = from
  decoder.receive(came, 0, came.length)
}

describe('writeAcknowledgement', () => {
  for (const [type, first] of [
    [PacketType.Puback, '40'],
    [PacketType.Pubrec, '50'],
    [PacketType.Pubrel, '62'],
    [PacketType.Pubcomp, '70'],
  ] as const) {
    test(`of type ${type} is four bytes, and in MQTT 5.0 five if the reason code is not 0`, () => {
      for (const version of VERSIONS) {
        for (const reasonCode of [0, 0x92]) {
          const out = newOutput()
          writeAcknowledgement(out, type, 0xfffe, reasonCode, version)
          const withCode = version === 5 && reasonCode !== 0
          assert.equal(hex(written(out)), hex(wire(withCode ? `${first} 03 fffe 92` : `${first} 02 fffe`)))
        }
      }
    })
  }
})

import { PacketType, type PublishPacket, ReasonCode } from '../../../src/protocol/index.ts'
import type { Sample } from './samples.ts'
import { wire } from './support.ts'

const publish: PublishPacket = {
  type: PacketType.Publish,
  topic: 'a/b',
  payload: wire("'hi'"),
  qos: 0,
  retain: false,
  dup: false,
  packetId: 0,
  properties: {},
}

const PUBLISH: readonly Sample[] = [
  { name: 'PUBLISH with QoS 0', versions: [3, 4], bytes: "30 07 0003 'a/b' 'hi'", packet: publish },
  { name: 'PUBLISH of MQTT 5.0 with QoS 0', versions: [5], bytes: "30 08 0003 'a/b' 00 'hi'", packet: publish },
  {
    name: 'PUBLISH with QoS 1',
    versions: [3, 4],
    bytes: "32 09 0003 'a/b' 000a 'hi'",
    packet: { ...publish, qos: 1, packetId: 10 },
  },
  {
    name: 'PUBLISH of MQTT 5.0 with QoS 1',
    versions: [5],
    bytes: "32 0a 0003 'a/b' 000a 00 'hi'",
    packet: { ...publish, qos: 1, packetId: 10 },
  },
  {
    name: 'PUBLISH with QoS 2, DUP and RETAIN',
    versions: [3, 4],
    bytes: "3d 09 0003 'a/b' ffff 'hi'",
    packet: { ...publish, qos: 2, dup: true, retain: true, packetId: 65_535 },
  },
  {
    name: 'PUBLISH of MQTT 5.0 with QoS 2, DUP and RETAIN',
    versions: [5],
    bytes: "3d 0a 0003 'a/b' ffff 00 'hi'",
    packet: { ...publish, qos: 2, dup: true, retain: true, packetId: 65_535 },
  },
  {
    name: 'PUBLISH with an empty payload',
    versions: [3, 4],
    bytes: "31 03 0001 'a'",
    packet: { ...publish, topic: 'a', retain: true, payload: wire('') },
  },
  {
    name: 'PUBLISH of MQTT 5.0 with an empty payload',
    versions: [5],
    bytes: "31 04 0001 'a' 00",
    packet: { ...publish, topic: 'a', retain: true, payload: wire('') },
  },
  {
    name: 'PUBLISH to a topic with characters of one to four bytes',
    versions: [3, 4],
    bytes: '30 11 000f 24 2c2f c2a2 e282ac ed9fbf f09f9982',
    packet: { ...publish, topic: '$,/¢€\ud7ff🙂', payload: wire('') },
  },
  {
    name: 'PUBLISH to a topic that begins with U+FEFF, which stays [MQTT-1.5.4-3]',
    versions: [4],
    bytes: "30 06 0004 efbbbf 'a'",
    packet: { ...publish, topic: '\ufeffa', payload: wire('') },
  },
  {
    name: 'PUBLISH to a topic with spaces, controls and punctuation',
    versions: [4],
    bytes: `30 0a 0008 20 21 22 24 2a 01 7f 2f`,
    packet: { ...publish, topic: ' !"$*\u0001\u007f/', payload: wire('') },
  },
  {
    name: 'PUBLISH with a header of two length bytes',
    versions: [3, 4],
    bytes: `30 8301 0001 'a' ${'2a'.repeat(128)}`,
    packet: { ...publish, topic: 'a', payload: new Uint8Array(128).fill(42) },
  },
  {
    name: 'PUBLISH with a header of three length bytes',
    versions: [3, 4],
    bytes: `30 808001 0001 'a' ${'2a'.repeat(16_381)}`,
    packet: { ...publish, topic: 'a', payload: new Uint8Array(16_381).fill(42) },
  },
  {
    name: 'PUBLISH of MQTT 3.1.1 with a Remaining Length of fixed size',
    versions: [3, 4],
    bytes: "30 87808000 0003 'a/b' 'hi'",
    packet: publish,
    decodeOnly: true,
  },
  {
    name: 'PUBLISH with an alias in place of the topic',
    versions: [5],
    bytes: "30 08 0000 03 23 0102 'hi'",
    packet: { ...publish, topic: '', properties: { topicAlias: 258 } },
  },
  {
    name: 'PUBLISH with an alias and the topic',
    versions: [5],
    bytes: "30 0b 0003 'a/b' 03 23 ffff 'hi'",
    packet: { ...publish, properties: { topicAlias: 65_535 } },
  },
  {
    name: 'PUBLISH with all properties',
    versions: [5],
    bytes:
      "34 3b 0003 'a/b' 0001 31 01 00 02 ffffffff 23 0001 08 0003 'r/t' 09 0000" +
      " 26 0001 'k' 0001 'v' 26 0001 'k' 0002 c3a4 0b 01 0b ffffff7f 0b 01 03 0003 'c/t' 'hi'",
    packet: {
      ...publish,
      qos: 2,
      packetId: 1,
      properties: {
        payloadFormatIndicator: 0,
        messageExpiryInterval: 0xffff_ffff,
        topicAlias: 1,
        responseTopic: 'r/t',
        correlationData: wire(''),
        userProperties: [
          ['k', 'v'],
          ['k', 'ä'],
        ],
        subscriptionIdentifiers: [1, 268_435_455, 1],
        contentType: 'c/t',
      },
    },
  },
  {
    name: 'PUBLISH with a Property Length of two bytes',
    versions: [5],
    bytes: `30 8b01 0001 'a' 8401 03 0081 ${'78'.repeat(129)} 'hi'`,
    packet: { ...publish, topic: 'a', properties: { contentType: 'x'.repeat(129) } },
  },
  {
    name: 'PUBLISH with properties that are interleaved',
    versions: [5],
    bytes: "30 14 0001 'a' 10 26 0000 0000 0b 01 26 0000 0000 0b 02 01 01",
    packet: {
      ...publish,
      topic: 'a',
      payload: wire(''),
      properties: {
        userProperties: [
          ['', ''],
          ['', ''],
        ],
        subscriptionIdentifiers: [1, 2],
        payloadFormatIndicator: 1,
      },
    },
    decodeOnly: true,
  },
]

const NAMES = { PUBACK: '40', PUBREC: '50', PUBREL: '62', PUBCOMP: '70' } as const
const TYPES = {
  PUBACK: PacketType.Puback,
  PUBREC: PacketType.Pubrec,
  PUBREL: PacketType.Pubrel,
  PUBCOMP: PacketType.Pubcomp,
} as const

const ACKNOWLEDGEMENTS: readonly Sample[] = (['PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP'] as const).flatMap((name) => {
  const packet = { type: TYPES[name], packetId: 0x0102, reasonCode: 0, properties: {} }
  const failure =
    name === 'PUBACK' || name === 'PUBREC' ? ReasonCode.QuotaExceeded : ReasonCode.PacketIdentifierNotFound
  const code = failure.toString(16)
  const first = NAMES[name]
  const samples: Sample[] = [
    { name, versions: [3, 4, 5], bytes: `${first} 02 0102`, packet },
    {
      name: `${name} with a reason code`,
      versions: [5],
      bytes: `${first} 03 0102 ${code}`,
      packet: { ...packet, reasonCode: failure },
    },
    {
      name: `${name} with the reason code 0 written out`,
      versions: [5],
      bytes: `${first} 03 0102 00`,
      packet,
      decodeOnly: true,
    },
    {
      name: `${name} with a Property Length of 0 written out`,
      versions: [5],
      bytes: `${first} 04 0102 ${code} 00`,
      packet: { ...packet, reasonCode: failure },
      decodeOnly: true,
    },
    {
      name: `${name} with all properties`,
      versions: [5],
      bytes: `${first} 0f 0102 00 0b 1f 0001 'r' 26 0001 'k' 0001 'v'`,
      packet: { ...packet, properties: { reasonString: 'r', userProperties: [['k', 'v']] } },
    },
    {
      name: `${name} of MQTT 3.1 with DUP`,
      versions: [3],
      bytes: `${(Number.parseInt(first, 16) | 8).toString(16)} 02 0102`,
      packet,
      decodeOnly: true,
    },
  ]
  return samples
})

export const MESSAGE_SAMPLES: readonly Sample[] = [...PUBLISH, ...ACKNOWLEDGEMENTS]

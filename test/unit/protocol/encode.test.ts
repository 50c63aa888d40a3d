import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type ConnectPacket,
  decodeProperties,
  encodedLength,
  encodePacket,
  encodeProperties,
  type Packet,
  PacketType,
  type Properties,
  type ProtocolVersion,
  type PublishPacket,
  ReasonCode,
  type SubscribePacket,
} from '../../../src/protocol/index.ts'
import { encodeToBytes, hex, newOutput, text, wire } from './support.ts'

const connect: ConnectPacket = {
  type: PacketType.Connect,
  version: 5,
  cleanStart: true,
  keepAlive: 0,
  clientId: '',
  will: null,
  username: null,
  password: null,
  properties: {},
  bridge: false,
}
const will = { topic: 'w', payload: wire(''), qos: 0, retain: false, properties: {} } as const
const publish: PublishPacket = {
  type: PacketType.Publish,
  topic: 't',
  payload: wire(''),
  qos: 0,
  retain: false,
  dup: false,
  packetId: 0,
  properties: {},
}
const subscribe: SubscribePacket = {
  type: PacketType.Subscribe,
  packetId: 1,
  subscriptions: [{ filter: 'f', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
  properties: {},
}
const option = [...subscribe.subscriptions][0]!
const puback = { type: PacketType.Puback, packetId: 1, reasonCode: 0, properties: {} } as const
const disconnect = { type: PacketType.Disconnect, reasonCode: 0, properties: {} } as const
const TOO_LONG = 'ä'.repeat(32_768)

const REFUSED: readonly [name: string, packet: Packet, words: RegExp, version?: ProtocolVersion][] = [
  ['a text of more than 65,535 bytes', { ...connect, clientId: TOO_LONG }, /^The Client Identifier has 65536 bytes/],
  ['a text with U+0000', { ...connect, username: 'a\0' }, /^The User Name has the character U\+0000/],
  ['the first half of a surrogate pair', { ...connect, username: '\ud83d' }, /^The User Name has half of a surrogate/],
  ['the first half before other text', { ...publish, topic: '\ud83da' }, /^The Topic Name has half of a surrogate/],
  ['the second half of a surrogate pair', { ...publish, topic: 'a\ude00' }, /^The Topic Name has half of a surrogate/],
  [
    'binary data of more than 65,535 bytes',
    { ...connect, password: new Uint8Array(65_536) },
    /^The Password has 65536/,
  ],
  [
    'a password without user name below 5.0',
    { ...connect, version: 4, password: wire('00') },
    /Password without a User/,
  ],
  ['the bridge mark in 5.0', { ...connect, bridge: true }, /^The bridge mark/],
  ['a keep-alive beyond 65,535', { ...connect, keepAlive: 65_536 }, /^The Keep Alive must be 0 to 65535, and is 65536/],
  ['a keep-alive that is no whole number', { ...connect, keepAlive: 1.5 }, /^The Keep Alive must be/],
  ['an empty Will Topic', { ...connect, will: { ...will, topic: '' } }, /^The Will Topic is empty/],
  ['a Will Topic with a wildcard', { ...connect, will: { ...will, topic: '#' } }, /^The Will Topic has a wildcard/],
  ['a Will QoS of 3', { ...connect, will: { ...will, qos: 3 as never } }, /^The Will QoS/],
  [
    'Authentication Data alone',
    { ...connect, properties: { authenticationData: wire('') } },
    /needs an Authentication/,
  ],
  ['a Topic Name with a wildcard', { ...publish, topic: 'a/+' }, /^The Topic Name has a wildcard/],
  ['an empty Topic Name', { ...publish, topic: '' }, /^The Topic Name is empty/],
  ['an alias below 5.0', { ...publish, topic: '', properties: { topicAlias: 1 } }, /^The Topic Name is empty/, 4],
  ['QoS 3', { ...publish, qos: 3 as never, packetId: 1 }, /^The QoS must be 0 to 2/],
  ['DUP with QoS 0', { ...publish, dup: true }, /^DUP cannot be set/],
  ['QoS 1 with Packet Identifier 0', { ...publish, qos: 1 }, /^The Packet Identifier must be 1 to 65535, and is 0/],
  ['a Packet Identifier beyond 65,535', { ...puback, packetId: 65_536 }, /^The Packet Identifier must be/],
  ['a reason code beyond 255', { ...puback, reasonCode: 256 }, /^The Reason Code must be/],
  ['a SUBSCRIBE without filters', { ...subscribe, subscriptions: [] }, /^A SUBSCRIBE needs/],
  ['a subscription with QoS 3', { ...subscribe, subscriptions: [{ ...option, qos: 3 as never }] }, /^The QoS/],
  [
    'Retain Handling 3',
    { ...subscribe, subscriptions: [{ ...option, retainHandling: 3 as never }] },
    /^The Retain Handling/,
  ],
  ['an UNSUBSCRIBE without filters', { type: 10, packetId: 1, filters: [], properties: {} }, /^An UNSUBSCRIBE needs/],
  ['a SUBACK without reason codes', { type: 9, packetId: 1, reasonCodes: [], properties: {} }, /need a Reason Code/],
  ['an AUTH below 5.0', { type: 15, reasonCode: 0, properties: {} }, /^AUTH needs MQTT 5.0/, 4],
  ['a property of another packet', { ...puback, properties: { topicAlias: 1 } }, /^The Topic Alias is no property/],
  ['two identifiers', { ...subscribe, properties: { subscriptionIdentifiers: [1, 2] } }, /may come only once/],
  ['a property that does not exist', { ...puback, properties: { other: 1 } as Properties }, /no property other/],
  ['Topic Alias 0', { ...publish, properties: { topicAlias: 0 } }, /^The Topic Alias must be 1 to 65535, and is 0/],
  ['an identifier of 0', { ...publish, properties: { subscriptionIdentifiers: [0] } }, /^The Subscription Identifier/],
  ['an expiry beyond 32 bits', { ...publish, properties: { messageExpiryInterval: 2 ** 32 } }, /^The Message Expiry/],
  ['an expiry below 0', { ...publish, properties: { messageExpiryInterval: -1 } }, /^The Message Expiry Interval must/],
  ['Payload Format Indicator 2', { ...publish, properties: { payloadFormatIndicator: 2 } }, /^The Payload Format/],
  ['a Response Topic with #', { ...publish, properties: { responseTopic: '#' } }, /^The Response Topic has a wildcard/],
  [
    'a user property with U+0000',
    { ...disconnect, properties: { userProperties: [['\0', '']] } },
    /^The User Property/,
  ],
]

describe('the encoder refuses', () => {
  for (const [name, packet, words, version = 5] of REFUSED) {
    test(name, () => {
      const out = newOutput()
      const refusal = { name: 'RangeError', message: words }
      assert.throws(() => encodePacket(out, packet, version, text), refusal)
      assert.equal(out.pending, 0)
      assert.throws(() => encodedLength(packet, version, text), refusal)
    })
  }

  test('and encodes the next packet as if nothing had been', () => {
    assert.throws(() => encodeToBytes({ ...connect, clientId: TOO_LONG }, 5), RangeError)
    assert.equal(hex(encodeToBytes(puback, 5)), '40 02 00 01')
  })
})

describe('the encoder', () => {
  test('leaves out below MQTT 5.0 what only that has', () => {
    const properties = { userProperties: [['k', 'v']] as [string, string][] }
    const cases: [Packet, string][] = [
      [{ ...puback, reasonCode: ReasonCode.QuotaExceeded, properties }, '40 02 0001'],
      [{ ...publish, properties }, "30 03 0001 't'"],
      [{ ...disconnect, reasonCode: ReasonCode.ServerShuttingDown, properties }, 'e0 00'],
      [{ type: PacketType.Suback, packetId: 1, reasonCodes: [2, 0x87], properties }, '90 04 0001 02 80'],
      [{ type: PacketType.Unsuback, packetId: 1, reasonCodes: [0x11], properties }, 'b0 02 0001'],
      [
        { type: PacketType.Connack, sessionPresent: false, reasonCode: ReasonCode.NotAuthorized, properties },
        '20 02 00 05',
      ],
      [
        { ...subscribe, subscriptions: [{ ...option, noLocal: true, retainAsPublished: true, retainHandling: 2 }] },
        "82 06 0001 0001 'f' 00",
      ],
    ]
    for (const [packet, line] of cases) assert.equal(hex(encodeToBytes(packet, 4)), hex(wire(line)))
  })

  test('leaves out Session Present in MQTT 3.1', () => {
    const packet: Packet = { type: PacketType.Connack, sessionPresent: true, reasonCode: 0, properties: {} }
    assert.equal(hex(encodeToBytes(packet, 3)), '20 02 00 00')
  })

  test('takes a property that is undefined for absent', () => {
    const properties = { reasonString: undefined } as unknown as Properties
    assert.equal(hex(encodeToBytes({ ...puback, properties }, 5)), '40 02 00 01')
  })

  test('writes texts of just 65,535 bytes', () => {
    const bytes = encodeToBytes({ ...publish, topic: 'x'.repeat(65_535) }, 4)
    assert.equal(bytes.length, 1 + 3 + 2 + 65_535)
  })

  test('encodes a large packet between small ones', () => {
    const filters = Array.from({ length: 5000 }, (_, i) => `a/topic/filter/of/some/length/${i}`)
    const packet: Packet = { type: PacketType.Unsubscribe, packetId: 1, filters, properties: {} }
    const out = newOutput()
    encodePacket(out, puback, 5, text)
    encodePacket(out, packet, 5, text)
    encodePacket(out, puback, 5, text)
    assert.equal(out.pending, 8 + encodedLength(packet, 5, text))
  })

  test('encodeProperties and decodeProperties agree', () => {
    const properties: Properties = { contentType: 'ü', userProperties: [['k', 'v']], correlationData: wire('00') }
    const run = encodeProperties(properties, text)
    assert.deepEqual(decodeProperties(run, 0, run.length, text), properties)
    assert.equal(encodeProperties({}, text).length, 0)
  })
})

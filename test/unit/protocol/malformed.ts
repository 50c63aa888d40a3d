import { type ProtocolVersion, ReasonCode } from '../../../src/protocol/index.ts'

const { MalformedPacket, ProtocolError, UnsupportedProtocolVersion, TopicNameInvalid, TopicAliasInvalid } = ReasonCode
const { PacketTooLarge, QuotaExceeded } = ReasonCode

/** Bytes that break the standard, and what the decoder must say of them. */
export interface Malformed {
  name: string
  versions: readonly ProtocolVersion[]
  /** As `wire` of support.ts reads it. */
  bytes: string
  reasonCode: number
  /** Of the byte that is wrong, from the packet's first; for bytes that are missing, where they would be. */
  offset: number
}

const ALL = [3, 4, 5] as const
const BEFORE_5 = [3, 4] as const

/** 90 00 where 10 would do. */
const CONNECT_LONG = "10 9000 0004 'MQTT' 05 02 003c 00 0003 'abc'"

const HEADER: readonly Malformed[] = [
  bad('packet type 0', BEFORE_5, '00 00', MalformedPacket, 0),
  bad('packet type 0 in MQTT 5.0', [5], '00 00', MalformedPacket, 0),
  bad('AUTH below MQTT 5.0', BEFORE_5, 'f0 00', MalformedPacket, 0),
  bad('a Remaining Length of five bytes', ALL, '30 ffffffff01', MalformedPacket, 4),
  bad('a Remaining Length longer than needed [MQTT-1.5.5-1]', [5], 'c0 8000', MalformedPacket, 2),
  bad('a CONNECT of MQTT 5.0 whose Remaining Length is longer than needed', [4], CONNECT_LONG, MalformedPacket, 2),
  bad('a packet of 256 MB', ALL, '30 ffffff7f', PacketTooLarge, 1),
  bad('a packet one byte larger than allowed', ALL, '30 fcffff07', PacketTooLarge, 1),
  ...['11 00', '21 02 0000', '42 02 0001', '51 02 0001', '60 02 0001', '6a 02 0001', '71 02 0001'].map(flags),
  ...["80 06 0001 0001 'a' 00", '91 03 0001 00', "a0 05 0001 0001 'a'", 'b4 02 0001', 'c1 00', 'd8 00'].map(flags),
  ...['e1 00', 'e2 00'].map(flags),
  bad('reserved flags of AUTH [MQTT-3.15.1-1]', [5], 'f1 00', MalformedPacket, 0),
]

/** MQTT 3.1 does not use these flags. */
function flags(bytes: string): Malformed {
  return bad('reserved flags [MQTT-2.1.3-1]', [4, 5], bytes, MalformedPacket, 0)
}

const CONNECT: readonly Malformed[] = [
  bad('another Protocol Name', [4], "10 0f 0004 'MQTX' 04 02 003c 0003 'abc'", UnsupportedProtocolVersion, 2),
  bad('an empty Protocol Name', [4], "10 0b 0000 04 02 003c 0003 'abc'", UnsupportedProtocolVersion, 2),
  bad('a later version', [4], "10 0f 0004 'MQTT' 06 02 003c 0003 'abc'", UnsupportedProtocolVersion, 8),
  bad('version 3 with the later name', [4], "10 0f 0004 'MQTT' 03 02 003c 0003 'abc'", UnsupportedProtocolVersion, 8),
  bad(
    'version 4 with the older name',
    [4],
    "10 11 0006 'MQIsdp' 04 02 003c 0003 'abc'",
    UnsupportedProtocolVersion,
    10,
  ),
  bad('the bridge mark on version 5', [4], "10 10 0004 'MQTT' 85 02 003c 00 0003 'abc'", UnsupportedProtocolVersion, 8),
  bad('reserved flag of 3.1.1', [4], "10 0f 0004 'MQTT' 04 03 003c 0003 'abc'", MalformedPacket, 9),
  bad('reserved flag of 5.0 [MQTT-3.1.2-3]', [4], "10 10 0004 'MQTT' 05 03 003c 00 0003 'abc'", MalformedPacket, 9),
  bad('Will QoS 3 [MQTT-3.1.2-12]', [4], "10 14 0004 'MQTT' 04 1e 003c 0003 'abc' 0001 'w' 0000", MalformedPacket, 9),
  bad('Will QoS without Will [MQTT-3.1.2-11]', [4], "10 0f 0004 'MQTT' 04 0a 003c 0003 'abc'", MalformedPacket, 9),
  bad('Will Retain without Will [MQTT-3.1.2-13]', [4], "10 0f 0004 'MQTT' 04 22 003c 0003 'abc'", MalformedPacket, 9),
  bad(
    'Password without User Name, 3.1.1',
    [4],
    "10 13 0004 'MQTT' 04 42 003c 0003 'abc' 0002 'pw'",
    MalformedPacket,
    9,
  ),
  bad(
    'Password without User Name, 3.1',
    [4],
    "10 15 0006 'MQIsdp' 03 42 003c 0003 'abc' 0002 'pw'",
    MalformedPacket,
    11,
  ),
  bad('nothing at all', [4], '10 00', MalformedPacket, 2),
  bad('an end within the Protocol Name', [4], "10 04 0004 'MQ'", MalformedPacket, 6),
  bad('an end before the Protocol Version', [4], "10 06 0004 'MQTT'", MalformedPacket, 8),
  bad('an end before the Connect Flags', [4], "10 07 0004 'MQTT' 04", MalformedPacket, 9),
  bad('an end within the Keep Alive', [4], "10 09 0004 'MQTT' 04 02 00", MalformedPacket, 11),
  bad('an end before the Property Length', [4], "10 0a 0004 'MQTT' 05 02 003c", MalformedPacket, 12),
  bad('an end within the Client Identifier', [4], "10 0e 0004 'MQTT' 04 02 003c 0003 'ab'", MalformedPacket, 16),
  bad('an end before the Will Topic', [4], "10 0f 0004 'MQTT' 04 06 003c 0003 'abc'", MalformedPacket, 17),
  bad('an end before the Will Payload', [4], "10 12 0004 'MQTT' 04 06 003c 0003 'abc' 0001 'w'", MalformedPacket, 20),
  bad('an end before the User Name, 3.1.1', [4], "10 0f 0004 'MQTT' 04 82 003c 0003 'abc'", MalformedPacket, 17),
  bad(
    'an end before the Password, 3.1.1',
    [4],
    "10 12 0004 'MQTT' 04 c2 003c 0003 'abc' 0001 'u'",
    MalformedPacket,
    20,
  ),
  bad('a byte too many', [4], "10 10 0004 'MQTT' 04 02 003c 0003 'abc' 00", MalformedPacket, 17),
  bad('a Client Identifier with U+0000', [4], "10 0f 0004 'MQTT' 04 02 003c 0003 610062", MalformedPacket, 15),
  bad('a Client Identifier that is not UTF-8', [4], "10 0f 0004 'MQTT' 04 02 003c 0003 6162ff", MalformedPacket, 16),
  bad('a User Name with a surrogate', [4], "10 14 0004 'MQTT' 04 82 003c 0003 'abc' 0003 eda080", MalformedPacket, 19),
  bad('a Will Topic with +', [4], "10 16 0004 'MQTT' 04 06 003c 0003 'abc' 0003 'a/+' 0000", TopicNameInvalid, 21),
  bad('a Will Topic with #', [4], "10 14 0004 'MQTT' 04 06 003c 0003 'abc' 0001 '#' 0000", TopicNameInvalid, 19),
  bad(
    'an empty Will Topic [MQTT-4.7.3-1]',
    [4],
    "10 13 0004 'MQTT' 04 06 003c 0003 'abc' 0000 0000",
    TopicNameInvalid,
    17,
  ),
  bad(
    'Authentication Data without Method',
    [4],
    "10 13 0004 'MQTT' 05 02 003c 03 16 0000 0003 'abc'",
    ProtocolError,
    12,
  ),
]

const CONNACK: readonly Malformed[] = [
  bad('reserved acknowledge flags [MQTT-3.2.2-1]', [4], '20 02 02 00', MalformedPacket, 2),
  bad('reserved acknowledge flags of 5.0', [5], '20 03 80 00 00', MalformedPacket, 2),
  bad('a Connect Return code that does not exist', BEFORE_5, '20 02 00 06', ProtocolError, 3),
  bad('a reason code of another packet [MQTT-3.2.2-8]', [5], '20 03 00 8e 00', ProtocolError, 3),
  bad('an end before the reason code', ALL, '20 01 00', MalformedPacket, 3),
  bad('an end before the Property Length', [5], '20 02 00 00', MalformedPacket, 4),
  bad('a byte too many', BEFORE_5, '20 03 00 00 00', MalformedPacket, 4),
]

const PUBLISH: readonly Malformed[] = [
  bad('QoS 3 [MQTT-3.3.1-4]', ALL, "36 06 0001 'a' 0001 00", MalformedPacket, 0),
  bad('DUP with QoS 0 [MQTT-3.3.1-2]', ALL, "38 04 0001 'a' 00", MalformedPacket, 0),
  bad('Packet Identifier 0 [MQTT-2.2.1-3]', BEFORE_5, "32 05 0001 'a' 0000", ProtocolError, 5),
  bad('Packet Identifier 0 in 5.0', [5], "34 06 0001 'a' 0000 00", ProtocolError, 5),
  bad('nothing at all', ALL, '30 00', MalformedPacket, 2),
  bad('an end within the length of the topic', ALL, '30 01 00', MalformedPacket, 3),
  bad('an end within the topic', ALL, "30 03 0002 'a'", MalformedPacket, 5),
  bad('an end within the Packet Identifier', ALL, "32 04 0001 'a' 00", MalformedPacket, 6),
  bad('an end before the Property Length', [5], "30 03 0001 'a'", MalformedPacket, 5),
  bad('an end within the Property Length', [5], "30 04 0001 'a' 80", MalformedPacket, 6),
  bad('an end within the properties', [5], "30 05 0001 'a' 02 01", MalformedPacket, 7),
  bad('a Property Length longer than needed', [5], "30 05 0001 'a' 8000", MalformedPacket, 6),
  bad('a Property Length of five bytes', [5], "30 08 0001 'a' 8080808001", MalformedPacket, 8),
  bad('a topic with U+0000 [MQTT-1.5.4-2]', ALL, '30 06 0003 610062 00', MalformedPacket, 5),
  bad('a topic with a lone continuation byte', ALL, '30 05 0002 6180 00', MalformedPacket, 5),
  bad('a topic with an overlong form', ALL, '30 05 0002 c0af 00', MalformedPacket, 4),
  bad('a topic with a surrogate [MQTT-1.5.4-1]', ALL, '30 06 0003 edbfbf 00', MalformedPacket, 4),
  bad('a topic that ends within a character', ALL, '30 06 0003 61e282 ac', MalformedPacket, 5),
  bad('a topic with + [MQTT-3.3.2-2]', ALL, "30 06 0003 'a/+' 00", TopicNameInvalid, 6),
  bad('a topic with #, after a character of two bytes', ALL, "30 06 0003 c3a4 '#' 00", TopicNameInvalid, 6),
  bad('an empty topic', BEFORE_5, '30 02 0000', MalformedPacket, 2),
  bad('an empty topic and no alias', [5], '30 03 0000 00', ProtocolError, 2),
  bad('Topic Alias 0 [MQTT-3.3.2-8]', [5], '30 06 0000 03 23 0000', TopicAliasInvalid, 6),
  bad('Payload Format Indicator 2', [5], "30 06 0001 'a' 02 0102", ProtocolError, 7),
  bad('Subscription Identifier 0', [5], "30 06 0001 'a' 02 0b00", ProtocolError, 7),
  bad('Subscription Identifier of five bytes', [5], "30 0a 0001 'a' 06 0b8080808001", MalformedPacket, 10),
  bad('Subscription Identifier longer than needed', [5], "30 07 0001 'a' 03 0b8100", MalformedPacket, 8),
  bad('a Response Topic with a wildcard [MQTT-3.3.2-14]', [5], "30 09 0001 'a' 05 08 0002 'b+'", ProtocolError, 10),
  bad('an empty Response Topic', [5], "30 07 0001 'a' 03 08 0000", ProtocolError, 9),
  bad('a property that does not exist', [5], "30 06 0001 'a' 02 0400", MalformedPacket, 6),
  bad('a property identifier beyond 127', [5], "30 07 0001 'a' 03 818000", MalformedPacket, 6),
]

const ACKNOWLEDGEMENTS: readonly Malformed[] = ['40', '50', '62', '70'].flatMap((first) => [
  bad('nothing at all', ALL, `${first} 00`, MalformedPacket, 2),
  bad('an end within the Packet Identifier', ALL, `${first} 01 00`, MalformedPacket, 3),
  bad('Packet Identifier 0', ALL, `${first} 02 0000`, ProtocolError, 2),
  bad('a reason code below 5.0', BEFORE_5, `${first} 03 0001 00`, MalformedPacket, 4),
  bad('a reason code of another packet', [5], `${first} 03 0001 8e`, ProtocolError, 4),
  bad('an end within the properties', [5], `${first} 04 0001 00 01`, MalformedPacket, 6),
  bad('a byte too many', [5], `${first} 05 0001 00 00 00`, MalformedPacket, 6),
])

const SUBSCRIPTIONS: readonly Malformed[] = [
  bad('SUBSCRIBE with Packet Identifier 0', BEFORE_5, "82 06 0000 0001 'a' 00", ProtocolError, 2),
  bad('SUBSCRIBE without a filter [MQTT-3.8.3-2]', BEFORE_5, '82 02 0001', ProtocolError, 4),
  bad('SUBSCRIBE without a filter in 5.0', [5], '82 03 0001 00', ProtocolError, 5),
  bad('SUBSCRIBE that ends before the options', BEFORE_5, "82 05 0001 0001 'a'", MalformedPacket, 7),
  bad('SUBSCRIBE that ends within the second filter', BEFORE_5, "82 07 0001 0001 'a' 00 00", MalformedPacket, 9),
  bad(
    'SUBSCRIBE with a filter that is not UTF-8 [MQTT-3.8.3-1]',
    BEFORE_5,
    '82 06 0001 0001 ff 00',
    MalformedPacket,
    6,
  ),
  bad('SUBSCRIBE with an option of 5.0', BEFORE_5, "82 06 0001 0001 'a' 04", MalformedPacket, 7),
  bad('SUBSCRIBE with QoS 3', BEFORE_5, "82 06 0001 0001 'a' 03", MalformedPacket, 7),
  bad('SUBSCRIBE with QoS 3 in 5.0', [5], "82 07 0001 00 0001 'a' 03", ProtocolError, 8),
  bad('SUBSCRIBE with Retain Handling 3', [5], "82 07 0001 00 0001 'a' 30", ProtocolError, 8),
  bad('SUBSCRIBE with a reserved option [MQTT-3.8.3-5]', [5], "82 07 0001 00 0001 'a' 40", MalformedPacket, 8),
  bad('SUBSCRIBE with two identifiers', [5], "82 0b 0001 04 0b01 0b01 0001 'a' 00", ProtocolError, 7),
  bad('SUBSCRIBE with 65,537 filters', [4], `82 868010 0001 ${"0001 'a' 00".repeat(65_537)}`, QuotaExceeded, 262_150),
  bad('SUBACK without a reason code', ALL, '90 02 0001', MalformedPacket, 4),
  bad('SUBACK of 3.1.1 with a reason code of 5.0', BEFORE_5, '90 03 0001 87', ProtocolError, 4),
  bad('SUBACK with a reason code of another packet', [5], '90 04 0001 00 03', ProtocolError, 5),
  bad('UNSUBSCRIBE without a filter [MQTT-3.10.3-2]', BEFORE_5, 'a2 02 0001', ProtocolError, 4),
  bad('UNSUBSCRIBE without a filter in 5.0', [5], 'a2 03 0001 00', ProtocolError, 5),
  bad('UNSUBSCRIBE that ends within a filter', BEFORE_5, "a2 05 0001 0002 'a'", MalformedPacket, 7),
  bad('UNSUBACK with reason codes below 5.0', BEFORE_5, 'b0 03 0001 00', MalformedPacket, 4),
  bad('UNSUBACK without a reason code', [5], 'b0 03 0001 00', MalformedPacket, 5),
  bad('UNSUBACK with a reason code of another packet', [5], 'b0 04 0001 00 01', ProtocolError, 5),
]

const REST: readonly Malformed[] = [
  bad('PINGREQ with a byte', ALL, 'c0 01 00', MalformedPacket, 2),
  bad('PINGRESP with a byte', ALL, 'd0 01 00', MalformedPacket, 2),
  bad('DISCONNECT with a byte', BEFORE_5, 'e0 01 00', MalformedPacket, 2),
  bad('DISCONNECT with a reason code of another packet', [5], 'e0 01 84', ProtocolError, 2),
  bad('DISCONNECT with a byte too many', [5], 'e0 03 00 00 00', MalformedPacket, 4),
  bad('AUTH with a reason code and no Property Length', [5], 'f0 01 18', MalformedPacket, 3),
  bad('AUTH with a reason code of another packet', [5], 'f0 02 87 00', ProtocolError, 2),
  bad('AUTH with a byte too many', [5], 'f0 03 18 00 00', MalformedPacket, 4),
]

function bad(
  name: string,
  versions: readonly ProtocolVersion[],
  bytes: string,
  reasonCode: number,
  offset: number,
): Malformed {
  return { name, versions, bytes, reasonCode, offset }
}

/** Every way to be wrong that the decoder knows, but for the properties (properties.test.ts). */
export const MALFORMED: readonly (Malformed & { packet: string })[] = [
  ...named('header', HEADER),
  ...named('CONNECT', CONNECT),
  ...named('CONNACK', CONNACK),
  ...named('PUBLISH', PUBLISH),
  ...named('acknowledgement', ACKNOWLEDGEMENTS),
  ...named('subscription', SUBSCRIPTIONS),
  ...named('rest', REST),
]

function named(packet: string, samples: readonly Malformed[]): (Malformed & { packet: string })[] {
  return samples.map((sample) => ({ ...sample, packet }))
}

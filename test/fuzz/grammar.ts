import {
  type AcknowledgementPacket,
  type ConnectPacket,
  type Packet,
  PacketType,
  type Properties,
  type ProtocolVersion,
  type PublishPacket,
  type QoS,
  type SubscribePacket,
  type WillMessage,
} from '../../src/protocol/index.ts'
import { encodeToBytes } from '../unit/protocol/support.ts'
import { malformedSample, mutate } from './mutate.ts'
import type { Random } from './random.ts'

/**
 * Packets that a client may send, nearly may send, and may not send. All names come from small sets, so that clients meet:
 * they share topics, filters and Client Identifiers, and what they leave behind in the broker is bounded.
 */

const VERSIONS: readonly ProtocolVersion[] = [3, 4, 4, 5, 5, 5]
const QOS: readonly QoS[] = [0, 1, 2]
const CLIENT_IDS = ['', 'f0', 'f1', 'f2', 'f3', 'f4', 'f5', 'f6', 'f7', 'f8', 'ä'.repeat(200)]
const TOPICS = ['a', 'b', 'a/b', 'a/b/c', 'a//b', '/', '$SYS/x', '$odd', 'ä/€', 'a/*', 'x'.repeat(300), 'a/'.repeat(60)]
const FILTERS = [
  ...['#', '+', 'a', 'a/#', 'a/+', '+/b', '+/+/c', '/+', 'a//b', 'a/*', '*', '$SYS/#', '$odd', 'ä/+', 'a/#/b', 'a+'],
  ...['$share/g/#', '$share/g/a', '$share/g/a/+', '$share/h/a', '$share//a', '$share/g', '$share/+/a', ''],
]
const SIZES = [0, 0, 1, 1, 2, 2, 10, 10, 100, 100, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 1000, 16_383]
const LARGE = 70_000
/** The longest text that a packet has room for, and one that has none left for what the broker adds. */
const LONG_TEXTS = ['l'.repeat(65_535), 'm'.repeat(65_533)]
const KEEP_ALIVES = [0, 0, 10, 60, 65_535]
const PACKET_IDS = [1, 1, 2, 2, 3, 4, 5, 20, 65_535]
/** Seconds. What stays after a client is gone must go soon, or the broker's memory would grow by right. */
const EXPIRIES = [0, 1, 2, 3]

const ONE_MUTATED_IN = 12

export interface Written {
  bytes: Uint8Array
  /** It was changed after it was valid, or never was. */
  broken: boolean
}

export function pickVersion(random: Random): ProtocolVersion {
  return random.pick(VERSIONS)
}

/** The packets of one connection: most often CONNECT first, and then anything. */
export function makePackets(random: Random, version: ProtocolVersion): Written[] {
  const packets: Written[] = []
  if (random.below(20) !== 0) packets.push(writtenConnect(random, version))
  for (let left = random.below(24); left > 0; left--) packets.push(makePacket(random, version))
  return packets
}

function makePacket(random: Random, version: ProtocolVersion): Written {
  const kind = random.below(100)
  if (kind < 4) return { bytes: malformedSample(random, version), broken: true }
  if (kind < 5) return { bytes: noise(random), broken: true }
  return written(kindOfPacket(kind, random, version), version, random)
}

function kindOfPacket(kind: number, random: Random, version: ProtocolVersion): Packet {
  if (kind < 40) return makePublish(random, version)
  if (kind < 60) return makeSubscribe(random, version)
  if (kind < 67) {
    const filters = Array.from({ length: 1 + random.below(4) }, () => random.pick(FILTERS))
    return { type: PacketType.Unsubscribe, packetId: random.pick(PACKET_IDS), filters, properties: {} }
  }
  if (kind < 89) return makeAcknowledgement(random, version)
  if (kind < 93) return { type: PacketType.Pingreq }
  if (kind < 96) return makeDisconnect(random, version)
  if (kind < 98) return makeAuth(random, version)
  return kind === 98 ? makeConnect(random, version) : { type: PacketType.Pingresp }
}

function written(packet: Packet, version: ProtocolVersion, random: Random): Written {
  const bytes = encodeToBytes(packet, version)
  if (random.below(ONE_MUTATED_IN) !== 0) return { bytes, broken: false }
  return { bytes: mutate(bytes, random, version), broken: true }
}

/** Its Session ends with the connection if it is to be broken: with other names and numbers in it, it might stay. */
function writtenConnect(random: Random, version: ProtocolVersion): Written {
  const packet = makeConnect(random, version)
  if (random.below(ONE_MUTATED_IN) !== 0) return { bytes: encodeToBytes(packet, version), broken: false }
  delete packet.properties.sessionExpiryInterval
  return { bytes: mutate(encodeToBytes({ ...packet, cleanStart: true }, version), random, version), broken: true }
}

function makeConnect(random: Random, version: ProtocolVersion): ConnectPacket {
  const properties: Properties = {}
  if (version === 5) {
    properties.sessionExpiryInterval = random.pick(EXPIRIES)
    maybe(random, () => (properties.receiveMaximum = random.pick([1, 2, 10, 65_535])))
    maybe(random, () => (properties.maximumPacketSize = random.pick([2, 10, 40, 200, 5000, 0xffff_ffff])))
    maybe(random, () => (properties.topicAliasMaximum = random.pick([0, 1, 3, 65_535])))
    maybe(random, () => (properties.requestProblemInformation = random.below(2) === 0))
    properties.requestResponseInformation = random.below(2) === 0
    maybe(random, () => (properties.userProperties = [['a', 'b']]))
    if (random.below(15) === 0) properties.authenticationMethod = random.pick(['SCRAM-SHA-256', 'x'])
  }
  const username = random.below(4) === 0 ? 'ada' : null
  return {
    type: PacketType.Connect,
    version,
    cleanStart: random.below(2) === 0,
    keepAlive: random.pick(KEEP_ALIVES),
    clientId: random.pick(random.below(20) === 0 ? LONG_TEXTS : CLIENT_IDS),
    will: random.below(3) === 0 ? makeWill(random, version) : null,
    username,
    password: username === null ? null : noise(random),
    properties,
    bridge: version !== 5 && random.below(8) === 0,
  }
}

function makeWill(random: Random, version: ProtocolVersion): WillMessage {
  const properties: Properties = version === 5 ? messageProperties(random) : {}
  if (version === 5) maybe(random, () => (properties.willDelayInterval = random.pick(EXPIRIES)))
  const qos = random.pick(QOS)
  return { topic: random.pick(TOPICS), payload: payload(random), qos, retain: random.below(4) === 0, properties }
}

function makePublish(random: Random, version: ProtocolVersion): PublishPacket {
  const qos = random.pick(QOS)
  const properties = version === 5 ? messageProperties(random) : {}
  let topic = random.pick(random.below(50) === 0 ? LONG_TEXTS : TOPICS)
  if (version === 5 && random.below(5) === 0) {
    properties.topicAlias = random.pick([1, 2, 10, 11, 65_535])
    if (random.below(2) === 0) topic = ''
  }
  const packetId = qos === 0 ? 0 : random.pick(PACKET_IDS)
  const dup = qos > 0 && random.below(6) === 0
  const retain = random.below(5) === 0
  const body = random.below(50) === 0 ? new Uint8Array(LARGE) : payload(random)
  return { type: PacketType.Publish, topic, payload: body, qos, retain, dup, packetId, properties }
}

function messageProperties(random: Random): Properties {
  const properties: Properties = {}
  maybe(random, () => (properties.payloadFormatIndicator = random.below(2)))
  maybe(random, () => (properties.messageExpiryInterval = random.pick([0, 1, 2, 0xffff_ffff])))
  maybe(random, () => (properties.contentType = 'text'))
  maybe(random, () => (properties.responseTopic = random.pick(['a', 'a/b'])))
  maybe(random, () => (properties.correlationData = noise(random)))
  maybe(random, () => (properties.userProperties = Array.from({ length: random.below(4) }, () => ['n', 'ä'])))
  return properties
}

function makeSubscribe(random: Random, version: ProtocolVersion): SubscribePacket {
  const properties: Properties = {}
  if (version === 5) maybe(random, () => (properties.subscriptionIdentifiers = [random.pick([1, 2, 268_435_455])]))
  const subscriptions = Array.from({ length: 1 + random.below(5) }, () => ({
    filter: random.pick(FILTERS),
    qos: random.pick(QOS),
    noLocal: version === 5 && random.below(5) === 0,
    retainAsPublished: version === 5 && random.below(2) === 0,
    retainHandling: version === 5 ? random.pick([0, 1, 2] as const) : (0 as const),
  }))
  return { type: PacketType.Subscribe, packetId: random.pick(PACKET_IDS), subscriptions, properties }
}

function makeAcknowledgement(random: Random, version: ProtocolVersion): AcknowledgementPacket {
  const { Puback, Pubrec, Pubrel, Pubcomp } = PacketType
  const type = random.pick([Puback, Pubrec, Pubrel, Pubrel, Pubcomp])
  const codes = type === Pubrel || type === Pubcomp ? [0, 0, 0x92] : [0, 0, 0x10, 0x80, 0x87, 0x97]
  return { type, packetId: random.pick(PACKET_IDS), reasonCode: version === 5 ? random.pick(codes) : 0, properties: {} }
}

function makeDisconnect(random: Random, version: ProtocolVersion): Packet {
  const properties: Properties = {}
  if (version === 5) maybe(random, () => (properties.sessionExpiryInterval = random.pick(EXPIRIES)))
  return { type: PacketType.Disconnect, reasonCode: version === 5 ? random.pick([0, 4, 0x80]) : 0, properties }
}

function makeAuth(random: Random, version: ProtocolVersion): Packet {
  if (version !== 5) return { type: PacketType.Pingreq }
  const properties: Properties = { authenticationMethod: random.pick(['SCRAM-SHA-256', 'x']) }
  maybe(random, () => (properties.authenticationData = noise(random)))
  return { type: PacketType.Auth, reasonCode: random.pick([0, 0x18, 0x19]), properties }
}

function payload(random: Random): Uint8Array {
  return new Uint8Array(random.pick(SIZES)).fill(random.below(256))
}

function noise(random: Random): Uint8Array {
  return Uint8Array.from({ length: 1 + random.below(30) }, () => random.below(256))
}

function maybe(random: Random, act: () => unknown): void {
  if (random.below(4) === 0) act()
}

import {
  type AcknowledgementPacket,
  type AuthPacket,
  type ConnackPacket,
  type ConnectPacket,
  type DisconnectPacket,
  type Packet,
  PacketType,
  type Properties,
  type ProtocolVersion,
  type PublishPacket,
  type QoS,
  ReasonCode,
  reasonCodeFits,
  type SubackPacket,
  type SubscribePacket,
  type SubscriptionRequest,
  type UnsubackPacket,
  type UnsubscribePacket,
  type WillMessage,
} from '../../../src/protocol/index.ts'
import { fc } from '../../support/fast-check.ts'

/** Plain objects, which are equal to what the decoder makes. */
function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>
}

const codes = [...new Set<number>(Object.values(ReasonCode))]
const bytes = fc.uint8Array({ maxLength: 20 }).map((array) => Uint8Array.from(array))
const string = fc.oneof(fc.string(), fc.string({ unit: 'binary', maxLength: 12 })).map((s) => s.replaceAll('\0', ''))
const topicName = string.map((s) => s.replace(/[+#]/g, '/') || 'a')
const twoBytes = fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.constantFrom(0, 127, 128, 255, 256, 0xffff))
const fourBytes = fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(0, 0x7fff_ffff, 0xffff_ffff))
const packetId = fc.integer({ min: 1, max: 0xffff })
const qos = fc.constantFrom<QoS>(0, 1, 2)
const atLeastOne = (numbers: fc.Arbitrary<number>) => numbers.map((n) => n || 1)
const identifier = fc.oneof(fc.integer({ min: 1, max: 268_435_455 }), fc.constantFrom(127, 128, 16_384, 2_097_152))

/** A value of every property. */
const VALUES = {
  payloadFormatIndicator: fc.constantFrom(0, 1),
  messageExpiryInterval: fourBytes,
  contentType: string,
  responseTopic: topicName,
  correlationData: bytes,
  subscriptionIdentifiers: fc.array(identifier, { minLength: 1, maxLength: 4 }),
  sessionExpiryInterval: fourBytes,
  assignedClientIdentifier: string,
  serverKeepAlive: twoBytes,
  authenticationMethod: string,
  authenticationData: bytes,
  requestProblemInformation: fc.boolean(),
  willDelayInterval: fourBytes,
  requestResponseInformation: fc.boolean(),
  responseInformation: string,
  serverReference: string,
  reasonString: string,
  receiveMaximum: atLeastOne(twoBytes),
  topicAliasMaximum: twoBytes,
  topicAlias: atLeastOne(twoBytes),
  maximumQoS: fc.constantFrom<0 | 1>(0, 1),
  retainAvailable: fc.boolean(),
  userProperties: fc.array(fc.tuple(string, string), { minLength: 1, maxLength: 4 }),
  maximumPacketSize: atLeastOne(fourBytes),
  wildcardSubscriptionAvailable: fc.boolean(),
  subscriptionIdentifiersAvailable: fc.boolean(),
  sharedSubscriptionAvailable: fc.boolean(),
} as const satisfies { [name in keyof Properties]-?: fc.Arbitrary<Properties[name]> }

type PropertyName = keyof Properties

/** Any of the named properties; none below MQTT 5.0. */
function properties(version: ProtocolVersion, ...names: PropertyName[]): fc.Arbitrary<Properties> {
  if (version !== 5) return fc.constant({})
  const chosen = Object.fromEntries([...names, 'userProperties' as const].map((name) => [name, VALUES[name]]))
  return fc.record(chosen, { requiredKeys: [], noNullPrototype: true }) as fc.Arbitrary<Properties>
}

const MESSAGE_PROPERTIES: readonly PropertyName[] = [
  'payloadFormatIndicator',
  'contentType',
  'responseTopic',
  'correlationData',
]

/** Properties that a broker forwards as they came. */
export const forwardableProperties: fc.Arbitrary<Properties> = properties(5, ...MESSAGE_PROPERTIES)

function reasonCode(version: ProtocolVersion, type: PacketType): fc.Arbitrary<number> {
  return version === 5 ? fc.constantFrom(...codes.filter((code) => reasonCodeFits(type, code))) : fc.constant(0)
}

function will(version: ProtocolVersion): fc.Arbitrary<WillMessage> {
  return record({
    topic: topicName,
    payload: bytes,
    qos,
    retain: fc.boolean(),
    properties: properties(version, 'willDelayInterval', 'messageExpiryInterval', ...MESSAGE_PROPERTIES),
  })
}

function connect(version: ProtocolVersion): fc.Arbitrary<ConnectPacket> {
  const own = properties(
    version,
    'sessionExpiryInterval',
    'receiveMaximum',
    'maximumPacketSize',
    'topicAliasMaximum',
    'requestResponseInformation',
    'requestProblemInformation',
    'authenticationMethod',
    'authenticationData',
  )
  const fields = record<ConnectPacket>({
    type: fc.constant(PacketType.Connect),
    version: fc.constant(version),
    cleanStart: fc.boolean(),
    keepAlive: twoBytes,
    clientId: string,
    will: fc.option(will(version)),
    username: fc.option(string),
    password: fc.option(bytes),
    properties: own,
    bridge: version === 5 ? fc.constant(false) : fc.boolean(),
  })
  return fields.map((packet) => {
    if (version !== 5 && packet.username === null) packet.password = null
    if (packet.properties.authenticationMethod === undefined) delete packet.properties.authenticationData
    return packet
  })
}

function connack(version: ProtocolVersion): fc.Arbitrary<ConnackPacket> {
  const names = Object.keys(VALUES) as PropertyName[]
  const others: PropertyName[] = [
    ...MESSAGE_PROPERTIES,
    'messageExpiryInterval',
    'subscriptionIdentifiers',
    'requestProblemInformation',
    'willDelayInterval',
    'requestResponseInformation',
    'topicAlias',
  ]
  return record<ConnackPacket>({
    type: fc.constant(PacketType.Connack),
    sessionPresent: version === 3 ? fc.constant(false) : fc.boolean(),
    reasonCode: version === 5 ? reasonCode(5, PacketType.Connack) : fc.integer({ min: 0, max: 5 }),
    properties: properties(version, ...names.filter((name) => !others.includes(name))),
  })
}

function publish(version: ProtocolVersion): fc.Arbitrary<PublishPacket> {
  const own = properties(
    version,
    'topicAlias',
    'messageExpiryInterval',
    'subscriptionIdentifiers',
    ...MESSAGE_PROPERTIES,
  )
  const fields = record<PublishPacket>({
    type: fc.constant(PacketType.Publish),
    topic: topicName,
    payload: fc.oneof(bytes, fc.constant(new Uint8Array(300))),
    qos,
    retain: fc.boolean(),
    dup: fc.boolean(),
    packetId,
    properties: own,
  })
  return fc.tuple(fields, fc.boolean()).map(([packet, omitTopic]) => {
    if (packet.qos === 0) Object.assign(packet, { packetId: 0, dup: false })
    if (omitTopic && packet.properties.topicAlias !== undefined) packet.topic = ''
    return packet
  })
}

function others(version: ProtocolVersion): fc.Arbitrary<Packet>[] {
  const { Puback, Pubrec, Pubrel, Pubcomp, Subscribe, Suback, Unsubscribe, Unsuback } = PacketType
  const flag = version === 5 ? fc.boolean() : fc.constant(false)
  const subscription = record<SubscriptionRequest>({
    filter: string,
    qos,
    noLocal: flag,
    retainAsPublished: flag,
    retainHandling: version === 5 ? fc.constantFrom<0 | 1 | 2>(0, 1, 2) : fc.constant<0>(0),
  })
  const grant = version === 5 ? reasonCode(5, Suback) : fc.constantFrom(0, 1, 2, 0x80)
  const answer = properties(version, 'reasonString')
  const one = { minLength: 1, maxLength: 5 }
  const single = properties(version, 'subscriptionIdentifiers').map((own) => {
    if (own.subscriptionIdentifiers !== undefined) own.subscriptionIdentifiers.length = 1
    return own
  })
  return [
    ...[Puback, Pubrec, Pubrel, Pubcomp].map((type) =>
      record<AcknowledgementPacket>({
        type: fc.constant(type),
        packetId,
        reasonCode: reasonCode(version, type),
        properties: answer,
      }),
    ),
    record<SubscribePacket>({
      type: fc.constant(Subscribe),
      packetId,
      subscriptions: fc.array(subscription, one),
      properties: single,
    }),
    record<SubackPacket>({
      type: fc.constant(Suback),
      packetId,
      reasonCodes: fc.array(grant, one),
      properties: answer,
    }),
    record<UnsubscribePacket>({
      type: fc.constant(Unsubscribe),
      packetId,
      filters: fc.array(string, one),
      properties: properties(version),
    }),
    record<UnsubackPacket>({
      type: fc.constant(Unsuback),
      packetId,
      reasonCodes: version === 5 ? fc.array(reasonCode(5, Unsuback), one) : fc.constant<number[]>([]),
      properties: answer,
    }),
    fc.constant<Packet>({ type: PacketType.Pingreq }),
    fc.constant<Packet>({ type: PacketType.Pingresp }),
    record<DisconnectPacket>({
      type: fc.constant(PacketType.Disconnect),
      reasonCode: reasonCode(version, PacketType.Disconnect),
      properties: properties(version, 'sessionExpiryInterval', 'serverReference', 'reasonString'),
    }),
  ]
}

const auth = record<AuthPacket>({
  type: fc.constant(PacketType.Auth),
  reasonCode: reasonCode(5, PacketType.Auth),
  properties: properties(5, 'authenticationMethod', 'authenticationData', 'reasonString'),
})

/** Any packet but CONNECT, which says its version itself. */
export function anyPacketAfterConnect(version: ProtocolVersion): fc.Arbitrary<Packet> {
  const all: fc.Arbitrary<Packet>[] = [connack(version), publish(version), ...others(version)]
  if (version === 5) all.push(auth)
  return fc.oneof(...all)
}

export function anyConnect(version: ProtocolVersion): fc.Arbitrary<ConnectPacket> {
  return connect(version)
}

export const anyTopicName: fc.Arbitrary<string> = topicName
export const anyPayload: fc.Arbitrary<Uint8Array> = bytes
export const anyIdentifier: fc.Arbitrary<number> = identifier

import { PacketType, ReasonCode, type SubscriptionRequest } from '../../../src/protocol/index.ts'
import type { Sample } from './samples.ts'

const request: SubscriptionRequest = {
  filter: 'a',
  qos: 0,
  noLocal: false,
  retainAsPublished: false,
  retainHandling: 0,
}

export const SUBSCRIPTION_SAMPLES: readonly Sample[] = [
  {
    name: 'SUBSCRIBE',
    versions: [3, 4],
    bytes: "82 06 0001 0001 'a' 00",
    packet: { type: PacketType.Subscribe, packetId: 1, subscriptions: [request], properties: {} },
  },
  {
    name: 'SUBSCRIBE of MQTT 3.1 with DUP',
    versions: [3],
    bytes: "8a 06 0001 0001 'a' 00",
    packet: { type: PacketType.Subscribe, packetId: 1, subscriptions: [request], properties: {} },
    decodeOnly: true,
  },
  {
    name: 'SUBSCRIBE with three filters',
    versions: [3, 4],
    bytes: "82 12 ffff 0001 'a' 00 0003 'b/+' 01 0003 'c/#' 02",
    packet: {
      type: PacketType.Subscribe,
      packetId: 65_535,
      subscriptions: [request, { ...request, filter: 'b/+', qos: 1 }, { ...request, filter: 'c/#', qos: 2 }],
      properties: {},
    },
  },
  {
    name: 'SUBSCRIBE of MQTT 5.0',
    versions: [5],
    bytes: "82 07 0001 00 0001 'a' 00",
    packet: { type: PacketType.Subscribe, packetId: 1, subscriptions: [request], properties: {} },
  },
  {
    name: 'SUBSCRIBE of MQTT 5.0 with every option and property',
    versions: [5],
    bytes: "82 1c 0001 0a 0b 8001 26 0001 'k' 0001 'v' 0001 'a' 04 0001 'a' 19 0001 'a' 2e 0000 02",
    packet: {
      type: PacketType.Subscribe,
      packetId: 1,
      subscriptions: [
        { ...request, noLocal: true },
        { ...request, qos: 1, retainAsPublished: true, retainHandling: 1 },
        { ...request, qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 2 },
        { ...request, filter: '', qos: 2 },
      ],
      properties: { subscriptionIdentifiers: [128], userProperties: [['k', 'v']] },
    },
  },
  {
    name: 'SUBACK',
    versions: [3, 4],
    bytes: '90 06 0001 00 01 02 80',
    packet: { type: PacketType.Suback, packetId: 1, reasonCodes: [0, 1, 2, 0x80], properties: {} },
  },
  {
    name: 'SUBACK of MQTT 5.0',
    versions: [5],
    bytes: '90 08 0001 00 00 01 02 87 a2',
    packet: {
      type: PacketType.Suback,
      packetId: 1,
      reasonCodes: [0, 1, 2, ReasonCode.NotAuthorized, ReasonCode.WildcardSubscriptionsNotSupported],
      properties: {},
    },
  },
  {
    name: 'SUBACK with all properties',
    versions: [5],
    bytes: "90 0f 0001 0b 1f 0001 'r' 26 0001 'k' 0001 'v' 00",
    packet: {
      type: PacketType.Suback,
      packetId: 1,
      reasonCodes: [0],
      properties: { reasonString: 'r', userProperties: [['k', 'v']] },
    },
  },
  {
    name: 'UNSUBSCRIBE',
    versions: [3, 4],
    bytes: "a2 0a 0001 0001 'a' 0003 'b/#'",
    packet: { type: PacketType.Unsubscribe, packetId: 1, filters: ['a', 'b/#'], properties: {} },
  },
  {
    name: 'UNSUBSCRIBE of MQTT 5.0',
    versions: [5],
    bytes: "a2 06 0001 00 0001 'a'",
    packet: { type: PacketType.Unsubscribe, packetId: 1, filters: ['a'], properties: {} },
  },
  {
    name: 'UNSUBSCRIBE with all properties',
    versions: [5],
    bytes: "a2 0d 0001 07 26 0001 'k' 0001 'v' 0001 'a'",
    packet: {
      type: PacketType.Unsubscribe,
      packetId: 1,
      filters: ['a'],
      properties: { userProperties: [['k', 'v']] },
    },
  },
  {
    name: 'UNSUBACK',
    versions: [3, 4],
    bytes: 'b0 02 0001',
    packet: { type: PacketType.Unsuback, packetId: 1, reasonCodes: [], properties: {} },
  },
  {
    name: 'UNSUBACK of MQTT 5.0',
    versions: [5],
    bytes: 'b0 06 0001 00 00 11 8f',
    packet: { type: PacketType.Unsuback, packetId: 1, reasonCodes: [0, 0x11, 0x8f], properties: {} },
  },
  {
    name: 'UNSUBACK with all properties',
    versions: [5],
    bytes: "b0 0f 0001 0b 1f 0001 'r' 26 0001 'k' 0001 'v' 00",
    packet: {
      type: PacketType.Unsuback,
      packetId: 1,
      reasonCodes: [0],
      properties: { reasonString: 'r', userProperties: [['k', 'v']] },
    },
  },
]

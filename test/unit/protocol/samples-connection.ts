import { type ConnectPacket, PacketType, ReasonCode } from '../../../src/protocol/index.ts'
import type { Sample } from './samples.ts'
import { wire } from './support.ts'

const connect: ConnectPacket = {
  type: PacketType.Connect,
  version: 4,
  cleanStart: true,
  keepAlive: 60,
  clientId: 'abc',
  will: null,
  username: null,
  password: null,
  properties: {},
  bridge: false,
}
const will = { topic: 'w', payload: wire("'bye'"), qos: 0, retain: false, properties: {} } as const

const CONNECT: readonly Sample[] = [
  {
    name: 'CONNECT of MQTT 3.1',
    versions: [3, 4, 5],
    bytes: "10 11 0006 'MQIsdp' 03 02 003c 0003 'abc'",
    packet: { ...connect, version: 3 },
  },
  {
    name: 'CONNECT of MQTT 3.1.1',
    versions: [3, 4, 5],
    bytes: "10 0f 0004 'MQTT' 04 02 003c 0003 'abc'",
    packet: connect,
  },
  {
    name: 'CONNECT of MQTT 5.0',
    versions: [3, 4, 5],
    bytes: "10 10 0004 'MQTT' 05 02 003c 00 0003 'abc'",
    packet: { ...connect, version: 5 },
  },
  {
    name: 'CONNECT with everything that MQTT 3.1.1 has',
    versions: [4],
    bytes: "10 1f 0004 'MQTT' 04 f4 ffff 0003 'abc' 0001 'w' 0003 'bye' 0002 'me' 0002 00ff",
    packet: {
      ...connect,
      cleanStart: false,
      keepAlive: 65_535,
      will: { ...will, qos: 2, retain: true },
      username: 'me',
      password: wire('00ff'),
    },
  },
  {
    name: 'CONNECT of a bridge, MQTT 3.1',
    versions: [4],
    bytes: "10 11 0006 'MQIsdp' 83 00 0000 0003 'abc'",
    packet: { ...connect, version: 3, cleanStart: false, keepAlive: 0, bridge: true },
  },
  {
    name: 'CONNECT of a bridge, MQTT 3.1.1',
    versions: [4],
    bytes: "10 0f 0004 'MQTT' 84 02 003c 0003 'abc'",
    packet: { ...connect, bridge: true },
  },
  {
    name: 'CONNECT with an empty client identifier',
    versions: [4],
    bytes: "10 0c 0004 'MQTT' 04 02 003c 0000",
    packet: { ...connect, clientId: '' },
  },
  {
    name: 'CONNECT with an empty will payload, user name and password',
    versions: [4],
    bytes: "10 18 0004 'MQTT' 04 c6 003c 0003 'abc' 0001 'w' 0000 0000 0000",
    packet: { ...connect, will: { ...will, payload: wire('') }, username: '', password: wire('') },
  },
  {
    name: 'CONNECT of MQTT 3.1 that ends before the user name and password that it announces',
    versions: [4],
    bytes: "10 11 0006 'MQIsdp' 03 c2 003c 0003 'abc'",
    packet: { ...connect, version: 3 },
    decodeOnly: true,
  },
  {
    name: 'CONNECT of MQTT 3.1 that ends before the password that it announces',
    versions: [4],
    bytes: "10 15 0006 'MQIsdp' 03 c2 003c 0003 'abc' 0002 'me'",
    packet: { ...connect, version: 3, username: 'me' },
    decodeOnly: true,
  },
  {
    name: 'CONNECT of MQTT 3.1 with the flag that later versions reserve',
    versions: [4],
    bytes: "10 11 0006 'MQIsdp' 03 03 003c 0003 'abc'",
    packet: { ...connect, version: 3 },
    decodeOnly: true,
  },
  {
    name: 'CONNECT of MQTT 3.1.1 with a Remaining Length of fixed size',
    versions: [4],
    bytes: "10 8f808000 0004 'MQTT' 04 02 003c 0003 'abc'",
    packet: connect,
    decodeOnly: true,
  },
  {
    name: 'CONNECT of MQTT 5.0 with a password and no user name',
    versions: [4],
    bytes: "10 14 0004 'MQTT' 05 42 003c 00 0003 'abc' 0002 'pw'",
    packet: { ...connect, version: 5, password: wire("'pw'") },
  },
  {
    name: 'CONNECT of MQTT 5.0 with all properties and a will with all of its',
    versions: [4],
    bytes:
      "10 71 0004 'MQTT' 05 ce 003c" +
      " 29 11 0000000a 21 0014 27 00001000 22 0005 19 01 17 00 26 0001 'k' 0001 'v' 26 0000 0000" +
      " 15 0001 'm' 16 0002 beef 0003 'abc'" +
      " 27 18 00000005 01 01 02 0000003c 03 0001 't' 08 0001 'r' 09 0002 c0de 26 0001 'a' 0001 'b'" +
      "    26 0001 'a' 0001 'c'" +
      " 0001 'w' 0003 'bye' 0002 'me' 0002 'pw'",
    packet: {
      ...connect,
      version: 5,
      properties: {
        sessionExpiryInterval: 10,
        receiveMaximum: 20,
        maximumPacketSize: 4096,
        topicAliasMaximum: 5,
        requestResponseInformation: true,
        requestProblemInformation: false,
        userProperties: [
          ['k', 'v'],
          ['', ''],
        ],
        authenticationMethod: 'm',
        authenticationData: wire('beef'),
      },
      will: {
        topic: 'w',
        payload: wire("'bye'"),
        qos: 1,
        retain: false,
        properties: {
          willDelayInterval: 5,
          payloadFormatIndicator: 1,
          messageExpiryInterval: 60,
          contentType: 't',
          responseTopic: 'r',
          correlationData: wire('c0de'),
          userProperties: [
            ['a', 'b'],
            ['a', 'c'],
          ],
        },
      },
      username: 'me',
      password: wire("'pw'"),
    },
  },
]

const CONNACK: readonly Sample[] = [
  {
    name: 'CONNACK that accepts',
    versions: [3, 4],
    bytes: '20 02 00 00',
    packet: { type: PacketType.Connack, sessionPresent: false, reasonCode: 0, properties: {} },
  },
  {
    name: 'CONNACK with Session Present',
    versions: [4],
    bytes: '20 02 01 00',
    packet: { type: PacketType.Connack, sessionPresent: true, reasonCode: 0, properties: {} },
  },
  {
    name: 'CONNACK of MQTT 3.1, which does not use the first byte',
    versions: [3],
    bytes: '20 02 ff 00',
    packet: { type: PacketType.Connack, sessionPresent: false, reasonCode: 0, properties: {} },
    decodeOnly: true,
  },
  {
    name: 'CONNACK that refuses, with the last Connect Return code',
    versions: [3, 4],
    bytes: '20 02 00 05',
    packet: { type: PacketType.Connack, sessionPresent: false, reasonCode: 5, properties: {} },
  },
  {
    name: 'CONNACK of MQTT 5.0',
    versions: [5],
    bytes: '20 03 01 00 00',
    packet: { type: PacketType.Connack, sessionPresent: true, reasonCode: 0, properties: {} },
  },
  {
    name: 'CONNACK of MQTT 5.0 that refuses',
    versions: [5],
    bytes: "20 09 00 87 06 1f 0003 'no!'",
    packet: {
      type: PacketType.Connack,
      sessionPresent: false,
      reasonCode: ReasonCode.NotAuthorized,
      properties: { reasonString: 'no!' },
    },
  },
  {
    name: 'CONNACK with all properties',
    versions: [5],
    bytes:
      '20 42 00 00 3f 11 ffffffff 21 ffff 24 01 25 00 27 ffffffff' +
      " 12 0003 'id1' 22 0001 1f 0001 'r' 26 0001 'k' 0001 'v' 28 00 29 01 2a 00 13 012c" +
      " 1a 0001 'i' 1c 0002 'ab' 15 0001 'm' 16 0001 00",
    packet: {
      type: PacketType.Connack,
      sessionPresent: false,
      reasonCode: 0,
      properties: {
        sessionExpiryInterval: 0xffff_ffff,
        receiveMaximum: 65_535,
        maximumQoS: 1,
        retainAvailable: false,
        maximumPacketSize: 0xffff_ffff,
        assignedClientIdentifier: 'id1',
        topicAliasMaximum: 1,
        reasonString: 'r',
        userProperties: [['k', 'v']],
        wildcardSubscriptionAvailable: false,
        subscriptionIdentifiersAvailable: true,
        sharedSubscriptionAvailable: false,
        serverKeepAlive: 300,
        responseInformation: 'i',
        serverReference: 'ab',
        authenticationMethod: 'm',
        authenticationData: wire('00'),
      },
    },
  },
]

const REST: readonly Sample[] = [
  { name: 'PINGREQ', versions: [3, 4, 5], bytes: 'c0 00', packet: { type: PacketType.Pingreq } },
  { name: 'PINGRESP', versions: [3, 4, 5], bytes: 'd0 00', packet: { type: PacketType.Pingresp } },
  {
    name: 'PINGREQ of MQTT 3.1 with flags, which it does not use',
    versions: [3],
    bytes: 'c9 00',
    packet: { type: PacketType.Pingreq },
    decodeOnly: true,
  },
  {
    name: 'DISCONNECT',
    versions: [3, 4, 5],
    bytes: 'e0 00',
    packet: { type: PacketType.Disconnect, reasonCode: 0, properties: {} },
  },
  {
    name: 'DISCONNECT with a reason code',
    versions: [5],
    bytes: 'e0 01 04',
    packet: { type: PacketType.Disconnect, reasonCode: ReasonCode.DisconnectWithWillMessage, properties: {} },
  },
  {
    name: 'DISCONNECT with a reason code and no properties, in the long form',
    versions: [5],
    bytes: 'e0 02 8e 00',
    packet: { type: PacketType.Disconnect, reasonCode: ReasonCode.SessionTakenOver, properties: {} },
    decodeOnly: true,
  },
  {
    name: 'DISCONNECT with all properties',
    versions: [5],
    bytes: "e0 15 9c 13 11 00000000 1f 0001 'r' 26 0001 'k' 0000 1c 0001 's'",
    packet: {
      type: PacketType.Disconnect,
      reasonCode: ReasonCode.UseAnotherServer,
      properties: {
        sessionExpiryInterval: 0,
        reasonString: 'r',
        userProperties: [['k', '']],
        serverReference: 's',
      },
    },
  },
  {
    name: 'AUTH that says success, in the short form',
    versions: [5],
    bytes: 'f0 00',
    packet: { type: PacketType.Auth, reasonCode: 0, properties: {} },
  },
  {
    name: 'AUTH without properties',
    versions: [5],
    bytes: 'f0 02 18 00',
    packet: { type: PacketType.Auth, reasonCode: ReasonCode.ContinueAuthentication, properties: {} },
  },
  {
    name: 'AUTH with all properties',
    versions: [5],
    bytes: "f0 16 19 14 15 0003 'sha' 16 0002 cafe 1f 0000 26 0000 0001 'v'",
    packet: {
      type: PacketType.Auth,
      reasonCode: ReasonCode.ReAuthenticate,
      properties: {
        authenticationMethod: 'sha',
        authenticationData: wire('cafe'),
        reasonString: '',
        userProperties: [['', 'v']],
      },
    },
  },
]

export const CONNECTION_SAMPLES: readonly Sample[] = [...CONNECT, ...CONNACK, ...REST]

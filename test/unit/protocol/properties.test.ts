import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  copyForwardableProperties,
  Decoder,
  decodeProperties,
  encodeProperties,
  type Packet,
  PacketType,
  type Properties,
  ProtocolError,
  ReasonCode,
} from '../../../src/protocol/index.ts'
import { Collector, decodeAll, encodeToBytes, hex, joined, LIMITS, text, wire } from './support.ts'

/** A packet of MQTT 5.0 around its properties: what comes before and after the Property Length and them. */
const CARRIERS: Record<string, [first: string, before: string, after: string]> = {
  CONNECT: ['10', "0004 'MQTT' 05 02 003c", '0000'],
  WILL: ['10', "0004 'MQTT' 05 06 003c 00 0000", "0001 'w' 0000"],
  CONNACK: ['20', '00 00', ''],
  PUBLISH: ['30', "0001 't'", ''],
  PUBACK: ['40', '0001 00', ''],
  PUBREC: ['50', '0001 00', ''],
  PUBREL: ['62', '0001 00', ''],
  PUBCOMP: ['70', '0001 00', ''],
  SUBSCRIBE: ['82', '0001', "0001 'f' 00"],
  SUBACK: ['90', '0001', '00'],
  UNSUBSCRIBE: ['a2', '0001', "0001 'f'"],
  UNSUBACK: ['b0', '0001', '00'],
  DISCONNECT: ['e0', '00', ''],
  AUTH: ['f0', '18', ''],
}

const ANSWERS = 'CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH'
const METHOD = "15 0001 'm'"

/** The table of the standard (table 2-4) once more, by hand: one value on the wire, what it is, and who may carry it. */
const TABLE: readonly [bytes: string, value: Properties, carriers: string][] = [
  ['01 01', { payloadFormatIndicator: 1 }, 'PUBLISH WILL'],
  ['02 80000001', { messageExpiryInterval: 0x8000_0001 }, 'PUBLISH WILL'],
  ["03 0002 'ct'", { contentType: 'ct' }, 'PUBLISH WILL'],
  ["08 0001 'r'", { responseTopic: 'r' }, 'PUBLISH WILL'],
  ['09 0002 00ff', { correlationData: wire('00ff') }, 'PUBLISH WILL'],
  ['0b 8080 01', { subscriptionIdentifiers: [16_384] }, 'PUBLISH SUBSCRIBE'],
  ['11 ffffffff', { sessionExpiryInterval: 0xffff_ffff }, 'CONNECT CONNACK DISCONNECT'],
  ["12 0001 'i'", { assignedClientIdentifier: 'i' }, 'CONNACK'],
  ['13 0000', { serverKeepAlive: 0 }, 'CONNACK'],
  [METHOD, { authenticationMethod: 'm' }, 'CONNECT CONNACK AUTH'],
  ['16 0001 00', { authenticationData: wire('00') }, 'CONNECT CONNACK AUTH'],
  ['17 00', { requestProblemInformation: false }, 'CONNECT'],
  ['18 00000000', { willDelayInterval: 0 }, 'WILL'],
  ['19 01', { requestResponseInformation: true }, 'CONNECT'],
  ["1a 0001 'i'", { responseInformation: 'i' }, 'CONNACK'],
  ["1c 0001 's'", { serverReference: 's' }, 'CONNACK DISCONNECT'],
  ['1f 0002 c3a4', { reasonString: 'ä' }, ANSWERS],
  ['21 0001', { receiveMaximum: 1 }, 'CONNECT CONNACK'],
  ['22 0000', { topicAliasMaximum: 0 }, 'CONNECT CONNACK'],
  ['23 ffff', { topicAlias: 65_535 }, 'PUBLISH'],
  ['24 00', { maximumQoS: 0 }, 'CONNACK'],
  ['25 01', { retainAvailable: true }, 'CONNACK'],
  ["26 0001 'k' 0000", { userProperties: [['k', '']] }, Object.keys(CARRIERS).join(' ')],
  ['27 00000001', { maximumPacketSize: 1 }, 'CONNECT CONNACK'],
  ['28 00', { wildcardSubscriptionAvailable: false }, 'CONNACK'],
  ['29 00', { subscriptionIdentifiersAvailable: false }, 'CONNACK'],
  ['2a 01', { sharedSubscriptionAvailable: true }, 'CONNACK'],
]

/** Values that a property may not have. */
const WRONG_VALUES: readonly [carrier: string, bytes: string, reasonCode: number][] = [
  ['PUBLISH', '01 02', ReasonCode.ProtocolError],
  ['WILL', '01 ff', ReasonCode.ProtocolError],
  ['SUBSCRIBE', '0b 00', ReasonCode.ProtocolError],
  ['CONNECT', '17 02', ReasonCode.ProtocolError],
  ['CONNECT', '19 02', ReasonCode.ProtocolError],
  ['CONNECT', '21 0000', ReasonCode.ProtocolError],
  ['CONNECT', '27 00000000', ReasonCode.ProtocolError],
  ['PUBLISH', '23 0000', ReasonCode.TopicAliasInvalid],
  ['CONNACK', '24 02', ReasonCode.ProtocolError],
  ['CONNACK', '25 02', ReasonCode.ProtocolError],
  ['CONNACK', '28 02', ReasonCode.ProtocolError],
  ['CONNACK', '29 02', ReasonCode.ProtocolError],
  ['CONNACK', '2a 02', ReasonCode.ProtocolError],
]

/** Such a packet, and the offset of its first property. All of these properties are shorter than 127 bytes. */
function packetWith(carrier: string, properties: Uint8Array): { bytes: Uint8Array; offset: number } {
  const [first, before, after] = CARRIERS[carrier]!
  const body = joined([wire(before), Uint8Array.of(properties.length), properties, wire(after)])
  const bytes = joined([wire(first), Uint8Array.of(body.length), body])
  return { bytes, offset: 2 + wire(before).length + 1 }
}

function propertiesOf(packet: Packet | undefined, carrier: string): Properties {
  if (packet?.type === PacketType.Connect && carrier === 'WILL') return packet.will?.properties ?? {}
  assert.ok(packet !== undefined && 'properties' in packet)
  return packet.properties
}

function assertFails(bytes: Uint8Array, reasonCode: number, offset: number): void {
  assert.throws(
    () => decodeAll(bytes, 5),
    (error) => {
      assert.ok(error instanceof ProtocolError, String(error))
      assert.deepEqual({ reasonCode: error.reasonCode, offset: error.offset }, { reasonCode, offset }, error.message)
      return true
    },
  )
}

for (const [line, value, carriers] of TABLE) {
  const [name] = Object.keys(value) as [keyof Properties]
  describe(`property ${name}`, () => {
    for (const carrier of Object.keys(CARRIERS)) {
      const allowed = carriers.split(' ').includes(carrier)
      // Authentication Data in a CONNECT needs its method.
      const withMethod = carrier === 'CONNECT' && name === 'authenticationData'
      const bytes = withMethod ? joined([wire(line), wire(METHOD)]) : wire(line)
      const packet = packetWith(carrier, bytes)
      if (!allowed) {
        test(`is no property of ${carrier}`, () => {
          assertFails(packet.bytes, ReasonCode.MalformedPacket, packet.offset)
        })
        continue
      }
      const twice = name === 'userProperties' || (name === 'subscriptionIdentifiers' && carrier === 'PUBLISH')
      test(`of ${carrier} is read, and written again`, () => {
        const [decoded] = decodeAll(packet.bytes, 5)
        assert.deepEqual(propertiesOf(decoded, carrier), withMethod ? { ...value, authenticationMethod: 'm' } : value)
        assert.equal(hex(encodeToBytes(decoded!, 5)), hex(packet.bytes))
      })
      test(`of ${carrier} comes ${twice ? 'more than once' : 'once only'}`, () => {
        const doubled = packetWith(carrier, joined([bytes, wire(line)]))
        if (twice) assert.equal((propertiesOf(decodeAll(doubled.bytes, 5)[0], carrier)[name] as unknown[]).length, 2)
        else assertFails(doubled.bytes, ReasonCode.ProtocolError, doubled.offset + bytes.length)
      })
      test(`of ${carrier} cannot end early`, () => {
        const whole = wire(line)
        for (let length = 1; length < whole.length; length++) {
          const cut = packetWith(carrier, whole.subarray(0, length))
          assertFails(cut.bytes, ReasonCode.MalformedPacket, cut.offset + length)
        }
      })
    }
  })
}

for (const [carrier, line, reasonCode] of WRONG_VALUES) {
  test(`${carrier} with the property ${line} is refused`, () => {
    const { bytes, offset } = packetWith(carrier, wire(line))
    assertFails(bytes, reasonCode, offset + 1)
  })
}

test('identifiers that are no property are malformed in every packet', () => {
  const known = new Set(TABLE.map(([line]) => wire(line)[0]))
  for (let id = 0; id < 256; id++) {
    if (known.has(id)) continue
    for (const carrier of Object.keys(CARRIERS)) {
      const { bytes, offset } = packetWith(carrier, Uint8Array.of(id, 0, 0))
      assertFails(bytes, ReasonCode.MalformedPacket, offset)
    }
  }
})

test('a packet has no more properties than the limit', () => {
  const user = wire('26 0000 0000')
  const { bytes, offset } = packetWith('PUBLISH', joined([user, user, user]))
  const decode = (maximumProperties: number) => {
    const collector = new Collector()
    const decoder = new Decoder(collector, text, { ...LIMITS, maximumProperties })
    decoder.version = 5
    decoder.receive(bytes, 0, bytes.length)
    return collector.packets.length
  }
  assert.equal(decode(3), 1)
  assert.throws(
    () => decode(2),
    (error: ProtocolError) => error.reasonCode === ReasonCode.QuotaExceeded && error.offset === offset + 10,
  )
})

describe('a run of properties', () => {
  const run =
    "23 0001 26 0001 'a' 0001 'b' 02 0000003c 0b 05 01 01 26 0001 'a' 0001 'c' 09 0002 dead 0b ffffff7f 03 0001 't'"
  const forwardable = "26 0001 'a' 0001 'b' 01 01 26 0001 'a' 0001 'c' 09 0002 dead 03 0001 't'"

  test('is copied without what is not forwarded, in order', () => {
    const source = wire(`ffff ${run} ffff`)
    const target = new Uint8Array(100)
    const copied = copyForwardableProperties(target, 3, source, 2, source.length - 2)
    assert.equal(hex(target.subarray(3, 3 + copied)), hex(wire(forwardable)))
    assert.ok(target.subarray(3 + copied).every((byte) => byte === 0))
  })

  test('of nothing to forward leaves nothing', () => {
    const source = wire('23 0001 02 0000003c')
    assert.equal(copyForwardableProperties(new Uint8Array(10), 0, source, 0, source.length), 0)
  })

  test('is the same after decodeProperties and encodeProperties', () => {
    const bytes = wire("01 01 26 0001 'a' 0001 'b' 26 0001 'a' 0001 'c' 09 0002 dead 03 0001 't'")
    assert.equal(hex(encodeProperties(decodeProperties(bytes, 0, bytes.length, text), text)), hex(bytes))
  })

  test('that a Will has loses what a PUBLISH may not carry', () => {
    assert.equal(hex(encodeProperties({ willDelayInterval: 5, contentType: 't' }, text)), hex(wire("03 0001 't'")))
  })

  test('with a property that does not exist is refused', () => {
    const bytes = wire('01 01 7f 00')
    assert.throws(() => decodeProperties(bytes, 0, bytes.length, text), { name: 'ProtocolError', offset: 2 })
    assert.throws(() => copyForwardableProperties(new Uint8Array(9), 0, bytes, 0, bytes.length), ProtocolError)
  })
})

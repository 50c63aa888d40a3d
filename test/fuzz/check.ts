import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import {
  copyForwardableProperties,
  Decoder,
  decodeProperties,
  encodedLength,
  type Packet,
  PacketType,
  ProtocolError,
  type ProtocolVersion,
  type PublishView,
  publishLength,
  type QoS,
  writePublish,
} from '../../src/protocol/index.ts'
import {
  Collector,
  encodeToBytes,
  LIMITS,
  largestArrayMade,
  newOutput,
  text,
  written,
} from '../unit/protocol/support.ts'
import type { FuzzCase } from './mutate.ts'

/** What came of some bytes: the packets, each with the version in which it was read, and how it ended. */
interface Outcome {
  packets: Packet[]
  versions: ProtocolVersion[]
  failure: { reasonCode: number; offset: number } | null
}

const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5]
/** The largest there can be, so that a lie about a length gets past the limit. */
const MAXIMUM_PACKET_SIZE = 268_435_460
/** What a decoder may set aside for an unfinished packet beside twice what came of it. */
const SPARE_BYTES = 512

/**
 * One execution: the bytes as a whole, in portions, and what came of them encoded and decoded again, must all give the
 * same, and nothing but a ProtocolError may be thrown. Returns how many packets were decoded.
 */
export function checkCase({ version, bytes, cuts }: FuzzCase): number {
  const whole = decode(bytes, version, [], new Collector())
  let portions = whole
  const largest = largestArrayMade(() => {
    portions = decode(bytes, version, cuts, new Collector())
  })
  same(portions, whole, 'in portions it is not what it is as a whole')
  assert.ok(largest <= 2 * bytes.length + SPARE_BYTES, `set ${largest} bytes aside for ${bytes.length}`)
  const forwarder = new Forwarder()
  decode(bytes, version, cuts, forwarder)
  for (const { bytes: sent, version: to, packet } of forwarder.sent) {
    same(decode(sent, to, [], new Collector()).packets, [packet], 'was forwarded wrongly')
  }
  for (const [i, packet] of whole.packets.entries()) {
    const encoded = encodeToBytes(packet, whole.versions[i]!)
    assert.equal(encodedLength(packet, whole.versions[i]!, text), encoded.length)
    same(decode(encoded, whole.versions[i]!, [], new Collector()).packets, [packet], 'is another when encoded again')
  }
  return whole.packets.length
}

function decode(bytes: Uint8Array, version: ProtocolVersion, cuts: readonly number[], collector: Collector): Outcome {
  const versions: ProtocolVersion[] = []
  const decoder = new Decoder(collector, text, { ...LIMITS, maximumPacketSize: MAXIMUM_PACKET_SIZE })
  decoder.version = version
  collector.onEach = () => versions.push(decoder.version)
  let failure: Outcome['failure'] = null
  try {
    let start = 0
    for (const end of [...cuts, bytes.length]) {
      decoder.receive(bytes, start, end)
      start = end
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    failure = { reasonCode: error.reasonCode, offset: error.offset }
    assert.ok(error.offset >= 0 && error.offset <= bytes.length, `offset ${error.offset}`)
  }
  return { packets: collector.packets, versions, failure }
}

/** Quicker than assert.deepEqual, which prepares a message that is rarely needed. */
function same(actual: unknown, expected: unknown, words: string): void {
  if (!isDeepStrictEqual(actual, expected)) assert.deepEqual(actual, expected, words)
}

/** Collects, and forwards every PUBLISH where it lies, as a broker does. */
class Forwarder extends Collector {
  readonly sent: { bytes: Uint8Array; version: ProtocolVersion; packet: Packet }[] = []

  override onPublish(view: PublishView): void {
    super.onPublish(view)
    const packet = this.packets.at(-1)!
    assert.ok(packet.type === PacketType.Publish)
    const run = new Uint8Array(view.propertiesEnd - view.propertiesStart)
    const length = copyForwardableProperties(run, 0, view.bytes, view.propertiesStart, view.propertiesEnd)
    const { topicAlias, messageExpiryInterval, subscriptionIdentifiers, ...forwardable } = packet.properties
    same(decodeProperties(run, 0, length, text), forwardable, 'has other properties when forwarded')
    assert.equal(view.topicAlias, topicAlias ?? 0)
    assert.equal(view.messageExpiryInterval, messageExpiryInterval ?? -1)
    assert.equal(view.hasSubscriptionIdentifier, subscriptionIdentifiers !== undefined)
    if (view.forwardInOne) same(view.bytes.slice(view.forwardStart, view.forwardEnd), run.slice(0, length), 'forwards')
    else assert.ok(view.forwardEnd - view.forwardStart > length)
    if (packet.topic === '' || length !== run.length) return
    for (const version of VERSIONS) {
      const qos: QoS = packet.dup ? 0 : 1
      const out = newOutput()
      const size = writePublish(out, 0x30 | (qos << 1), 1, version, view, null)
      assert.equal(size, publishLength(qos, version, view, null))
      const properties = version === 5 ? packet.properties : {}
      const expected = { ...packet, qos, dup: false, retain: false, packetId: qos, properties }
      this.sent.push({ bytes: written(out), version, packet: expected })
    }
  }
}

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type ControlPacket,
  Decoder,
  type PacketHandler,
  PacketType,
  ProtocolError,
  type ProtocolVersion,
  PublishView,
  ReasonCode,
  type SubscribePacket,
  type Text,
  type UnsubscribePacket,
} from '../../../src/protocol/index.ts'
import { Collector, encodeToBytes, joined, LIMITS, largestArrayMade, text, wire } from './support.ts'

const PING = wire('c0 00')
const PUBLISH = wire("30 07 0003 'a/b' 'hi'")

function handler(part: Partial<PacketHandler>): PacketHandler {
  return { onPublish() {}, onAcknowledgement() {}, onPacket() {}, ...part }
}

describe('Decoder', () => {
  test('reads only its range of the bytes', () => {
    const collector = new Collector()
    const bytes = joined([wire('ff ff'), PING, wire('ff')])
    new Decoder(collector, text, LIMITS).receive(bytes, 2, 4)
    assert.deepEqual(collector.packets, [{ type: PacketType.Pingreq }])
  })

  test('hands over the packets of one portion in order', () => {
    const ids: number[] = []
    const decoder = new Decoder(handler({ onAcknowledgement: (_type, id) => ids.push(id) }), text, LIMITS)
    const bytes = wire('40 02 0001 50 02 0002 62 02 0003 70 02 0004')
    decoder.receive(bytes, 0, bytes.length)
    assert.deepEqual(ids, [1, 2, 3, 4])
  })

  describe('that is suspended', () => {
    const bytes = wire("40 02 0001 30 07 0003 'a/b' 'hi' 40 02 0002 40 02 0003 c0 00")

    /** Suspends after every `every`th packet, resumes after every portion, and at the end as often as it takes. */
    function decodeSuspending(every: number, portion: number, resumes: boolean): Collector {
      const collector = new Collector()
      const decoder = new Decoder(collector, text, LIMITS)
      collector.onEach = () => {
        assert.equal(decoder.suspended, false, 'a packet came to a decoder that is suspended')
        if (collector.packets.length % every === 0) decoder.suspend()
      }
      for (let at = 0; at < bytes.length; at += portion) {
        const part = bytes.slice(at, at + portion)
        decoder.receive(part, 0, part.length)
        part.fill(0xff)
        if (resumes) decoder.resume()
      }
      while (decoder.suspended) decoder.resume()
      return collector
    }

    test('decodes nothing, keeps what comes, and goes on in order, however the bytes come', () => {
      const expected = decodeSuspending(100, bytes.length, false).packets
      assert.equal(expected.length, 5)
      for (const every of [1, 2, 3]) {
        for (const resumes of [false, true]) {
          for (let portion = 1; portion <= bytes.length; portion++) {
            assert.deepEqual(decodeSuspending(every, portion, resumes).packets, expected, `${every}, ${portion}`)
          }
        }
      }
    })

    test('copies what it keeps once, not each time that it is resumed', () => {
      const count = 20_000
      const many = new Uint8Array(2 * count).map((_, i) => (i % 2 === 0 ? 0xc0 : 0))
      const collector = new Collector()
      const decoder = new Decoder(collector, text, LIMITS)
      collector.onEach = () => decoder.suspend()
      decoder.receive(many, 0, many.length)
      const largest = largestArrayMade(() => {
        while (decoder.suspended) decoder.resume()
      })
      assert.equal(collector.packets.length, count)
      assert.equal(largest, 0)
    })

    test('is stopped as any other, and then keeps nothing', () => {
      const collector = new Collector()
      const decoder = new Decoder(collector, text, LIMITS)
      decoder.suspend()
      decoder.receive(bytes, 0, bytes.length)
      decoder.stop()
      decoder.suspend()
      decoder.resume()
      decoder.receive(bytes, 0, bytes.length)
      assert.deepEqual(collector.packets, [])
    })

    test('throws where it is resumed, at what is malformed', () => {
      const decoder = new Decoder(handler({ onPublish: () => decoder.suspend() }), text, LIMITS)
      const malformed = joined([PUBLISH, wire('f0 00 00')])
      decoder.receive(malformed, 0, malformed.length)
      assert.throws(() => decoder.resume(), ProtocolError)
    })
  })

  for (const portion of [1, 1000]) {
    test(`checks many Topic Filters, and makes their text only when they are read, in portions of ${portion}`, () => {
      let texts = 0
      const decode: Text['decode'] = (bytes, start, end) => {
        texts++
        return text.decode(bytes, start, end)
      }
      const collector = new Collector()
      const decoder = new Decoder(collector, { ...text, decode }, { ...LIMITS, filterBytesAtOnce: 12 })
      decoder.version = 5
      const bytes = wire("82 14 0001 00 0003 'a/b' 01 0001 '+' 2e 0004 'c/ä' 00 a2 0c 0002 00 0001 'x' 0004 'y/z/'")
      for (let at = 0; at < bytes.length; at += portion) {
        const part = bytes.slice(at, at + portion)
        decoder.receive(part, 0, part.length)
        part.fill(0xff)
      }
      const [subscribe, unsubscribe] = collector.packets as [SubscribePacket, UnsubscribePacket]
      assert.equal(subscribe.subscriptions.length, 3)
      assert.equal(texts, 2, 'the UNSUBSCRIBE is small')
      for (const again of [1, 2]) {
        assert.deepEqual(
          [...subscribe.subscriptions],
          [
            { filter: 'a/b', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 },
            { filter: '+', qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 2 },
            { filter: 'c/ä', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 },
          ],
        )
        assert.equal(texts, 2 + 3 * again)
      }
      assert.deepEqual(unsubscribe.filters, ['x', 'y/z/'])
    })
  }

  test('gives acknowledgements null for no properties', () => {
    const seen: unknown[] = []
    const decoder = new Decoder(handler({ onAcknowledgement: (...all) => seen.push(all) }), text, LIMITS)
    decoder.version = 5
    const bytes = wire("40 02 0001 40 03 0002 10 40 04 0003 97 00 50 08 0004 00 04 1f 0001 'r'")
    decoder.receive(bytes, 0, bytes.length)
    assert.deepEqual(seen, [
      [PacketType.Puback, 1, 0, null],
      [PacketType.Puback, 2, 0x10, null],
      [PacketType.Puback, 3, 0x97, null],
      [PacketType.Pubrec, 4, 0, { reasonString: 'r' }],
    ])
  })

  test('takes the version from a CONNECT and reads what follows in it', () => {
    const collector = new Collector()
    const decoder = new Decoder(collector, text, LIMITS)
    const bytes = wire("10 10 0004 'MQTT' 05 02 003c 00 0003 'abc' 30 08 0003 'a/b' 00 'hi'")
    assert.equal(decoder.version, 4)
    decoder.receive(bytes, 0, bytes.length)
    assert.equal(decoder.version, 5)
    assert.deepEqual(
      collector.packets.map(({ type }) => type),
      [PacketType.Connect, PacketType.Publish],
    )
  })

  for (const [version, line] of [
    [3, "10 11 0006 'MQIsdp' 03 00 003c 0003 ff6262"],
    [5, "10 10 0004 'MQTT' 05 01 003c 00 0003 'abc'"],
  ] as [ProtocolVersion, string][]) {
    test(`knows version ${version} of a CONNECT that is wrong further on, so that it can be answered`, () => {
      const decoder = new Decoder(new Collector(), text, LIMITS)
      const bytes = wire(line)
      assert.throws(() => decoder.receive(bytes, 0, bytes.length), ProtocolError)
      assert.equal(decoder.version, version)
    })
  }

  test('ignores everything after an error', () => {
    const collector = new Collector()
    const decoder = new Decoder(collector, text, LIMITS)
    const bytes = joined([PING, wire('00 00'), PING])
    assert.throws(() => decoder.receive(bytes, 0, bytes.length), ProtocolError)
    decoder.receive(PING, 0, 2)
    assert.deepEqual(collector.packets, [{ type: PacketType.Pingreq }])
  })

  test('passes on what the handler throws, and then ignores the rest', () => {
    let calls = 0
    const failing = handler({
      onPacket() {
        calls++
        throw new TypeError('of the handler')
      },
    })
    const decoder = new Decoder(failing, text, LIMITS)
    assert.throws(() => decoder.receive(PING, 0, 2), TypeError)
    decoder.receive(PING, 0, 2)
    assert.equal(calls, 1)
  })

  test('stops within a handler', () => {
    const packets: ControlPacket[] = []
    const decoder: Decoder = new Decoder(
      handler({
        onPacket(packet) {
          packets.push(packet)
          decoder.stop()
        },
      }),
      text,
      LIMITS,
    )
    const bytes = joined([PING, PING])
    decoder.receive(bytes, 0, bytes.length)
    decoder.receive(bytes, 0, bytes.length)
    assert.equal(packets.length, 1)
  })

  test('stops from outside in the middle of a packet', () => {
    const collector = new Collector()
    const decoder = new Decoder(collector, text, LIMITS)
    decoder.receive(PING, 0, 1)
    decoder.stop()
    decoder.receive(PING, 1, 2)
    assert.deepEqual(collector.packets, [])
  })
})

describe('a handler that knows topics', () => {
  const wrongTopic = wire("30 06 0003 'a/+' 00")

  test('is asked for each, and answers for what it knows', () => {
    const asked: string[] = []
    let published = 0
    const knowing = handler({
      onPublish: () => published++,
      knownTopic: (bytes, start, end) => asked.push(text.decode(bytes, start, end)) > 0,
    })
    const decoder = new Decoder(knowing, text, LIMITS)
    decoder.receive(PUBLISH, 0, PUBLISH.length)
    decoder.receive(wrongTopic, 0, wrongTopic.length)
    assert.deepEqual([asked, published], [['a/b', 'a/+'], 2])
  })

  test('does not keep others from being checked', () => {
    const decoder = new Decoder(handler({ knownTopic: () => false }), text, LIMITS)
    decoder.receive(PUBLISH, 0, PUBLISH.length)
    assert.throws(() => decoder.receive(wrongTopic, 0, wrongTopic.length), {
      reasonCode: ReasonCode.TopicNameInvalid,
      offset: 6,
    })
  })
})

describe('the view of a PUBLISH', () => {
  /** The views are copied, because there is only one. */
  function views(bytes: Uint8Array, version: ProtocolVersion): PublishView[] {
    const seen: PublishView[] = []
    const collecting = handler({ onPublish: (view) => seen.push(Object.assign(new PublishView(), view)) })
    const decoder = new Decoder(collecting, text, LIMITS)
    decoder.version = version
    decoder.receive(bytes, 0, bytes.length)
    return seen
  }

  test('lies in the bytes that were received', () => {
    const bytes = joined([PING, PUBLISH])
    const [view] = views(bytes, 4)
    assert.equal(view!.bytes, bytes)
    assert.equal(text.decode(bytes, view!.topicStart, view!.topicEnd), 'a/b')
    assert.equal(text.decode(bytes, view!.payloadStart, view!.payloadEnd), 'hi')
    assert.equal(view!.propertiesStart, view!.propertiesEnd)
  })

  test('keeps nothing of the packet before', () => {
    const full = wire("3d 14 0001 'a' 0001 0c 02 0000003c 0b 01 23 0002 01 01 'xy'")
    const bare = wire("30 04 0001 'b' 00")
    const other = wire("30 06 0001 'c' 02 01 01")
    const [first, second, third] = views(joined([full, bare, full, other]), 5).filter((_, i) => i !== 2)
    const flags = ({ qos, dup, retain, packetId, topicAlias, messageExpiryInterval }: PublishView) =>
      [qos, dup, retain, packetId, topicAlias, messageExpiryInterval] as const
    assert.deepEqual(flags(first!), [2, true, true, 1, 2, 60])
    const forwarded = ({ hasSubscriptionIdentifier, forwardStart, forwardEnd, forwardInOne }: PublishView) =>
      [hasSubscriptionIdentifier, forwardEnd - forwardStart, forwardInOne] as const
    assert.deepEqual(forwarded(first!), [true, 2, true])
    assert.deepEqual(flags(second!), [0, false, false, 0, 0, -1])
    assert.deepEqual(forwarded(second!), [false, 0, true])
    assert.equal(second!.payloadStart, second!.payloadEnd)
    assert.deepEqual(flags(third!), [0, false, false, 0, 0, -1])
    assert.deepEqual(forwarded(third!), [false, 2, true])
  })

  for (const [property, forwardable] of [
    ['23 0001', false],
    ['02 00000000', false],
    ['0b 01', false],
    ['01 01', true],
    ["03 0001 't'", true],
    ["08 0001 'r'", true],
    ['09 0001 00', true],
    ["26 0001 'k' 0000", true],
  ] as const) {
    test(`says of the property ${property} that it is ${forwardable ? '' : 'not '}forwarded as it came`, () => {
      const run = wire(property)
      const body = joined([wire("0001 'a'"), Uint8Array.of(run.length), run])
      const [view] = views(joined([Uint8Array.of(0x30, body.length), body]), 5)
      assert.equal(
        text.decode(view!.bytes, view!.forwardStart, view!.forwardEnd),
        forwardable ? text.decode(run, 0, run.length) : '',
      )
      assert.ok(view!.forwardInOne)
    })
  }
})

describe('an unfinished packet', () => {
  const MAXIMUM = 268_435_460

  test('that claims 256 MB costs what came of it', () => {
    const decoder = new Decoder(new Collector(), text, { ...LIMITS, maximumPacketSize: MAXIMUM })
    const start = joined([wire("30 ffffff7f 0001 'a'"), new Uint8Array(5000)])
    const largest = largestArrayMade(() => {
      for (let at = 0; at < start.length; at += 100) decoder.receive(start, at, Math.min(at + 100, start.length))
    })
    assert.ok(largest >= start.length && largest <= 2 * start.length, `${largest} bytes for ${start.length}`)
  })

  test('is refused as soon as its header is too large', () => {
    const decoder = new Decoder(new Collector(), text, { ...LIMITS, maximumPacketSize: 200 })
    decoder.receive(wire('30 c6'), 0, 2)
    assert.throws(() => decoder.receive(wire('01'), 0, 1), {
      name: 'ProtocolError',
      reasonCode: ReasonCode.PacketTooLarge,
      offset: 1,
    })
  })

  test('of just the maximum size is taken', () => {
    const collector = new Collector()
    const decoder = new Decoder(collector, text, { ...LIMITS, maximumPacketSize: 200 })
    const bytes = joined([wire("30 c501 0001 'a'"), new Uint8Array(194)])
    decoder.receive(bytes, 0, bytes.length)
    assert.equal(collector.packets.length, 1)
  })

  test('does not take bytes of the packet after it', () => {
    const collector = new Collector()
    const decoder = new Decoder(collector, text, LIMITS)
    const bytes = joined([PUBLISH, PING, PING])
    decoder.receive(bytes, 0, 4)
    decoder.receive(bytes, 4, bytes.length)
    assert.deepEqual(
      collector.packets.map(({ type }) => type),
      [PacketType.Publish, PacketType.Pingreq, PacketType.Pingreq],
    )
  })

  test('is let go of when it was handled', () => {
    let seen: PublishView | null = null
    const keeping = handler({
      onPublish(view) {
        assert.equal(view.payloadEnd, PUBLISH.length)
        seen = view
      },
    })
    const decoder = new Decoder(keeping, text, LIMITS)
    decoder.receive(PUBLISH, 0, 5)
    decoder.receive(PUBLISH, 5, PUBLISH.length)
    assert.equal((seen as PublishView | null)?.bytes.length, 0)
  })

  test('byte by byte copies in proportion to its size', () => {
    const payload = new Uint8Array(100_000)
    const packet = { topic: 'a', payload, qos: 0, retain: false, dup: false, packetId: 0, properties: {} } as const
    const bytes = encodeToBytes({ type: PacketType.Publish, ...packet }, 4)
    const collector = new Collector()
    const decoder = new Decoder(collector, text, LIMITS)
    let copied = 0
    const original = Uint8Array.prototype.set
    Uint8Array.prototype.set = function (source, offset) {
      copied += source.length
      original.call(this, source, offset)
    }
    try {
      for (let at = 0; at < bytes.length; at++) decoder.receive(bytes, at, at + 1)
    } finally {
      Uint8Array.prototype.set = original
    }
    assert.equal(collector.packets.length, 1)
    assert.ok(copied < 3 * bytes.length, `${copied} bytes were copied for ${bytes.length}`)
  })
})

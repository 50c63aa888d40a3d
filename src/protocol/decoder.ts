import { readControl } from './decode-control.ts'
import { readPublish } from './decode-publish.ts'
import { malformed, ProtocolError } from './errors.ts'
import { copyBytes } from './output.ts'
import {
  type AcknowledgementPacket,
  type ControlPacket,
  PacketType,
  type Properties,
  type ProtocolVersion,
} from './packets.ts'
import { PublishView } from './publish-view.ts'
import { Reader } from './reader.ts'
import { ReasonCode, reasonCodeFits } from './reason-codes.ts'
import type { Text } from './text.ts'
import { variableLength } from './variable-byte-integer.ts'

/** Who is told of the packets. It must not call `receive` of any decoder before it returns. */
export interface PacketHandler {
  /** The view is valid only during the call. */
  onPublish(view: PublishView): void
  /** PUBACK, PUBREC, PUBREL, PUBCOMP. properties is null when there are none. */
  onAcknowledgement(
    type: AcknowledgementPacket['type'],
    packetId: number,
    reasonCode: number,
    properties: Properties | null,
  ): void
  onPacket(packet: ControlPacket): void
  /**
   * Whether bytes[start..end) is a Topic Name that was checked before; then it is not checked again. For a handler that
   * looks its topics up by their bytes anyway, just before onPublish.
   */
  knownTopic?(bytes: Uint8Array, start: number, end: number): boolean
}

export interface DecoderLimits {
  /** Bytes of a whole packet with its fixed header, 1..268,435,460. A larger one is answered with 0x95. */
  maximumPacketSize: number
  /** How many properties a packet, and by itself its Will, may have; more are answered with 0x97. */
  maximumProperties: number
  /** Bytes that are set aside for an unfinished packet at the least, unless it claims to be smaller. Default 512. */
  unfinishedAtLeast?: number
  /**
   * Bytes of Topic Filters in a SUBSCRIBE or UNSUBSCRIBE, up to which they are read at once. More are only checked, and
   * read when the handler goes through them, whenever that is. Default 4096.
   */
  filterBytesAtOnce?: number
}

/** Can receive. */
const READY = 0
/** Within receive; stays so when that throws, so that nothing is decoded after an error. */
const DECODING = 1
const STOPPED = 2
/** By `suspend`, until `resume`. */
const SUSPENDED = 3

/** One for all decoders, because one packet is handled at a time. */
const view: PublishView = new PublishView()
const NO_BYTES: Uint8Array = new Uint8Array(0)

/** What it shows is not ours any more. */
function forgetView(): void {
  view.bytes = NO_BYTES
  view.topicBytes = NO_BYTES
}

/** Bytes of one direction of one Network Connection, in any portions, to packets. Holds no memory between packets. */
export class Decoder {
  /** 4 at first. A CONNECT sets it as soon as its version is known; a client sets it before it receives. */
  version: ProtocolVersion = 4
  /** That of the limits, unless it is set: before CONNECT less is enough. */
  maximumPacketSize: number
  readonly #handler: PacketHandler
  readonly #text: Text
  readonly #limits: DecoderLimits
  #state = READY
  /** The packet that is being handled is to be handed over again. */
  #again = false
  /** The unfinished packet: #rest[0..#restLength). */
  #rest: Uint8Array | null = null
  #restLength = 0
  /** Of the packet that is decoded, if nobody else has them. */
  #ours: Uint8Array | null = null
  /** While suspended: #held[#heldStart..#heldEnd) is what came, and was not decoded. */
  #held: Uint8Array = NO_BYTES
  #heldStart = 0
  #heldEnd = 0

  constructor(handler: PacketHandler, text: Text, limits: DecoderLimits) {
    this.#handler = handler
    this.#text = text
    this.#limits = limits
    this.maximumPacketSize = limits.maximumPacketSize
  }

  /**
   * Takes bytes[start..end) as they came and calls the handler for each packet that is whole, in order. What is left is
   * copied: the range is the caller's again on return. Throws ProtocolError; from then on, and after `stop`, bytes are
   * ignored. While it is suspended, bytes are kept for `resume`.
   */
  receive(bytes: Uint8Array, start: number, end: number): void {
    if (this.#state === READY) this.#decodeAll(bytes, start, end)
    else if (this.#state === SUSPENDED) this.#hold(bytes, start, end)
  }

  /** From within a handler or outside: nothing more is decoded. */
  stop(): void {
    this.#state = STOPPED
    this.#rest = null
    this.#held = NO_BYTES
  }

  /**
   * From within a handler or outside: no packet is decoded until `resume`. A handler that calls it is the last one that is
   * called. What has come and still comes is kept, so whoever suspends has to stop the sender, too.
   */
  suspend(): void {
    if (this.#state !== STOPPED) this.#state = SUSPENDED
  }

  /** From within a handler: as `suspend`, and `resume` hands over this very packet again, which is kept whole. */
  suspendBefore(): void {
    this.suspend()
    this.#again = this.#state === SUSPENDED
  }

  /**
   * Decodes what was kept, in order, and goes on with what comes; a handler may suspend it again. Not from within a
   * handler. Throws as `receive` does.
   */
  resume(): void {
    if (this.#state !== SUSPENDED) return
    this.#state = READY
    const held = this.#held
    const start = this.#heldStart
    const end = this.#heldEnd
    if (start === end) return
    this.#heldStart = end
    this.#decodeAll(held, start, end)
    forgetView()
    if (this.#heldStart === this.#heldEnd) this.#held = NO_BYTES
  }

  /** Bytes of memory that an unfinished packet takes, and what waits for `resume`. */
  get unfinishedBytes(): number {
    return (this.#rest?.length ?? 0) + this.#held.length
  }

  get suspended(): boolean {
    return this.#state === SUSPENDED
  }

  #decodeAll(bytes: Uint8Array, start: number, end: number): void {
    this.#state = DECODING
    let at = this.#rest === null ? start : this.#feed(bytes, start, end)
    while (at < end && this.#state === DECODING) {
      const length = packetLength(bytes, at, end, this.maximumPacketSize, this.version)
      if (length === 0 || length > end - at) {
        this.#keep(bytes, at, end, length)
        at = end
      } else {
        this.#decode(bytes, at, at + length)
        if (this.#again) this.#again = false
        else at += length
      }
    }
    if (this.#state === DECODING) this.#state = READY
    else if (this.#state === SUSPENDED) this.#hold(bytes, at, end)
  }

  /** Keeps bytes until `resume`: a copy, unless they are the end of what is kept already. */
  #hold(bytes: Uint8Array, start: number, end: number): void {
    if (bytes === this.#held) {
      this.#heldStart = start
      return
    }
    const before = this.#heldEnd - this.#heldStart
    const held = new Uint8Array(before + end - start)
    copyBytes(held, 0, this.#held, this.#heldStart, this.#heldEnd)
    copyBytes(held, before, bytes, start, end)
    this.#held = held
    this.#heldStart = 0
    this.#heldEnd = held.length
  }

  /** Feeds the unfinished packet; returns where the bytes after it begin. */
  #feed(bytes: Uint8Array, start: number, end: number): number {
    let at = start
    while (at < end) {
      const length = this.#restPacketLength()
      // As long as the header is unfinished it takes one byte at a time, not to take any of the next packet.
      const wanted = length === 0 ? 1 : length - this.#restLength
      const taken = Math.min(wanted, end - at)
      this.#append(bytes, at, at + taken, length)
      at += taken
      if (this.#restPacketLength() === this.#restLength) {
        const packet = this.#rest!
        const packetEnd = this.#restLength
        this.#rest = null
        this.#ours = packet
        this.#decode(packet, 0, packetEnd)
        this.#ours = null
        if (this.#again) this.#hold(packet, 0, packetEnd)
        this.#again = false
        forgetView()
        return at
      }
    }
    return at
  }

  #restPacketLength(): number {
    return packetLength(this.#rest!, 0, this.#restLength, this.maximumPacketSize, this.version)
  }

  #keep(bytes: Uint8Array, start: number, end: number, packetLength: number): void {
    this.#rest = NO_BYTES
    this.#restLength = 0
    this.#append(bytes, start, end, packetLength)
  }

  /**
   * What is set aside is at most twice what came, or `unfinishedAtLeast`, and never more than the packet claims: a claim costs its
   * sender the bytes, and doubling keeps the copying in proportion to them.
   */
  #append(bytes: Uint8Array, start: number, end: number, packetLength: number): void {
    const needed = this.#restLength + end - start
    let rest = this.#rest!
    if (needed > rest.length) {
      const room = Math.max(this.#limits.unfinishedAtLeast ?? 512, 2 * needed)
      const larger = new Uint8Array(packetLength === 0 ? 8 : Math.min(packetLength, room))
      copyBytes(larger, 0, rest, 0, this.#restLength)
      this.#rest = larger
      rest = larger
    }
    copyBytes(rest, this.#restLength, bytes, start, end)
    this.#restLength = needed
  }

  /** Decodes the one packet bytes[start..end). */
  #decode(bytes: Uint8Array, start: number, end: number): void {
    let body = start + 2
    while (bytes[body - 1]! > 127) body++
    const type = bytes[start]! >> 4
    if (type === PacketType.Publish) {
      readPublish(view, this.#handler, bytes, start, body, end, this.version, this.#limits.maximumProperties)
      this.#handler.onPublish(view)
      return
    }
    this.#checkFlags(bytes[start]!, type)
    if (type >= PacketType.Puback && type <= PacketType.Pubcomp) {
      this.#acknowledgement(type as AcknowledgementPacket['type'], bytes, start, body, end)
    } else {
      this.#control(type, bytes, start, body, end)
    }
  }

  /** MQTT 3.1 does not use the flags of these packets; later they are reserved [MQTT-2.1.3-1]. */
  #checkFlags(first: number, type: number): void {
    if (this.version === 3) return
    const two = type === PacketType.Pubrel || type === PacketType.Subscribe || type === PacketType.Unsubscribe
    if ((first & 15) !== (two ? 2 : 0)) throw malformed('The reserved flags of the packet are wrong', 0)
  }

  #acknowledgement(
    type: AcknowledgementPacket['type'],
    bytes: Uint8Array,
    start: number,
    body: number,
    end: number,
  ): void {
    if (end - body === 2 && (bytes[body] !== 0 || bytes[body + 1] !== 0)) {
      this.#handler.onAcknowledgement(type, (bytes[body]! << 8) | bytes[body + 1]!, ReasonCode.Success, null)
      return
    }
    const reader = this.#reader(bytes, start, body, end)
    const packetId = reader.packetId()
    if (this.version !== 5) reader.expectEnd()
    const reasonCode = reader.byte('Reason Code')
    if (!reasonCodeFits(type, reasonCode)) {
      throw reader.protocolError(
        `This packet has no reason code 0x${reasonCode.toString(16).padStart(2, '0')}`,
        body + 2,
      )
    }
    const properties = reader.atEnd ? {} : reader.properties(type)
    reader.expectEnd()
    const none = end - body <= 4
    this.#handler.onAcknowledgement(type, packetId, reasonCode, none ? null : properties)
  }

  #control(type: number, bytes: Uint8Array, start: number, body: number, end: number): void {
    const reader = this.#reader(bytes, start, body, end)
    const { filterBytesAtOnce = 4096 } = this.#limits
    if (type !== PacketType.Connect) {
      this.#handler.onPacket(readControl(type, reader, filterBytesAtOnce))
      return
    }
    let packet: ControlPacket
    try {
      packet = readControl(type, reader, filterBytesAtOnce)
    } finally {
      this.version = reader.version
    }
    // Of what version its header had to be is known only now.
    if (this.version === 5) checkShortest(body - start - 1, end - body)
    this.#handler.onPacket(packet)
  }

  #reader(bytes: Uint8Array, start: number, body: number, end: number): Reader {
    const reader = new Reader(bytes, start, body, end, this.version, this.#text, this.#limits.maximumProperties)
    reader.ours = bytes === this.#ours
    return reader
  }
}

/** The length of the packet that begins at `at`, with its fixed header; 0 if that has not all come. */
function packetLength(bytes: Uint8Array, at: number, end: number, maximum: number, version: ProtocolVersion): number {
  if (at + 1 >= end) return 0
  const first = bytes[at + 1]!
  if (first > 127) return longPacketLength(bytes, at, end, maximum, version)
  if (first + 2 > maximum) throw tooLarge(first + 2, maximum)
  return first + 2
}

function longPacketLength(
  bytes: Uint8Array,
  start: number,
  end: number,
  maximum: number,
  version: ProtocolVersion,
): number {
  let value = 0
  for (let at = start + 1, shift = 0; shift < 28; at++, shift += 7) {
    if (at === end) return 0
    const byte = bytes[at]!
    value |= (byte & 127) << shift
    if (byte < 128) {
      const size = at - start
      if (version === 5) checkShortest(size, value)
      const length = 1 + size + value
      if (length > maximum) throw tooLarge(length, maximum)
      return length
    }
  }
  throw malformed('The Remaining Length is longer than four bytes', 4)
}

/** MQTT 5.0 demands the shortest form [MQTT-1.5.5-1]; before it, clients with a header of fixed size were right. */
function checkShortest(size: number, remaining: number): void {
  if (size > variableLength(remaining)) throw malformed('The Remaining Length takes more bytes than it needs', size)
}

function tooLarge(length: number, maximum: number): ProtocolError {
  const words = `The packet has ${length} bytes, more than the ${maximum} that are allowed`
  return new ProtocolError(ReasonCode.PacketTooLarge, words, 1)
}

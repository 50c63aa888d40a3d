import {
  type AcknowledgementPacket,
  type ControlPacket,
  Decoder,
  type DecoderLimits,
  decodeProperties,
  defaultSlabBounds,
  encodePacket,
  Output,
  type Packet,
  PacketType,
  type Properties,
  type ProtocolVersion,
  type PublishView,
  type SlabBounds,
  SlabPool,
  type Text,
} from '../../../src/protocol/index.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Text by the platform's strict coder, so that a codec which lets wrong bytes through is found out. */
export const text: Text = {
  decode: (bytes, start, end) => decoder.decode(bytes.subarray(start, end)),
  encode: (value, bytes, at) => encoder.encodeInto(value, bytes.subarray(at)).written,
  byteLength: (value) => encoder.encode(value).length,
}

export const LIMITS: DecoderLimits = { maximumPacketSize: 1 << 24, maximumProperties: 1000 }

/** The packets that a decoder hands over, each as an object. */
export class Collector {
  readonly packets: Packet[] = []
  /** Called after each packet. */
  onEach: () => void = () => {}

  #add(packet: Packet): void {
    this.packets.push(packet)
    this.onEach()
  }

  onPublish(view: PublishView): void {
    const { bytes, qos, retain, dup, packetId } = view
    this.#add({
      type: PacketType.Publish,
      topic: text.decode(bytes, view.topicStart, view.topicEnd),
      payload: bytes.slice(view.payloadStart, view.payloadEnd),
      qos,
      retain,
      dup,
      packetId,
      properties: decodeProperties(bytes, view.propertiesStart, view.propertiesEnd, text),
    })
  }

  onAcknowledgement(
    type: AcknowledgementPacket['type'],
    packetId: number,
    reasonCode: number,
    properties: Properties | null,
  ): void {
    this.#add({ type, packetId, reasonCode, properties: properties ?? {} })
  }

  onPacket(packet: ControlPacket): void {
    this.#add(packet)
  }
}

/** Decodes the bytes in the portions that end at `cuts` (ascending, within the bytes). */
export function decodeAll(bytes: Uint8Array, version: ProtocolVersion, cuts: readonly number[] = []): Packet[] {
  const collector = new Collector()
  const decoder = new Decoder(collector, text, LIMITS)
  decoder.version = version
  let start = 0
  for (const end of [...cuts, bytes.length]) {
    // The decoder must not rely on the bytes once it returned, so each portion lies in an array that is spoilt after.
    const portion = bytes.slice(start, end)
    decoder.receive(portion, 0, portion.length)
    portion.fill(0xff)
    start = end
  }
  return collector.packets
}

export function newOutput(bounds: Partial<SlabBounds> = {}): Output {
  return new Output(new SlabPool(new Uint8Array(0), 0, { ...defaultSlabBounds, ...bounds }), { outputBegan() {} })
}

/** What was written to an output. */
export function written(out: Output): Uint8Array {
  const parts: Uint8Array[] = (out.full ?? []).map(({ slab, end }) => slab.bytes.subarray(slab.start, end))
  if (out.slab !== null) parts.push(out.bytes.subarray(out.slab.start, out.at))
  return joined(parts)
}

export function encodeToBytes(packet: Packet, version: ProtocolVersion): Uint8Array {
  const out = newOutput()
  encodePacket(out, packet, version, text)
  return written(out)
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** Bytes from a line such as `10 0f 0004 'MQTT' 04`: hexadecimal, and text between quotes. */
export function wire(line: string): Uint8Array {
  const parts: Uint8Array[] = []
  for (const token of line.match(/'[^']*'|[0-9a-f]+/g) ?? []) {
    parts.push(token.startsWith("'") ? encoder.encode(token.slice(1, -1)) : fromHex(token))
  }
  return joined(parts)
}

function fromHex(digits: string): Uint8Array {
  if (digits.length % 2 !== 0) throw new Error(`an odd number of digits: ${digits}`)
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
}

/** The length of the largest Uint8Array that was made anew while `act` ran: what it set memory aside for. */
export function largestArrayMade(act: () => void): number {
  const Original = globalThis.Uint8Array
  let largest = 0
  globalThis.Uint8Array = new Proxy(Original, {
    construct(target, made: [number]) {
      if (typeof made[0] === 'number') largest = Math.max(largest, made[0])
      return Reflect.construct(target, made)
    },
  })
  try {
    act()
  } finally {
    globalThis.Uint8Array = Original
  }
  return largest
}

import { PacketType, type ProtocolVersion } from '../../src/protocol/index.ts'
import { MALFORMED } from '../unit/protocol/malformed.ts'
import { SAMPLES } from '../unit/protocol/samples.ts'
import { joined, wire } from '../unit/protocol/support.ts'
import type { Random } from './random.ts'

/** What one execution feeds to a decoder. */
export interface FuzzCase {
  version: ProtocolVersion
  bytes: Uint8Array
  /** Where the portions end, ascending. */
  cuts: number[]
}

const LONGEST_SAMPLE = 400
const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5]

/** One packet in so many is a malformed sample to begin with. */
const ONE_MALFORMED_IN = 16

interface Corpus {
  good: readonly Uint8Array[]
  malformed: readonly Uint8Array[]
}

/** By version: the wire samples. A CONNECT belongs to the version that it asks for, not to follow-ups of another. */
const CORPUS: ReadonlyMap<ProtocolVersion, Corpus> = new Map(
  VERSIONS.map((version) => {
    const short = ({ bytes }: { bytes: string }) => bytes.length < LONGEST_SAMPLE
    const good = SAMPLES.filter(short).filter(({ packet, versions }) =>
      packet.type === PacketType.Connect ? packet.version === version : versions.includes(version),
    )
    const malformed = MALFORMED.filter(short).filter(({ versions }) => versions.includes(version))
    const bytesOf = (samples: readonly { bytes: string }[]) => samples.map(({ bytes }) => wire(bytes))
    return [version, { good: bytesOf(good), malformed: bytesOf(malformed) }]
  }),
)

/** A sequence of packets that were valid before some mutations, in portions. */
export function makeCase(random: Random): FuzzCase {
  const version = random.pick(VERSIONS)
  const { good, malformed } = CORPUS.get(version)!
  const packets = Array.from({ length: 1 + random.below(6) }, () =>
    random.pick(random.below(ONE_MALFORMED_IN) === 0 ? malformed : good),
  )
  let bytes = joined(packets)
  for (let left = random.below(4); left > 0; left--) bytes = random.pick(MUTATIONS)(bytes, random, good)
  const cuts = Array.from({ length: random.below(6) }, () => random.below(bytes.length + 1)).sort((a, b) => a - b)
  return { version, bytes, cuts }
}

/** A packet after one to three mutations. */
export function mutate(bytes: Uint8Array, random: Random, version: ProtocolVersion): Uint8Array {
  const { good } = CORPUS.get(version)!
  let changed = bytes
  for (let left = 1 + random.below(3); left > 0; left--) changed = random.pick(MUTATIONS)(changed, random, good)
  return changed
}

export function malformedSample(random: Random, version: ProtocolVersion): Uint8Array {
  return random.pick(CORPUS.get(version)!.malformed)
}

type Mutation = (bytes: Uint8Array, random: Random, corpus: readonly Uint8Array[]) => Uint8Array

const INTERESTING = [0x00, 0x01, 0x02, 0x23, 0x26, 0x2b, 0x7f, 0x80, 0x81, 0xc0, 0xed, 0xf4, 0xff]
const LENGTHS = [0, 1, 127, 128, 255, 256, 16_383, 65_535]

const MUTATIONS: readonly Mutation[] = [
  flipBit,
  flipBit,
  setByte,
  setByte,
  lieAboutRemainingLength,
  lieAboutLength,
  growByOne,
  truncate,
  cutOut,
  repeat,
  splice,
  insertNoise,
]

function flipBit(bytes: Uint8Array, random: Random): Uint8Array {
  return changed(bytes, random.below(bytes.length), (byte) => byte ^ (1 << random.below(8)))
}

function setByte(bytes: Uint8Array, random: Random): Uint8Array {
  return changed(bytes, random.below(bytes.length), () => random.pick(INTERESTING))
}

/** One more or one less, as in a length that is off by one. */
function growByOne(bytes: Uint8Array, random: Random): Uint8Array {
  return changed(bytes, random.below(bytes.length), (byte) => byte + (random.below(2) === 0 ? 1 : 255))
}

/** A Remaining Length of up to five bytes in place of the first packet's. */
function lieAboutRemainingLength(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length < 2) return bytes
  let end = 1
  while (end < 5 && bytes[end]! > 127) end++
  const lie = Array.from({ length: random.below(5) }, () => 0x80 | random.below(128))
  return joined([bytes.subarray(0, 1), Uint8Array.from([...lie, random.below(128)]), bytes.subarray(end + 1)])
}

/** Two bytes anywhere become a length. */
function lieAboutLength(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length)
  const length = random.pick(LENGTHS)
  return changed(
    changed(bytes, at, () => length >> 8),
    at + 1,
    () => length,
  )
}

function truncate(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.slice(0, random.below(bytes.length + 1))
}

function cutOut(bytes: Uint8Array, random: Random): Uint8Array {
  const [start, end] = range(bytes, random)
  return joined([bytes.subarray(0, start), bytes.subarray(end)])
}

function repeat(bytes: Uint8Array, random: Random): Uint8Array {
  const [start, end] = range(bytes, random)
  return joined([bytes.subarray(0, end), bytes.subarray(start)])
}

function splice(bytes: Uint8Array, random: Random, corpus: readonly Uint8Array[]): Uint8Array {
  const other = random.pick(corpus)
  const [start, end] = range(bytes, random)
  const [from, to] = range(other, random)
  return joined([bytes.subarray(0, start), other.subarray(from, to), bytes.subarray(end)])
}

function insertNoise(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length + 1)
  const noise = Uint8Array.from({ length: 1 + random.below(8) }, () => random.below(256))
  return joined([bytes.subarray(0, at), noise, bytes.subarray(at)])
}

function range(bytes: Uint8Array, random: Random): [start: number, end: number] {
  const start = random.below(bytes.length + 1)
  return [start, start + random.below(bytes.length + 1 - start)]
}

function changed(bytes: Uint8Array, at: number, change: (byte: number) => number): Uint8Array {
  const copy = bytes.slice()
  if (at < copy.length) copy[at] = change(copy[at]!)
  return copy
}

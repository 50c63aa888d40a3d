import type { ProtocolVersion } from '../../src/protocol/index.ts'
import { hex, joined, wire } from '../unit/protocol/support.ts'
import { makePackets, pickVersion } from './grammar.ts'
import type { Random } from './random.ts'

/**
 * How a client answers what the broker sends: as the standard wants, as it likes (with refusals, and to packets that have
 * no answer), not at all, or without even reading.
 */
const MANNERS = ['polite', 'odd', 'silent', 'deaf'] as const
export type Manner = (typeof MANNERS)[number]

export type Step =
  | { act: 'open'; client: number; version: ProtocolVersion; manner: Manner; broken: boolean }
  | { act: 'send'; client: number; bytes: Uint8Array }
  /** Of the Network Connection: as a client that ends it, or as one that crashes. */
  | { act: 'end' | 'reset'; client: number }
  /** The broker gets time to act on what came. */
  | { act: 'wait' }

/** What several clients do, one step after the other. */
export type Round = readonly Step[]

const MOST_CLIENTS = 6
const MOST_PORTIONS = 40

export function makeRound(random: Random): Step[] {
  const queues = Array.from({ length: 1 + random.below(MOST_CLIENTS) }, (_, client) => makeClient(random, client))
  const steps: Step[] = []
  for (let left = queues.filter((queue) => queue.length > 0); left.length > 0; ) {
    steps.push(random.pick(left).shift()!)
    if (random.below(8) === 0) steps.push({ act: 'wait' })
    left = left.filter((queue) => queue.length > 0)
  }
  return steps
}

function makeClient(random: Random, client: number): Step[] {
  const version = pickVersion(random)
  const packets = makePackets(random, version)
  const broken = packets.some((packet) => packet.broken)
  const steps: Step[] = [{ act: 'open', client, version, manner: random.pick(MANNERS), broken }]
  for (const bytes of portions(
    packets.map((packet) => packet.bytes),
    random,
  ))
    steps.push({ act: 'send', client, bytes })
  const end = random.below(4)
  if (end === 0) steps.push({ act: 'reset', client })
  if (end === 1) steps.push({ act: 'end', client })
  return steps
}

/** All at once, packet by packet, or cut anywhere. */
function portions(packets: readonly Uint8Array[], random: Random): Uint8Array[] {
  const kind = random.below(4)
  if (kind === 0) return packets.filter(({ length }) => length > 0)
  const bytes = joined(packets)
  if (kind === 1) return bytes.length > 0 ? [bytes] : []
  const size = kind === 2 ? 40 : Math.max(2, bytes.length >> 2)
  const parts: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = parts.length === MOST_PORTIONS ? bytes.length : Math.min(bytes.length, at + 1 + random.below(size))
    parts.push(bytes.subarray(at, end))
    at = end
  }
  return parts
}

/** A round as the lines of a corpus file. */
export function describeRound(round: Round): string {
  const line = (step: Step): string => {
    if (step.act === 'wait') return 'wait'
    if (step.act === 'open') return `${step.client} open ${step.version} ${step.manner}${step.broken ? ' broken' : ''}`
    return step.act === 'send' ? `${step.client} ${hex(step.bytes)}` : `${step.client} ${step.act}`
  }
  return round.map((step) => `${line(step)}\n`).join('')
}

/** Lines that begin with # are comments, and others say how the broker is set up (`parseSetting`). */
export function parseRound(text: string): Step[] {
  return text
    .split('\n')
    .filter((line) => /^(?:\d|wait$)/.test(line))
    .map(parseStep)
}

function parseStep(line: string): Step {
  if (line === 'wait') return { act: 'wait' }
  const [, number, rest] = /^(\d+) (.+)$/.exec(line)!
  const client = Number(number)
  const open = /^open ([345]) (\w+)( broken)?$/.exec(rest!)
  if (open !== null) {
    const version = Number(open[1]) as ProtocolVersion
    return { act: 'open', client, version, manner: open[2] as Manner, broken: open[3] !== undefined }
  }
  return rest === 'end' || rest === 'reset' ? { act: rest, client } : { act: 'send', client, bytes: wire(rest!) }
}

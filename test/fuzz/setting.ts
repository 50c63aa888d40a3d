import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bounds } from '../../src/broker/index.ts'
import {
  type Config,
  generalOptions,
  listenerOptions,
  type Option,
  parseConfig,
  securityOptions,
} from '../../src/config/index.ts'
import { drawBounds } from '../simulation/bounds.ts'
import { type BrokerProcess, startBrokerWith } from '../support/broker.ts'
import { TEST_BOUNDS } from '../support/test-bounds.ts'
import type { Random } from './random.ts'

/** How a broker is set up for rounds: lines of its configuration, and bounds that differ from the default. */
export interface Setting {
  readonly options: readonly string[]
  readonly bounds: Partial<Bounds>
}

/** The limits that keep what rough clients leave behind small. */
export const USUAL: Setting = {
  options: ['max_queued_messages 20', 'max_packet_size 300000', 'sys_interval 1'],
  bounds: {},
}

/** Where things lie and what the log looks like: not for the fuzzer, which reads the log. */
const LEFT_ALONE: readonly string[] = [
  ...['log_dest', 'log_timestamp', 'log_timestamp_format', 'log_type', 'per_listener_settings', 'persistence_location'],
  ...['pid_file', 'port', 'bind_address', 'socket_domain'],
]
const TEXTS = ['x', 'a/b', 'a/+', '$SYS', 'ä/€', 'p'.repeat(50), 'q'.repeat(65_000), 'r'.repeat(65_535)]
const NUMBERS = [-1, 0, 1, 2, 3, 7, 20, 64, 100, 1000, 65_535, 268_435_455, 2_147_483_647].map(String)
const WORDS = ['true', 'false', '1s', '1h', '999999y', '3', '4', '5', '3,4', ...NUMBERS, ...TEXTS]

const drawn: readonly Option<unknown>[] = [generalOptions, listenerOptions, securityOptions]
  .flatMap((table) => Object.values(table) as Option<unknown>[])
  .filter(({ name }) => !LEFT_ALONE.includes(name))

/** Of each option the least and largest value, and odd ones between: all that its type takes of what we know. */
const values: ReadonlyMap<string, readonly string[]> = new Map(drawn.map(({ name, type }) => [name, valuesOf(type)]))

function valuesOf({ form, line, read }: Option<unknown>['type']): string[] {
  // Of one that takes any text, numbers would leave no room for what is odd.
  if (line && 'value' in read('any text')) return TEXTS.filter((text) => 'value' in read(text))
  const said = [...form.split(' | '), ...(form.match(/-?\d+/g) ?? [])].filter((word) => line || !word.includes(' '))
  return [...new Set([...said, ...WORDS])].filter((word) => 'value' in read(word))
}

const ONE_DRAWN_IN = 3
/**
 * Onlookers must have room for their one message, nobody waits 10 s for one who is read slowly, and the slabs of a real
 * broker's arena, which has 64 MiB, must not be millions of objects.
 */
const KEPT_BOUNDS: Partial<Bounds> = {
  queueBytesAtLeast: 1000,
  publishPauseMs: 50,
  smallSlabBytes: 1024,
  largeSlabBytes: 4096,
}

/** Every option of the tables may be drawn; most stay as they are, so that those drawn do not hide each other's faults. */
export function drawSetting(random: Random): Setting {
  const options: string[] = []
  for (const [name, words] of values) {
    if (random.below(ONE_DRAWN_IN) === 0) options.push(`${name} ${random.pick(words)}`)
  }
  if (random.below(2) === 0) options.push('log_type all')
  const bounds = random.below(2) === 0 ? {} : drawBounds(random.below(2 ** 31))
  return { options, bounds: { ...bounds, ...KEPT_BOUNDS } }
}

export function configOf({ options }: Setting): Config {
  return parseConfig(options.map((line) => `${line}\n`).join(''), 'drawn').config
}

/** Starts a broker that is set up so, with a folder of its own. Who calls it calls `end`. */
export async function startWith({ options, bounds }: Setting): Promise<{ broker: BrokerProcess; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'nightjar-fuzz-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  try {
    const env = { [TEST_BOUNDS]: JSON.stringify(bounds) }
    return { broker: await startBrokerWith(env, ...options, `persistence_location ${folder}`), remove }
  } catch (error) {
    remove()
    throw error
  }
}

/** As lines of a corpus file. */
export function describeSetting({ options, bounds }: Setting): string {
  const drawn = Object.entries(bounds).map(([name, value]) => `bound ${name} ${value}`)
  return [...options.map((line) => `option ${line}`), ...drawn].map((line) => `${line}\n`).join('')
}

/** The setting of a corpus file; the usual one if it names none. */
export function parseSetting(text: string): Setting {
  const lines = text.split('\n')
  const rest = (word: string): string[] =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1))
  const options = rest('option')
  const bounds = Object.fromEntries(
    rest('bound')
      .map((line) => line.split(' '))
      .map(([name, value]) => [name, +value!]),
  )
  return options.length === 0 && Object.keys(bounds).length === 0 ? USUAL : { options, bounds }
}

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Random } from '../fuzz/random.ts'
import { type BrokerProcess, startBroker, startBrokerWith } from '../support/broker.ts'
import { root } from '../support/root.ts'
import { type Content, contentOf, Disk, putContent } from './disk.ts'
import { monotonic, readJournal } from './disk-journal.ts'
import { PowerClients } from './power-clients.ts'
import { judge, type Verdict } from './verdict.ts'

export type Sync = 'always' | 'everysec' | 'no'
/** What a power cut leaves of what was not synced: nothing, or some of it. */
type Left = 'nothing' | 'some'

export interface PowerOptions {
  readonly rounds: number
  /** The load runs for a random time up to this before each cut. */
  readonly milliseconds: number
  readonly sync: Sync
  readonly seed: number
  /** The disk says that it has synced, and has not. */
  readonly lying?: boolean
  readonly say?: (line: string) => void
}

/** What was wrong is counted; `acknowledged`, `given` and `unsynced` are not wrong. */
export interface PowerCounts extends Verdict {
  halves: number
  /** Bytes that the cuts took away. */
  unsynced: number
}

/**
 * Milliseconds before the cut whose acknowledgements may have been for nothing: a second until the next sync begins, and
 * what that may take where other things run too.
 */
const MAY_LOSE: Record<Sync, number> = { always: 0, everysec: 2500, no: Number.POSITIVE_INFINITY }
const RUN_AT_LEAST_MS = 50
const SOURCE = join(root, 'test/crash/power-loss.c')

/** A reason to skip what needs it, or false. */
export function missingPowerLoss(): string | false {
  if (process.platform !== 'linux') return `${process.platform} has no LD_PRELOAD as Linux has it`
  return spawnSync('cc', ['--version'], { stdio: 'ignore' }).status === 0 ? false : 'cc is not installed'
}

/** Compiles power-loss.c into the folder. */
export function compilePowerLoss(folder: string): string {
  const library = join(folder, 'power-loss.so')
  const words = ['-O2', '-Wall', '-shared', '-fPIC', '-o', library, SOURCE, '-ldl', '-lpthread']
  const { status, stderr } = spawnSync('cc', words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`cc could not compile ${fileURLToPath(new URL(`file://${SOURCE}`))}: ${stderr}`)
  return library
}

/** What a program needs in its environment so that its calls are written down. */
export function watching(library: string, watched: string, journal: string): Record<string, string> {
  // What libuv does by io_uring passes no function that could be watched.
  return { LD_PRELOAD: library, NIGHTJAR_WATCHED: watched, NIGHTJAR_JOURNAL: journal, UV_USE_IO_URING: '0' }
}

/** In memory where that can be had: what is synced there is not much slower than what is not. */
export function workFolder(): string {
  return mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'nightjar-power-'))
}

/** Cuts the power under load, again and again on one store, and counts what is then not as it should be. */
export async function powerRounds(options: PowerOptions): Promise<PowerCounts> {
  const work = workFolder()
  const powerLoss = new PowerLoss(work, options)
  const counts: Partial<Record<keyof PowerCounts, number>> = {}
  try {
    for (let round = 1; round <= options.rounds; round++) {
      const left: Left = round % 2 === 1 ? 'nothing' : 'some'
      const result = await powerLoss.round(round, left)
      for (const [key, value] of Object.entries(result) as [keyof PowerCounts, number][]) {
        counts[key] = (counts[key] ?? 0) + value
      }
      options.say?.(`round ${round}, of what was not synced ${left} left: ${JSON.stringify(result)}`)
    }
    return counts as PowerCounts
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

class PowerLoss {
  readonly #options: PowerOptions
  readonly #random: Random
  readonly #library: string
  readonly #store: string
  readonly #journal: string
  readonly #config: readonly string[]

  constructor(work: string, options: PowerOptions) {
    this.#options = options
    this.#random = new Random(options.seed)
    this.#library = compilePowerLoss(work)
    this.#store = join(work, 'store')
    this.#journal = join(work, 'journal')
    const { sync } = options
    const persistence = ['persistence true', `persistence_location ${this.#store}`, `persistence_sync ${sync}`]
    // A broker that went back in time may still know QoS 2 messages in flight that their publishers are done with.
    this.#config = ['max_queued_messages 0', 'max_inflight_messages 100', ...persistence]
    mkdirSync(this.#store)
  }

  async round(number: number, left: Left): Promise<PowerCounts> {
    const clients = new PowerClients(`${number}/`)
    // The subscribers' Sessions are there and safe before the load begins: an orderly stop syncs.
    let broker = await startBroker(...this.#config)
    try {
      await clients.subscribe(broker.port)
      await broker.stop()
      const before = contentOf(this.#store)
      rmSync(this.#journal, { force: true })
      broker = await startBrokerWith(watching(this.#library, this.#store, this.#journal), ...this.#config)
      await clients.begin(broker.port)
      await sleep(RUN_AT_LEAST_MS + this.#random.below(this.#options.milliseconds))
      const cutAt = monotonic()
      await broker.stop('SIGKILL')
      clients.cut()
      const unsynced = this.#cut(before, left)
      broker = await startBroker(...this.#config)
      const mayLose = MAY_LOSE[this.#options.sync]
      await clients.resume(broker, mayLose > 0)
      const halves = clients.halves
      return { ...judge(clients.story(cutAt, mayLose)), halves, unsynced }
    } finally {
      clients.cut()
      await broker.stop('SIGKILL')
    }
  }

  /** Leaves in the store's folder what the power cut leaves; returns how many bytes went. */
  #cut(before: Content, left: Left): number {
    const disk = new Disk(this.#store, before, this.#options.lying)
    for (const call of readJournal(this.#journal)) disk.apply(call)
    const odd = [...disk.odd].filter((what) => !/^mmap .*lock/.test(what))
    if (odd.length > 0) throw new Error(`the store does what power-loss.c does not follow: ${odd.join(', ')}`)
    const safe = disk.safe()
    putContent(this.#store, left === 'nothing' ? safe : disk.some(this.#random))
    return differing(disk.whole(), safe)
  }
}

/** How many bytes of files are not the same, or not there, in the other one. */
export function differing(content: Content, other: Content): number {
  let count = 0
  for (const [path, bytes] of content) {
    const others = other.get(path) ?? new Uint8Array(0)
    if (bytes === null) continue
    count += Math.max(0, bytes.length - others.length)
    for (let i = 0; i < Math.min(bytes.length, others.length); i++) if (bytes[i] !== others[i]) count++
  }
  return count
}

export type { BrokerProcess }

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { restoreMessage } from '../../src/broker/index.ts'
import { checkStore } from '../../src/store/disk/check.ts'
import { Random } from '../fuzz/random.ts'
import type { BrokerProcess } from '../support/broker.ts'
import { type Content, Disk, putContent } from './disk.ts'
import type { DiskCall } from './disk-journal.ts'
import { PowerClients } from './power-clients.ts'
import { checkFollowed, type Sync, WatchedStore, workFolder } from './watched-store.ts'

export interface StatesOptions {
  readonly rounds: number
  /** The load runs for so long in each round. */
  readonly milliseconds: number
  readonly sync: Sync
  /** So many moments of each run of a broker are looked at. */
  readonly moments: number
  readonly seed: number
  readonly say?: (line: string) => void
}

export interface StatesCounts {
  looked: number
  /** Files that a broker removed: as long as none is, little can go wrong. */
  removed: number
  /** What is not sound, in words; a torn end of the log is. */
  readonly unsound: string[]
}

/** With it segments fill up within a second. */
const MESSAGE_BYTES = 8000
const SYNC_TAKES_MS = 2
/** The subscriber that is mostly away reads so long, and is away so long: so kept files come, and go. */
const HERE_MS = 80
const AWAY_MS = 170
const TORN_END = /sets what follows aside|of this kind \(log\)$/

/**
 * Looks at very many of the states that a power cut, or the end of the process, would have left of a store under load and at
 * start, as `nightjar store check` looks. No clients are asked: that is what `powerRounds` does, of few states.
 */
export async function lookAtStates(options: StatesOptions): Promise<StatesCounts> {
  const work = workFolder()
  const states = new States(work, options)
  try {
    await states.begin()
    for (let round = 1; round <= options.rounds; round++) {
      await states.round(round)
      const { looked, removed, unsound } = states.counts
      options.say?.(`round ${round}: ${looked} states looked at, ${removed} files removed, ${unsound.length} not sound`)
    }
    return states.counts
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

class States {
  readonly counts: StatesCounts = { looked: 0, removed: 0, unsound: [] }
  readonly #options: StatesOptions
  readonly #random: Random
  readonly #store: WatchedStore
  /** Where what a cut leaves is put to be looked at. */
  readonly #look: string

  constructor(work: string, options: StatesOptions) {
    this.#options = options
    this.#random = new Random(options.seed)
    this.#store = new WatchedStore(work, options.sync)
    this.#look = join(work, 'look')
  }

  /** There is a store: until the first start is over nothing is promised. */
  async begin(): Promise<void> {
    await this.#store.run(async () => {}, 'SIGTERM')
  }

  /** A broker under load, the power cut, and a broker on what that leaves, whose power is cut too. */
  async round(number: number): Promise<void> {
    const clients = new PowerClients(`${number}/`, MESSAGE_BYTES)
    await this.#run(async (broker) => {
      await clients.subscribe(broker.port)
      await clients.begin(broker.port)
      const end = Date.now() + this.#options.milliseconds
      while (Date.now() < end) await clients.visit(broker.port, HERE_MS, AWAY_MS)
    })
    clients.cut()
    await this.#run((broker) => clients.resume(broker, true))
  }

  async #run(use: (broker: BrokerProcess) => Promise<void>): Promise<void> {
    const { before, calls } = await this.#store.watch(use, SYNC_TAKES_MS)
    const disk = await this.#lookAt(before, calls)
    putContent(this.#store.folder, this.#random.below(2) === 0 ? disk.safe() : disk.some(this.#random))
  }

  async #lookAt(before: Content, calls: readonly DiskCall[]): Promise<Disk> {
    const moments = this.#momentsOf(calls)
    const disk = new Disk(this.#store.folder, before)
    for (const [i, call] of calls.entries()) {
      disk.apply(call)
      if (call.kind === 'remove') this.counts.removed++
      if (!moments.has(i)) continue
      for (const content of [disk.safe(), disk.some(this.#random), disk.whole()]) await this.#check(content)
    }
    checkFollowed(disk)
    return disk
  }

  /** Mostly those after which less, or something else, is safe than before; and any. */
  #momentsOf(calls: readonly DiskCall[]): Set<number> {
    const critical = calls.flatMap((call, i) => (isCritical(call) ? [i] : []))
    const moments = new Set<number>()
    for (let i = 0; i < this.#options.moments && critical.length > 0; i++) {
      moments.add(i % 4 === 0 ? this.#random.below(calls.length) : this.#random.pick(critical))
    }
    return moments
  }

  async #check(content: Content): Promise<void> {
    const inPlace = new Map([...content].map(([path, bytes]) => [path.replace(this.#store.folder, this.#look), bytes]))
    putContent(this.#look, inPlace)
    this.counts.looked++
    try {
      const { findings } = await checkStore(join(this.#look, 'nightjar'), restoreMessage)
      this.counts.unsound.push(...findings.filter((line) => !TORN_END.test(line)))
    } catch (error) {
      this.counts.unsound.push((error as Error).message)
    }
  }
}

function isCritical(call: DiskCall): boolean {
  return call.kind === 'remove' || call.kind === 'syncEnds' || (call.kind === 'write' && call.safe)
}

import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from '../fuzz/random.ts'
import type { BrokerProcess } from '../support/broker.ts'
import { type Content, contentOf, Disk, putContent } from './disk.ts'
import { type DiskCall, monotonic } from './disk-journal.ts'
import { PowerClients } from './power-clients.ts'
import { judge, type Verdict } from './verdict.ts'
import { checkFollowed, type Sync, WatchedStore, workFolder } from './watched-store.ts'

/** What a power cut leaves of what was not synced: nothing, or some of it. */
type Left = 'nothing' | 'some'

export interface PowerOptions {
  readonly rounds: number
  /** The load runs for `atLeast` (default 50) and a random time up to `milliseconds` more before each cut. */
  readonly milliseconds: number
  readonly atLeast?: number
  readonly sync: Sync
  /** So often each journal is played back up to some earlier moment, too, and what is there then is judged. */
  readonly moments: number
  readonly seed: number
  /** Each round begins without a store: the names of its folders and files have to be made safe, too. For `always`. */
  readonly fresh?: boolean
  /** The disk says that it has synced, and has not. */
  readonly lying?: boolean
  readonly say?: (line: string) => void
}

/** What was wrong is counted; `acknowledged`, `given` and `unsynced` are not wrong. */
export interface PowerCounts extends Verdict {
  halves: number
  /** Brokers that found a message or a value gone. */
  damaged: number
  /** Bytes that the cuts took away. */
  unsynced: number
}

/**
 * Milliseconds before the cut whose acknowledgements may have been for nothing: a second until the next sync begins, and
 * what that may take where other things run too.
 */
const MAY_LOSE: Record<Sync, number> = { always: 0, everysec: 2500, no: Number.POSITIVE_INFINITY }
const RUN_AT_LEAST_MS = 50
/** So that there is a time between what was written and what is safe, as on a real disk. */
const SYNC_TAKES_MS = 5
/** Bytes of a message: with the largest, segments fill up within a second. */
const SIZES = [100, 1000, 8000]
/** What the broker says of a message or a value that it cannot read; of a tail that was cut off it says something else. */
const DAMAGED = /The store in .* is damaged|The store's tree was damaged/

/** Cuts the power under load, again and again on one store, and counts what is then not as it should be. */
export async function powerRounds(options: PowerOptions): Promise<PowerCounts> {
  const work = workFolder()
  const powerLoss = new PowerLoss(work, options)
  const rounds: PowerCounts[] = []
  try {
    for (let round = 1; round <= options.rounds; round++) {
      const counts = await powerLoss.round(round)
      rounds.push(counts)
      const { acknowledged, given, unsynced } = counts
      const words = `${acknowledged} acknowledged, ${given} given up, ${unsynced} bytes not synced`
      options.say?.(`round ${round}: ${words}; wrong: ${JSON.stringify(wrongIn(counts))}`)
    }
    return add(rounds)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** What went wrong, and how often: empty if nothing did. */
export function wrongIn({ acknowledged, given, unsynced, ...wrong }: PowerCounts): Record<string, number> {
  return Object.fromEntries(Object.entries(wrong).filter(([, count]) => count !== 0))
}

class PowerLoss {
  readonly #options: PowerOptions
  readonly #random: Random
  readonly #store: WatchedStore
  #damaged = 0

  constructor(work: string, options: PowerOptions) {
    this.#options = options
    this.#random = new Random(options.seed)
    // A broker that went back in time may still know QoS 2 messages in flight that their publishers are done with.
    this.#store = new WatchedStore(work, options.sync, 'max_inflight_messages 100')
  }

  async round(number: number): Promise<PowerCounts> {
    const { milliseconds, atLeast = RUN_AT_LEAST_MS, sync, moments, fresh = false } = this.#options
    const clients = new PowerClients(`${number}/`, this.#random.pick(SIZES))
    const mayLose = MAY_LOSE[sync]
    const left: Left = number % 2 === 1 ? 'nothing' : 'some'
    const { folder } = this.#store
    if (fresh) putContent(folder, new Map([[folder, null]]))
    // The subscribers' Sessions are there and safe before the load begins: an orderly stop syncs.
    else await this.#run((broker) => clients.subscribe(broker.port), 'SIGTERM')
    let cutAt = 0
    const load = async (broker: BrokerProcess): Promise<void> => {
      if (fresh) await clients.subscribe(broker.port)
      await clients.begin(broker.port)
      await sleep(atLeast + this.#random.below(milliseconds))
      cutAt = monotonic()
    }
    const { before, calls, log } = await this.#store.watch(load, SYNC_TAKES_MS)
    this.#look(log)
    clients.cut()
    const unsynced = this.#cut(before, calls, left)
    await this.#run((broker) => clients.resume(broker, mayLose > 0), 'SIGTERM')
    const verdict = judge(clients.story(cutAt, mayLose))
    verdict.sessionsLost += clients.sessionsLost
    const verdicts = [verdict]
    let halves = clients.halves
    const after = contentOf(folder)
    for (let i = 0; i < moments; i++) {
      const moment = this.#moment(calls)
      this.#cut(before, calls.slice(0, moment), this.#random.pick(['nothing', 'some']))
      const inspect = async (broker: BrokerProcess): Promise<void> => {
        const found = await clients.inspect(broker)
        halves += found.halves
        verdicts.push(judge({ ...found, cutAt: calls[moment]?.time ?? cutAt, mayLose }))
      }
      await this.#run(inspect, 'SIGKILL')
    }
    if (moments > 0) putContent(folder, after)
    const damaged = this.#damaged
    this.#damaged = 0
    return { ...add(verdicts), halves, damaged, unsynced }
  }

  async #run(use: (broker: BrokerProcess) => Promise<void>, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#look(await this.#store.run(use, signal))
  }

  #look(log: readonly string[]): void {
    this.#damaged += log.filter((line) => DAMAGED.test(line)).length
  }

  /** After so many calls the power goes: at any of them, or right beside the end of a sync. */
  #moment(calls: readonly DiskCall[]): number {
    const syncs = calls.flatMap(({ kind }, i) => (kind === 'syncEnds' ? [i] : []))
    if (syncs.length === 0 || this.#random.below(2) === 0) return this.#random.below(calls.length + 1)
    return this.#random.pick(syncs) + this.#random.below(2)
  }

  /** Leaves in the store's folder what the power cut leaves; returns how many bytes went. */
  #cut(before: Content, calls: readonly DiskCall[], left: Left): number {
    const disk = new Disk(this.#store.folder, before, this.#options.lying)
    for (const call of calls) disk.apply(call)
    checkFollowed(disk)
    const safe = disk.safe()
    putContent(this.#store.folder, left === 'nothing' ? safe : disk.some(this.#random))
    return differing(disk.whole(), safe)
  }
}

function add<T extends object>(list: readonly T[]): T {
  const sum: Record<string, number> = {}
  for (const each of list) for (const [key, value] of Object.entries(each)) sum[key] = (sum[key] ?? 0) + value
  return sum as T
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

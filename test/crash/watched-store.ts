import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrokerProcess, startBrokerWith } from '../support/broker.ts'
import { missing, programs } from '../support/programs.ts'
import { root } from '../support/root.ts'
import { type Content, contentOf, type Disk } from './disk.ts'
import { type DiskCall, readJournal } from './disk-journal.ts'

export type Sync = 'always' | 'everysec' | 'no'

/** What happened to a store while a broker ran on it. */
export interface Watched {
  /** What lay in its folder before. */
  readonly before: Content
  readonly calls: readonly DiskCall[]
  /** The broker's. */
  readonly log: readonly string[]
}

const SOURCE = join(root, 'test/crash/power-loss.c')

/** A reason to skip what needs it, or false. */
export function missingPowerLoss(): string | false {
  if (process.platform !== 'linux') return `${process.platform} has no LD_PRELOAD as Linux has it`
  return missing(programs.cc)
}

/** Compiles power-loss.c into the folder. */
export function compilePowerLoss(folder: string): string {
  const library = join(folder, 'power-loss.so')
  const words = ['-O2', '-Wall', '-shared', '-fPIC', '-o', library, SOURCE, '-ldl', '-lpthread']
  const { status, stderr } = spawnSync(programs.cc, words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`cc could not compile ${SOURCE}: ${stderr}`)
  return library
}

/** What a program needs in its environment so that its calls are written down. */
export function watching(library: string, watched: string, journal: string, syncTakes = 0): Record<string, string> {
  // What libuv does by io_uring passes no function that could be watched.
  const env = { LD_PRELOAD: library, NIGHTJAR_WATCHED: watched, NIGHTJAR_JOURNAL: journal, UV_USE_IO_URING: '0' }
  return { ...env, NIGHTJAR_SYNC_MS: String(syncTakes) }
}

/** In memory where that can be had: so that what else runs on the disk changes nothing. */
export function workFolder(): string {
  return mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'nightjar-power-'))
}

/** Maps that can be written are for locks, which mean nothing after a power cut. */
export function checkFollowed(disk: Disk): void {
  const odd = [...disk.odd].filter((what) => !/^mmap .*lock/.test(what))
  if (odd.length > 0) throw new Error(`the store does what power-loss.c does not follow: ${odd.join(', ')}`)
}

/** A store in a folder of its own, and brokers on it, all of whose calls to the disk can be written down. */
export class WatchedStore {
  readonly folder: string
  readonly #library: string
  readonly #journal: string
  readonly #config: readonly string[]

  /** `more`: lines of the brokers' configuration. */
  constructor(work: string, sync: Sync, ...more: readonly string[]) {
    this.folder = join(work, 'store')
    this.#library = compilePowerLoss(work)
    this.#journal = join(work, 'journal')
    const persistence = ['persistence true', `persistence_location ${this.folder}`, `persistence_sync ${sync}`]
    this.#config = ['max_queued_messages 0', ...persistence, ...more]
    mkdirSync(this.folder)
  }

  /** Runs a broker and ends it; resolves with its log. */
  run(use: (broker: BrokerProcess) => Promise<void>, signal: 'SIGTERM' | 'SIGKILL'): Promise<readonly string[]> {
    return this.#run({}, use, signal)
  }

  /** Runs a broker, kills it, and resolves with what it did. A sync takes so many milliseconds at least. */
  async watch(use: (broker: BrokerProcess) => Promise<void>, syncTakes: number): Promise<Watched> {
    const before = contentOf(this.folder)
    rmSync(this.#journal, { force: true })
    const env = watching(this.#library, this.folder, this.#journal, syncTakes)
    const log = await this.#run(env, use, 'SIGKILL')
    return { before, calls: readJournal(this.#journal), log }
  }

  async #run(
    env: Record<string, string>,
    use: (broker: BrokerProcess) => Promise<void>,
    signal: 'SIGTERM' | 'SIGKILL',
  ): Promise<readonly string[]> {
    const broker = await startBrokerWith(env, ...this.#config)
    try {
      await use(broker)
    } catch (error) {
      await broker.stop('SIGKILL')
      throw new Error(`the broker's log ends:\n${broker.log.slice(-20).join('\n')}`, { cause: error })
    }
    await broker.stop(signal)
    return broker.log
  }
}

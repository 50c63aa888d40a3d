import { Worker } from 'node:worker_threads'
import type { MoveOrder, MoverFolders } from './mover-thread.ts'

/**
 * What the thread reports. `kept`: the segment's messages are in a kept file; `unneeded`: kept files that can go; `damaged`:
 * what was damaged, and left out.
 */
export type Moved =
  | { segment: number; kept: boolean; unneeded: readonly number[]; damaged: readonly string[] }
  | { segment: number; error: string }

/** Little in the thread lives long: a larger young generation would be touched and never given back. */
const YOUNG_MEGABYTES = 6
/** Milliseconds after which a thread that was told to end is terminated. */
const END_MS = 2000

/**
 * Moves full segments into the tree, in a thread of its own so that the event loop never waits. One at a time, in order; a
 * failed move is retried until it succeeds. The thread holds a heap of its own and a whole segment,
 * some 20 MiB, so it ends when there is nothing to move.
 */
export class Mover {
  readonly #folders: MoverFolders
  readonly #order: (segment: number) => MoveOrder
  readonly #moved: (result: Moved) => void
  /** Started when there is something to move. */
  #worker: Worker | null = null
  readonly #waiting: number[] = []
  #busy = false
  #again: NodeJS.Timeout | null = null
  /** Runs while the thread has nothing to do. */
  #resting: NodeJS.Timeout | null = null
  /** A thread that was told to end and has not yet: the next one waits for it. */
  #ending: Promise<void> | null = null
  #idle: (() => void) | null = null
  #closed = false

  /** `order` says what is to be done with a segment, when its turn has come; `moved` is told what became of it. */
  constructor(folders: MoverFolders, order: (segment: number) => MoveOrder, moved: (result: Moved) => void) {
    this.#folders = folders
    this.#order = order
    this.#moved = moved
  }

  move(segment: number): void {
    this.#waiting.push(segment)
    this.#next()
  }

  /** Waits for the current move, then ends the thread. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#again !== null) clearTimeout(this.#again)
    if (this.#busy) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve
      })
    }
    this.#end()
    await this.#ending
  }

  /** Tells the thread to end, if there is one; `#ending` resolves when it has. */
  #end(): void {
    this.#stopResting()
    const worker = this.#worker
    if (worker === null) return
    this.#worker = null
    const late = setTimeout(() => void worker.terminate(), END_MS)
    this.#ending = new Promise((resolve) => {
      worker.once('exit', () => {
        clearTimeout(late)
        this.#ending = null
        resolve()
        this.#next()
      })
    })
    worker.postMessage(null)
  }

  #rest(): void {
    this.#stopResting()
    this.#resting = setTimeout(() => this.#end(), this.#folders.bounds.moverIdle)
    this.#resting.unref()
  }

  #stopResting(): void {
    if (this.#resting !== null) clearTimeout(this.#resting)
    this.#resting = null
  }

  #start(): Worker {
    const worker = new Worker(new URL('./mover-thread.js', import.meta.url), {
      workerData: this.#folders,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES },
    })
    worker.unref()
    worker.on('message', (result: Moved) => this.#done(result))
    worker.on('error', (error) => {
      // One that was told to end has nothing left to do.
      if (this.#worker !== worker) return
      // The thread is gone: the next try has another.
      this.#worker = null
      this.#done({ segment: this.#waiting[0] ?? 0, error: error.message })
    })
    return worker
  }

  #next(): void {
    const segment = this.#waiting[0]
    if (this.#busy || this.#closed || this.#again !== null || this.#ending !== null || segment === undefined) return
    this.#stopResting()
    this.#busy = true
    try {
      this.#worker ??= this.#start()
      this.#worker.postMessage(this.#order(segment))
    } catch (error) {
      this.#done({ segment, error: (error as Error).message })
    }
  }

  #done(result: Moved): void {
    this.#busy = false
    this.#idle?.()
    if ('unneeded' in result) this.#waiting.shift()
    else if (!this.#closed) {
      this.#again = setTimeout(() => {
        this.#again = null
        this.#next()
      }, this.#folders.bounds.moveAgainAfter)
      this.#again.unref()
    }
    this.#moved(result)
    this.#next()
    if (this.#waiting.length === 0 && !this.#closed) this.#rest()
  }
}

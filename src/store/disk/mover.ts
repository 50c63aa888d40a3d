import { Worker } from 'node:worker_threads'

/** What the thread tells. */
export type Moved = { segment: number; position: number } | { segment: number; error: string }

/**
 * Moves full segments into the tree in a thread of its own: the broker's loop is never held up by it. One at a time and
 * in order.
 */
export class Mover {
  readonly #worker: Worker
  readonly #moved: (result: Moved) => void
  #waiting: number[] = []
  #busy = false
  #idle: (() => void)[] = []

  constructor(folder: string, treePath: string, moved: (result: Moved) => void) {
    this.#moved = moved
    this.#worker = new Worker(new URL('./mover-thread.js', import.meta.url), { workerData: { folder, treePath } })
    this.#worker.unref()
    this.#worker.on('message', (result: Moved) => this.#done(result))
    this.#worker.on('error', (error) => this.#done({ segment: this.#waiting[0] ?? 0, error: error.message }))
  }

  move(segment: number): void {
    this.#waiting.push(segment)
    this.#next()
  }

  /** Waits for what is being moved, then ends the thread. */
  async close(): Promise<void> {
    this.#waiting.length = 0
    if (this.#busy) await new Promise<void>((resolve) => this.#idle.push(resolve))
    await this.#worker.terminate()
  }

  #next(): void {
    const segment = this.#waiting[0]
    if (this.#busy || segment === undefined) return
    this.#busy = true
    this.#worker.postMessage(segment)
  }

  #done(result: Moved): void {
    this.#busy = false
    if ('position' in result) this.#waiting.shift()
    this.#moved(result)
    for (const idle of this.#idle.splice(0)) idle()
    if ('position' in result) this.#next()
  }
}

import type { Clock } from './platform.ts'

/** The callbacks that wait for one signal. */
class Watch {
  readonly callbacks: Set<() => void> = new Set()
  readonly #signal: AbortSignal

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  add(callback: () => void): void {
    if (this.callbacks.size === 0) this.#signal.addEventListener('abort', this.#fired)
    this.callbacks.add(callback)
  }

  remove(callback: () => void): void {
    if (this.callbacks.delete(callback) && this.callbacks.size === 0)
      this.#signal.removeEventListener('abort', this.#fired)
  }

  readonly #fired = (): void => {
    for (const callback of [...this.callbacks]) {
      this.remove(callback)
      callback()
    }
  }
}

const watches: WeakMap<AbortSignal, Watch> = new WeakMap()

/**
 * Calls back once when the signal fires; returns a function that cancels. Each signal has one listener however many
 * callbacks wait, as Node warns about many listeners, and none when no callback waits.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  let watch = watches.get(signal)
  if (watch === undefined) {
    watch = new Watch(signal)
    watches.set(signal, watch)
  }
  const added = watch
  added.add(callback)
  return () => added.remove(callback)
}

/** Waits; rejects with the signal's reason if that fires first. */
export function wait(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason)
      return
    }
    const abort = () => {
      clock.clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = clock.setTimeout(() => {
      signal.removeEventListener('abort', abort)
      resolve()
    }, milliseconds)
    signal.addEventListener('abort', abort, { once: true })
  })
}

/** Settles as the promise does; if the signal fires first, rejects with this error, by default the signal's reason. */
export function orAbort<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  error: () => unknown = () => signal.reason,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(error())
    const forget = onAbort(signal, () => reject(error()))
    promise.then(resolve, reject).finally(forget)
  })
}

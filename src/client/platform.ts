/**
 * What the runtime provides: text, timers, memory and the network. All that differs between Node and a browser is here.
 */
import { SlabPool, type Text } from '../protocol/index.ts'
import { dial, nodeText } from '../transport/node/index.ts'

export const text: Text = nodeText

/** Runs the callback after the current turn and its microtasks, so that the packets of a turn go out in one write. */
export const afterTurn: (callback: () => void) => void = (callback) => {
  setImmediate(callback)
}

/** A warning on stderr, for programs that listen to no events. */
export function warn(words: string): void {
  process.emitWarning(words, 'MqttWarning')
}

export { dial }

/** Time, passed in so that tests need not wait. */
export interface Clock {
  /** Milliseconds from any fixed point, never going back. */
  now(): number
  setTimeout(callback: () => void, milliseconds: number): unknown
  clearTimeout(timer: unknown): void
}

/** The longest time of setTimeout; a longer one would fire at once. */
const LONGEST_TIMEOUT = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, milliseconds) => setTimeout(callback, Math.min(milliseconds, LONGEST_TIMEOUT)),
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
}

const ARENA_BYTES = 512 * 1024

let pool: SlabPool | null = null

/** The output memory that all connections of the process share. */
export function slabs(): SlabPool {
  pool ??= new SlabPool(new Uint8Array(ARENA_BYTES), 0)
  return pool
}

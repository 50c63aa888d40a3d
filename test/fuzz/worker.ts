// The thread of `npm run fuzz` that executes; the main thread watches it, for a thread that hangs cannot tell.
import { parentPort, workerData } from 'node:worker_threads'
import { hex } from '../unit/protocol/support.ts'
import { checkCase } from './check.ts'
import { makeCase } from './mutate.ts'
import { Random } from './random.ts'

/** Bytes of heap that may stay in use after many executions. */
const HEAP_BOUND = 200_000_000
const EXECUTIONS_BETWEEN_LOOKS = 1000

export interface FuzzOptions {
  /** Of the first execution; the next has the next number. */
  seed: number
  /** Milliseconds. */
  duration: number
  executions: number
  /** [0]: how many executions began, for the watcher. */
  progress: SharedArrayBuffer
}

function fuzz({ seed, duration, executions, progress }: FuzzOptions): void {
  const began = performance.now()
  const counter = new Uint32Array(progress)
  let packets = 0
  let done = 0
  while (done < executions && performance.now() - began < duration) {
    Atomics.store(counter, 0, done)
    const fuzzCase = makeCase(new Random(seed + done))
    try {
      packets += checkCase(fuzzCase)
      if (done % EXECUTIONS_BETWEEN_LOOKS === 0) checkHeap()
    } catch (error) {
      const { version, bytes, cuts } = fuzzCase
      const words = error instanceof Error ? (error.stack ?? error.message) : String(error)
      parentPort!.postMessage({ seed: seed + done, version, cuts, bytes: hex(bytes), error: words })
      return
    }
    done++
  }
  parentPort!.postMessage({ executions: done, packets, seconds: (performance.now() - began) / 1000 })
}

function checkHeap(): void {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  if (heapUsed + arrayBuffers > HEAP_BOUND) throw new Error(`${heapUsed + arrayBuffers} bytes of memory are in use`)
}

fuzz(workerData as FuzzOptions)

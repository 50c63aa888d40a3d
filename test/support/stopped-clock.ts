import { performance } from 'node:perf_hooks'

/** In the environment of a broker of tests whose time stands still. */
export const STOPPED_CLOCK = 'NIGHTJAR_TEST_CLOCK_STOPPED'

/** Milliseconds for the broker to look at the clock again, which it does every 100 ms. */
const NOTICED_MS = 350

/** From now on time stands still in this process, but for what the parent lets pass by a message `{ pass }`. */
export function stopClock(): void {
  const now = performance.now()
  const wall = Date.now()
  let passed = 0
  performance.now = () => now + passed
  Date.now = () => wall + passed
  process.on('message', ({ pass }: { pass: number }) => {
    passed += pass
    setTimeout(() => process.send!({ passed }), NOTICED_MS)
  })
  // It does not keep the broker from ending.
  process.channel?.unref()
}

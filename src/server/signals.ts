import { performance } from 'node:perf_hooks'
import type { Log } from './log.ts'

/** A repeat within this time is the same request: npm forwards the Ctrl-C that the terminal sent to all already. */
const IMPATIENT_AFTER_MS = 1000
const EXIT_AT_ONCE = 1

/** Only SIGTERM and SIGINT end the broker; SIGUSR1 does not open a debugger, as it would by default in Node. */
const TOLD: readonly (readonly [NodeJS.Signals, string])[] = [
  ['SIGUSR1', 'nothing to save: the store writes at once'],
  ['SIGUSR2', 'ignored'],
]

/**
 * Takes the signals over. Resolves with the name of the one that asks the broker to stop; who asks again, and is not just
 * the same request come twice, ends the process at once.
 */
export function stopSignal(log: Log): Promise<string> {
  for (const [signal, words] of TOLD) process.on(signal, () => log.line('notice', `${signal}: ${words}`))
  process.on('SIGHUP', () => {
    log.reopen()
    log.line('notice', 'SIGHUP: log reopened. The configuration is read only at start: restart to apply changes')
  })
  return new Promise((resolve) => {
    let first: number | null = null
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        const now = performance.now()
        if (first === null) {
          first = now
          resolve(signal)
        } else if (now - first > IMPATIENT_AFTER_MS) {
          log.line('warning', `${signal} again: exiting at once, without a clean shutdown`)
          process.exit(EXIT_AT_ONCE)
        }
      })
    }
  })
}

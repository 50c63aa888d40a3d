import { inWords } from '../protocol/index.ts'
import type { Log } from './log.ts'

/** A fault of nightjar itself: the log says what happened. The same number as EX_SOFTWARE of sysexits.h. */
const EXIT_FAULT = 70

/** An uncaught error ends the process, since its state may be half changed; the log reports it. */
export function endOnFaults(log: Log): void {
  process.on('uncaughtException', (error) => process.exit(tellFault(log, error)))
}

/** Logs it, whatever the levels; returns the exit code. */
export function tellFault(log: Log, error: unknown): number {
  const words = error instanceof Error ? (error.stack ?? error.message) : inWords(error)
  log.fault(`nightjar crashed; please report this: ${words.replace(/\n\s*/g, ' | ')}`)
  return EXIT_FAULT
}

import { appendFileSync } from 'node:fs'
import type { LogDestination } from '../config/index.ts'

/** Why the log cannot be written to where the configuration wants it, in words; null if it can. */
export function logProblem(destinations: readonly LogDestination[]): string | null {
  for (const destination of destinations) {
    if (destination.kind !== 'file') continue
    try {
      appendFileSync(destination.path, '')
    } catch (error) {
      return `cannot write the log to ${destination.path}: ${(error as Error).message}`
    }
  }
  return null
}

/** Takes whole lines there. It never throws: a full disk, or a reader of the log that is gone, must not end the broker. */
export function writerTo(destination: LogDestination): (text: string) => void {
  if (destination.kind === 'file') return fileWriter(destination.path)
  const stream = destination.kind === 'stdout' ? process.stdout : process.stderr
  stream.on('error', () => {})
  return (text) => void stream.write(text)
}

function fileWriter(path: string): (text: string) => void {
  let failing = false
  return (text) => {
    try {
      appendFileSync(path, text)
      failing = false
    } catch (error) {
      if (!failing) process.stderr.write(`nightjar: cannot write the log to ${path}: ${(error as Error).message}\n`)
      failing = true
    }
  }
}

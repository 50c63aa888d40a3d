import fs from 'node:fs'
import { dirname } from 'node:path'
import type { LogDestination } from '../config/index.ts'

/** Where log lines go. Never throws: a full disk or a closed pipe must not end the broker. */
export interface LogWriter {
  /** Takes whole lines. */
  write(text: string): void
  /** Reopens its file, which may have been rotated. */
  reopen(): void
  /** Syncs what was written, if possible. */
  close(): void
}

/** Opens them all. Throws an Error that says which destination cannot be written, and why. */
export function openWriters(destinations: readonly LogDestination[]): LogWriter[] {
  return destinations.map((destination) => {
    if (destination.kind === 'file') return new FileWriter(destination.path)
    return streamWriter(destination.kind === 'stdout' ? process.stdout : process.stderr)
  })
}

function streamWriter(stream: NodeJS.WriteStream): LogWriter {
  stream.on('error', () => {})
  return { write: (text) => void stream.write(text), reopen: () => {}, close: () => {} }
}

/** The file stays open: a log that tells of too many open files must not need another one. */
class FileWriter implements LogWriter {
  readonly #path: string
  #fd: number
  #failing = false

  constructor(path: string) {
    this.#path = path
    this.#fd = open(path)
  }

  write(text: string): void {
    try {
      fs.appendFileSync(this.#fd, text)
      this.#failing = false
    } catch (error) {
      if (!this.#failing) tell(`cannot write the log to ${this.#path}: ${(error as Error).message}`)
      this.#failing = true
    }
  }

  reopen(): void {
    try {
      const fd = open(this.#path)
      fs.closeSync(this.#fd)
      this.#fd = fd
    } catch (error) {
      tell(`${(error as Error).message}; still writing to the old file`)
    }
  }

  close(): void {
    try {
      fs.fsyncSync(this.#fd)
      const folder = fs.openSync(dirname(this.#path), 'r')
      fs.fsyncSync(folder)
      fs.closeSync(folder)
    } catch {
      // A pipe or a device, for example: nothing to sync.
    }
  }
}

function open(path: string): number {
  try {
    return fs.openSync(path, 'a')
  } catch (error) {
    throw new Error(`cannot write the log to ${path}: ${(error as Error).message}`, { cause: error })
  }
}

function tell(words: string): void {
  process.stderr.write(`nightjar: ${words}\n`)
}

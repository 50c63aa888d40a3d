import { type BrokerEvent, describe, type EventLevel, events } from '../broker/index.ts'
import type { LogWriter } from './log-writers.ts'

/** `subscribe` and `unsubscribe` are what `log_type` calls two kinds of lines. */
export type LogLevel = EventLevel | 'subscribe' | 'unsubscribe'

export interface LogOptions {
  readonly levels: ReadonlySet<LogLevel>
  readonly timestamp: boolean
  /** strftime's format, or null for local time as 2026-01-31 23:59:59. */
  readonly timestampFormat: string | null
  readonly writers: readonly LogWriter[]
}

/** Lines for people: local time, level, and what happened in words. Those of one turn are written together. */
export class Log {
  readonly #options: LogOptions
  #lines = ''

  constructor(options: LogOptions) {
    this.#options = options
  }

  event(event: BrokerEvent): void {
    const { level } = events[event.id]
    if (this.#options.levels.has(level)) this.line(level, describe(event), event.at)
  }

  line(level: LogLevel, words: string, at: number = Date.now()): void {
    if (this.#options.levels.has(level)) this.#add(level, words, at)
  }

  /** What ends the process is told whatever the levels are, and at once. */
  fault(words: string): void {
    this.#add('error', words, Date.now())
    this.flush()
  }

  #add(level: LogLevel, words: string, at: number): void {
    if (this.#lines === '') setImmediate(() => this.flush())
    const time = this.#options.timestamp ? `${formatTime(new Date(at), this.#options.timestampFormat)} ` : ''
    this.#lines += `${time}${level}: ${printable(words)}\n`
  }

  flush(): void {
    if (this.#lines === '') return
    const lines = this.#lines
    this.#lines = ''
    for (const writer of this.#options.writers) writer.write(lines)
  }

  /** Reopens its files, which may have been rotated. */
  reopen(): void {
    this.flush()
    for (const writer of this.#options.writers) writer.reopen()
  }

  close(): void {
    this.flush()
    for (const writer of this.#options.writers) writer.close()
  }
}

/** Clients choose their names: they must not be able to control the terminal that shows the log, or to forge a line. */
function printable(words: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return words.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

function formatTime(at: Date, format: string | null): string {
  const text = format ?? '%Y-%m-%d %H:%M:%S'
  return text.replace(/%([YmdHMSjzsFT%])/g, (_, key: string) => PARTS[key]!(at))
}

const two = (value: number): string => String(value).padStart(2, '0')

const PARTS: Readonly<Record<string, (at: Date) => string>> = {
  Y: (at) => String(at.getFullYear()),
  m: (at) => two(at.getMonth() + 1),
  d: (at) => two(at.getDate()),
  H: (at) => two(at.getHours()),
  M: (at) => two(at.getMinutes()),
  S: (at) => two(at.getSeconds()),
  F: (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`,
  T: (at) => `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`,
  // By UTC, in which no day has 23 hours.
  j: (at) => {
    const day = Date.UTC(at.getFullYear(), at.getMonth(), at.getDate()) - Date.UTC(at.getFullYear(), 0, 0)
    return String(day / 86_400_000).padStart(3, '0')
  },
  s: (at) => String(Math.floor(at.getTime() / 1000)),
  z: (at) => {
    const minutes = -at.getTimezoneOffset()
    const size = Math.abs(minutes)
    return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${two(size % 60)}`
  },
  '%': () => '%',
}

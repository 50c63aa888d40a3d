import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { after } from 'node:test'
import { PATIENCE_MS } from './patience.ts'

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A program that runs beside the test, and the lines that it prints. It is ended after the tests of this file or suite. */
export class Running {
  /** Lines of stdout that were not asked for yet. */
  readonly lines: string[] = []
  readonly process: ChildProcess
  /** Resolves when it has ended and all that it printed has been read. */
  readonly ended: Promise<Outcome>
  #rest = ''
  /** All that it has printed. */
  stdout = ''
  stderr = ''
  #over = false
  #wake: (() => void) | null = null
  readonly #what: string

  constructor(program: string, arguments_: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#what = `${program} ${arguments_.join(' ')}`
    this.process = spawn(program, arguments_, { env: { ...process.env, ...env } })
    // A program that is gone does not read its input any more.
    this.process.stdin!.on('error', () => {})
    this.process.stdout!.setEncoding('utf8').on('data', (text: string) => this.#printed(text))
    this.process.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.ended = new Promise((resolve) => {
      this.process.on('error', (error) => {
        this.stderr += `${error.message}\n`
      })
      this.process.on('close', (code) => {
        this.#over = true
        this.#wake?.()
        resolve({ code, stdout: this.stdout, stderr: this.stderr })
      })
    })
    after(() => {
      if (!this.#over) this.process.kill('SIGKILL')
      return this.ended
    })
  }

  /** The next line of stdout. */
  async line(milliseconds: number = PATIENCE_MS): Promise<string> {
    const [line] = await this.take(1, milliseconds)
    return line!
  }

  /** The next lines of stdout. */
  async take(count: number, milliseconds: number = PATIENCE_MS): Promise<string[]> {
    const end = Date.now() + milliseconds
    while (this.lines.length < count) {
      const left = end - Date.now()
      const seen = `${this.lines.length} of ${count} lines came; ${this.stderr}`
      assert.ok(!this.#over, `it has ended (${this.#what}): ${seen}`)
      assert.ok(left > 0, `${this.#what} printed nothing more for ${milliseconds} ms: ${seen}`)
      await this.#news(left)
    }
    return this.lines.splice(0, count)
  }

  write(text: string): void {
    this.process.stdin!.write(text)
  }

  /** Ends it with a signal. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Outcome> {
    if (!this.#over) this.process.kill(signal)
    return this.ended
  }

  #printed(text: string): void {
    this.stdout += text
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop()!
    this.lines.push(...lines)
    this.#wake?.()
  }

  #news(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = null
        resolve()
      }
    })
  }
}

/** Runs a program to its end; it is killed if it takes too long. `input` is what it reads from stdin. */
export async function run(
  program: string,
  arguments_: readonly string[],
  {
    input = '',
    env = {},
    milliseconds = PATIENCE_MS,
  }: { input?: string; env?: Record<string, string>; milliseconds?: number } = {},
): Promise<Outcome> {
  const running = new Running(program, arguments_, env)
  running.process.stdin!.end(input)
  const timer = setTimeout(() => running.process.kill('SIGKILL'), milliseconds)
  const outcome = await running.ended
  clearTimeout(timer)
  return outcome
}

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'
import { useBroker } from './broker.ts'
import { PATIENCE_MS } from './patience.ts'
import { programs } from './programs.ts'

/** The command `nightjar` of the same build as the tests, not bundled. */
export const NIGHTJAR: readonly string[] = [
  process.execPath,
  fileURLToPath(new URL('../../src/cli/main.js', import.meta.url)),
]

export interface Ending {
  readonly code: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

/** Variables of the environment that would change what the commands do. */
const CLEARED = {
  ...{ MQTT_URL: '', MQTT_USERNAME: '', MQTT_PASSWORD: '', NO_COLOR: '', FORCE_COLOR: '', TZ: 'UTC' },
  XDG_CONFIG_HOME: '/nonexistent',
}

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>
  /** A descriptor that its output goes to; what it prints there is not seen here. */
  readonly stdout?: number
}

/** A program that runs beside the test, and the bytes that it prints. It is killed if it outlives the test. */
export class Program {
  readonly process: ChildProcess
  readonly #ended: Promise<Ending>
  readonly #stdout: Buffer[] = []
  #stderr = ''
  #news: (() => void)[] = []

  constructor(command: readonly string[], words: readonly string[], { env = {}, stdout }: ProgramOptions = {}) {
    const [program, ...first] = command as [string, ...string[]]
    this.process = spawn(program, [...first, ...words], {
      env: { ...process.env, ...CLEARED, ...env },
      stdio: ['pipe', stdout ?? 'pipe', 'pipe'],
    })
    this.process.stdin!.on('error', () => {})
    this.process.stdout?.on('data', (bytes: Buffer) => {
      this.#stdout.push(bytes)
      this.#tell()
    })
    this.process.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
      this.#tell()
    })
    this.#ended = new Promise((resolve) => {
      this.process.on('close', (code) => {
        this.#tell()
        resolve({ code, stdout: this.stdout, stderr: this.#stderr })
      })
    })
    after(async () => {
      this.process.kill('SIGKILL')
      await this.#ended
    })
  }

  /** It should end by itself from now on; it is killed if it does not. */
  get ended(): Promise<Ending> {
    const timer = setTimeout(() => this.process.kill('SIGKILL'), PATIENCE_MS)
    return this.#ended.finally(() => clearTimeout(timer))
  }

  get stdout(): Buffer {
    return Buffer.concat(this.#stdout)
  }

  get stderr(): string {
    return this.#stderr
  }

  /** Waits until stdout or stderr has the text; throws if the program ends before that. */
  async printed(text: string): Promise<void> {
    const late = Date.now() + PATIENCE_MS
    while (!this.stdout.includes(text) && !this.#stderr.includes(text)) {
      const { exitCode, signalCode } = this.process
      if (exitCode !== null || signalCode !== null) {
        throw new Error(`it has ended (${exitCode ?? signalCode}) and did not print '${text}': ${this.#stderr}`)
      }
      const left = late - Date.now()
      if (left <= 0) throw new Error(`it did not print '${text}' within ${PATIENCE_MS} ms: ${this.#stderr}`)
      await this.#change(left)
    }
  }

  #change(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      this.#news.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  #tell(): void {
    for (const wake of this.#news.splice(0)) wake()
  }
}

/** Runs a program to its end; `input` is what it reads from stdin. */
export function runProgram(
  command: readonly string[],
  words: readonly string[],
  input: string | Uint8Array = '',
  env: Readonly<Record<string, string>> = {},
): Promise<Ending> {
  const program = new Program(command, words, { env })
  program.process.stdin!.end(input)
  return program.ended
}

/** A broker to run commands against, and how to know that a client's subscriptions stand. */
export interface Target {
  readonly port: number
  /** What a subscriber must be given so that `subscribed` can tell. */
  readonly marker: readonly string[]
  subscribed(clientId: string): Promise<unknown>
}

/** Nightjar's own broker. It logs a subscription only where `*` needs an explanation, so there is one such. */
export async function nightjarTarget(...config: string[]): Promise<Target> {
  const broker = await useBroker(...config)
  return {
    port: broker.port,
    marker: ['-t', 'marker/*'],
    subscribed: (clientId) => broker.logged(new RegExp(`${clientId} subscribed to marker/`)),
  }
}

/** Debian's mosquitto, which logs everything. It is ended after the tests of this file. */
export async function mosquittoTarget(...config: string[]): Promise<Target> {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'nightjar-mosquitto-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'mosquitto.conf')
  const lines = [`listener ${port} 127.0.0.1`, 'allow_anonymous true', 'log_dest stderr', ...config]
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''))
  const broker = new Program([programs.mosquitto], ['-v', '-c', file])
  await broker.printed('running')
  return { port, marker: [], subscribed: (clientId) => broker.printed(`Sending SUBACK to ${clientId}\n`) }
}

/** Free when it was asked for; nothing else takes it unless it asks for that very port. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

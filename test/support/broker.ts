import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { ProtocolVersion } from '../../src/protocol/index.ts'
import { type ConnectOptions, connect } from './packets.ts'
import { PATIENCE_MS } from './patience.ts'
import { RawClient } from './raw-client.ts'
import { STOPPED_CLOCK } from './stopped-clock.ts'

const MAIN = fileURLToPath(new URL('./broker-main.js', import.meta.url))

/** A broker that runs as a process of its own, on a free port of this machine. */
export class BrokerProcess {
  /** Everything that it has told, a line each. */
  readonly log: string[] = []
  port = 0
  readonly #process: ChildProcess
  readonly #folder: string
  #rest = ''
  #news: (() => void)[] = []

  constructor(child: ChildProcess, folder: string) {
    this.#process = child
    this.#folder = folder
    child.stderr!.setEncoding('utf8').on('data', (text: string) => this.#told(text))
    child.on('exit', (code, signal) => this.#told(`(the broker has ended: ${code ?? signal})\n`))
  }

  get processId(): number {
    return this.#process.pid!
  }

  /** A client that CONNECT was accepted of. */
  async client(options: ConnectOptions = {}): Promise<RawClient> {
    const client = await this.open(options.version ?? 5)
    client.send(connect(options))
    const connack = await client.connack()
    if (connack.reasonCode !== 0) throw new Error(`CONNECT was refused with reason code ${connack.reasonCode}`)
    return client
  }

  /** A Network Connection on which nothing was sent yet; `version` is how its packets will be written and read. */
  open(version: ProtocolVersion = 5): Promise<RawClient> {
    return RawClient.open(this.port, version)
  }

  /** Breaks the client's connection off, and waits until the broker has seen that. */
  async breakOff(client: RawClient): Promise<void> {
    const since = this.log.length
    client.kill()
    await this.logged(new RegExp(`disconnected from 127\\.0\\.0\\.1:${client.localPort}:`), since)
  }

  /** Waits for a line of the log that the pattern finds, among those from `since` on; returns it. */
  async logged(pattern: RegExp, since = 0, milliseconds: number = PATIENCE_MS): Promise<string> {
    const end = Date.now() + milliseconds
    for (;;) {
      const line = this.log.slice(since).find((each) => pattern.test(each))
      if (line !== undefined) return line
      const left = end - Date.now()
      if (left <= 0) throw new Error(`the log has no line like ${pattern}; it has:\n${this.log.slice(-20).join('\n')}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#news.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  /** Lets so many milliseconds pass in a broker whose clock is stopped; what is due by then has happened afterwards. */
  async pass(milliseconds: number): Promise<void> {
    const noticed = once(this.#process, 'message')
    this.#process.send({ pass: milliseconds })
    await noticed
  }

  /** Has it collect its garbage. */
  async collectGarbage(): Promise<void> {
    const since = this.log.length
    this.#process.kill('SIGUSR2')
    await this.logged(/garbage is collected/, since)
  }

  /** Bytes of memory that the process has, as Linux counts them. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.processId}/status`, 'utf8')
    return Number(/^VmRSS:\s*(\d+) kB/m.exec(status)![1]) * 1024
  }

  /** Stops it in the middle of whatever it does: what clients send piles up, and is there all at once after `thaw`. */
  freeze(): void {
    this.#process.kill('SIGSTOP')
  }

  thaw(): void {
    this.#process.kill('SIGCONT')
  }

  /** Ends it with a signal and waits until it is gone; resolves with its exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const gone = new Promise((resolve) => this.#process.once('exit', resolve))
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      this.#process.kill(signal)
      await gone
    }
    rmSync(this.#folder, { recursive: true, force: true })
    return this.#process.exitCode
  }

  #told(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop()!
    this.log.push(...lines)
    const waiting = this.#news
    this.#news = []
    for (const wake of waiting) wake()
  }
}

/** Starts a broker with these lines of configuration. Who calls it stops it. */
export function startBroker(...config: string[]): Promise<BrokerProcess> {
  return startBrokerWith({}, ...config)
}

/** The same, with variables of the environment. */
export async function startBrokerWith(
  env: Readonly<Record<string, string>>,
  ...config: string[]
): Promise<BrokerProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'nightjar-test-'))
  const file = join(folder, 'nightjar.conf')
  writeFileSync(file, config.map((line) => `${line}\n`).join(''))
  const child = spawn(process.execPath, [MAIN, file], {
    stdio: ['pipe', 'ignore', 'pipe', STOPPED_CLOCK in env ? 'ipc' : 'ignore'],
    env: { ...process.env, ...env },
  })
  const broker = new BrokerProcess(child, folder)
  const line = await broker.logged(/Listening on port \d+ of 127\.0\.0\.1|the broker has ended/)
  const port = /Listening on port (\d+)/.exec(line)
  if (port === null) throw new Error(`the broker did not start:\n${broker.log.join('\n')}`)
  broker.port = Number(port[1])
  return broker
}

/** Starts a broker with these lines of configuration, which is stopped after the tests of this file or suite. */
export async function useBroker(...config: string[]): Promise<BrokerProcess> {
  const broker = await startBroker(...config)
  after(async () => void (await broker.stop()))
  return broker
}

/**
 * The same, but its time stands still: it passes when a test says so (`pass`). That is how to test what happens after a
 * while, and what does not happen yet, on a machine however slow.
 */
export async function useBrokerWithStoppedClock(...config: string[]): Promise<BrokerProcess> {
  const broker = await startBrokerWith({ [STOPPED_CLOCK]: '1' }, ...config)
  after(async () => void (await broker.stop()))
  return broker
}

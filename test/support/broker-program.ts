import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Running } from './running.ts'

/** The command line of the same build as the tests. */
export const MAIN: string = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

export interface Started {
  readonly broker: Running
  readonly port: number
  /** What it has told until it listened. */
  readonly log: readonly string[]
}

/** How it is started: `before` are the words in front of node's, as of a shell that sets a limit. */
export interface HowToStart {
  readonly before?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** Starts the program with these lines of configuration on a free port of this machine; its log comes on stdout. */
export async function startProgram(lines: readonly string[], how: HowToStart = {}): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), 'nightjar-program-'))
  const file = join(folder, 'nightjar.conf')
  writeFileSync(file, ['log_dest stdout', ...lines].map((line) => `${line}\n`).join(''))
  const [program, ...words] = [...(how.before ?? []), process.execPath, MAIN, '-p', '0', '-c', file]
  const broker = new Running(program!, words, how.env)
  after(async () => {
    await broker.stop('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  const log: string[] = []
  for (;;) {
    const line = await broker.line()
    log.push(line)
    const listening = /Listening on port (\d+) of 127\.0\.0\.1/.exec(line)
    if (listening !== null) return { broker, port: Number(listening[1]), log }
  }
}

/** The next line that the pattern finds. */
export async function logged(broker: Running, pattern: RegExp): Promise<string> {
  for (let line = await broker.line(); ; line = await broker.line()) if (pattern.test(line)) return line
}

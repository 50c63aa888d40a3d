import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { freePort } from '../support/nightjar.ts'
import { PATIENCE_MS } from '../support/patience.ts'
import { root } from '../support/root.ts'
import { Running, run } from '../support/running.ts'

/**
 * What users' pages say that a command prints, or the log: each section is played. `conf` is a configuration, and must be
 * right; `sh` are commands beside a broker with that configuration, or with none; `text` is what they or the log must have
 * said by then, line by line, where `...` stands for anything.
 */
const PAGES = ['docs/troubleshooting.md', 'docs/security.md']

const folder = mkdtempSync(join(tmpdir(), 'nightjar-pages-'))
after(() => rmSync(folder, { recursive: true, force: true }))

interface Block {
  readonly kind: string
  readonly text: string
}

function sections(page: string): { title: string; blocks: Block[] }[] {
  return readFileSync(join(root, page), 'utf8')
    .split(/^## /m)
    .slice(1)
    .map((section) => ({
      title: section.slice(0, section.indexOf('\n')),
      blocks: [...section.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, kind, text]) => ({
        kind: kind!,
        text: text!,
      })),
    }))
    .filter(({ blocks }) => blocks.length > 0)
}

/** One section: its folder, its port, and all that was printed so far. */
class Stage {
  readonly #cwd: string
  readonly #port: number
  readonly #env: Record<string, string>
  #configured = false
  #broker: Running | null = null
  #printed = ''

  constructor(cwd: string, port: number) {
    this.#cwd = cwd
    this.#port = port
    this.#env = {
      PATH: `${join(root, 'bin')}:${process.env['PATH']}`,
      MQTT_URL: `mqtt://127.0.0.1:${port}`,
      XDG_STATE_HOME: cwd,
      XDG_CONFIG_HOME: cwd,
    }
  }

  /** A configuration; every one but that of a broker that must not start is right. */
  async configure(text: string, right: boolean): Promise<void> {
    await this.end()
    writeFileSync(join(this.#cwd, 'nightjar.conf'), this.#here(text))
    this.#configured = true
    this.#printed = ''
    if (!right) return
    const { code, stderr } = await this.#shell('nightjar -c nightjar.conf --test-config')
    assert.equal(code, 0, stderr)
  }

  async enter(commands: string): Promise<void> {
    if (!commands.includes('--test-config')) await this.#start()
    const { stdout, stderr } = await this.#shell(this.#here(commands))
    this.#printed += stdout + stderr
  }

  async says(text: string): Promise<void> {
    if (this.#printed === '') await this.#start()
    for (const line of text.trimEnd().split('\n')) {
      const parts = line.split('...').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      const words = parts.join('.*').replaceAll('1883', `(1883|${this.#port})`)
      const pattern = new RegExp(`^(\\d{4}-\\S+ \\S+ \\w+: )?${words}$`, 'm')
      for (const end = Date.now() + PATIENCE_MS; !pattern.test(this.#all()) && Date.now() < end; ) {
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      assert.match(this.#all(), pattern)
    }
  }

  async end(): Promise<void> {
    await this.#broker?.stop()
    this.#broker = null
  }

  /** With the port of this section in place of the usual one. */
  #here(text: string): string {
    return text.replaceAll('1883', String(this.#port))
  }

  #all(): string {
    return this.#printed + (this.#broker?.stdout ?? '')
  }

  #shell(commands: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
    return run('/bin/sh', ['-c', `cd ${this.#cwd}\n${commands}`], { env: this.#env })
  }

  async #start(): Promise<void> {
    if (this.#broker !== null) return
    const file = this.#configured ? '-c nightjar.conf' : ''
    const command = `cd ${this.#cwd} && exec nightjar ${file} -p ${this.#port} 2>&1`
    this.#broker = new Running('/bin/sh', ['-c', command], this.#env)
    while (!/Listening on/.test(await this.#broker.line())) {
      // Lines of the start before it.
    }
  }
}

for (const page of PAGES) {
  describe(page, () => {
    for (const [i, { title, blocks }] of sections(page).entries()) {
      it(`${title}: is as it says`, async () => {
        const cwd = join(folder, `${PAGES.indexOf(page)}-${i}`)
        mkdirSync(cwd)
        const stage = new Stage(cwd, await freePort())
        for (const [place, { kind, text }] of blocks.entries()) {
          const next = blocks[place + 1]
          const wrong = next?.text.includes('--test-config') && !/is valid/.test(blocks[place + 2]?.text ?? '')
          if (kind === 'conf') await stage.configure(text, !wrong)
          else if (kind === 'sh') await stage.enter(text)
          else if (kind === 'text') await stage.says(text)
          else assert.fail(`no block of ${page} may be ${kind}`)
        }
        await stage.end()
      })
    }
  })
}

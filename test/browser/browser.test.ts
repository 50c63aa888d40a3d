import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { createContext, runInContext } from 'node:vm'
import { type Plugin, rolldown } from 'rolldown'
import { PATIENCE_MS } from '../support/patience.ts'
import { missing, programs } from '../support/programs.ts'
import { root } from '../support/root.ts'
import { checkPurity } from '../support/tidy.ts'

const TOPIC = 'häuser/1/lamp'
const PAYLOAD = 'on, at 21 °C'
const EXPECTED = `${TOPIC}: ${PAYLOAD}`

/** What stands for `src/client/platform.ts` in a page. */
const PLATFORM = `
import { SlabPool } from ${JSON.stringify(join(root, 'dist/src/protocol/index.js'))}
import { webText } from ${JSON.stringify(join(root, 'dist/src/transport/index.js'))}
export const text = webText
export const afterTurn = (callback) => queueMicrotask(callback)
export const warn = () => {}
export const dial = () => Promise.reject(new Error('a page has no sockets'))
export const systemClock = null
const pool = new SlabPool(new Uint8Array(65_536), 0)
export const slabs = () => pool`

const inPage: Plugin = {
  name: 'the platform of a page',
  load: (id) => (id.endsWith('/src/client/platform.js') ? PLATFORM : null),
}

/** One script that makes `page` of a module, for a platform of which nothing is known. Rejects if it needs a module of Node. */
async function bundle(file: string, plugins: Plugin[] = [inPage]): Promise<string> {
  const input = join(root, 'dist/test/browser', file)
  const made = await rolldown({ input, platform: 'neutral', logLevel: 'silent', plugins })
  try {
    const { output } = await made.generate({ format: 'iife', name: 'page' })
    const needed = output.flatMap((part) => (part.type === 'chunk' ? part.imports : []))
    assert.deepEqual(needed, [], 'a page has no such modules')
    return output[0].code
  } finally {
    await made.close()
  }
}

/** Runs a script where there is nothing but the language, and these globals; its `page` gets the clock and the scheduler. */
async function run(script: string, globals: object): Promise<string> {
  const context = createContext({ ...globals })
  const page = {
    now: () => performance.now(),
    later: (callback: () => void) => void setImmediate(callback),
    clock: { now: () => performance.now(), setTimeout, clearTimeout },
  }
  runInContext(script, context)
  const publishThrough = runInContext('page.publishThrough', context) as (...args: unknown[]) => Promise<string>
  const result = await Promise.race([
    publishThrough(page, TOPIC, PAYLOAD),
    wait(PATIENCE_MS, 'nothing', { ref: false }),
  ])
  return result
}

/** In every browser, and here of the page's own making or Node's. */
const CODECS = { TextEncoder, TextDecoder }
const BROWSER = { ...CODECS, AbortController, queueMicrotask }

const IN_PAGE = `
const clock = { now: () => performance.now(), setTimeout: setTimeout.bind(window), clearTimeout: clearTimeout.bind(window) }
const handedIn = { now: clock.now, later: (callback) => setTimeout(callback, 0), clock }
page.publishThrough(handedIn, ${JSON.stringify(TOPIC)}, ${JSON.stringify(PAYLOAD)})
  .catch(String)
  .then((words) => { document.body.innerHTML = '<p>' + words + '</p>' })`

describe('without Node', () => {
  it('the core, the store and the pair in memory take a message to its subscriber', async () => {
    const script = await bundle('page.js')
    assert.equal(await run(script, CODECS), EXPECTED)
    // What did not happen to run is as pure as what did; the name is that of a file that may use the codecs.
    assert.deepEqual(checkPurity([{ path: 'src/transport/text.ts', text: script }]), [])
  })

  it('so does the whole client', async () => {
    assert.equal(await run(await bundle('client-page.js'), BROWSER), EXPECTED)
  })

  it('in Chromium, too', { skip: missing(programs.chromium) }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'nightjar-browser-'))
    after(() => rmSync(folder, { recursive: true, force: true }))
    const file = join(folder, 'page.html')
    writeFileSync(
      file,
      `<meta charset="utf-8"><body><script>${await bundle('client-page.js')}</script><script>${IN_PAGE}</script>`,
    )
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', `--user-data-dir=${folder}/profile`]
    const waits = [`--virtual-time-budget=${PATIENCE_MS}`, '--dump-dom']
    const { stdout } = spawnSync(programs.chromium, [...flags, ...waits, `file://${file}`], {
      encoding: 'utf8',
      timeout: PATIENCE_MS,
    })
    assert.ok(stdout.includes(`<p>${EXPECTED}</p>`), stdout.slice(-1000))
  })

  for (const [what, planted] of Object.entries({
    'a module of Node': "import 'node:fs'",
    'a module of Node, used': "import { inspect } from 'node:util'; inspect({})",
    Buffer: "Buffer.from('x')",
    process: 'process.nextTick(() => {})',
    setImmediate: 'setImmediate(() => {})',
  })) {
    it(`${what} in the core would be found`, async () => {
      const plant: Plugin = {
        name: 'planted',
        transform: (code, id) => (id.endsWith('/src/broker/broker.js') ? `${planted}\n${code}` : null),
      }
      await assert.rejects(async () => run(await bundle('page.js', [plant]), CODECS))
    })
  }
})

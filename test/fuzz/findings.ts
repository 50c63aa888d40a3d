import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BrokerProcess } from '../support/broker.ts'
import { root } from '../support/root.ts'
import { excuse, Onlookers } from './onlookers.ts'
import { play } from './play.ts'
import { describeRound, type Round, type Step } from './round.ts'
import { configOf, describeSetting, type Setting, startWith, USUAL } from './setting.ts'

/** Rounds that are written down if what broke does not break again by the last one alone. */
export const REMEMBERED = 8
const KEPT_LINES = 30
const MINIMISE_MS = 30_000
/** Bytes of memory that a broker may hold after a few rounds: it begins with some 80 MB. */
const MOST_RESIDENT = 400_000_000

/** What rough clients do is worth a warning at most, and all that a broker says is a line of its log. */
const HARMLESS = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (?:debug|information|notice|warning|subscribe|unsubscribe): /

/** Finds errors, and what Node says of an exception. What is read is thrown away but for the last lines. */
export function checkLog(broker: Pick<BrokerProcess, 'log'>): void {
  const wrong = broker.log.find((line) => !HARMLESS.test(line))
  if (wrong !== undefined) throw new Error(`the broker said: ${wrong}`)
  broker.log.splice(0, broker.log.length - KEPT_LINES)
}

/** Plays a round against a broker of its own; rejects with what was wrong. */
export async function playAlone(round: Round, setting: Setting): Promise<void> {
  const { broker, remove } = await startWith(setting)
  try {
    await playAgainst(broker, round, setting)
    const code = await broker.stop()
    checkLog({ log: broker.log.filter((line) => line !== '(the broker has ended: 0)') })
    if (code !== 0) throw new Error(`the broker ended with ${code}`)
  } finally {
    await broker.stop('SIGKILL')
    remove()
  }
}

async function playAgainst(broker: BrokerProcess, round: Round, setting: Setting): Promise<void> {
  const config = configOf(setting)
  const onlookers = excuse(config) === null ? await Onlookers.arrive(broker.port, config) : null
  await Promise.race(onlookers === null ? [play(round, broker.port)] : [play(round, broker.port), onlookers.finished])
  await onlookers?.stop()
  checkLog(broker)
  await broker.collectGarbage()
  const resident = broker.residentBytes()
  if (resident > MOST_RESIDENT) throw new Error(`${resident} bytes of memory are in use`)
}

async function breaks(round: Round, setting: Setting): Promise<boolean> {
  try {
    await playAlone(round, setting)
    return false
  } catch {
    return true
  }
}

/** The smallest round that still breaks something, or else the last ones together. Returns the path of the file. */
export async function writeDown(setting: Setting, last: readonly Round[], seed: number, error: Error): Promise<string> {
  const alone = await breaks(last.at(-1)!, setting)
  const round = alone ? await minimise(last.at(-1)!, setting) : together(last)
  const folder = join(root, 'test/fuzz/corpus')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `round-${seed}.hex`)
  const words = alone ? '' : '# It did not break again by the last round alone.\n'
  writeFileSync(
    path,
    `# ${error.message.split('\n')[0]}\n${words}${setting === USUAL ? '' : describeSetting(setting)}${describeRound(round)}`,
  )
  return path
}

/** Takes away clients, and then steps, as long as it still breaks and there is time. */
async function minimise(found: Round, setting: Setting): Promise<Round> {
  const end = performance.now() + MINIMISE_MS
  let round = found
  const clients = new Set(found.flatMap((step) => (step.act === 'wait' ? [] : [step.client])))
  for (const client of clients) {
    const rest = round.filter((step) => step.act === 'wait' || step.client !== client)
    if (performance.now() < end && (await breaks(rest, setting))) round = rest
  }
  for (const step of found) {
    if (step.act === 'open' || !round.includes(step)) continue
    const rest = round.filter((each) => each !== step)
    if (performance.now() < end && (await breaks(rest, setting))) round = rest
  }
  return round
}

/** Rounds after one another, with numbers of their own for their clients. */
export function together(rounds: readonly Round[]): Round {
  return rounds.flatMap((round, i) =>
    round.map((step): Step => (step.act === 'wait' ? step : { ...step, client: step.client + 100 * i })),
  )
}

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BrokerProcess, startBroker } from '../support/broker.ts'
import { root } from '../support/root.ts'
import { Onlookers } from './onlookers.ts'
import { FUZZ_CONFIG, play } from './play.ts'
import { Random } from './random.ts'
import { describeRound, makeRound, type Round, type Step } from './round.ts'

/** The part of `npm run fuzz` that plays rounds against a broker: its seed, its length, and where it tells how it goes. */
export interface AssaultOptions {
  /** Of the first round; the next has the next number. */
  readonly seed: number
  readonly seconds: number
  readonly rounds: number
  say(line: string): void
}

/** Rounds that are written down if what broke does not break again by the last one alone. */
const REMEMBERED = 8
const KEPT_LINES = 30
const MINIMISE_MS = 30_000
const MINUTE_MS = 60_000
/** Longer than what rough clients leave behind stays: Sessions and delayed Wills. */
const CALM_MS = 5000

/** Plays rounds until the time is over, or something breaks: then it writes that to the corpus and returns false. */
export async function assault({ seed, seconds, rounds, say }: AssaultOptions): Promise<boolean> {
  const broker = await startBroker(...FUZZ_CONFIG)
  const onlookers = await Onlookers.arrive(broker.port)
  const began = performance.now()
  const resident: number[] = []
  let clients = 0
  let packets = 0
  const last: Round[] = []
  let done = 0
  try {
    while (done < rounds && performance.now() - began < seconds * 1000) {
      const round = makeRound(new Random(seed + done))
      last.push(round)
      if (last.length > REMEMBERED) last.shift()
      clients += round.filter(({ act }) => act === 'open').length
      packets += round.filter(({ act }) => act === 'send').length
      await Promise.race([play(round, broker.port), onlookers.finished])
      checkLog(broker)
      done++
      if (performance.now() - began > (resident.length + 1) * MINUTE_MS) resident.push(await residentAtRest(broker))
    }
    resident.push(await residentAtRest(broker))
    await onlookers.stop()
  } catch (error) {
    say(`FINDING: round ${seed + done}: ${(error as Error).stack}\n${broker.log.slice(-20).join('\n')}`)
    await broker.stop('SIGKILL')
    say(`written to ${await writeDown(last, seed + done, error as Error)}`)
    return false
  }
  const rate = (done / (performance.now() - began)) * 1000
  await broker.stop()
  say(`${done} rounds with ${clients} clients, ${packets} writes, ${rate.toFixed(1)} rounds/s, no finding`)
  say(`onlookers exchanged ${onlookers.exchanged} messages, the slowest in ${onlookers.slowest.toFixed(0)} ms`)
  say(memoryWords(resident))
  return true
}

/** RSS when nobody is left but the onlookers, and no garbage. */
async function residentAtRest(broker: BrokerProcess): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, CALM_MS))
  await broker.collectGarbage()
  return broker.residentBytes()
}

/** Of the broker at rest after each minute, and at the end. */
function memoryWords(resident: readonly number[]): string {
  const mebibytes = resident.map((bytes) => (bytes / 2 ** 20).toFixed(1)).join(', ')
  const change = `${((resident.at(-1)! / resident[0]! - 1) * 100).toFixed(1)} %`
  return `RSS of the broker at rest, after each minute and at the end: ${mebibytes} MiB (${change} from first to last)`
}

/** What rough clients do is worth a warning at most, and all that a broker says is a line of its log. */
const HARMLESS = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (?:debug|information|notice|warning): /

/** Finds errors, and what Node says of an exception. What is read is thrown away but for the last lines. */
function checkLog(broker: BrokerProcess): void {
  const wrong = broker.log.find((line) => !HARMLESS.test(line))
  if (wrong !== undefined) throw new Error(`the broker said: ${wrong}`)
  broker.log.splice(0, broker.log.length - KEPT_LINES)
}

/** Plays a round against a broker of its own; rejects with what was wrong. */
export async function playAlone(round: Round): Promise<void> {
  const broker = await startBroker(...FUZZ_CONFIG)
  try {
    const onlookers = await Onlookers.arrive(broker.port)
    await Promise.race([play(round, broker.port), onlookers.finished])
    await onlookers.stop()
    checkLog(broker)
  } finally {
    await broker.stop('SIGKILL')
  }
}

async function breaks(round: Round): Promise<boolean> {
  try {
    await playAlone(round)
    return false
  } catch {
    return true
  }
}

/** The smallest round that still breaks something, or else the last ones together. Returns the path of the file. */
async function writeDown(last: readonly Round[], seed: number, error: Error): Promise<string> {
  const alone = await breaks(last.at(-1)!)
  const round = alone ? await minimise(last.at(-1)!) : together(last)
  const folder = join(root, 'test/fuzz/corpus')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `round-${seed}.hex`)
  const words = alone ? '' : '# It did not break again by the last round alone.\n'
  writeFileSync(path, `# ${error.message.split('\n')[0]}\n${words}${describeRound(round)}`)
  return path
}

/** Takes away clients, and then steps, as long as it still breaks and there is time. */
async function minimise(found: Round): Promise<Round> {
  const end = performance.now() + MINIMISE_MS
  let round = found
  const clients = new Set(found.flatMap((step) => (step.act === 'wait' ? [] : [step.client])))
  for (const client of clients) {
    const rest = round.filter((step) => step.act === 'wait' || step.client !== client)
    if (performance.now() < end && (await breaks(rest))) round = rest
  }
  for (const step of found) {
    if (step.act === 'open' || !round.includes(step)) continue
    const rest = round.filter((each) => each !== step)
    if (performance.now() < end && (await breaks(rest))) round = rest
  }
  return round
}

/** Rounds after one another, with numbers of their own for their clients. */
export function together(rounds: readonly Round[]): Round {
  return rounds.flatMap((round, i) =>
    round.map((step): Step => (step.act === 'wait' ? step : { ...step, client: step.client + 100 * i })),
  )
}

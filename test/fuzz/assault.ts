import type { BrokerProcess } from '../support/broker.ts'
import { checkLog, REMEMBERED, writeDown } from './findings.ts'
import { Onlookers } from './onlookers.ts'
import { play } from './play.ts'
import { Random } from './random.ts'
import { makeRound, type Round } from './round.ts'
import { configOf, startWith, USUAL } from './setting.ts'

/** The part of `npm run fuzz` that plays rounds against a broker: its seed, its length, and where it tells how it goes. */
export interface AssaultOptions {
  /** Of the first round; the next has the next number. */
  readonly seed: number
  readonly seconds: number
  readonly rounds: number
  say(line: string): void
}

const MINUTE_MS = 60_000
/** Longer than what rough clients leave behind stays: Sessions and delayed Wills. */
const CALM_MS = 5000

/** Plays rounds until the time is over, or something breaks: then it writes that to the corpus and returns false. */
export async function assault({ seed, seconds, rounds, say }: AssaultOptions): Promise<boolean> {
  const { broker, remove } = await startWith(USUAL)
  const onlookers = await Onlookers.arrive(broker.port, configOf(USUAL))
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
    say(`written to ${await writeDown(USUAL, last, seed + done, error as Error)}`)
    return false
  } finally {
    remove()
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

import type { AssaultOptions } from './assault.ts'
import { playAlone, together, writeDown } from './findings.ts'
import { excuse } from './onlookers.ts'
import { Random } from './random.ts'
import { makeRound, type Round } from './round.ts'
import { configOf, describeSetting, drawSetting, type Setting } from './setting.ts'

/** Rounds for one broker: to start one takes longer than to play a round. */
const ROUNDS_EACH = 8
/** So that a setting is drawn by other numbers than the round of that seed. */
const SETTINGS = 0x5e771265

/** A broker set up oddly, and what is played against it. All follows from the seed. */
export function makeOddCase(seed: number): { setting: Setting; rounds: Round[] } {
  const rounds = Array.from({ length: ROUNDS_EACH }, (_, i) => makeRound(new Random(seed * ROUNDS_EACH + i)))
  return { setting: drawSetting(new Random(seed ^ SETTINGS)), rounds }
}

/**
 * Plays rounds against brokers whose options and bounds are at their least, largest and odd values; `rounds` of the
 * options are brokers here. A finding is told with its seed and what was drawn, and written to the corpus.
 */
export async function assaultOddOptions({ seed, seconds, rounds: most, say }: AssaultOptions): Promise<boolean> {
  const end = performance.now() + seconds * 1000
  const excused = new Map<string, number>()
  let done = 0
  for (; done < most && performance.now() < end; done++) {
    const { setting, rounds } = makeOddCase(seed + done)
    const because = excuse(configOf(setting))
    if (because !== null) excused.set(because, (excused.get(because) ?? 0) + 1)
    try {
      await playAlone(together(rounds), setting)
    } catch (error) {
      say(`FINDING: seed ${seed + done}: ${(error as Error).stack}\n${cut(describeSetting(setting))}`)
      say(`written to ${await writeDown(setting, [together(rounds)], seed + done, error as Error)}`)
      return false
    }
  }
  say(`${done} brokers with odd options, ${done * ROUNDS_EACH} rounds, no finding`)
  say(`onlookers stayed away because of ${Array.from(excused, ([name, count]) => `${name} (${count})`).join(', ')}`)
  return true
}

/** Texts of 65 KB are told by their beginning; the corpus has all. */
function cut(lines: string): string {
  return lines.replace(/^(.{100}).{20,}$/gm, '$1...')
}

import { powerRounds, wrongIn } from './power.ts'
import { crashRounds, type Options } from './rounds.ts'
import { lookAtStates } from './states.ts'
import { missingPowerLoss } from './watched-store.ts'

/** Moments of each run of a broker at which its store is looked at. */
const LOOKS = 60
/** Milliseconds of load before; the more there is, the longer each look takes. */
const LOAD_MS = 1500

/** What `npm run crash` runs: prints the counts of each round, and ends with 1 if anything went wrong. */
const [rounds = '20', milliseconds = '1500', mode = 'everysec', moments, seed, fresh] = process.argv.slice(2)
const say = (line: string): void => console.log(line)
const sync = mode as Options['sync']
const options = { rounds: Number(rounds), milliseconds: Number(milliseconds), sync, say }
const wrong = moments === undefined ? await kill() : await cutPower(Number(moments), Number(seed))
process.exitCode = wrong === 0 ? 0 : 1

async function kill(): Promise<number> {
  const counts = await crashRounds({ ...options, seed: Date.now() })
  console.log(JSON.stringify(counts))
  const { lost, repeatedQoS2, disordered, retainedStale, sessionsLost } = counts
  return lost + repeatedQoS2 + disordered + retainedStale + sessionsLost
}

async function cutPower(moments: number, seed: number): Promise<number> {
  const why = missingPowerLoss()
  if (why !== false) {
    console.log(`the power cannot be cut here: ${why}`)
    return 1
  }
  console.log(`seed ${seed}`)
  const counts = await powerRounds({ ...options, moments, seed, fresh: fresh === 'fresh' })
  console.log(JSON.stringify(counts))
  const { unsound } = await lookAtStates({ ...options, milliseconds: LOAD_MS, moments: LOOKS, seed })
  for (const words of unsound.slice(0, LOOKS)) console.log(words)
  return Object.values(wrongIn(counts)).reduce((sum, count) => sum + count, unsound.length)
}

import { crashRounds, type Options } from './rounds.ts'

/** What `npm run crash` runs: prints the counts of each round, and ends with 1 if anything went wrong. */
const [rounds = '20', milliseconds = '1500', sync = 'everysec'] = process.argv.slice(2)
const say = (line: string): void => console.log(line)
const counts = await crashRounds({
  rounds: Number(rounds),
  milliseconds: Number(milliseconds),
  sync: sync as Options['sync'],
  say,
})
const { lost, repeatedQoS2, disordered, retainedStale, sessionsLost } = counts
console.log(JSON.stringify(counts))
process.exitCode = lost + repeatedQoS2 + disordered + retainedStale + sessionsLost === 0 ? 0 : 1

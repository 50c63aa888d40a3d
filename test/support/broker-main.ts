import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { runBroker } from '../../src/server/index.ts'
import { STOPPED_CLOCK, stopClock } from './stopped-clock.ts'
import { TEST_BOUNDS, takeBounds } from './test-bounds.ts'

/** The broker as `bin/nightjar` runs it, of the same build as the tests, on a free port. */
const configFile = process.argv[2] ?? null

if (process.env[STOPPED_CLOCK] !== undefined) stopClock()
const bounds = process.env[TEST_BOUNDS]
if (bounds !== undefined) takeBounds(bounds)
// It ends with the tests that started it, however they end.
process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM')).resume()
// What is left then is what is held, and no garbage that V8 had no reason to collect.
process.on('SIGUSR2', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  const time = new Date().toISOString().slice(0, 19).replace('T', ' ')
  console.error(`${time} notice: garbage is collected`)
})
process.exitCode = await runBroker({
  configFile,
  port: 0,
  verbose: true,
  packets: false,
  quiet: false,
  testConfig: false,
})
process.stdin.destroy()

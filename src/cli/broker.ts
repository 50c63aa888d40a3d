import { runBroker } from '../server/index.ts'
import type { Given } from './parse.ts'

/** `nightjar broker`. Resolves with the exit code when a signal has ended it. */
export function runBrokerVerb(given: Given): Promise<number> {
  return runBroker({
    configFile: given.text('config') ?? null,
    port: given.number('port') ?? null,
    verbose: given.flag('verbose'),
    packets: given.flag('verbose'),
    quiet: given.flag('quiet'),
    testConfig: given.flag('testConfig'),
  })
}

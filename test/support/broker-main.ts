import { runBroker } from '../../src/server/index.ts'

/** The broker as `bin/nightjar` runs it, of the same build as the tests, on a free port. */
const configFile = process.argv[2] ?? null
process.exitCode = await runBroker({ configFile, port: 0, verbose: true, quiet: false, testConfig: false })

import { runBroker } from '../../src/server/index.ts'

/** The broker as `bin/nightjar` runs it, of the same build as the tests, on a free port. */
const configFile = process.argv[2] ?? null

// It ends with the tests that started it, however they end.
process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM')).resume()
process.exitCode = await runBroker({ configFile, port: 0, verbose: true, quiet: false, testConfig: false })
process.stdin.destroy()

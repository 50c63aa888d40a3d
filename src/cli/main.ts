/** Where the program `nightjar` begins. */
import { runCommand } from './command.ts'
import { saidAll } from './stderr.ts'
import { originalWords } from './words.ts'

const exitCode = await runCommand(process.argv[1] ?? 'nightjar', originalWords(process.argv.slice(2)))
await saidAll()
// What is left open (stdin, a broken connection) is of no use any more; all output is written.
process.exit(exitCode)

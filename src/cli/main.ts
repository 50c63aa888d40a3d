/** Where the program `nightjar` begins. */
import { runCommand } from './command.ts'

// process.exit, as what is left open (stdin, a broken connection) is of no use any more; all output is written.
process.exit(await runCommand(process.argv[1] ?? 'nightjar', process.argv.slice(2)))

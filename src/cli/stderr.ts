import { writeAll } from './stdout.ts'

const STDERR = 2

/** One line on stderr, begun with the name of the command. */
export type Say = (line: string) => void

/** Nobody reads stderr if it is closed: then there is nothing to be done. */
export function sayAs(command: string): Say {
  return (line) => {
    const words = line.replaceAll('\n', ' ')
    writeAll(STDERR, new TextEncoder().encode(`${command}: ${words}\n`))
  }
}

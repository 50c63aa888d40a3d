import { Output } from './output.ts'

const STDERR = 2
/** So many bytes wait for whoever reads; lines beyond that are dropped. */
const FULL = 64 * 1024
/** Milliseconds for the last lines to be taken. */
const PATIENCE = 1000

/** One line on stderr, begun with the name of the command. */
export type Say = (line: string) => void

let output: Output | null = null

export function sayAs(command: string): Say {
  return (line) => sayRaw(`${command}: ${line.replaceAll('\n', ' ')}`)
}

/** A line as it stands. If nobody reads stderr, or its disk is full, there is nothing to be done. */
export function sayRaw(line: string): void {
  output ??= new Output(STDERR, () => {})
  if (output.waiting < FULL) output.write(new TextEncoder().encode(`${line}\n`))
}

/** Resolves when all lines have been taken, or it took too long. */
export async function saidAll(): Promise<void> {
  if (output === null || output.waiting === 0) return
  const late = new Promise<void>((resolve) => void setTimeout(resolve, PATIENCE))
  await Promise.race([output.taken(), late])
}

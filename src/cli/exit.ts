/** What the exit codes mean; docs/commands.md shows this table. */
export const EXIT_CODES = {
  ok: { code: 0, doc: 'done' },
  other: { code: 1, doc: 'any other error; a store that is not sound' },
  usage: { code: 2, doc: 'usage error: an option or its value; a store that cannot be read' },
  config: { code: 3, doc: 'the configuration file is not valid (broker)' },
  unreachable: { code: 4, doc: 'no connection: name, address, port or network' },
  refused: { code: 5, doc: 'the broker refused the connection' },
  subscription: { code: 6, doc: 'the broker denied every subscription' },
  publish: { code: 7, doc: 'the broker refused a message' },
  timeout: { code: 27, doc: 'timed out (`-W`)' },
  fault: { code: 70, doc: 'nightjar crashed (broker): the log says why' },
  interrupted: { code: 130, doc: 'ended by Ctrl-C (SIGINT), or 143 by SIGTERM' },
} as const

export type ExitReason = keyof typeof EXIT_CODES

/** Ends the command, with one line on what went wrong and what to do about it. */
export class CommandError extends Error {
  readonly exitCode: number

  constructor(reason: ExitReason, message: string) {
    super(message)
    this.exitCode = EXIT_CODES[reason].code
  }
}

export function usageError(message: string): CommandError {
  return new CommandError('usage', message)
}

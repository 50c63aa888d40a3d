import { CommandError } from './exit.ts'

/** Ended by Ctrl-C or another signal, with the exit code for it. */
export class Interrupted extends Error {
  readonly exitCode: number

  constructor(exitCode: number) {
    super('interrupted')
    this.exitCode = exitCode
  }
}

/** A usage error that a guess may help with. */
export class UnknownOption extends CommandError {
  readonly option: string
  readonly known: readonly string[]

  constructor(option: string, known: readonly string[]) {
    super('usage', `there is no option ${option}`)
    this.option = option
    this.known = known
  }
}

/** The CONNACK was a refusal. */
export class RefusedError extends CommandError {
  /** As it was in the CONNACK: 1..5 below MQTT 5.0, from 0x80 on in it. */
  readonly connackCode: number

  constructor(message: string, connackCode: number) {
    super('refused', message)
    this.connackCode = connackCode
  }
}

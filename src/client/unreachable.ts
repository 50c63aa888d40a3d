import { inWords } from '../protocol/index.ts'
import { MqttError } from './errors.ts'

/** Why a connection could not be made, by the code of the system's error. */
const CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there. Is the broker running, and is the port right?',
  ENOTFOUND: 'the name is not known. Is it spelt right?',
  EAI_AGAIN: 'the name could not be looked up. Is there a network?',
  ETIMEDOUT: 'no answer. Is the address right, and does a firewall let it through?',
  EHOSTUNREACH: 'there is no way to that host. Are both in the same network?',
  ENETUNREACH: 'there is no way to that network.',
  ECONNRESET: 'the other side broke the connection off.',
}

/** The system's error that stands behind an error, or undefined. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : undefined
}

export function unreachable(error: unknown, where: string): MqttError {
  if (error instanceof MqttError) return error
  const code = systemCode(error)
  const words = (code !== undefined && CAUSES[code]) || inWords(error)
  const message = `Cannot connect to ${where}: ${words}${code === undefined ? '' : ` (${code})`}`
  return new MqttError('ERR_UNREACHABLE', message, { cause: error })
}

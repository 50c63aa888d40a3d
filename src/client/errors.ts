import { inWords, reasonCodeName } from '../protocol/index.ts'

/** Every code of an MqttError, and what it means. */
export const ERROR_CODES = {
  ERR_URL: 'the URL is not one that this version can connect to',
  ERR_OPTION: 'an argument or option is not valid, or there is no such option',
  ERR_UNREACHABLE: 'no connection to the broker could be made: name, address, port or network',
  ERR_REFUSED: 'the broker answered CONNECT with a refusal',
  ERR_TIMEOUT: 'the time limit was reached',
  ERR_ABORTED: 'the AbortSignal fired',
  ERR_CLOSED: 'the client is closed',
  ERR_CONNECTION_LOST: 'the connection ended without a DISCONNECT',
  ERR_DISCONNECTED: 'the broker ended the connection with a DISCONNECT',
  ERR_TAKEN_OVER: 'another client connected with the same client identifier',
  ERR_KEEP_ALIVE: 'the broker did not answer within the keep-alive time',
  ERR_PROTOCOL: 'the other side broke the MQTT protocol',
  ERR_SESSION_LOST: 'the broker has forgotten the Session, so whether the message arrived is unknown',
  ERR_TOPIC: 'the topic name or the topic filter is not valid',
  ERR_PAYLOAD: 'the payload cannot be encoded or decoded',
  ERR_DENIED: 'the broker does not allow this topic to this client',
  ERR_REJECTED: 'the broker refused the message or the subscription',
  ERR_TOO_LARGE: 'the packet is larger than the broker accepts',
  ERR_UNSUPPORTED: 'the broker, or this version of MQTT, does not support it',
  ERR_OFFLINE: 'there is no connection, and it does not wait for one',
  ERR_QUEUE_FULL: 'the queue of unsent messages is full',
  ERR_DROPPED: 'the message was dropped from the queue for a newer one',
  ERR_EXPIRED: 'the message expired before it could be sent',
  ERR_POISON: 'the message ended the connection twice, and was put aside',
  ERR_OVERFLOW: 'the buffer of a subscription is full',
  ERR_REMOTE: 'the service answered with an error',
} as const

export type ErrorCode = keyof typeof ERROR_CODES

export interface ErrorDetails {
  /**
   * The reason code of the packet that brought the news (in MQTT 3.1 and 3.1.1 the MQTT 5.0 code that means the same).
   */
  reasonCode?: number | undefined
  /** The broker's Reason String. */
  reasonString?: string | undefined
  /** The broker's Server Reference: another broker to use. */
  serverReference?: string | undefined
  cause?: unknown
}

/** The one error class of the client: `code` says what happened, `message` also what to do about it. */
export class MqttError extends Error {
  readonly code: ErrorCode
  readonly reasonCode: number | undefined
  readonly reasonString: string | undefined
  readonly serverReference: string | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'MqttError'
    this.code = code
    this.reasonCode = details.reasonCode
    this.reasonString = details.reasonString
    this.serverReference = details.serverReference
  }
}

/** "not authorized (0x87): no rule for this user" */
export function reasonWords(reasonCode: number, reasonString: string | undefined): string {
  const code = `0x${reasonCode.toString(16).padStart(2, '0')}`
  const words = `${reasonCodeName(reasonCode)} (${code})`
  return reasonString === undefined ? words : `${words}: ${reasonString}`
}

export function aborted(signal: AbortSignal, what: string): MqttError {
  return new MqttError('ERR_ABORTED', `${what}: the AbortSignal fired`, { cause: signal.reason })
}

export function closedError(cause: MqttError | null): MqttError {
  if (cause === null) return new MqttError('ERR_CLOSED', 'The client is closed: connect() makes a new one')
  return new MqttError('ERR_CLOSED', `The client is closed: ${cause.message}`, { ...cause, cause })
}

export function toMqttError(error: unknown, code: ErrorCode): MqttError {
  if (error instanceof MqttError) return error
  const message = inWords(error)
  return new MqttError(code, message, { cause: error })
}

/** Why a connection failed, by the code of the system's error. */
const CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there. Is the broker running, and is the port right?',
  ENOTFOUND: 'the name is not known. Is it spelt right?',
  EAI_AGAIN: 'the name could not be looked up. Is there a network?',
  ETIMEDOUT: 'no answer. Is the address right, and does a firewall let it through?',
  EHOSTUNREACH: 'there is no way to that host. Are both in the same network?',
  ENETUNREACH: 'there is no way to that network.',
  ECONNRESET: 'the other side broke the connection off.',
}

/** The code of a system error, such as ECONNREFUSED, or undefined. */
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

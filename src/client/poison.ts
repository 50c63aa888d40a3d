import { ReasonCode } from '../protocol/index.ts'
import { OutboundState } from '../session/index.ts'
import { MqttError, systemCode } from './errors.ts'
import type { Settings } from './options.ts'
import type { Publication } from './publication.ts'
import type { ClientSession } from './session.ts'

/** A message that was in flight when this many connections ended is a suspect. */
const STRIKES = 2

/** Reason Codes of a DISCONNECT that one of our messages may have caused. */
const BLAMING: ReadonlySet<number> = new Set([
  ReasonCode.UnspecifiedError,
  ReasonCode.MalformedPacket,
  ReasonCode.ProtocolError,
  ReasonCode.ImplementationSpecificError,
  ReasonCode.NotAuthorized,
  ReasonCode.TopicNameInvalid,
  ReasonCode.ReceiveMaximumExceeded,
  ReasonCode.TopicAliasInvalid,
  ReasonCode.PacketTooLarge,
  ReasonCode.QuotaExceeded,
  ReasonCode.PayloadFormatInvalid,
  ReasonCode.RetainNotSupported,
  ReasonCode.QoSNotSupported,
])

/** System errors for a connection that the other side closed. */
const HUNG_UP: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED'])

/**
 * Whether a message in flight may have ended the connection: the broker said so, or closed it without a DISCONNECT. A
 * network failure, a broker that shuts down, and our own time-outs are not a message's fault.
 */
function mayBeTheMessage({ code, reasonCode, cause }: MqttError): boolean {
  if (code === 'ERR_DISCONNECTED') return reasonCode !== undefined && BLAMING.has(reasonCode)
  if (code !== 'ERR_CONNECTION_LOST') return false
  const system = systemCode(cause)
  return cause === undefined || (system !== undefined && HUNG_UP.has(system))
}

type Outbound = ClientSession['outbound']

/**
 * Finds the message that makes the broker hang up (option `poison`). A message that was in flight each time is a
 * suspect, and is sent alone; if the connection ends again it is the one.
 */
export class PoisonWatch {
  readonly #putsAside: boolean
  /** The suspect that is in flight. */
  #suspect: Publication | null = null

  constructor(poison: Settings['poison']) {
    this.#putsAside = poison === 'put-aside'
  }

  /** A suspect is in flight: nothing else may be sent. */
  get alone(): boolean {
    return this.#suspect !== null
  }

  isSuspect({ strikes }: Publication): boolean {
    return strikes >= STRIKES
  }

  sent(message: Publication): void {
    if (this.isSuspect(message)) this.#suspect = message
  }

  /** The broker has answered, so it was not this one. */
  answered(message: Publication): void {
    if (this.#suspect === message) this.#suspect = null
  }

  connected(): void {
    this.#suspect = null
  }

  /** The connection ended. Returns the position of the message that is to be put aside, or -1. */
  disconnected(outbound: Outbound, error: MqttError): number {
    if (!this.#putsAside || !mayBeTheMessage(error)) return -1
    const inFlight: number[] = []
    outbound.forEach((message, state, position) => {
      if (state !== OutboundState.AwaitingPuback && state !== OutboundState.AwaitingPubrec) return
      ;(message as Publication).strikes++
      inFlight.push(position)
    })
    const position = inFlight[0]
    // With several in flight it may have been any of them: those that were there each time are sent alone from now on.
    if (position === undefined || inFlight.length > 1) return -1
    return this.isSuspect(outbound.message(position) as Publication) ? position : -1
  }
}

export function poisonError({ topic, payload, qos, strikes }: Publication, cause: MqttError): MqttError {
  const words =
    `The message to '${topic}' (${payload.length} bytes, QoS ${qos}) ended the connection ${strikes} times and was put ` +
    `aside: ${cause.message}`
  return new MqttError('ERR_POISON', words, { reasonCode: cause.reasonCode, cause })
}

import { ReasonCode } from '../protocol/index.ts'
import { type MqttError, systemCode } from './errors.ts'

/** A message that was in flight when so many connections ended is put aside, if it was alone; else it goes alone. */
export const STRIKES = 2

/** Reasons for a DISCONNECT that a message of ours can be. */
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

/** How the system says that the other side hung up. */
const HUNG_UP: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED'])

/**
 * Whether the connection may have ended because of what was in flight: the broker said so, or hung up without a word. A
 * network that failed, a broker that shuts down, and our own time-outs are not a message's fault.
 */
export function mayBeTheMessage({ code, reasonCode, cause }: MqttError): boolean {
  if (code === 'ERR_DISCONNECTED') return reasonCode !== undefined && BLAMING.has(reasonCode)
  if (code !== 'ERR_CONNECTION_LOST') return false
  const system = systemCode(cause)
  return cause === undefined || (system !== undefined && HUNG_UP.has(system))
}

import { type ConnectPacket, ReasonCode, reasonCodeName } from '../../protocol/index.ts'
import { levelCount, topicNameError } from '../../topics/index.ts'
import type { Connection } from '../connection.ts'
import type { ConnectDecision } from '../contracts.ts'
import type { Core } from '../core.ts'
import { isReserved, RESERVED_REASON } from '../message/index.ts'
import type { ListenerTerms } from '../settings/index.ts'

/** Why a client may not connect. */
export interface ConnectRefusal {
  readonly reasonCode: number
  /** In words, for the client too. */
  readonly reason: string
  /** The rule or option that decided, for the log. */
  readonly rule: string
  readonly serverReference?: string
}

/** What of a CONNECT speaks against it, whoever sent it. */
export function connectRefusal(core: Core, connection: Connection, packet: ConnectPacket): ConnectRefusal | null {
  if (core.stopping) return stopping(core)
  return (
    versionRefusal(connection.listener, packet) ??
    rateRefusal(core, connection) ??
    clientIdRefusal(connection.listener, packet) ??
    numberRefusal(core, packet) ??
    storeRefusal(core, packet) ??
    keepAliveRefusal(connection.listener, packet) ??
    willRefusal(core, connection.listener, packet)
  )
}

function stopping({ settings: { serverReference } }: Core): ConnectRefusal {
  const reason = 'the broker is stopping'
  if (serverReference === null) return { reasonCode: ReasonCode.ServerUnavailable, reason, rule: '' }
  return { reasonCode: ReasonCode.UseAnotherServer, reason, rule: '', serverReference }
}

/** What was decided about a client that names no Authentication Method. */
export function accessRefusal({ allowed, reasonCode, rule }: ConnectDecision): ConnectRefusal | null {
  return allowed ? null : { reasonCode, reason: reasonCodeName(reasonCode), rule }
}

function rateRefusal(core: Core, connection: Connection): ConnectRefusal | null {
  if (!connection.tooSoon) return null
  return {
    reasonCode: ReasonCode.ConnectionRateExceeded,
    reason: 'connections come too fast',
    rule: `Option max_connection_rate (${core.settings.maximumConnectionRate} a second from one address) decides`,
  }
}

/** Of the versions that the broker speaks, those that the listener does not want [MQTT-3.1.2-2]. */
function versionRefusal({ protocolVersions }: ListenerTerms, { version }: ConnectPacket): ConnectRefusal | null {
  if (protocolVersions.includes(version)) return null
  return {
    reasonCode: ReasonCode.UnsupportedProtocolVersion,
    reason: `its version of MQTT (${version}) is not taken here`,
    rule: 'Option accept_protocol_versions decides',
  }
}

/** Who has a Session takes no place more, whether it is resumed or begun anew. */
function numberRefusal(core: Core, { clientId }: ConnectPacket): ConnectRefusal | null {
  const { maximumClients } = core.settings
  if (maximumClients === 0 || core.sessions.size < maximumClients || core.sessions.has(clientId)) return null
  return {
    reasonCode: ReasonCode.ServerBusy,
    reason: 'there are too many clients',
    rule: `Option global_max_clients (${maximumClients}) decides`,
  }
}

function clientIdRefusal(listener: ListenerTerms, packet: ConnectPacket): ConnectRefusal | null {
  if (packet.clientId !== '') return null
  const reasonCode = ReasonCode.ClientIdentifierNotValid
  // MQTT 3.1 asks for one; 3.1.1 allows none only for a Session that ends with its connection.
  if (packet.version === 3) return { reasonCode, reason: 'MQTT 3.1 needs a client id', rule: '' }
  if (!listener.allowZeroLengthClientId) {
    return { reasonCode, reason: 'it has no client id', rule: 'Option allow_zero_length_clientid decides' }
  }
  if (packet.version === 4 && !packet.cleanStart) {
    return { reasonCode, reason: 'a session that is kept needs a client id', rule: '' }
  }
  return null
}

/** A Session that is to be kept needs a store that can keep it. */
function storeRefusal(core: Core, packet: ConnectPacket): ConnectRefusal | null {
  if (!core.store.full) return null
  const kept = packet.version === 5 ? (packet.properties.sessionExpiryInterval ?? 0) > 0 : !packet.cleanStart
  if (!kept) return null
  const rule = `The store: ${core.store.trouble}`
  return { reasonCode: ReasonCode.QuotaExceeded, reason: 'its session cannot be kept', rule }
}

/** MQTT 5.0 clients are told to use another keep-alive; earlier ones can only be refused. */
function keepAliveRefusal({ maximumKeepAlive }: ListenerTerms, packet: ConnectPacket): ConnectRefusal | null {
  if (packet.version === 5 || maximumKeepAlive === 65_535) return null
  if (packet.keepAlive > 0 && packet.keepAlive <= maximumKeepAlive) return null
  return {
    reasonCode: ReasonCode.ClientIdentifierNotValid,
    reason: `its keep alive of ${packet.keepAlive} s is not allowed`,
    rule: `Option max_keepalive (${maximumKeepAlive} s) decides`,
  }
}

function willRefusal(core: Core, listener: ListenerTerms, packet: ConnectPacket): ConnectRefusal | null {
  const { will } = packet
  if (will === null) return null
  const { maximumTopicLevels } = core.settings
  const tooDeep = maximumTopicLevels !== 0 && levelCount(will.topic) > maximumTopicLevels
  const wrong =
    topicNameError(will.topic) ??
    (tooDeep ? `it has more than ${maximumTopicLevels} levels (option max_topic_levels)` : null) ??
    (isReserved(will.topic) ? RESERVED_REASON : null)
  if (wrong !== null) return { reasonCode: ReasonCode.TopicNameInvalid, reason: `its will topic: ${wrong}`, rule: '' }
  if (will.qos > listener.maximumQoS) {
    // [MQTT-3.2.2-12]
    return {
      reasonCode: ReasonCode.QoSNotSupported,
      reason: `its will has QoS ${will.qos}`,
      rule: 'Option max_qos decides',
    }
  }
  if (will.retain && !listener.retainAvailable) {
    // [MQTT-3.2.2-13]
    return {
      reasonCode: ReasonCode.RetainNotSupported,
      reason: 'its will is retained',
      rule: 'Option retain_available decides',
    }
  }
  const limit = core.settings.messageSizeLimit
  if (limit > 0 && will.payload.length > limit) {
    return {
      reasonCode: ReasonCode.PacketTooLarge,
      reason: `the payload of its will has ${will.payload.length} bytes`,
      rule: `The limit is set by message_size_limit (${limit} bytes)`,
    }
  }
  return null
}

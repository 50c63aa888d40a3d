import {
  type ConnackPacket,
  type ConnectPacket,
  connectReturnCode,
  encodePacket,
  PacketType,
  type Properties,
  ReasonCode,
  reasonCodeName,
} from '../protocol/index.ts'
import { InboundAliases, OutboundAliases } from '../session/index.ts'
import { topicNameError } from '../topics/index.ts'
import { endSession } from './close.ts'
import type { Connection } from './connection.ts'
import type { Core } from './core.ts'
import { Phase } from './phase.ts'
import { pump } from './queue.ts'
import { disconnect, fitsReason } from './refuse.ts'
import { NEVER, Session } from './session.ts'
import type { ListenerSettings } from './settings.ts'
import { willOf } from './will.ts'

interface Refusal {
  readonly reasonCode: number
  readonly reason: string
  /** The rule or option that decided. */
  readonly rule: string
}

const MAXIMUM_IN_FLIGHT = 65_535

/** CONNECT: who is it, may it, which Session does it get; then CONNACK, and what was owed to the Session. */
export function onConnect(core: Core, connection: Connection, packet: ConnectPacket): void {
  core.metrics.connections++
  connection.version = packet.version
  connection.clientId = packet.clientId === '' ? null : packet.clientId
  connection.username = packet.username
  connection.maximumPacketSize = packet.properties.maximumPacketSize ?? connection.maximumPacketSize
  connection.limited = packet.properties.maximumPacketSize !== undefined
  connection.problemInformation = packet.properties.requestProblemInformation ?? true
  const refusal = refusalOf(core, connection, packet)
  if (refusal !== null) {
    refuse(core, connection, refusal)
    return
  }
  const assigned = packet.clientId === '' ? assignClientId(core, connection.listener) : null
  if (assigned !== null) packet.clientId = assigned
  connection.clientId = packet.clientId
  open(core, connection, packet, assigned)
}

function refusalOf(core: Core, connection: Connection, packet: ConnectPacket): Refusal | null {
  if (core.stopping) return { reasonCode: ReasonCode.ServerShuttingDown, reason: 'the broker is stopping', rule: '' }
  return (
    clientIdRefusal(connection.listener, packet) ??
    keepAliveRefusal(core, packet) ??
    accessRefusal(core, connection, packet) ??
    willRefusal(core, connection.listener, packet)
  )
}

function clientIdRefusal(listener: ListenerSettings, packet: ConnectPacket): Refusal | null {
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

/** MQTT 5.0 clients are told to use another keep-alive; earlier ones can only be refused. */
function keepAliveRefusal(core: Core, packet: ConnectPacket): Refusal | null {
  const { maximumKeepAlive } = core.settings
  if (packet.version === 5 || maximumKeepAlive === 65_535) return null
  if (packet.keepAlive > 0 && packet.keepAlive <= maximumKeepAlive) return null
  return {
    reasonCode: ReasonCode.ClientIdentifierNotValid,
    reason: `its keep alive of ${packet.keepAlive} s is not allowed`,
    rule: `Option max_keepalive (${maximumKeepAlive} s) decides`,
  }
}

function accessRefusal(core: Core, connection: Connection, packet: ConnectPacket): Refusal | null {
  if (packet.properties.authenticationMethod !== undefined) {
    const reason = `there is no authentication method ${packet.properties.authenticationMethod}`
    return { reasonCode: ReasonCode.BadAuthenticationMethod, reason, rule: '' } // [MQTT-4.12.0-1]
  }
  const { clientId, username, password, version } = packet
  const { host } = connection.link
  const decision = core.access.connect({
    clientId,
    username,
    password,
    version,
    host,
    listener: connection.listener.name,
  })
  if (decision.allowed) return null
  return { reasonCode: decision.reasonCode, reason: reasonCodeName(decision.reasonCode), rule: decision.rule }
}

function willRefusal(core: Core, listener: ListenerSettings, packet: ConnectPacket): Refusal | null {
  const { will } = packet
  if (will === null) return null
  const wrong =
    topicNameError(will.topic) ?? (will.topic.startsWith('$SYS/') ? 'topics below $SYS belong to the broker' : null)
  if (wrong !== null) return { reasonCode: ReasonCode.TopicNameInvalid, reason: `its will topic: ${wrong}`, rule: '' }
  if (will.qos > listener.maximumQoS) {
    // [MQTT-3.2.2-12]
    return {
      reasonCode: ReasonCode.QoSNotSupported,
      reason: `its will has QoS ${will.qos}`,
      rule: 'Option max_qos decides',
    }
  }
  if (will.retain && !core.settings.retainAvailable) {
    // [MQTT-3.2.2-13]
    return {
      reasonCode: ReasonCode.RetainNotSupported,
      reason: 'its will is retained',
      rule: 'Option retain_available decides',
    }
  }
  return null
}

function refuse(core: Core, connection: Connection, refusal: Refusal): void {
  const { reasonCode, reason, rule } = refusal
  core.event('connectRefused', connection, { reason, code: reasonCodeName(reasonCode), rule })
  const v5 = connection.version === 5
  const properties = v5 && fitsReason(connection, reason) ? { reasonString: reason } : {}
  const code = v5 ? reasonCode : connectReturnCode(reasonCode)
  sendConnack(core, connection, { type: PacketType.Connack, sessionPresent: false, reasonCode: code, properties })
  connection.finish(reason, true)
}

/** A name that no Session has [MQTT-3.2.2-16]. */
function assignClientId(core: Core, listener: ListenerSettings): string {
  for (;;) {
    let id = listener.autoIdPrefix
    for (let i = 0; i < 4; i++) id += core.random.uint32().toString(16).padStart(8, '0')
    if (!core.sessions.has(id)) return id
  }
}

function open(core: Core, connection: Connection, packet: ConnectPacket, assigned: string | null): void {
  const before = core.logPosition
  const existing = core.sessions.get(packet.clientId)
  if (existing !== undefined && existing.connection !== null) takeOver(core, existing, connection)
  const session = sessionFor(core, packet)
  const sessionPresent = session === existing
  const { keepAlive, properties } = packet
  const tooLong = keepAlive === 0 || keepAlive > core.settings.maximumKeepAlive
  connection.keepAlive = tooLong && core.settings.maximumKeepAlive < 65_535 ? core.settings.maximumKeepAlive : keepAlive
  attach(core, connection, session, properties)
  session.will = willOf(core, packet)
  if (session.persistent) {
    const { clientId, expiryInterval, will } = session
    core.append({ kind: 'session', clientId, expiryInterval, will })
  }
  if (core.logPosition !== before) connection.promised()
  sendConnack(core, connection, accept(core, connection, session, packet, sessionPresent, assigned))
  logConnected(core, connection, session, sessionPresent)
  pump(core, session)
}

/** The connection that has this Client Identifier now gives it up [MQTT-3.1.4-3]. */
function takeOver(core: Core, session: Session, connection: Connection): void {
  const old = session.connection!
  const other = connection.link.address
  core.event('sessionTakenOver', old, { other })
  const count = core.takeovers.note(session.clientId, core.now)
  if (count > 0) core.event('clientIdClash', old, { count, other })
  disconnect(old, ReasonCode.SessionTakenOver, 'another connection took over its client id')
}

/** The Session of before, or a new one [MQTT-3.1.2-4] [MQTT-3.1.2-5] [MQTT-3.1.2-6]. */
function sessionFor(core: Core, packet: ConnectPacket): Session {
  const { clientId, version } = packet
  const expiry = expiryOf(core, packet)
  let session = core.sessions.get(clientId)
  if (session !== undefined && packet.cleanStart) {
    endSession(core, session, 'a new Session took its place')
    session = undefined
  }
  if (session === undefined) {
    session = new Session(clientId, version, expiry, core.settings.maximumInFlight)
    core.sessions.set(clientId, session)
  }
  if (session.timer !== null) core.wheel.clear(session.timer)
  session.version = version
  session.expiryInterval = expiry
  session.persistent ||= expiry > 0
  return session
}

/** Seconds. MQTT 3 has no number: a Session that is not clean never ends, unless the broker has a limit. */
function expiryOf(core: Core, packet: ConnectPacket): number {
  const asked = packet.version === 5 ? (packet.properties.sessionExpiryInterval ?? 0) : packet.cleanStart ? 0 : NEVER
  const { persistentClientExpiration } = core.settings
  return asked === NEVER && persistentClientExpiration > 0 ? persistentClientExpiration : asked
}

function attach(core: Core, connection: Connection, session: Session, properties: Properties): void {
  const { maximumInFlight } = core.settings
  const { topicAliasMaximum, topicAliasMaximumOutgoing } = connection.listener
  connection.session = session
  connection.phase = Phase.Open
  session.connection = connection
  session.username = connection.username
  // What was in flight waits again.
  session.queuedBytes += session.inFlightBytes
  session.inFlightBytes = 0
  session.outbound.resume(Math.min(maximumInFlight, properties.receiveMaximum ?? MAXIMUM_IN_FLIGHT))
  if (connection.version === 5 && topicAliasMaximum > 0)
    connection.inboundAliases = new InboundAliases(topicAliasMaximum)
  const aliases = Math.min(properties.topicAliasMaximum ?? 0, topicAliasMaximumOutgoing)
  if (aliases > 0) connection.outboundAliases = new OutboundAliases(aliases)
  if (connection.keepAlive === 0) core.wheel.clear(connection.timer)
  else core.wheel.set(connection.timer, core.now + connection.keepAlive * 1500)
  core.online++
  if (core.online > core.metrics.clientsMaximum) core.metrics.clientsMaximum = core.online
}

/** What MQTT 5.0 clients are told, where it is not the standard's default. */
function accept(
  core: Core,
  connection: Connection,
  session: Session,
  packet: ConnectPacket,
  sessionPresent: boolean,
  assigned: string | null,
): ConnackPacket {
  const { settings } = core
  const { maximumQoS, topicAliasMaximum } = connection.listener
  const properties: Properties = {}
  if (connection.version === 5) {
    if (assigned !== null) properties.assignedClientIdentifier = assigned
    if (connection.keepAlive !== packet.keepAlive) properties.serverKeepAlive = connection.keepAlive
    if (session.expiryInterval !== (packet.properties.sessionExpiryInterval ?? 0)) {
      properties.sessionExpiryInterval = session.expiryInterval
    }
    if (settings.maximumInFlight < MAXIMUM_IN_FLIGHT) properties.receiveMaximum = settings.maximumInFlight
    if (maximumQoS < 2) properties.maximumQoS = maximumQoS as 0 | 1
    if (!settings.retainAvailable) properties.retainAvailable = false
    if (topicAliasMaximum > 0) properties.topicAliasMaximum = topicAliasMaximum
    properties.maximumPacketSize = settings.maximumPacketSize
  }
  return { type: PacketType.Connack, sessionPresent, reasonCode: ReasonCode.Success, properties }
}

function sendConnack(core: Core, connection: Connection, packet: ConnackPacket): void {
  encodePacket(connection.output, packet, connection.version, core.text)
  core.metrics.messagesSent++
}

const PROTOCOLS = { 3: 'MQTT 3.1', 4: 'MQTT 3.1.1', 5: 'MQTT 5.0' } as const

function logConnected(core: Core, connection: Connection, session: Session, sessionPresent: boolean): void {
  if (!core.settings.connectionMessages) return
  const kept = session.expiryInterval === 0 ? 'clean session' : 'session kept'
  core.event('clientConnected', connection, {
    protocol: PROTOCOLS[connection.version],
    session: sessionPresent ? 'session resumed' : kept,
    keepAlive: connection.keepAlive,
    user: connection.username === null ? '' : `, user ${connection.username}`,
  })
}

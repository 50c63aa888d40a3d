import {
  type ConnackPacket,
  type ConnectPacket,
  connectReturnCode,
  LARGEST_PACKET,
  PacketType,
  type Properties,
  ReasonCode,
  reasonCodeFits,
  reasonCodeName,
} from '../../protocol/index.ts'
import { InboundAliases, OutboundAliases } from '../../session/index.ts'
import { topicNameError } from '../../topics/index.ts'
import { countedBy, disconnect, endNow, Phase, publishRateOf, sendControl } from '../connection/index.ts'
import type { Connection } from '../connection.ts'
import type { Core } from '../core.ts'
import { pump } from '../deliver/index.ts'
import { endSession } from '../end/index.ts'
import { shortened } from '../events/index.ts'
import { willOf } from '../publish/index.ts'
import { limitedExpiry, NEVER, Session } from '../sessions/index.ts'
import type { ListenerTerms } from '../settings/index.ts'
import { Units } from '../time/index.ts'
import { accessRefusal, type ConnectRefusal, connectRefusal } from './admission.ts'
import { beginAuthentication } from './authenticate.ts'

const MAXIMUM_IN_FLIGHT = 65_535
/** Bytes of a text in a packet. */
const LONGEST_TEXT = 65_535

/** CONNECT: who is it, may it, which Session does it get; then CONNACK, and what was owed to the Session. */
export function onConnect(core: Core, connection: Connection, packet: ConnectPacket): void {
  core.metrics.connections++
  core.work.spend(Units.connect)
  connection.version = packet.version
  connection.clientId = packet.clientId === '' ? null : packet.clientId
  connection.username = packet.username
  connection.bridge = packet.bridge
  limit(connection, packet)
  connection.problemInformation = packet.properties.requestProblemInformation ?? true
  const refusal = connectRefusal(core, connection, packet)
  if (refusal === null) identify(core, connection, packet)
  else refuse(core, connection, refusal)
}

/** How large a packet it may be sent: MQTT 5.0 clients say so, for the others an option does. */
function limit(connection: Connection, { version, properties }: ConnectPacket): void {
  const { maximumPacketSizeMQTT3 } = connection.listener
  const most = version === 5 ? properties.maximumPacketSize : maximumPacketSizeMQTT3 || undefined
  connection.limited = most !== undefined
  if (most !== undefined) connection.maximumPacketSize = Math.min(most, LARGEST_PACKET)
}

/** Who is it: by an exchange of AUTH packets if CONNECT names a method for that, else by what CONNECT brings along. */
function identify(core: Core, connection: Connection, packet: ConnectPacket): void {
  const { clientId, username, password, version } = packet
  const { peer } = connection.link
  const request = { clientId, username, password, version, peer, listener: connection.listener.name }
  const { authenticationMethod: method, authenticationData = null } = packet.properties
  if (method === undefined) {
    const decision = core.access.connect(request, (late) => {
      if (connection.phase !== Phase.Authenticating) return
      // The world may have changed meanwhile.
      admit(core, connection, packet, connectRefusal(core, connection, packet) ?? accessRefusal(late))
      connection.reading.resume()
    })
    if (decision === null) {
      connection.phase = Phase.Authenticating
      core.atDoor.add(connection)
      connection.reading.suspendAtDoor()
    } else admit(core, connection, packet, accessRefusal(decision))
    return
  }
  const known = beginAuthentication(core, connection, method, authenticationData, request, {
    accepted: (name, data) => {
      if (name !== null) connection.username = name
      // The world may have changed during the exchange.
      admit(core, connection, packet, connectRefusal(core, connection, packet), data)
    },
    refused: (reasonCode, rule) => {
      refuse(core, connection, { reasonCode, reason: reasonCodeName(reasonCode), rule })
    },
  })
  if (known) return
  const reason = `there is no authentication method ${shortened(method, core.settings.bounds.reasonLength)}`
  refuse(core, connection, { reasonCode: ReasonCode.BadAuthenticationMethod, reason, rule: '' }) // [MQTT-4.12.0-1]
}

/** `data` is what an Authentication Method has to say to the client that it accepted. */
function admit(
  core: Core,
  connection: Connection,
  packet: ConnectPacket,
  refusal: ConnectRefusal | null,
  data: Uint8Array | null = null,
): void {
  if (refusal === null) open(core, connection, packet, data)
  else refuse(core, connection, refusal)
}

function refuse(core: Core, connection: Connection, refusal: ConnectRefusal): void {
  const { reason, rule, serverReference } = refusal
  const fits = reasonCodeFits(PacketType.Connack, refusal.reasonCode)
  const reasonCode = fits ? refusal.reasonCode : ReasonCode.NotAuthorized
  const details = { reason, code: reasonCodeName(reasonCode), rule }
  // Who is refused often comes again at once, without end.
  const who = connection.tooSoon || connection.clientId === null ? countedBy(connection.link.peer) : null
  core.repeats.note('connectRefused', connection, reason, details, who)
  const code = connection.version === 5 ? reasonCode : connectReturnCode(reasonCode)
  const properties: Properties = serverReference === undefined ? {} : { serverReference }
  const packet = { type: PacketType.Connack, sessionPresent: false, reasonCode: code, properties } as const
  sendControl(core, connection, packet, reason)
  connection.finish(reason, true)
}

/** A name that no Session has [MQTT-3.2.2-16]: what `auto_id_prefix` says, and random digits as in a UUID. */
function assignClientId(core: Core, listener: ListenerTerms): string {
  for (;;) {
    let digits = ''
    for (let i = 0; i < 4; i++) digits += core.random.uint32().toString(16).padStart(8, '0')
    const parts = [
      digits.slice(0, 8),
      digits.slice(8, 12),
      digits.slice(12, 16),
      digits.slice(16, 20),
      digits.slice(20),
    ]
    const id = listener.autoIdPrefix + parts.join('-')
    if (!core.sessions.has(id)) return id
  }
}

function open(core: Core, connection: Connection, packet: ConnectPacket, data: Uint8Array | null): void {
  const assigned = packet.clientId === '' ? assignClientId(core, connection.listener) : null
  if (assigned !== null) packet.clientId = assigned
  connection.clientId = packet.clientId
  core.atDoor.letIn(connection)
  connection.origin = { kind: packet.bridge ? 'bridge' : 'client', client: packet.clientId }
  const existing = core.sessions.get(packet.clientId)
  if (existing !== undefined && existing.leaving !== null) endNow(existing.leaving)
  else if (existing !== undefined && existing.connection !== null) takeOver(core, existing, connection)
  const session = sessionFor(core, packet)
  if (session === null) {
    refuse(core, connection, stillEnding(core))
    return
  }
  const sessionPresent = session === existing
  connection.resumed = sessionPresent
  const { keepAlive } = packet
  const { maximumKeepAlive } = connection.listener
  const tooLong = keepAlive === 0 || keepAlive > maximumKeepAlive
  connection.keepAlive = tooLong && maximumKeepAlive < 65_535 ? maximumKeepAlive : keepAlive
  attach(core, connection, session, packet.properties)
  session.will = willOf(core, packet, connection.origin)
  if (session.persistent) {
    const { clientId, expiryInterval, will } = session
    core.append({ kind: 'session', clientId, expiryInterval, will })
  }
  // Whether or not this CONNECT wrote anything: that a Session has ended may have been written for one just before.
  connection.promised()
  const properties = announced(core, connection, session, packet, assigned)
  if (connection.authentication !== null) {
    properties.authenticationMethod = connection.authentication.method // [MQTT-4.12.0-5]
    if (data !== null) properties.authenticationData = data
  }
  const connack: ConnackPacket = {
    type: PacketType.Connack,
    sessionPresent,
    reasonCode: ReasonCode.Success,
    properties,
  }
  logConnected(core, connection, session, sessionPresent)
  // There is no DISCONNECT before CONNACK, so all that is left without one is the end.
  if (!sendControl(core, connection, connack)) connection.finish('CONNACK is larger than its Maximum Packet Size', true)
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

/** The store knows Sessions by their Client Identifier, so there is no new one as long as the last one is not over. */
function stillEnding({ store }: Core): ConnectRefusal {
  const reason = 'the messages of its last session are still to be handed on'
  return { reasonCode: ReasonCode.ServerBusy, reason, rule: `The store: ${store.trouble}` }
}

/**
 * The Session of before, or a new one [MQTT-3.1.2-4] [MQTT-3.1.2-5] [MQTT-3.1.2-6]. Null: the one of before has ended, but
 * cannot be let go yet.
 */
function sessionFor(core: Core, packet: ConnectPacket): Session | null {
  const { clientId, version } = packet
  const expiry = expiryOf(core, packet)
  let session = core.sessions.get(clientId)
  if (session !== undefined && packet.cleanStart) {
    endSession(core, session, 'a new Session took its place')
    session = undefined
  }
  if (core.ending.has(clientId)) return null
  if (session === undefined) {
    session = new Session(clientId, version, expiry, core)
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
  if (packet.version < 5) return packet.cleanStart ? 0 : limitedExpiry(core, NEVER)
  return limitedExpiry(core, packet.properties.sessionExpiryInterval ?? 0)
}

function attach(core: Core, connection: Connection, session: Session, properties: Properties): void {
  const { maximumInFlight, topicAliasMaximum, topicAliasMaximumOutgoing, limits } = connection.listener
  connection.session = session
  connection.phase = Phase.Open
  connection.decoder.maximumPacketSize = connection.listener.maximumPacketSize
  session.connection = connection
  session.limits = limits
  core.router.presence(session)
  session.username = connection.username
  // What was in flight waits again.
  session.countQueued(session.inFlightBytes)
  session.inFlightBytes = 0
  session.outbound.resume(Math.min(maximumInFlight, properties.receiveMaximum ?? MAXIMUM_IN_FLIGHT))
  if (connection.version === 5 && topicAliasMaximum > 0)
    connection.inboundAliases = new InboundAliases(topicAliasMaximum)
  const aliases = Math.min(properties.topicAliasMaximum ?? 0, topicAliasMaximumOutgoing)
  if (aliases > 0) connection.outboundAliases = new OutboundAliases(aliases)
  connection.publishRate = publishRateOf(connection)
  if (connection.keepAlive === 0) core.wheel.clear(connection.timer)
  else core.wheel.set(connection.timer, core.now + connection.keepAlive * 1500)
  core.online++
  if (core.online > core.metrics.clientsMaximum) core.metrics.clientsMaximum = core.online
}

/**
 * What MQTT 5.0 clients are told, where it is not the standard's default. The order is free; this is mosquitto's, whose
 * tests compare bytes.
 */
function announced(
  core: Core,
  connection: Connection,
  session: Session,
  packet: ConnectPacket,
  assigned: string | null,
): Properties {
  const properties: Properties = {}
  if (connection.version !== 5) return properties
  const { listener } = connection
  const { maximumQoS, topicAliasMaximum } = listener
  if (connection.keepAlive !== packet.keepAlive) properties.serverKeepAlive = connection.keepAlive
  if (topicAliasMaximum > 0) properties.topicAliasMaximum = topicAliasMaximum
  if (assigned !== null) properties.assignedClientIdentifier = assigned
  if (session.expiryInterval !== (packet.properties.sessionExpiryInterval ?? 0)) {
    properties.sessionExpiryInterval = session.expiryInterval
  }
  if (!listener.retainAvailable) properties.retainAvailable = false
  properties.maximumPacketSize = listener.maximumPacketSize
  if (listener.receiveMaximum < MAXIMUM_IN_FLIGHT) properties.receiveMaximum = listener.receiveMaximum
  if (maximumQoS < 2) properties.maximumQoS = maximumQoS as 0 | 1
  if (!listener.wildcardSubscriptionsAvailable) properties.wildcardSubscriptionAvailable = false
  if (!listener.sharedSubscriptionsAvailable) properties.sharedSubscriptionAvailable = false
  if (!listener.subscriptionIdentifiersAvailable) properties.subscriptionIdentifiersAvailable = false
  const responses = responseInformation(core, packet)
  if (responses !== null) properties.responseInformation = responses
  return properties
}

/** The topic below which the client may await responses, if it asks for that [MQTT-3.1.2-28], and it is none too long. */
function responseInformation({ settings, text }: Core, { clientId, properties }: ConnectPacket): string | null {
  const { responseTopicPrefix: prefix } = settings
  if (prefix === null || !properties.requestResponseInformation) return null
  const topic = `${prefix}/${clientId}`
  return topicNameError(topic) === null && text.byteLength(topic) <= LONGEST_TEXT ? topic : null
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

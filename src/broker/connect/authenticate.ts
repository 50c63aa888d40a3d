import {
  type AuthPacket,
  PacketType,
  type Properties,
  ReasonCode,
  reasonCodeFits,
  reasonCodeName,
} from '../../protocol/index.ts'
import { answer, disconnect, fail, Phase } from '../connection/index.ts'
import type { Connection } from '../connection.ts'
import type { AuthenticationExchange, AuthenticationOutcome, ConnectRequest } from '../contracts.ts'
import type { Core } from '../core.ts'
import { shortened } from '../events/index.ts'

/** What an exchange before CONNACK leads to. */
export interface Admission {
  accepted(username: string | null, data: Uint8Array | null): void
  refused(reasonCode: number, rule: string): void
}

/** The Authentication Method that a client named in CONNECT, and its exchange of AUTH packets while one is under way. */
export class Authentication {
  readonly method: string
  readonly request: ConnectRequest
  exchange: AuthenticationExchange | null
  /** Null once the client is connected. */
  admission: Admission | null
  /** It is for the method to answer, not for the client to go on. */
  asked = false

  constructor(method: string, request: ConnectRequest, exchange: AuthenticationExchange, admission: Admission) {
    this.method = method
    this.request = request
    this.exchange = exchange
    this.admission = admission
  }
}

/** CONNECT named an Authentication Method. False if there is none of that name [MQTT-4.12.0-1]. */
export function beginAuthentication(
  core: Core,
  connection: Connection,
  method: string,
  data: Uint8Array | null,
  request: ConnectRequest,
  admission: Admission,
): boolean {
  const exchange = core.access.authentication(method, request)
  if (exchange === null) return false
  connection.phase = Phase.Authenticating
  core.atDoor.add(connection)
  connection.authentication = new Authentication(method, request, exchange, admission)
  step(connection, connection.authentication, data)
  return true
}

/** AUTH goes on with an exchange, or, while the client is connected, begins another [MQTT-4.12.1-1]. */
export function onAuth(core: Core, connection: Connection, packet: AuthPacket): void {
  const { authentication } = connection
  const wrong = mistake(authentication, packet)
  if (wrong !== null) {
    fail(connection, ReasonCode.ProtocolError, wrong)
    return
  }
  const known = authentication!
  known.exchange ??= core.access.authentication(known.method, known.request)
  if (known.exchange === null) {
    disconnect(
      connection,
      ReasonCode.BadAuthenticationMethod,
      `there is no ${shortened(known.method, core.settings.bounds.reasonLength)} any more`,
    )
    return
  }
  step(connection, known, packet.properties.authenticationData ?? null)
}

function mistake(authentication: Authentication | null, { reasonCode, properties }: AuthPacket): string | null {
  if (authentication === null) return 'AUTH, though CONNECT named no Authentication Method' // [MQTT-4.12.0-7]
  if (properties.authenticationMethod !== authentication.method) {
    return 'AUTH with another Authentication Method than CONNECT' // [MQTT-4.12.0-5]
  }
  if (authentication.asked) return 'AUTH before the last one was answered'
  const expected = authentication.exchange === null ? ReasonCode.ReAuthenticate : ReasonCode.ContinueAuthentication
  if (reasonCode === expected) return null
  return `AUTH says ${reasonCodeName(reasonCode)} where it must say ${reasonCodeName(expected)}` // [MQTT-4.12.0-3]
}

function step(connection: Connection, authentication: Authentication, data: Uint8Array | null): void {
  const exchange = authentication.exchange!
  authentication.asked = true
  exchange.step(data, (outcome) => {
    // It may come when nobody waits for it any more.
    if (authentication.exchange !== exchange || !authentication.asked || connection.phase > Phase.Open) return
    authentication.asked = false
    take(connection, authentication, outcome)
    connection.reading.resume()
  })
  // Before CONNACK what the client sends next depends on the answer; once it is connected, it may go on meanwhile.
  if (authentication.asked && connection.phase === Phase.Authenticating) connection.reading.suspendAtDoor()
}

function take(connection: Connection, authentication: Authentication, outcome: AuthenticationOutcome): void {
  if (outcome.result === 'continue') {
    say(connection, authentication.method, ReasonCode.ContinueAuthentication, outcome.data) // [MQTT-4.12.0-2]
    return
  }
  authentication.exchange = null
  if (authentication.admission === null) endAgain(connection, authentication, outcome)
  else endFirst(authentication, authentication.admission, outcome)
}

type Ended = Exclude<AuthenticationOutcome, { result: 'continue' }>

function endFirst(authentication: Authentication, admission: Admission, outcome: Ended): void {
  authentication.admission = null
  if (outcome.result === 'failure') admission.refused(outcome.reasonCode, outcome.rule)
  else admission.accepted(outcome.username, outcome.data)
}

/** While connected: the client stays who it was, or goes [MQTT-4.12.1-2]. */
function endAgain(connection: Connection, { method }: Authentication, outcome: Ended): void {
  if (outcome.result === 'success') {
    const { username, data } = outcome
    if (username === null || username === connection.username) {
      say(connection, method, ReasonCode.Success, data)
      return
    }
    refuseAgain(connection, ReasonCode.NotAuthorized, `It proved to be ${username}, which it was not before`)
    return
  }
  refuseAgain(connection, outcome.reasonCode, outcome.rule)
}

function refuseAgain(connection: Connection, code: number, rule: string): void {
  const reasonCode = reasonCodeFits(PacketType.Disconnect, code) ? code : ReasonCode.NotAuthorized
  const reason = reasonCodeName(reasonCode)
  connection.core.event('authenticationFailed', connection, { reason, rule })
  disconnect(connection, reasonCode, reason)
}

function say(connection: Connection, method: string, reasonCode: number, data: Uint8Array | null): void {
  const properties: Properties = { authenticationMethod: method }
  if (data !== null) properties.authenticationData = data
  answer(connection, { type: PacketType.Auth, reasonCode, properties })
}

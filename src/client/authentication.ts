import { bytes } from '../arguments/index.ts'
import { type AuthPacket, PacketType, type Properties, ProtocolError, ReasonCode } from '../protocol/index.ts'
import { check } from './check-arguments.ts'
import type { Connection } from './connection.ts'
import { MqttError } from './errors.ts'

/**
 * An exchange of AUTH packets (MQTT 5.0, enhanced authentication), before CONNACK and when `client.authenticate()` asks for
 * it; `scram` makes one. It is for one client: one exchange goes on at a time.
 */
export interface Authentication {
  /** Authentication Method, such as 'SCRAM-SHA-256'. */
  readonly method: string
  /** The first data, sent with CONNECT; called for each attempt, and for each `client.authenticate()`. */
  begin(): Uint8Array | undefined | Promise<Uint8Array | undefined>
  /** The answer to what the broker sent in AUTH. If it throws, the attempt ends. */
  respond(data: Uint8Array | undefined): Uint8Array | undefined | Promise<Uint8Array | undefined>
  /** The data in CONNACK, by which the broker may prove itself. If it throws, the connection ends. */
  finish?(data: Uint8Array | undefined): void
}

/** Milliseconds for the broker to close, once it is told. */
const LINGER = 1000

/** An exchange that began after CONNACK, and who waits for its end. */
class Again {
  readonly ended: Promise<void>
  resolve!: () => void
  reject!: (error: MqttError) => void

  constructor() {
    this.ended = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }
}

/** Leads the exchanges of one client. */
export class Authenticator {
  readonly #authentication: Authentication | undefined
  #again: Again | null = null

  constructor(authentication: Authentication | undefined) {
    this.#authentication = authentication
  }

  /** Somebody waits for the end of an exchange. */
  get busy(): boolean {
    return this.#again !== null
  }

  /** What CONNECT brings along. */
  async begin(): Promise<Uint8Array | undefined> {
    const data = await this.#authentication?.begin()
    checkData(data)
    return data
  }

  /** CONNACK says welcome. Throws if the broker does not prove itself. */
  accepted(data: Uint8Array | undefined): void {
    this.#authentication?.finish?.(data)
  }

  /** AUTH came. Throws if there was no reason for that. */
  onAuth({ reasonCode, properties }: AuthPacket, connection: Connection): void {
    const authentication = this.#authentication
    const expected = authentication !== undefined && (!connection.open || this.#again !== null)
    if (expected && reasonCode === ReasonCode.ContinueAuthentication) {
      this.#respond(authentication, properties.authenticationData, connection)
    } else if (expected && connection.open && reasonCode === ReasonCode.Success) {
      authentication.finish?.(properties.authenticationData)
      this.#again?.resolve()
      this.#again = null
    } else {
      throw new ProtocolError(ReasonCode.ProtocolError, 'The broker sent an AUTH that was not asked for', 0)
    }
  }

  /** Begins an exchange on an open connection [MQTT-4.12.1-1]; resolves when the broker is content. */
  async again(connection: Connection | null): Promise<void> {
    const authentication = this.#authentication
    if (authentication === undefined) throw new MqttError('ERR_OPTION', 'connect() was given no `authentication`')
    if (connection === null || !connection.open) {
      throw new MqttError('ERR_OFFLINE', 'There is no connection on which to authenticate again')
    }
    if (this.#again === null) {
      this.#again = new Again()
      this.#send(connection, ReasonCode.ReAuthenticate, authentication, () => authentication.begin())
    }
    await this.#again.ended
  }

  /** The connection is over. */
  ended(error: MqttError): void {
    this.#again?.reject(error)
    this.#again = null
  }

  #respond(authentication: Authentication, data: Uint8Array | undefined, connection: Connection): void {
    this.#send(connection, ReasonCode.ContinueAuthentication, authentication, () => authentication.respond(data))
  }

  /** Sends what the method says, once it has said it. If it fails, the connection ends. */
  #send(
    connection: Connection,
    reasonCode: number,
    { method }: Authentication,
    say: () => ReturnType<Authentication['begin']>,
  ): void {
    const write = async (): Promise<void> => {
      const data = await say()
      checkData(data)
      const properties: Properties = { authenticationMethod: method }
      if (data !== undefined) properties.authenticationData = data
      connection.write({ type: PacketType.Auth, reasonCode, properties })
    }
    write().catch((cause: unknown) => {
      const error = new MqttError('ERR_REFUSED', `The authentication failed here: ${String(cause)}`, { cause })
      // Before CONNACK there is nothing to say [MQTT-4.12.1-2].
      if (!connection.open) connection.abort(error)
      else void connection.disconnect(error, ReasonCode.UnspecifiedError, {}, LINGER)
    })
  }
}

/** What the application's functions gave. */
function checkData(data: unknown): void {
  if (data !== undefined) check('ERR_OPTION', 'The data that authentication gave', data, bytes)
}

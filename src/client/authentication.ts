import { bytes } from '../arguments/index.ts'
import { type AuthPacket, PacketType, type Properties, ProtocolError, ReasonCode } from '../protocol/index.ts'
import { check } from './check-arguments.ts'
import type { Connection } from './connection.ts'
import { MqttError } from './errors.ts'

/**
 * An exchange of AUTH packets (MQTT 5.0, enhanced authentication), before CONNACK and for `client.authenticate()`.
 * `scram` makes one. It belongs to one client, which runs one exchange at a time.
 */
export interface Authentication {
  /** Authentication Method, such as 'SCRAM-SHA-256'. */
  readonly method: string
  /** Returns the first data, which CONNECT carries. Called for each attempt, and for each `client.authenticate()`. */
  begin(): Uint8Array | undefined | Promise<Uint8Array | undefined>
  /** Returns the answer to what the broker sent in AUTH. If it throws, the attempt ends. */
  respond(data: Uint8Array | undefined): Uint8Array | undefined | Promise<Uint8Array | undefined>
  /** Checks the data in CONNACK, by which the broker may prove its identity. If it throws, the connection ends. */
  finish?(data: Uint8Array | undefined): void
}

/** Milliseconds for the broker to close the connection after our DISCONNECT. */
const LINGER = 1000

/** An exchange on an open connection, and the promise of its end. */
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

/** Runs the authentication exchanges of one client. */
export class Authenticator {
  readonly #authentication: Authentication | undefined
  #again: Again | null = null

  constructor(authentication: Authentication | undefined) {
    this.#authentication = authentication
  }

  /** authenticate() is waiting for an exchange to end. */
  get busy(): boolean {
    return this.#again !== null
  }

  /** The Authentication Data of CONNECT. */
  async begin(): Promise<Uint8Array | undefined> {
    const data = await this.#authentication?.begin()
    checkData(data)
    return data
  }

  /** CONNACK came with success. Throws if the broker does not prove its identity. */
  accepted(data: Uint8Array | undefined): void {
    this.#authentication?.finish?.(data)
  }

  /** AUTH came. Throws ProtocolError if it was not expected. */
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
      throw new ProtocolError(ReasonCode.ProtocolError, 'The broker sent an unexpected AUTH', 0)
    }
  }

  /** Begins an exchange on an open connection [MQTT-4.12.1-1]; resolves when the broker accepts. */
  async again(connection: Connection | null): Promise<void> {
    const authentication = this.#authentication
    if (authentication === undefined) throw new MqttError('ERR_OPTION', 'connect() was given no `authentication`')
    if (connection === null || !connection.open) {
      throw new MqttError('ERR_OFFLINE', 'There is no connection to authenticate on')
    }
    if (this.#again === null) {
      this.#again = new Again()
      this.#send(connection, ReasonCode.ReAuthenticate, authentication, () => authentication.begin())
    }
    await this.#again.ended
  }

  /** The connection has ended. */
  ended(error: MqttError): void {
    this.#again?.reject(error)
    this.#again = null
  }

  #respond(authentication: Authentication, data: Uint8Array | undefined, connection: Connection): void {
    this.#send(connection, ReasonCode.ContinueAuthentication, authentication, () => authentication.respond(data))
  }

  /** Sends the method's answer once it is there. If the method fails, the connection ends. */
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
      const error = new MqttError('ERR_REFUSED', `Authentication failed on our side: ${String(cause)}`, { cause })
      // Before CONNACK no DISCONNECT is sent [MQTT-4.12.1-2].
      if (!connection.open) connection.abort(error)
      else void connection.disconnect(error, ReasonCode.UnspecifiedError, {}, LINGER)
    })
  }
}

/** Checks what the application's functions returned. */
function checkData(data: unknown): void {
  if (data !== undefined) check('ERR_OPTION', 'The data of `authentication`', data, bytes)
}

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

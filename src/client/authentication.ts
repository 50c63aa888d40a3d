/** An exchange of AUTH packets before CONNACK (MQTT 5.0, enhanced authentication), as SCRAM and Kerberos need it. */
export interface Authentication {
  /** Authentication Method, such as 'SCRAM-SHA-256'. */
  readonly method: string
  /** The first data, sent with CONNECT; called for each attempt. */
  begin(): Uint8Array | undefined | Promise<Uint8Array | undefined>
  /** The answer to what the broker sent in AUTH. If it throws, the attempt ends. */
  respond(data: Uint8Array | undefined): Uint8Array | undefined | Promise<Uint8Array | undefined>
  /** The data in CONNACK, by which the broker may prove itself. If it throws, the connection ends. */
  finish?(data: Uint8Array | undefined): void
}

import type { FullSlab } from '../protocol/index.ts'

/** What a Network Connection tells the client that uses it. */
export interface ClientTransportHandler {
  /** bytes[start..end) came in. They are only good until this returns. */
  received(bytes: Uint8Array, start: number, end: number): void
  /** All that `send` answered false for has been taken: its memory is free again, and more may be sent. */
  drained(): void
  /** The connection is over; called once, and nothing after it. `error` is null if it ended in order. */
  closed(error: Error | null): void
}

/**
 * The client's end of one Network Connection, open already: bytes in, bytes out. `dial` makes one from a TCP connection;
 * an in-memory pair makes one without any socket. It has the same `send` as the broker's end has.
 */
export interface ClientTransport {
  /** Where the broker is, for people: '192.168.1.7:1883', '[::1]:1883', 'in-process'. */
  readonly address: string
  /** Names the receiver, once, before anything else is called. No handler is called before this has returned. */
  start(handler: ClientTransportHandler): void
  /**
   * Sends the full slabs, then bytes[start..end), in one go. True: all of it was taken, the memory is free again. False:
   * the memory is needed until `drained`, and nothing more may be sent before that.
   */
  send(full: readonly FullSlab[] | null, bytes: Uint8Array, start: number, end: number): boolean
  /** No bytes are wanted for now: `received` is not called until `resume`, so that the broker's sending comes to a halt. */
  pause(): void
  resume(): void
  /** Ends the connection when what was sent has gone. `closed` follows. */
  close(): void
  /** Ends the connection at once. `closed` follows. */
  abort(): void
}

import type { Link } from '../broker/contracts.ts'

/** What the broker is to one Network Connection: bytes in. */
export interface LinkHandler {
  receive(bytes: Uint8Array, start: number, end: number): void
  drained(): void
  closed(reason: string): void
}

/** Who gets the connections. */
export interface Acceptor {
  /** Called before anything is handed over, so that a turn begins. */
  began(): void
  accept(link: Link): LinkHandler
  /** Somebody came for whom there was no room, and is gone again. The option says how many may be here. */
  turnedAway(address: string, option: string, limit: number): void
  /** Somebody came, and its first bytes were such that it was closed before it was accepted. */
  refused(address: string, reason: string): void
  /** Somebody came, and is gone again, as there are too few file descriptors. */
  outOfDescriptors(): void
}

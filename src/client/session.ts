import { Inbound, Outbound } from '../session/index.ts'
import type { Receipt } from './acknowledge.ts'
import type { ControlRequest } from './filters.ts'
import type { Publication } from './publication.ts'

/**
 * The client's half of the Session State. It outlives the Network Connection; when the broker has lost its half
 * [MQTT-3.2.2-5], it is replaced by a new one.
 */
export class ClientSession {
  /** Packets that are sent and not acknowledged. Messages in the queue have no Packet Identifier yet. */
  readonly outbound: Outbound<Publication | ControlRequest> = new Outbound(1)
  /** QoS 2 after PUBREC: the messages that wait for PUBCOMP, by Packet Identifier. */
  readonly releasing: Map<number, Publication> = new Map()
  readonly inbound: Inbound = new Inbound()
  /** Incoming messages of QoS 2 that the application has and PUBREC was not sent for. */
  readonly unacknowledged: Map<number, Receipt> = new Map()
  /**
   * The broker had it before this client was made. Messages may come for subscriptions of an earlier process, with its
   * Subscription Identifiers.
   */
  readonly inherited: boolean

  constructor(inherited: boolean) {
    this.inherited = inherited
  }
}

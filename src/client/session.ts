import { Inbound, Outbound } from '../session/index.ts'
import type { Receipt } from './acknowledge.ts'
import type { ControlRequest } from './filters.ts'
import type { Publication } from './publication.ts'

/**
 * Our half of the Session State: it lives on after a Network Connection, and ends when the broker says that it has
 * forgotten its half [MQTT-3.2.2-5]. Then this object is dropped, and another made.
 */
export class ClientSession {
  /** What we sent and is not acknowledged. What was not sent yet is not here: it has no Packet Identifier. */
  readonly outbound: Outbound<Publication | ControlRequest> = new Outbound(1)
  /** Of QoS 2, after PUBREC: Packet Identifier -> whoever waits for PUBCOMP. */
  readonly releasing: Map<number, Publication> = new Map()
  readonly inbound: Inbound = new Inbound()
  /** Messages of QoS 2 that are delivered, and not acknowledged, because the application has them. */
  readonly unacknowledged: Map<number, Receipt> = new Map()
  /**
   * It was there before this client was made. Then messages may come with Subscription Identifiers, and for
   * subscriptions, that an earlier process chose.
   */
  readonly inherited: boolean

  constructor(inherited: boolean) {
    this.inherited = inherited
  }
}

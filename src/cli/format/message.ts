import type { Properties, QoS } from '../../protocol/index.ts'

/** What can be printed of a message that was received. */
export interface PrintableMessage {
  readonly topic: string
  readonly payload: Uint8Array
  readonly qos: QoS
  readonly retain: boolean
  /** Packet Identifier, 0 if qos is 0. */
  readonly packetId: number
  /** In the order in which they came; empty before MQTT 5.0. */
  readonly properties: Properties
}

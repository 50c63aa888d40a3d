import {
  type AcknowledgementPacket,
  type AuthPacket,
  type ConnackPacket,
  type DisconnectPacket,
  encodedLength,
  encodePacket,
  PacketType,
  type SubackPacket,
  type UnsubackPacket,
} from '../../protocol/index.ts'
import type { Connection } from '../connection.ts'
import type { Core } from '../core.ts'
import { shortened } from '../events/index.ts'

/** What may carry a Reason String. */
export type ReasonedPacket =
  | ConnackPacket
  | SubackPacket
  | UnsubackPacket
  | DisconnectPacket
  | AuthPacket
  | AcknowledgementPacket

/**
 * Sends a packet, with the reason in words if there is one, if the client wants to be told [MQTT-3.1.2-29], and if it has
 * room for it [MQTT-3.2.2-19] [MQTT-3.4.2-2] [MQTT-3.9.2-1] [MQTT-3.14.2-3]. False: the client does not even take the
 * packet without it [MQTT-3.1.2-24], and nothing was sent.
 */
export function sendControl(
  core: Core,
  connection: Connection,
  packet: ReasonedPacket,
  reason: string | null = null,
): boolean {
  const { version } = connection
  const most = version === 5 && connection.limited ? connection.maximumPacketSize : Number.POSITIVE_INFINITY
  const fits = (): boolean => most === Number.POSITIVE_INFINITY || encodedLength(packet, version, core.text) <= most
  if (reason !== null && maySayWhy(connection, packet))
    packet.properties.reasonString = shortened(reason, core.settings.bounds.reasonLength)
  if (!fits()) {
    delete packet.properties.reasonString
    if (!fits()) return false
  }
  encodePacket(connection.output, packet, version, core.text)
  core.metrics.messagesSent++
  return true
}

/** CONNACK and DISCONNECT may always say it. */
function maySayWhy({ version, problemInformation }: Connection, { type }: ReasonedPacket): boolean {
  return version === 5 && (problemInformation || type === PacketType.Connack || type === PacketType.Disconnect)
}

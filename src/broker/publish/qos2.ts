import { PacketType, ReasonCode } from '../../protocol/index.ts'
import { fail } from '../connection/index.ts'
import type { Connection } from '../connection.ts'
import type { Core } from '../core.ts'
import { acknowledge } from './acknowledge-publish.ts'

/** Whether this QoS 2 message was not seen before; if it was, it is only acknowledged again [MQTT-4.3.3-10]. */
export function isNew(core: Core, connection: Connection, packetId: number): boolean {
  const { inbound } = connection.session!
  if (inbound.has(packetId)) {
    acknowledge(core, connection, PacketType.Pubrec, packetId, ReasonCode.Success)
    return false
  }
  if (connection.version === 5 && inbound.size >= connection.listener.receiveMaximum) {
    fail(
      connection,
      ReasonCode.ReceiveMaximumExceeded,
      'more QoS 2 messages at once than Receive Maximum allows (option receive_maximum)',
    )
    return false
  }
  return true
}

/** It is noted as taken until PUBREL. */
export function take(core: Core, connection: Connection, packetId: number): void {
  const session = connection.session!
  session.inbound.add(packetId)
  if (session.persistent) core.append({ kind: 'inbound', clientId: session.clientId, packetId })
}

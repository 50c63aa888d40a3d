import { type DisconnectPacket, ReasonCode } from '../../protocol/index.ts'
import type { Connection } from '../connection.ts'
import type { Core } from '../core.ts'
import { limitedExpiry } from '../sessions/index.ts'
import { fail } from './refuse.ts'

/** The client says goodbye: its Will is dropped [MQTT-3.14.4-3], unless it asks for it with reason 0x04. */
export function onDisconnect(core: Core, connection: Connection, packet: DisconnectPacket): void {
  const session = connection.session!
  const { sessionExpiryInterval } = packet.properties
  if (sessionExpiryInterval !== undefined) {
    if (session.expiryInterval === 0 && sessionExpiryInterval > 0) {
      fail(connection, ReasonCode.ProtocolError, 'DISCONNECT sets a Session Expiry Interval, which CONNECT had as 0')
      return
    }
    session.expiryInterval = limitedExpiry(core, sessionExpiryInterval)
    if (session.persistent) {
      core.append({
        kind: 'session',
        clientId: session.clientId,
        expiryInterval: session.expiryInterval,
        will: session.will,
      })
    }
  }
  const normal = packet.reasonCode === ReasonCode.NormalDisconnection
  connection.finish(normal ? 'it said goodbye' : `it left with reason ${packet.reasonCode}`, !normal)
}

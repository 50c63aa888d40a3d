import type { ConnectPacket } from '../protocol/index.ts'
import type { Core } from './core.ts'
import { makeMessage } from './message.ts'
import type { Origin } from './origin.ts'
import { publishMessage } from './publish-message.ts'
import type { Session, Will } from './session.ts'

/** The Will of a CONNECT packet, as it is stored with the Session [MQTT-3.1.2-7]. */
export function willOf(core: Core, packet: ConnectPacket, origin: Origin): Will | null {
  const { will } = packet
  if (will === null) return null
  const message = makeMessage(core.text, will, origin)
  return { message, delay: will.properties.willDelayInterval ?? 0 }
}

/** The Session's Will, which is published at most once [MQTT-3.1.2-10]: it has none any more. */
export function takeWill(session: Session): Will | null {
  const { will } = session
  session.will = null
  return will
}

/** Publishes a Will. Its Message Expiry Interval runs from now. */
export function publishWill(core: Core, session: Session, { message }: Will, reason: string): void {
  message.startExpiry(core.now)
  core.event('willPublished', session, { topic: message.topic, reason })
  publishMessage(core, message)
}

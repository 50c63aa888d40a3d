import type { ConnectPacket } from '../../protocol/index.ts'
import type { Decision } from '../contracts.ts'
import type { Core } from '../core.ts'
import { makeMessage, type Origin } from '../message/index.ts'
import { ask, ruleOf, whoOf } from '../rules/index.ts'
import type { Session, Will } from '../sessions/index.ts'
import { publishMessage } from './publish-message.ts'

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
  const { topic, qos, retain, payloadLength: size } = message
  const publish = (decision: Decision): void => {
    if (decision.allowed) {
      core.event('willPublished', session, { topic, reason })
      publishMessage(core, message)
      return
    }
    const details = { topic, reason: 'it may not publish that', code: 'NotAuthorized', rule: ruleOf(decision) }
    core.repeats.note('publishRefused', session, 'a Will was refused', details)
  }
  const decision = ask(core, { action: 'will', who: whoOf(session), topic, qos, retain, size }, publish)
  if (decision !== null) publish(decision)
}

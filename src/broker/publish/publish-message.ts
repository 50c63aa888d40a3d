import type { Core } from '../core.ts'
import { distribute } from '../deliver/index.ts'
import type { Message } from '../message/index.ts'
import { retain, retainLimit } from './retain.ts'

/** Publishes a message that is kept already: a Will, a status of the broker, or one from the program around it. */
export function publishMessage(core: Core, message: Message): boolean {
  const { publication } = core
  const route = core.router.routeOf(message.topic)
  if (route.waiting !== null) {
    route.waiting.push(() => publishMessage(core, message))
    return true
  }
  publication.ofMessage(message, route)
  if (message.retain && mayRetain(core, message)) retain(core, publication)
  const reached = distribute(core, publication)
  core.work.spend(1 + publication.route!.direct.length)
  publication.clear()
  return reached
}

/** A Will that finds no room is published all the same. */
function mayRetain(core: Core, message: Message): boolean {
  const { topic, publisher } = message
  const limit = topic.startsWith('$SYS/') ? null : retainLimit(core, topic, message.payloadLength)
  if (limit === null) return true
  const subject = { identity: { client: publisher, address: null, username: null } }
  const rule = `The limit is set by ${limit.option} (${limit.limit})`
  core.repeats.note('retainRefused', subject, 'no room to retain a message', { topic, reason: NO_ROOM, rule })
  return false
}

const NO_ROOM = 'there is no room for it'

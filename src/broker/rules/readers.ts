import type { Decision, Who } from '../contracts.ts'
import type { Core } from '../core.ts'
import type { Route } from '../route/index.ts'
import type { Session, Subscription } from '../sessions/index.ts'
import { ask } from './ask.ts'

/** Whom the rules are asked about, if it is a Session's. */
export function whoOf({ clientId, username, connection }: Session): Who {
  return { client: clientId, username, address: connection?.link.address ?? null }
}

/**
 * Leaves out of a route whom the rules do not let read its topic, once and for all messages that take this route. As long as
 * the rules owe an answer, `Route.waiting` is no null: who wants to publish waits there.
 */
export function settleReaders(core: Core, route: Route): void {
  const barred = new Set<Subscription>()
  let owed = 0
  let all = false
  const done = (): void => {
    if (owed > 0 || !all) return
    route.bar(barred)
    const { waiting } = route
    route.waiting = null
    if (waiting !== null) for (const goOn of waiting) goOn()
  }
  const settle = (subscription: Subscription): void => {
    const question = {
      action: 'deliver',
      who: whoOf(subscription.session),
      topic: route.topic,
      qos: subscription.qos,
      retain: false,
      size: 0,
    } as const
    const take = ({ allowed }: Decision): void => {
      if (!allowed) barred.add(subscription)
    }
    const decision = ask(core, question, (later) => {
      owed--
      take(later)
      done()
    })
    if (decision === null) owed++
    else take(decision)
  }
  for (const subscription of route.direct) settle(subscription)
  for (const group of route.shared) for (const member of group.members) settle(member)
  core.work.spend(route.direct.length + route.shared.length)
  all = true
  route.waiting = owed > 0 ? [] : null
  done()
}

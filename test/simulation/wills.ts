import { type History, type SimWill, Violation } from './history.ts'
import { MONITOR } from './plan.ts'

/** Milliseconds by which a Will may be late, or what was said before a crash may be lost. */
const SLACK = 1000

/** Wills were published once, those that were due, and only those. The monitor is subscribed to all of them. */
export function checkWills(history: History): void {
  const monitor = history.sessions.get(MONITOR)
  const since = monitor?.subscriptions.get('#')?.since
  if (monitor === undefined || since === undefined) return
  for (const left of history.wills) {
    const { message, link } = left
    if (message.waived || since > message.sent) continue
    const taken = monitor.taken.get(message.key)
    const times = taken?.times ?? 0
    const ended = link.brokerEnded
    const crashed = history.crashes.some((at) => at >= ended && at <= ended + SLACK)
    if (link.saidGoodbye && !crashed && times > 0)
      throw new Violation(`${message.key} came, though its client said goodbye`)
    if (times > 1 && message.qos !== 1 && history.crashes.length === 0)
      throw new Violation(`${message.key} came ${times} times`)
    if (taken !== undefined && taken.first + history.skipped < earliest(history, left))
      throw new Violation(`${message.key} came too early`)
    if (times === 0 && history.mayBeDropped(MONITOR, message)) continue
    if (times === 0 && message.qos > 0 && isDue(history, left, crashed))
      throw new Violation(`${message.key} never came`)
  }
}

/** Milliseconds: not before that, unless the Session ends sooner. */
function earliest(history: History, { client, delay, link, expiry }: SimWill): number {
  const ended = history.connects.some(
    (each) => each.client === client && each.clean && each.at >= linkBegan(history, link),
  )
  if (delay === 0 || ended || expiry < delay) return Math.min(link.brokerEnded, firstAfter(history, link))
  return Math.min(link.brokerEnded, firstAfter(history, link)) + delay * 1000
}

function linkBegan(history: History, link: SimWill['link']): number {
  return history.connects.find((each) => each.link === link)!.at
}

/** When the same client began its next connection, which may have taken over. */
function firstAfter(history: History, link: SimWill['link']): number {
  const at = history.connects.findIndex((each) => each.link === link)
  const { client } = history.connects[at]!
  return history.connects.slice(at + 1).find((each) => each.client === client)?.at ?? Number.POSITIVE_INFINITY
}

function isDue(history: History, { accepted, delay, link, expiry, client }: SimWill, crashed: boolean): boolean {
  const { brokerEnded, died, saidGoodbye } = link
  if (!accepted || saidGoodbye || brokerEnded === Number.POSITIVE_INFINITY) return false
  // Of a Session that ends with its connection nothing is on the disk.
  if ((died || crashed) && expiry === 0) return false
  if (delay === 0) return true
  // Who comes back in time takes it back.
  const from = linkBegan(history, link)
  const until = brokerEnded + delay * 1000 + SLACK
  const back = history.connects.some(
    (each) => each.client === client && each.link !== link && each.at >= from && each.at <= until,
  )
  return !back && !history.crashes.some((at) => at >= brokerEnded && at <= until)
}

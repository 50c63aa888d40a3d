/**
 * What may outlive a Network Connection: the Session with its subscriptions, its in-flight window, and what the store is
 * told of its queue.
 */

export { recordDone, recordDropped, recordQueued } from './records.ts'
export { markSent, sentBefore, sentForStore } from './sent-before.ts'
export { limitedExpiry, NEVER, Queued, Queues, Session, SessionTimer, type Will } from './session.ts'
export { Subscription } from './subscription.ts'
export { countInFlight, mustKeep, windowOpen } from './window.ts'

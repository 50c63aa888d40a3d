/**
 * What the broker tells people: the table of events, who is told, and how what happens a thousand times is told twice.
 */

export { EventSinks } from './event-sinks.ts'
export {
  type BrokerEvent,
  describe,
  type EventDetails,
  type EventId,
  type EventKind,
  type EventLevel,
  events,
} from './events.ts'
export { shortened } from './shortened.ts'
export { Repeats, type Subject } from './throttle.ts'

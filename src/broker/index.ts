export { Broker, type PublishOptions } from './broker.ts'
export type { Connection } from './connection.ts'
export type * from './contracts.ts'
export type { CoreParts } from './core.ts'
export {
  type BrokerEvent,
  describe,
  type EventId,
  type EventKind,
  type EventLevel,
  events,
  shortened,
} from './events/index.ts'
export { type Message, restoreMessage } from './message/index.ts'
export type { Kept } from './reconfigure.ts'
export {
  type Bounds,
  defaultBounds,
  defaultListener,
  defaultSettings,
  type Listener,
  type ListenerSettings,
  type Settings,
} from './settings/index.ts'
export { eventsAsMarkdown, loadTopics, type Metrics, sysTopics, sysTopicsAsMarkdown } from './status/index.ts'

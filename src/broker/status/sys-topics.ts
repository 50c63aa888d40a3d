import type { Core } from '../core.ts'

export interface SysTopic {
  /** Below `$SYS/broker/`. */
  readonly topic: string
  /** What it says, with the unit. */
  readonly meaning: string
  readonly value: (core: Core) => string
}

export interface LoadTopic {
  /** Below `$SYS/broker/load/`; `/1min`, `/5min` and `/15min` follow. */
  readonly topic: string
  readonly meaning: string
  /** What is counted; the load is its change in a minute. */
  readonly count: (core: Core) => number
}

/** mosquitto's names and units, so that dashboards made for it go on working. */
export const sysTopics: readonly SysTopic[] = [
  { topic: 'version', meaning: 'name and version of the broker', value: (core) => core.settings.version },
  {
    topic: 'uptime',
    meaning: 'time since the start',
    value: (core) => `${Math.floor((core.now - core.startedAt) / 1000)} seconds`,
  },
  { topic: 'clients/total', meaning: 'sessions, online or not', value: (core) => String(core.sessions.size) },
  { topic: 'clients/connected', meaning: 'clients online', value: (core) => String(core.online) },
  { topic: 'clients/active', meaning: 'clients online (older name)', value: (core) => String(core.online) },
  { topic: 'clients/disconnected', meaning: 'kept sessions whose client is away', value: away },
  { topic: 'clients/inactive', meaning: 'kept sessions whose client is away (older name)', value: away },
  { topic: 'clients/expired', meaning: 'sessions that expired', value: (core) => String(core.metrics.clientsExpired) },
  {
    topic: 'clients/maximum',
    meaning: 'most clients online at once',
    value: (core) => String(core.metrics.clientsMaximum),
  },
  {
    topic: 'connections/socket/count',
    meaning: 'open network connections',
    value: (core) => String(core.connections.size),
  },
  { topic: 'bytes/received', meaning: 'bytes received', value: (core) => String(core.metrics.bytesReceived) },
  { topic: 'bytes/sent', meaning: 'bytes sent', value: (core) => String(core.metrics.bytesSent) },
  {
    topic: 'messages/received',
    meaning: 'packets of every type received',
    value: (core) => String(core.metrics.messagesReceived),
  },
  { topic: 'messages/sent', meaning: 'packets of every type sent', value: (core) => String(core.metrics.messagesSent) },
  {
    topic: 'publish/messages/received',
    meaning: 'PUBLISH packets received',
    value: (core) => String(core.metrics.publishReceived),
  },
  {
    topic: 'publish/messages/sent',
    meaning: 'PUBLISH packets sent',
    value: (core) => String(core.metrics.publishSent),
  },
  {
    topic: 'publish/messages/dropped',
    meaning: 'messages dropped: queue full, receiver slow, too large for it, or refused',
    value: (core) => String(core.metrics.publishDropped),
  },
  {
    topic: 'publish/bytes/received',
    meaning: 'payload bytes received',
    value: (core) => String(core.metrics.publishBytesReceived),
  },
  {
    topic: 'publish/bytes/sent',
    meaning: 'payload bytes sent',
    value: (core) => String(core.metrics.publishBytesSent),
  },
  { topic: 'messages/stored', meaning: 'messages retained or queued (older name)', value: stored },
  {
    topic: 'store/messages/count',
    meaning: 'messages retained or queued, each once; those that lie on the disk alone once for each queue',
    value: stored,
  },
  {
    topic: 'store/messages/bytes',
    meaning: 'their payload bytes',
    value: (core) => String(storedBytes(core)),
  },
  {
    topic: 'store/trouble',
    meaning: 'what the store cannot do at the moment, and why; `none` if all is well',
    value: (core) => core.store.trouble ?? 'none',
  },
  { topic: 'retained messages/count', meaning: 'retained messages', value: (core) => String(retained(core)) },
  { topic: 'subscriptions/count', meaning: 'subscriptions', value: (core) => String(core.router.subscriptions) },
  { topic: 'shared_subscriptions/count', meaning: 'shared groups', value: (core) => String(core.router.sharedGroups) },
  { topic: 'packet/out/bytes', meaning: 'bytes that wait for slow receivers', value: waitingBytes },
  { topic: 'heap/current', meaning: 'bytes of memory in use', value: (core) => String(core.memory()) },
  {
    topic: 'heap/maximum',
    meaning: 'most bytes of memory in use at once',
    value: (core) => {
      core.metrics.memoryMaximum = Math.max(core.metrics.memoryMaximum, core.memory())
      return String(core.metrics.memoryMaximum)
    },
  },
]

export const loadTopics: readonly LoadTopic[] = [
  { topic: 'messages/received', meaning: 'packets received', count: (core) => core.metrics.messagesReceived },
  { topic: 'messages/sent', meaning: 'packets sent', count: (core) => core.metrics.messagesSent },
  { topic: 'publish/received', meaning: 'PUBLISH packets received', count: (core) => core.metrics.publishReceived },
  { topic: 'publish/sent', meaning: 'PUBLISH packets sent', count: (core) => core.metrics.publishSent },
  { topic: 'publish/dropped', meaning: 'messages dropped', count: (core) => core.metrics.publishDropped },
  { topic: 'bytes/received', meaning: 'bytes received', count: (core) => core.metrics.bytesReceived },
  { topic: 'bytes/sent', meaning: 'bytes sent', count: (core) => core.metrics.bytesSent },
  { topic: 'sockets', meaning: 'network connections opened', count: (core) => core.metrics.sockets },
  { topic: 'connections', meaning: 'CONNECT packets received', count: (core) => core.metrics.connections },
]

function away(core: Core): string {
  return String(core.sessions.size - core.online)
}

/** The broker's own status is none of them. */
function retained(core: Core): number {
  return core.retained.size - core.metrics.statusTopics
}

function stored(core: Core): string {
  return String(retained(core) + core.queues.messages - core.metrics.heldAgainMessages)
}

function storedBytes(core: Core): number {
  const { retainedBytes, statusBytes, heldAgainBytes } = core.metrics
  return retainedBytes - statusBytes + core.queues.bytes - heldAgainBytes
}

function waitingBytes(core: Core): string {
  let total = 0
  for (const outlet of core.slow) total += outlet.waitingBytes
  return String(total)
}

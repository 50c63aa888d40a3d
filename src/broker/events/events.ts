import { shortened } from './shortened.ts'

export type EventLevel = 'error' | 'warning' | 'notice' | 'information' | 'debug'

export interface EventKind {
  readonly level: EventLevel
  /** What a person reads; {names} are filled in from the event. */
  readonly words: string
}

/**
 * Everything that the broker tells about itself: each refusal, drop, takeover and expiry has one name here. The words say
 * who, what, why, and which option decides.
 */
export const events: Readonly<Record<EventId, EventKind>> = {
  clientConnected: {
    level: 'notice',
    words: '{client} connected from {address} ({protocol}, {session}, keep alive {keepAlive} s{user})',
  },
  clientDisconnected: { level: 'notice', words: '{client} disconnected from {address}: {reason}' },
  connectRefused: { level: 'warning', words: 'Refused {client} at {address}: {reason} ({code}). {rule}' },
  turnedAway: {
    level: 'warning',
    words: 'Closed {address}: listener {listener} is full ({option} {limit})',
  },
  notAccepted: { level: 'warning', words: 'Closed {address} at listener {listener}: {reason}' },
  descriptorsSpent: {
    level: 'warning',
    words:
      'Turned away {count} connections: out of file descriptors (limit {limit}). Raise LimitNOFILE of the service, or ulimit -n',
  },
  protocolError: { level: 'warning', words: '{client} at {address} broke the protocol: {reason} ({code})' },
  packetTooLarge: {
    level: 'warning',
    words:
      '{client} at {address} sent a packet that is too large: {reason}. The limit is set by max_packet_size ({limit} bytes)',
  },
  connectTimeout: {
    level: 'warning',
    words: 'Closed {address}: {missing} within {seconds} s (connect_timeout)',
  },
  authenticationFailed: {
    level: 'warning',
    words: '{client} at {address} failed to authenticate again, and is disconnected: {reason}. {rule}',
  },
  keepAliveTimeout: {
    level: 'notice',
    words: '{client} at {address} timed out: silent for more than 1.5 times its keep alive of {keepAlive} s',
  },
  sessionTakenOver: { level: 'notice', words: '{client} at {address} was taken over by a new connection from {other}' },
  clientIdClash: {
    level: 'warning',
    words:
      '{client} was taken over {count} times within a minute, by {address} and {other}: two clients seem to share one client id. Give each its own',
  },
  clockSet: {
    level: 'notice',
    words: 'The system clock was set {direction} by {seconds} s; timeouts and expiry are not affected',
  },
  sessionExpired: {
    level: 'information',
    words: 'The session of {client} expired after {seconds} s offline ({messages} queued messages dropped)',
  },
  willPublished: { level: 'information', words: 'Published the will of {client} to {topic}: {reason}' },
  messageExpired: { level: 'debug', words: 'A message on {topic} expired before {client} got it' },
  queueFull: {
    level: 'warning',
    words: 'The queue of {client} is full: dropping messages to it ({option} {limit})',
  },
  queueRecovered: {
    level: 'notice',
    words: 'The queue of {client} has room again: {count} messages to it were dropped',
  },
  subscriberSlow: {
    level: 'warning',
    words: '{client} at {address} reads too slowly: dropping QoS 0 messages to it (max_outgoing_bytes {limit})',
  },
  subscriberRecovered: {
    level: 'notice',
    words: '{client} at {address} keeps up again: {count} messages to it were dropped',
  },
  answersNotRead: {
    level: 'warning',
    words:
      '{client} at {address} keeps sending but does not read the answers: closed with {bytes} bytes unread (max_outgoing_bytes {limit})',
  },
  messageTooLargeForClient: {
    level: 'notice',
    words: 'A message on {topic} was not sent to {client}: {size} bytes exceed {rule} of {limit}',
  },
  publishRefused: { level: 'warning', words: 'Refused a message from {client} to {topic}: {reason} ({code}). {rule}' },
  subscriptionRefused: {
    level: 'warning',
    words: 'Refused the subscription of {client} to {filter}: {reason} ({code})',
  },
  publishRateExceeded: {
    level: 'warning',
    words: '{client} at {address} publishes faster than {option} allows ({limit} a second): {consequence}',
  },
  retainRefused: { level: 'warning', words: 'A message from {client} to {topic} is not retained: {reason}. {rule}' },
  repeated: { level: 'notice', words: '{client} at {address}, {count} times in all: {what}' },
  internalError: {
    level: 'error',
    words: 'Internal error while {doing} ({client} at {address}): {error}. That work was abandoned; please report this',
  },
  filterRewritten: {
    level: 'information',
    words: '{client} subscribed to {filter}, which here means {meaning} (options star_wildcard and sys_alias)',
  },
}

export type EventId =
  | 'clientConnected'
  | 'clientDisconnected'
  | 'connectRefused'
  | 'turnedAway'
  | 'notAccepted'
  | 'descriptorsSpent'
  | 'protocolError'
  | 'packetTooLarge'
  | 'connectTimeout'
  | 'authenticationFailed'
  | 'keepAliveTimeout'
  | 'sessionTakenOver'
  | 'clientIdClash'
  | 'clockSet'
  | 'sessionExpired'
  | 'willPublished'
  | 'messageExpired'
  | 'queueFull'
  | 'queueRecovered'
  | 'subscriberSlow'
  | 'subscriberRecovered'
  | 'answersNotRead'
  | 'messageTooLargeForClient'
  | 'publishRefused'
  | 'subscriptionRefused'
  | 'publishRateExceeded'
  | 'retainRefused'
  | 'repeated'
  | 'internalError'
  | 'filterRewritten'

export interface BrokerEvent {
  readonly id: EventId
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Client Identifier; null as long as there is none. */
  readonly client: string | null
  readonly address: string | null
  readonly username: string | null
  readonly details: EventDetails
}

/** What the words of an event name in braces. */
export type EventDetails = Readonly<Record<string, string | number>>

/** Characters of a name, topic or reason that are told: one from a client may have 65,535 bytes, a stack has some hundred. */
const LONGEST_TOLD = 1000

/** The event as one line of words, with the beginning of a name or reason that is long. Also for `events.map(describe)`. */
export function describe(event: BrokerEvent): string {
  return events[event.id].words.replace(/\{(\w+)\}/g, (_, name: string) => {
    if (name === 'client') return shortened(event.client ?? 'a client', LONGEST_TOLD)
    if (name === 'address') return event.address ?? 'nowhere'
    return shortened(String(event.details[name] ?? ''), LONGEST_TOLD)
  })
}

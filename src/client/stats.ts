/** Counts since the client was made, and current sizes. */
export interface ClientStats {
  readonly messagesSent: number
  readonly messagesReceived: number
  readonly bytesSent: number
  readonly bytesReceived: number
  /** Connections that the broker accepted. */
  readonly connections: number
  /** Messages of QoS 1 and 2 sent and not acknowledged. */
  readonly inFlight: number
  /** Messages in the queue, and the bytes of their topics and payloads. */
  readonly queued: number
  readonly queuedBytes: number
  /** Publishes that were rejected. */
  readonly unsent: number
  /** Messages that subscriptions dropped because their buffer was full. */
  readonly dropped: number
  /** Messages that no subscription matched. */
  readonly unclaimed: number
  /** Messages of an earlier process's Session that are held for a subscription to come. */
  readonly held: number
  readonly subscriptions: number
}

/** Those that are counted as things happen. */
export class Counters {
  messagesSent = 0
  messagesReceived = 0
  bytesSent = 0
  bytesReceived = 0
  connections = 0
  unsent = 0
  dropped = 0
  unclaimed = 0
}

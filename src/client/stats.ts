/** Counted since the client was made. */
export interface ClientStats {
  readonly messagesSent: number
  readonly messagesReceived: number
  readonly bytesSent: number
  readonly bytesReceived: number
  /** Connections that were accepted. */
  readonly connections: number
  /** Messages of QoS 1 and 2 that are sent and not acknowledged. */
  readonly inFlight: number
  /** Messages that wait to be sent, and the bytes of their topics and payloads. */
  readonly queued: number
  readonly queuedBytes: number
  /** Publishes that were rejected for want of room, connection or time. */
  readonly unsent: number
  /** Messages that subscriptions lost to a full buffer. */
  readonly dropped: number
  /** Messages that came and that no subscription asked for. */
  readonly unclaimed: number
  /** Messages of a Session of an earlier process that wait for their subscription. */
  readonly held: number
  readonly subscriptions: number
}

/** The counters among them. */
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

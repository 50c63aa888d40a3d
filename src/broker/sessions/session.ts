import type { ProtocolVersion } from '../../protocol/index.ts'
import { Inbound, Outbound, type Waiting } from '../../session/index.ts'
import type { Connection } from '../connection.ts'
import type { Core, Identity } from '../core.ts'
import type { Replays } from '../deliver/index.ts'
import type { Message } from '../message/index.ts'
import type { SessionLimits } from '../settings/index.ts'
import { Timer } from '../time/index.ts'
import type { Subscription } from './subscription.ts'

/** Session Expiry Interval: never. */
export const NEVER = 0xffff_ffff

/** A message in a Session's queue, with what is particular to this delivery. Its QoS is in the queue's state. */
export class Queued {
  readonly message: Message
  readonly retain: boolean
  readonly identifiers: readonly number[] | null
  /** The shared subscription that it came by, as its member sent the Topic Filter; null if it was none. */
  readonly shared: string | null

  constructor(message: Message, retain: boolean, identifiers: readonly number[] | null, shared: string | null) {
    this.message = message
    this.retain = retain
    this.identifiers = identifiers
    this.shared = shared
  }
}

/** What waits in all queues together: running counts, as nobody walks along all Sessions for them. */
export class Queues implements Waiting {
  messages = 0
  /** Payload bytes. */
  bytes = 0
}

export interface Will {
  readonly message: Message
  /** Seconds after the end of the Network Connection. */
  readonly delay: number
}

/**
 * The state of one client that may outlive its Network Connection. Clean Start means: drop this object and make another.
 */
export class Session {
  readonly clientId: string
  username: string | null = null
  version: ProtocolVersion
  /** Seconds that the Session lives on after the Network Connection; 0: it ends with it; 0xFFFFFFFF: never. */
  expiryInterval: number
  /** Null while the client is away. */
  connection: Connection | null = null
  /** A connection that is to end with this turn, and had the Session until then. See `doom`. */
  leaving: Connection | null = null
  /** By the Topic Filter as the client sent it. */
  readonly subscriptions: Map<string, Subscription> = new Map()
  /** Those of them that are shared. */
  readonly shared: Set<Subscription> = new Set()
  readonly outbound: Outbound<Queued>
  /** Those of the listener that its client came by last. */
  limits: SessionLimits
  readonly inbound: Inbound
  will: Will | null = null
  /** Payload bytes of the messages that wait. To be changed by `countQueued`. */
  queuedBytes = 0
  #queues: Queues
  /** Of the waiting messages that are in memory: what they cost. */
  keptBytes = 0
  /** Of what lies in the store only, something may have come by a shared subscription. */
  sharedInStore = false
  /** After its end: from this position on, what is in the store only is still to be handed on. */
  handOnFrom = 0
  /**
   * All places before this one may have been sent on an earlier Network Connection, as far as they are not done; none from
   * there on was.
   */
  sent = 0
  /** After the broker was killed while the client was here: of the places before `sent` only so many more. Else infinity. */
  uncertain: number = Number.POSITIVE_INFINITY
  /** Payload bytes of the messages in flight, as far as they are kept. */
  inFlightBytes = 0
  /** Dropped since the queue was last found full; 0: it is not. */
  dropped = 0
  replays: Replays | null = null
  /** What waits has to wait for a later turn, too, as this one's work is done. */
  pumpedLater = false
  /** While offline: when it ends (or its Will is due, if that is sooner); null while online or if it never ends. */
  timer: SessionTimer | null = null
  /** Milliseconds of the broker's time, while offline. */
  offlineSince = 0
  /** It is over: what the index still has of it gets nothing. */
  ended = false
  /** Whether the store knows it: it outlives, or once did, its Network Connection. Then what is promised to it is written there. */
  persistent = false

  constructor(clientId: string, version: ProtocolVersion, expiryInterval: number, { settings, limits, queues }: Core) {
    this.clientId = clientId
    this.version = version
    this.expiryInterval = expiryInterval
    this.#queues = queues
    this.limits = limits
    this.outbound = new Outbound(settings.maximumInFlight, settings.bounds, queues)
    this.inbound = new Inbound(settings.bounds.inboundSingly)
  }

  /** So many payload bytes more wait, or less. */
  countQueued(bytes: number): void {
    this.queuedBytes += bytes
    this.#queues.bytes += bytes
  }

  /** It is over: what it had in its queue counts no more. */
  leaveQueues(): void {
    this.outbound.leave()
    this.#queues.bytes -= this.queuedBytes
    this.#queues = new Queues()
  }

  get identity(): Identity {
    return { client: this.clientId, address: this.connection?.link.address ?? null, username: this.username }
  }
}

/** `persistent_client_expiration` limits what would never end; more seconds than a Session Expiry Interval can have are no limit. */
export function limitedExpiry({ settings }: Core, expiryInterval: number): number {
  const { persistentClientExpiration } = settings
  const limited = expiryInterval === NEVER && persistentClientExpiration > 0
  return limited ? Math.min(persistentClientExpiration, NEVER) : expiryInterval
}

/** What becomes of a Session while its client is away. */
export class SessionTimer extends Timer {
  readonly #session: Session
  readonly #due: (session: Session, now: number) => void

  constructor(session: Session, due: (session: Session, now: number) => void) {
    super()
    this.#session = session
    this.#due = due
  }

  fire(now: number): void {
    this.#due(this.#session, now)
  }
}

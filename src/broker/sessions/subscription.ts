import type { QoS } from '../../protocol/index.ts'
import type { TopicFilter } from '../../topics/index.ts'
import type { Replay } from '../deliver/index.ts'
import type { Session } from './session.ts'

/** One Subscription of a Session; also, merged from several that match the same topic, what a Session is owed of it. */
export class Subscription {
  readonly session: Session
  readonly filter: TopicFilter
  readonly qos: QoS
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  /** Subscription Identifiers to be sent with each message, or null. */
  readonly identifiers: readonly number[] | null
  /** Where several were merged of which only some are No Local: those that count for the Session's own messages. */
  local: Subscription | null = null
  /** The retained messages that it is still owed; null if there are none. */
  replay: Replay | null = null

  constructor(
    session: Session,
    filter: TopicFilter,
    qos: QoS,
    noLocal: boolean,
    retainAsPublished: boolean,
    identifiers: readonly number[] | null,
  ) {
    this.session = session
    this.filter = filter
    this.qos = qos
    this.noLocal = noLocal
    this.retainAsPublished = retainAsPublished
    this.identifiers = identifiers
  }
}

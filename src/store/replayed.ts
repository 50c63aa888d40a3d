import type { StoredSubscription, StoreRecord } from '../broker/contracts.ts'

type Subscriptions = Map<string, StoredSubscription>

/** Of the retained messages that one Session's subscriptions are owed: those that were sent with QoS 2, by Topic Filter. */
export class Replayed {
  readonly #sent: Map<string, Set<number>> = new Map()

  get size(): number {
    return this.#sent.size
  }

  entries(): Iterable<[string, ReadonlySet<number>]> {
    return this.#sent
  }

  /** The subscriptions, and what of their replays was sent. */
  *records(clientId: string, subscriptions: Subscriptions): Iterable<StoreRecord> {
    for (const subscription of subscriptions.values()) {
      yield { kind: 'subscribed', clientId, subscription }
      const { filter } = subscription
      for (const messageId of this.#sent.get(filter) ?? []) yield { kind: 'replayed', clientId, filter, messageId }
    }
  }

  /** A subscription comes, or takes the place of one that is owed the same messages, or others. */
  subscribed(subscriptions: Subscriptions, subscription: StoredSubscription): void {
    const { filter, owed } = subscription
    if (subscriptions.get(filter)?.owed !== owed) this.#sent.delete(filter)
    subscriptions.set(filter, subscription)
  }

  unsubscribed(subscriptions: Subscriptions, filter: string): void {
    subscriptions.delete(filter)
    this.#sent.delete(filter)
  }

  /** See the record `replayed`. */
  note(subscriptions: Subscriptions, filter: string, messageId: number): void {
    const subscription = subscriptions.get(filter)
    if (subscription === undefined) return
    if (messageId === 0) {
      subscriptions.set(filter, { ...subscription, owed: 0 })
      this.#sent.delete(filter)
      return
    }
    const sent = this.#sent.get(filter) ?? new Set()
    this.#sent.set(filter, sent.add(messageId))
  }
}

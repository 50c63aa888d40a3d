import type { ConnectionTerms, ListenerSettings, SessionLimits, Settings } from './settings.ts'

/** What holds for the connections that came by a listener at one time. It is never changed: other terms are another object. */
export interface ListenerTerms
  extends ConnectionTerms,
    Readonly<Omit<ListenerSettings, keyof ConnectionTerms | keyof SessionLimits>> {
  /** Of the Sessions of these connections. One object for a listener, in which they change. */
  readonly limits: SessionLimits
}

/** By what clients come. Its settings may change while it is there: what a client was told holds for its connection. */
export class Listener {
  readonly limits: SessionLimits
  /** Of a connection that is accepted now. */
  terms: ListenerTerms
  #own: ListenerSettings

  /** `settings`: those of the broker, for what the listener has not of its own. */
  constructor(own: ListenerSettings, settings: Settings) {
    this.#own = own
    this.limits = limitsOf({ ...settings, ...own })
    this.terms = termsOf(own, settings, this.limits)
  }

  get name(): string {
    return this.#own.name
  }

  /** It has other settings of its own, from now on. */
  change(own: ListenerSettings, settings: Settings): void {
    this.#own = own
    this.update(settings)
  }

  /** The broker's settings are others from now on. */
  update(settings: Settings): void {
    Object.assign(this.limits, limitsOf({ ...settings, ...this.#own }))
    this.terms = termsOf(this.#own, settings, this.limits)
  }
}

/** An object of its own, always with the same shape. */
export function limitsOf(from: SessionLimits): SessionLimits {
  return {
    maximumInFlightBytes: from.maximumInFlightBytes,
    maximumQueuedMessages: from.maximumQueuedMessages,
    maximumQueuedBytes: from.maximumQueuedBytes,
    queueFullPolicy: from.queueFullPolicy,
    maximumSubscriptions: from.maximumSubscriptions,
    maximumSharedSubscriptions: from.maximumSharedSubscriptions,
  }
}

function termsOf(own: ListenerSettings, settings: Settings, limits: SessionLimits): ListenerTerms {
  const from = { ...settings, ...own }
  return {
    name: own.name,
    maximumQoS: own.maximumQoS,
    topicAliasMaximum: own.topicAliasMaximum,
    topicAliasMaximumOutgoing: own.topicAliasMaximumOutgoing,
    protocolVersions: own.protocolVersions,
    allowZeroLengthClientId: own.allowZeroLengthClientId,
    autoIdPrefix: own.autoIdPrefix,
    maximumPacketSize: from.maximumPacketSize,
    maximumPacketSizeMQTT3: from.maximumPacketSizeMQTT3,
    maximumInFlight: from.maximumInFlight,
    receiveMaximum: from.receiveMaximum,
    maximumKeepAlive: from.maximumKeepAlive,
    retainAvailable: from.retainAvailable,
    wildcardSubscriptionsAvailable: from.wildcardSubscriptionsAvailable,
    sharedSubscriptionsAvailable: from.sharedSubscriptionsAvailable,
    subscriptionIdentifiersAvailable: from.subscriptionIdentifiersAvailable,
    limits,
  }
}

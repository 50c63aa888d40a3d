import type { ConnackPacket, ProtocolVersion, QoS } from '../protocol/index.ts'

/** What the broker said in CONNACK, with the standard's defaults for the rest. */
export interface ServerLimits {
  readonly protocol: ProtocolVersion
  /** Its address: '192.168.1.7:1883', '[::1]:1883', 'in-process'. */
  readonly address: string
  /** Messages of QoS 1 and 2 in flight to it at most. */
  readonly receiveMaximum: number
  readonly maximumQoS: QoS
  readonly retainAvailable: boolean
  /** Bytes of a whole packet. */
  readonly maximumPacketSize: number
  readonly topicAliasMaximum: number
  readonly wildcardSubscriptionAvailable: boolean
  readonly subscriptionIdentifiersAvailable: boolean
  readonly sharedSubscriptionAvailable: boolean
  /** Seconds; the broker's choice if it made one, else ours. 0: none. */
  readonly keepAlive: number
  /** Seconds that the Session outlives the connection. */
  readonly sessionExpiry: number
  readonly responseInformation: string | undefined
  readonly serverReference: string | undefined
  readonly reasonString: string | undefined
  readonly userProperties: readonly (readonly [name: string, value: string])[]
}

/** Bytes of the largest MQTT packet: a fixed header of 5 and a Remaining Length of 268,435,455. */
export const LARGEST_PACKET = 268_435_460

export interface Asked {
  readonly keepAlive: number
  readonly sessionExpiry: number
  /** In-flight window for MQTT 3.1 and 3.1.1, where the broker cannot send a Receive Maximum. */
  readonly maximumInFlight: number
}

export function readServerLimits(
  { properties: said }: ConnackPacket,
  protocol: ProtocolVersion,
  address: string,
  asked: Asked,
): ServerLimits {
  return {
    protocol,
    address,
    receiveMaximum: said.receiveMaximum ?? (protocol === 5 ? 65_535 : asked.maximumInFlight),
    maximumQoS: said.maximumQoS ?? 2,
    retainAvailable: said.retainAvailable ?? true,
    maximumPacketSize: said.maximumPacketSize ?? LARGEST_PACKET,
    topicAliasMaximum: said.topicAliasMaximum ?? 0,
    wildcardSubscriptionAvailable: said.wildcardSubscriptionAvailable ?? true,
    subscriptionIdentifiersAvailable: protocol === 5 && (said.subscriptionIdentifiersAvailable ?? true),
    sharedSubscriptionAvailable: said.sharedSubscriptionAvailable ?? true,
    keepAlive: said.serverKeepAlive ?? asked.keepAlive, // [MQTT-3.2.2-21]
    sessionExpiry: said.sessionExpiryInterval ?? asked.sessionExpiry,
    responseInformation: said.responseInformation,
    serverReference: said.serverReference,
    reasonString: said.reasonString,
    userProperties: said.userProperties ?? [],
  }
}

import type { QoS } from './packets.ts'

/**
 * A PUBLISH packet where it lies in the read buffer: nothing is copied, no object is made. The decoder fills one and the
 * same view for every packet, so it is valid only until the handler returns.
 *
 * topicBytes[topicStart..topicEnd) is the topic name (checked UTF-8; empty if a topic alias stands for it),
 * bytes[propertiesStart..propertiesEnd) the properties without their length (empty in MQTT 3.1 and 3.1.1),
 * bytes[payloadStart..payloadEnd) the payload.
 */
export class PublishView {
  bytes: Uint8Array = NO_BYTES
  /** `bytes`, unless somebody put another topic in its place. */
  topicBytes: Uint8Array = NO_BYTES
  qos: QoS = 0
  retain = false
  dup = false
  /** 0 if qos is 0. */
  packetId = 0
  topicStart = 0
  topicEnd = 0
  propertiesStart = 0
  propertiesEnd = 0
  payloadStart = 0
  payloadEnd = 0
  /** Topic Alias, or 0 if there is none. */
  topicAlias = 0
  /** Message Expiry Interval in seconds, or -1 if there is none. */
  messageExpiryInterval = -1
  /** Whether there is a Subscription Identifier (only a server sends one). */
  hasSubscriptionIdentifier = false
  /** The properties that are forwarded: all but Topic Alias, Message Expiry Interval and Subscription Identifiers. */
  forwardStart = 0
  forwardEnd = 0
  /** False: one that is not forwarded lies between others that are, so `forwardStart` and `forwardEnd` hold too much. */
  forwardInOne = true
}

const NO_BYTES: Uint8Array = new Uint8Array(0)

import type { Packet, ProtocolVersion } from '../../../src/protocol/index.ts'
import { CONNECTION_SAMPLES } from './samples-connection.ts'
import { MESSAGE_SAMPLES } from './samples-message.ts'
import { SUBSCRIPTION_SAMPLES } from './samples-subscription.ts'

/** A packet and its bytes, the same in each of the versions. */
export interface Sample {
  name: string
  versions: readonly ProtocolVersion[]
  /** As `wire` of support.ts reads it. */
  bytes: string
  packet: Packet
  /** The bytes are a way to say it, but not the one that the encoder takes. */
  decodeOnly?: true
}

/** Every type of packet in every version and form, on the wire and as an object. */
export const SAMPLES: readonly Sample[] = [...CONNECTION_SAMPLES, ...MESSAGE_SAMPLES, ...SUBSCRIPTION_SAMPLES]

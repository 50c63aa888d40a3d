import { encodedLength, ReasonCode } from '../protocol/index.ts'
import { MqttError } from './errors.ts'
import { text } from './platform.ts'
import type { Publication } from './publication.ts'
import { LARGEST_PACKET, type ServerLimits } from './server-limits.ts'

/** Why the broker would not take the message, or null. What it said it cannot take must not be sent. */
export function refused(message: Publication, limits: ServerLimits): MqttError | null {
  if (message.qos > limits.maximumQoS) {
    const words = `The broker takes messages up to QoS ${limits.maximumQoS}, not QoS ${message.qos}`
    return new MqttError('ERR_UNSUPPORTED', words, { reasonCode: ReasonCode.QoSNotSupported }) // [MQTT-3.2.2-11]
  }
  if (message.retain && !limits.retainAvailable) {
    const words = 'The broker does not keep retained messages'
    return new MqttError('ERR_UNSUPPORTED', words, { reasonCode: ReasonCode.RetainNotSupported }) // [MQTT-3.2.2-14]
  }
  const { maximumPacketSize, protocol } = limits
  if (maximumPacketSize === LARGEST_PACKET && message.payload.length < LARGEST_PACKET / 2) return null
  const length =
    message.packetId === 0 && message.qos > 0 ? lengthOf(message, protocol) : encodedLength(message, protocol, text)
  if (length <= maximumPacketSize) return null
  const words = `The message has ${length} bytes as a packet, more than the ${maximumPacketSize} that the broker accepts`
  return new MqttError('ERR_TOO_LARGE', words, { reasonCode: ReasonCode.PacketTooLarge }) // [MQTT-3.2.2-15]
}

/** Its Packet Identifier is not known yet, and any takes two bytes. */
function lengthOf(message: Publication, protocol: ServerLimits['protocol']): number {
  message.packetId = 1
  const length = encodedLength(message, protocol, text)
  message.packetId = 0
  return length
}

/** The message waited for longer than it may; else what it may still wait is said in it. */
export function expired(message: Publication, now: number): MqttError | null {
  if (message.expiresAt === Number.POSITIVE_INFINITY) return null
  const left = Math.ceil((message.expiresAt - now) / 1000)
  if (left <= 0)
    return new MqttError('ERR_EXPIRED', `The message to '${message.topic}' expired before it could be sent`)
  message.properties = { ...message.properties, messageExpiryInterval: left }
  return null
}

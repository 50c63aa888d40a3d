import { type Packet, PacketType } from '../../src/protocol/index.ts'
import { keyOf } from './history.ts'

const NAMES: readonly string[] = Object.keys(PacketType).map((name) => name.toUpperCase())

/** A packet for people: what it is and, of a message, which and how. */
export function inWords(packet: Packet): string {
  const name = NAMES[packet.type - 1]!
  if (packet.type === PacketType.Publish) {
    const { topic, payload, qos, packetId, dup, retain } = packet
    const identifier = qos === 0 ? '' : `, identifier ${packetId}`
    const flags = `${dup ? ', DUP' : ''}${retain ? ', RETAIN' : ''}`
    return `${name} of ${keyOf(payload) || 'nothing'} on ${topic || 'an aliased topic'} (QoS ${qos}${identifier}${flags})`
  }
  return 'packetId' in packet ? `${name} ${packet.packetId}` : name
}

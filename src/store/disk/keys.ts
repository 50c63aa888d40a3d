import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'

/**
 * The tree's keys, in the order in which they lie:
 *
 *     'm' message id (8)                    a message, and how many queues hold it
 *     'q' session (4) position (8)          a place in a queue
 *     'r' topic, or 'R' hash of a long one  a retained message
 *     's' session (4)                       a Session but for its queue
 *     'v'                                   version of the schema, and the log position up to which all is applied
 */
export const VERSION_KEY: Buffer = Buffer.from('v')

/** LMDB's keys have a limit; longer topics are known by their hash. */
const LONGEST_TOPIC = 1500

export function messageKey(id: number): Buffer {
  const key = Buffer.allocUnsafe(9)
  key[0] = 0x6d
  key.writeBigUInt64BE(BigInt(id), 1)
  return key
}

export function queueKey(session: number, position: number): Buffer {
  const key = Buffer.allocUnsafe(13)
  key[0] = 0x71
  key.writeUInt32BE(session, 1)
  // Two halves: a BigInt for each key costs more than all else.
  key.writeUInt32BE(Math.floor(position / 0x1_0000_0000), 5)
  key.writeUInt32BE(position >>> 0, 9)
  return key
}

export function positionOf(key: Buffer): number {
  return key.readUInt32BE(5) * 0x1_0000_0000 + key.readUInt32BE(9)
}

export function sessionKey(session: number): Buffer {
  const key = Buffer.allocUnsafe(5)
  key[0] = 0x73
  key.writeUInt32BE(session, 1)
  return key
}

export function retainedKey(topic: string): Buffer {
  if (topic.length <= LONGEST_TOPIC / 3 || Buffer.byteLength(topic) <= LONGEST_TOPIC) return Buffer.from(`r${topic}`)
  return Buffer.concat([Buffer.from('R'), createHash('sha256').update(topic).digest()])
}

/** The first key after all that begin with this letter. */
export function after(letter: string): Buffer {
  return Buffer.from([letter.charCodeAt(0) + 1])
}

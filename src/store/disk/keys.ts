import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'

/**
 * The tree's keys, in the order in which they lie:
 *
 *     'M' message id (8)                    a message, and how many queues and topics hold it
 *     'b' session (4)                       where a Session's queue ends, and how many bytes wait in it
 *     'k' segment (4)                       a segment of which messages are kept in a file: the first one's id
 *     'm' message id (8)                    those messages, by the first one's id: where each is, and how many hold it
 *     'q' session (4) position (8)          some places in a queue, by the first one
 *     'r' topic, or 'R' hash of a long one  a retained message
 *     's' session (4)                       a Session but for its queue
 *     'v'                                   version of the schema, and how far the log is in the tree
 */
export const VERSION_KEY: Buffer = Buffer.from('v')

/** LMDB's keys have a limit; longer topics are known by their hash. */
const LONGEST_TOPIC = 1500

export function messageKey(id: number): Buffer {
  return wide('M', id)
}

export function blockKey(firstId: number): Buffer {
  return wide('m', firstId)
}

/** The number in a key of messages. */
export function idOf(key: Buffer): number {
  return key.readUInt32BE(1) * 0x1_0000_0000 + key.readUInt32BE(5)
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
  return narrow('s', session)
}

export function boundsKey(session: number): Buffer {
  return narrow('b', session)
}

export function keptKey(segment: number): Buffer {
  return narrow('k', segment)
}

export function retainedKey(topic: string): Buffer {
  if (topic.length <= LONGEST_TOPIC / 3 || Buffer.byteLength(topic) <= LONGEST_TOPIC) return Buffer.from(`r${topic}`)
  return Buffer.concat([Buffer.from('R'), createHash('sha256').update(topic).digest()])
}

/** The first key after all that begin with this letter. */
export function after(letter: string): Buffer {
  return Buffer.from([letter.charCodeAt(0) + 1])
}

function narrow(letter: string, number: number): Buffer {
  const key = Buffer.allocUnsafe(5)
  key[0] = letter.charCodeAt(0)
  key.writeUInt32BE(number, 1)
  return key
}

function wide(letter: string, number: number): Buffer {
  const key = Buffer.allocUnsafe(9)
  key[0] = letter.charCodeAt(0)
  key.writeUInt32BE(Math.floor(number / 0x1_0000_0000), 1)
  key.writeUInt32BE(number >>> 0, 5)
  return key
}

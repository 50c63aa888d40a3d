import { Buffer } from 'node:buffer'
import { crc32 } from 'node:zlib'

/**
 * What one turn appended is one frame: all of it is there after a crash, or nothing is.
 *
 *     0        4          8                16        20
 *     | length | checksum | first position | records | the records' bytes ...
 *
 * The checksum covers everything after itself. Positions count records and never leave a gap.
 */
export const FRAME_BYTES = 20

/** A segment begins with these, the version of the format last. */
export const SEGMENT_HEAD: Buffer = Buffer.from('NIGHTJAR\0LOG\0\0\0\x01', 'latin1')

/** Whether a segment that begins so has a format that this version does not know. */
export function isNewer(head: Buffer): boolean {
  const version = SEGMENT_HEAD.length - 1
  if (head.length < SEGMENT_HEAD.length || head[version]! <= SEGMENT_HEAD[version]!) return false
  return head.subarray(0, version).equals(SEGMENT_HEAD.subarray(0, version))
}

/** Fills in the head of a frame that lies in buffer[0..length). */
export function sealFrame(buffer: Buffer, length: number, firstPosition: number, records: number): void {
  buffer.writeUInt32LE(length - FRAME_BYTES, 0)
  buffer.writeDoubleLE(firstPosition, 8)
  buffer.writeUInt32LE(records, 16)
  buffer.writeUInt32LE(crc32(buffer.subarray(8, length)), 4)
}

export interface Frame {
  /** Of its first record. */
  readonly position: number
  readonly records: number
  /** Where its records are. */
  readonly start: number
  readonly end: number
}

/** Whether these are the first bytes of a segment whose head was never written to its end: there was nothing in it. */
export function isBegun(bytes: Buffer): boolean {
  return bytes.length < SEGMENT_HEAD.length && bytes.equals(SEGMENT_HEAD.subarray(0, bytes.length))
}

/** Whether buffer[at..) is nothing but sound frames that follow each other, the last of which ends with that position. */
export function isSound(buffer: Buffer, at: number, position: number): boolean {
  let start = at
  let next: number | null = null
  while (start < buffer.length) {
    const frame = readFrame(buffer, start)
    if (frame === null || (next !== null && frame.position !== next)) return false
    next = frame.position + frame.records
    start = frame.end
  }
  return next === null || next === position + 1
}

/**
 * The first sound frame at buffer[from..) or after it, with records after `after` and up to `last`; null if there is none.
 * Where it begins is not known, as the head of the one before it may say anything.
 */
export function nextFrame(buffer: Buffer, from: number, after: number, last: number): Frame | null {
  for (let at = from; at + FRAME_BYTES <= buffer.length; at++) {
    // Next to nothing passes this but a frame: then its checksum is looked at.
    const position = buffer.readDoubleLE(at + 8)
    if (!(position > after && position <= last) || !Number.isInteger(position)) continue
    const frame = readFrame(buffer, at)
    if (frame !== null) return frame
  }
  return null
}

/** The frame at buffer[at..), or null if it is not whole, or not sound. */
export function readFrame(buffer: Buffer, at: number): Frame | null {
  if (at + FRAME_BYTES > buffer.length) return null
  const length = buffer.readUInt32LE(at)
  const end = at + FRAME_BYTES + length
  if (end > buffer.length) return null
  if (crc32(buffer.subarray(at + 8, end)) !== buffer.readUInt32LE(at + 4)) return null
  return {
    position: buffer.readDoubleLE(at + 8),
    records: buffer.readUInt32LE(at + 16),
    start: at + FRAME_BYTES,
    end,
  }
}

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

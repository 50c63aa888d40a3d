import { Buffer } from 'node:buffer'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Message } from '../../broker/contracts.ts'
import { ByteReader } from './byte-writer.ts'
import type { Place } from './entry.ts'
import type { Files } from './files.ts'
import { type MakeMessage, readMessage } from './records.ts'

/**
 * What is left of the messages of a segment when it is moved, if that is much, is kept in a file of its own, and the tree
 * says where each is. They lie in the order of the queues: who comes back after a long time reads on, and does not jump.
 *
 *     | head | checksum, message | checksum, message ...
 */
export const KEPT_HEAD: Buffer = Buffer.from('NIGHTJAR\0MSG\0\0\0\x01', 'latin1')
const CHECKSUM_BYTES = 4

export function keptName(segment: number): string {
  return `${String(segment).padStart(10, '0')}.msg`
}

/** The segments of which messages are kept in that folder, in order. */
export function keptIn(files: Files, folder: string): number[] {
  return files
    .list(folder)
    .filter((name) => /^\d{10}\.msg$/.test(name))
    .map((name) => Number(name.slice(0, 10)))
    .sort((a, b) => a - b)
}

/** The message that lies in these bytes of a kept file; null if it is not that one, whole and sound. */
export function readKept(bytes: Buffer, { length }: Place, id: number, make: MakeMessage): Message | null {
  if (bytes.length < length || length < CHECKSUM_BYTES) return null
  const body = bytes.subarray(CHECKSUM_BYTES, length)
  if (crc32(body) !== bytes.readUInt32LE(0)) return null
  const message = readMessage(new ByteReader(body, 0, body.length), make)
  return message.id === id ? message : null
}

/** Collects the messages of a segment that are to be kept; one after the other, in the same memory. */
export class KeptWriter {
  #segment = 0
  /** The segment's own content. */
  #content: Buffer = KEPT_HEAD
  #bytes: Buffer = KEPT_HEAD
  #length = 0

  /** `most`: the bytes of all messages that may be added. */
  begin(segment: number, content: Buffer, messages: number, most: number): void {
    this.#segment = segment
    this.#content = content
    const room = KEPT_HEAD.length + most + messages * CHECKSUM_BYTES
    if (this.#bytes.length < room || this.#bytes === KEPT_HEAD) this.#bytes = Buffer.allocUnsafeSlow(room)
    KEPT_HEAD.copy(this.#bytes)
    this.#length = KEPT_HEAD.length
  }

  /** Adds the message that stands in content[from..to); returns its place from now on. */
  add(from: number, to: number): Place {
    const offset = this.#length
    const at = offset + CHECKSUM_BYTES
    this.#content.copy(this.#bytes, at, from, to)
    this.#length = at + to - from
    this.#bytes.writeUInt32LE(crc32(this.#bytes.subarray(at, this.#length)), offset)
    return { segment: this.#segment, offset, length: this.#length - offset }
  }

  /** Writes the file, which is safe on disk when this returns. */
  write(files: Files, folder: string): void {
    files.writeSafely(join(folder, keptName(this.#segment)), this.#bytes.subarray(0, this.#length))
  }
}

/** What `readKept` reads, without its checksum: as the tree has a message. */
export function keptBody(bytes: Buffer): Buffer {
  return bytes.subarray(CHECKSUM_BYTES)
}

import { Buffer } from 'node:buffer'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Message } from '../../broker/contracts.ts'
import { ByteReader, ByteWriter } from './byte-writer.ts'
import type { Place } from './entry.ts'
import { type Files, writeAll } from './files.ts'
import { numberedIn, numberedName } from './numbered.ts'
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
  return numberedName(segment, 'msg')
}

/** The segments of which messages are kept in that folder, in order. */
export function keptIn(files: Files, folder: string): number[] {
  return numberedIn(files, folder, 'msg')
}

/** The message that lies in these bytes of a kept file; null if it is not that one, whole and sound. */
export function readKept(bytes: Buffer, { length }: Place, id: number, make: MakeMessage): Message | null {
  if (bytes.length < length || length < CHECKSUM_BYTES) return null
  const body = bytes.subarray(CHECKSUM_BYTES, length)
  if (crc32(body) !== bytes.readUInt32LE(0)) return null
  const message = readMessage(new ByteReader(body, 0, body.length), make)
  return message.id === id ? message : null
}

/** So much is gathered before it is written. */
const WRITTEN_AT_ONCE = 1024 * 1024

/** Writes the messages of a segment that are to be kept; one segment after the other, with the same memory. */
export class KeptWriter {
  readonly #files: Files
  readonly #folder: string
  readonly #out: ByteWriter = new ByteWriter()
  #segment = 0
  #fd = -1
  /** Bytes that are in the file. */
  #written = 0

  constructor(files: Files, folder: string) {
    this.#files = files
    this.#folder = folder
  }

  /** Begins with an empty file, also if one was begun before and not finished. */
  begin(segment: number): void {
    this.#close()
    this.#segment = segment
    this.#fd = this.#files.open(join(this.#folder, keptName(segment)))
    this.#files.truncate(this.#fd, 0)
    this.#written = 0
    this.#out.clear()
    this.#out.bytes(KEPT_HEAD, 0, KEPT_HEAD.length)
  }

  /** Adds a message, as `writeMessage` has it; returns its place from now on. */
  add(message: Buffer): Place {
    const out = this.#out
    const offset = this.#written + out.length
    out.uint32(crc32(message))
    out.bytes(message, 0, message.length)
    if (out.length >= WRITTEN_AT_ONCE) this.#flush()
    return { segment: this.#segment, offset, length: CHECKSUM_BYTES + message.length }
  }

  /** The file is whole, and safe on disk when this returns. */
  finish(): void {
    this.#flush()
    this.#files.syncNow(this.#fd)
    this.#close()
    this.#files.syncPathNow(this.#folder)
  }

  #flush(): void {
    const { buffer, length } = this.#out
    writeAll(this.#files, this.#fd, buffer, length, this.#written)
    this.#written += length
    this.#out.clear()
  }

  #close(): void {
    if (this.#fd >= 0) this.#files.close(this.#fd)
    this.#fd = -1
  }
}

/** What `readKept` reads, without its checksum: as the tree has a message. */
export function keptBody(bytes: Buffer): Buffer {
  return bytes.subarray(CHECKSUM_BYTES)
}

import { Buffer } from 'node:buffer'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Message } from '../../broker/contracts.ts'
import { ByteReader, ByteWriter } from './byte-writer.ts'
import type { Place } from './entry.ts'
import { type Files, readFully, writeAll } from './files.ts'
import { numberedIn, numberedName } from './numbered.ts'
import { type MakeMessage, readMessage } from './records.ts'
import { Damage } from './trouble.ts'

/**
 * When a segment is moved and much of its messages is left, they go to a file of their own, the kept file, and the tree
 * says where each is. They are in queue order, so a client that comes back after a long time reads sequentially.
 *
 *     | head | checksum, message | checksum, message ...
 */
export const KEPT_HEAD: Buffer = Buffer.from('NIGHTJAR\0MSG\0\0\0\x01', 'latin1')
const CHECKSUM_BYTES = 4

export function keptName(segment: number): string {
  return numberedName(segment, 'msg')
}

/** The segments that have a kept file in that folder, in order. */
export function keptIn(files: Files, folder: string): number[] {
  return numberedIn(files, folder, 'msg')
}

/** The message in these bytes of a kept file; null if it is another one, or damaged. */
export function readKept(bytes: Buffer, { length }: Place, id: number, make: MakeMessage): Message | null {
  const body = soundKept(bytes, length)
  if (body === null) return null
  const message = readMessage(new ByteReader(body, 0, body.length), make)
  return message.id === id ? message : null
}

/** The message in these bytes of a kept file, as `writeMessage` encodes it; null if it is damaged. */
function soundKept(bytes: Buffer, length: number): Buffer | null {
  if (bytes.length < length || length < CHECKSUM_BYTES) return null
  const body = bytes.subarray(CHECKSUM_BYTES, length)
  return crc32(body) === bytes.readUInt32LE(0) ? body : null
}

/** Writes kept files, one after the other, with the same memory. */
export class KeptWriter {
  readonly #files: Files
  readonly #folder: string
  readonly #writeBytes: number
  readonly #out: ByteWriter = new ByteWriter()
  #segment = 0
  #fd = -1
  /** Bytes that are in the file. */
  #written = 0

  /** `writeBytes`: so many are gathered before they are written. */
  constructor(files: Files, folder: string, writeBytes: number) {
    this.#files = files
    this.#folder = folder
    this.#writeBytes = writeBytes
  }

  /** Begins with an empty file, even if an earlier one was not finished. */
  begin(segment: number): void {
    this.#close()
    this.#segment = segment
    this.#fd = this.#files.open(join(this.#folder, keptName(segment)))
    this.#files.truncate(this.#fd, 0)
    this.#written = 0
    this.#out.clear()
    this.#out.bytes(KEPT_HEAD, 0, KEPT_HEAD.length)
  }

  /** Adds a message, as `writeMessage` encodes it; returns its place. */
  add(message: Buffer): Place {
    const out = this.#out
    const offset = this.#written + out.length
    out.uint32(crc32(message))
    out.bytes(message, 0, message.length)
    if (out.length >= this.#writeBytes) this.#flush()
    return { segment: this.#segment, offset, length: CHECKSUM_BYTES + message.length }
  }

  /** When this returns, the file is complete and synced. */
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
    const fd = this.#fd
    this.#fd = -1
    if (fd >= 0) this.#files.close(fd)
  }
}

/** Reads the messages of one kept file to put them elsewhere; checks each. */
export class KeptFile {
  readonly #files: Files
  readonly #fd: number

  /** Throws if it cannot be opened. */
  constructor(files: Files, folder: string, segment: number) {
    this.#files = files
    this.#fd = files.openToRead(join(folder, keptName(segment)))
  }

  /** A message, as `writeMessage` encodes it. Throws Damage if its checksum is wrong. */
  read({ segment, offset, length }: Place): Buffer {
    const bytes = Buffer.alloc(length)
    const body = soundKept(bytes.subarray(0, readFully(this.#files, this.#fd, bytes, length, offset)), length)
    if (body === null) throw new Damage(`byte ${offset} of ${keptName(segment)} is not what was written`)
    return body
  }

  close(): void {
    this.#files.close(this.#fd)
  }
}
